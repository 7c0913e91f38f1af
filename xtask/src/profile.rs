//! What a gateway under load runs through, so that optimised builds lay that closer together.
//!
//! In: the profile in `bench/profile/`, and `cargo xtask profile`, which takes it anew from an instrumented build under the
//! rows of the bench. Out: a build that goes by it. What the profile does not know is built as it would be without.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::shell::target_folder;
use crate::{setup, shell};

/// Help text.
pub const HELP: &str = "\
Builds the gateway with counters in it (in target/instrumented), runs the rows of the bench against it, and writes what
they ran through to bench/profile/. Optimised builds of `cargo xtask build`, `run` and `bench` go by that file. Take it anew
before a release, after much change of what a request runs through, and when `cargo xtask check` says that it is void: names
in it depend on the compiler, the dependencies and the release profile. It takes about as long as two optimised builds.

It needs llvm-profdata: `rustup component add llvm-tools`, or Debian's llvm-19, which it installs as root.
";

/// Help text of `cargo xtask build`.
pub const BUILD_HELP: &str = "\
Builds target/release/yumen as it is released: optimised, and by the profile in bench/profile/ of what a gateway under load
runs through. A plain `cargo build --release` gives the same program without it, which takes more CPU for each request
(docs/decisions/0025). Arguments go to `cargo build`. With `--target` the binary lies in another folder and is built without
the profile, whose names are those of x86-64 Linux's own builds.
";

const DATA: &str = "bench/profile/yumen.profdata.deflate";
const FACTS: &str = "bench/profile/taken.toml";
/// Where the profile is taken, and the only system whose builds find their names in it.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds the binary as it is released.
pub fn build(root: &Path, arguments: &[String]) -> Result<()> {
    setup::ensure(&[setup::C_COMPILER])?;
    let mut flags = Vec::new();
    if host()? == TARGET {
        flags.push(joined("-Cprofile-use=", &unpacked(root, &target_folder(root))?));
        // What has changed since is built as without a profile; that is no fault to warn of.
        flags.push("-Cllvm-args=-no-pgo-warn-mismatch".into());
        // What runs most gets a place of its own in the program only if the linker keeps it apart.
        flags.push("-Clink-arg=-Wl,-z,keep-text-section-prefix".into());
    }
    shell::run(cargo(root, &flags)?.args(["build", "--release", "--package", "yumen"]).args(arguments))
}

/// Takes the profile.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("profile takes no arguments");
    }
    let host = host()?;
    if host != TARGET {
        bail!("the profile is of use on {TARGET} alone, and this is {host}: take it on such a machine");
    }
    setup::ensure(&[setup::C_COMPILER])?;
    let profdata = profdata()?;
    let target = target_folder(root).join("instrumented");
    let counters = target.join("counters");
    let words = ["build", "--release", "--package", "yumen", "--target-dir"];
    shell::run(cargo(root, &[joined("-Cprofile-generate=", &counters)])?.args(words).arg(&target))?;
    // Earlier runs have counted, and so have build scripts and macros, which are instrumented too.
    if counters.exists() {
        fs::remove_dir_all(&counters)?;
    }
    shell::run(shell::cargo().current_dir(root).args(["build", "--release", "--package", "yumen-bench"]))?;

    let mut bench = Command::new(target_folder(root).join("release").join("yumen-bench"));
    bench.args(["run", "--targets", "yumen", "--runs", "1", "--seconds", "2", "--yumen"]);
    // Whether it passes is nothing to us: figures of an instrumented program are poor. The table comes behind the last row.
    let mut ended = false;
    let yumen = target.join("release").join("yumen");
    shell::follow(bench.arg(yumen), |line| ended |= line.starts_with("| row |"))?;
    if !ended {
        bail!("the bench broke off, and its reason stands above; bench/profile/ is as it was");
    }

    let merged = target.join("yumen.profdata");
    let mut merge = Command::new(profdata);
    shell::run(merge.args(["merge", "--sparse", "-o"]).arg(&merged).arg(&counters))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&fs::read(&merged).with_context(|| merged.display().to_string())?)?;
    write(root, DATA, &encoder.finish()?)?;
    write(root, FACTS, page_of_facts(root)?.as_bytes())
}

/// What is wrong with the profile.
pub enum Fault {
    /// It was taken with something else than there is now. Builds are sound, and slower than they could be.
    Void(String),
    /// The compiler does not read it.
    Unreadable(String),
}

/// Looks for a fault, with files of its own in `folder`. On systems that do not use the profile there is none.
pub fn fault(root: &Path, folder: &Path) -> Result<Option<Fault>> {
    if host()? != TARGET {
        return Ok(None);
    }
    let object = folder.join(format!("profile-{}.o", std::process::id()));
    let mut rustc = rustc();
    rustc.arg(joined("-Cprofile-use=", &unpacked(root, folder)?));
    // An empty program from standard input.
    rustc.args(["--crate-type=lib", "--emit=obj", "-o"]).arg(&object).arg("-");
    let output = shell::capture(rustc.current_dir(root))?;
    // It has written none only where it has failed.
    let _removed = fs::remove_file(&object);
    // What it cannot read is a warning to it.
    if !output.status.success() || !output.stderr.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        let message = format!("is not read by this compiler: {}; cargo xtask profile", said.trim());
        return Ok(Some(Fault::Unreadable(message)));
    }
    let taken: BTreeMap<String, String> = toml::from_str(&read_text(&root.join(FACTS))?).context(FACTS)?;
    let now = facts(root)?;
    let other = now.iter().find(|(name, now)| taken.get(*name) != Some(*now));
    Ok(other.map(|(name, now)| {
        let taken = taken.get(name).map_or("nothing", String::as_str);
        Fault::Void(format!("was taken with {name} {taken}, and it is {now} now: cargo xtask profile"))
    }))
}

/// What [`fault`] compares with, as it is written.
pub fn page_of_facts(root: &Path) -> Result<String> {
    Ok(format!("# Written by `cargo xtask profile`.\n{}", toml::to_string(&facts(root)?)?))
}

/// What names of functions in a profile depend on. Each package's depend on those below it, with their features.
fn facts(root: &Path) -> Result<BTreeMap<String, String>> {
    let manifest: toml::Table = read_text(&root.join("Cargo.toml"))?.parse()?;
    let toolchain: toml::Table = read_text(&root.join("rust-toolchain.toml"))?.parse()?;
    let at = |table: &toml::Table, section: &str, name: &str| match table.get(section)?.get(name)? {
        toml::Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    };
    Ok(BTreeMap::from([
        ("compiler".to_owned(), at(&toolchain, "toolchain", "channel").unwrap_or_default()),
        ("settings".to_owned(), at(&manifest, "profile", "release").unwrap_or_default()),
        ("packages".to_owned(), packages(root)?),
    ]))
}

/// How many packages the gateway is made of, and a sum over their versions and features.
fn packages(root: &Path) -> Result<String> {
    let words = ["tree", "--package", "yumen", "--edges", "normal,build", "--target", TARGET];
    let form = ["--prefix", "none", "--format", "{p}\t{f}", "--color", "never"];
    let output = shell::capture(shell::cargo().current_dir(root).args(words).args(form))?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    // Behind a package's version stands where it lies on this machine; behind its features, that it was listed before.
    let plain = |line: &str| {
        let (package, features) = line.split_once('\t').unwrap_or((line, ""));
        let features = features.split_whitespace().next().filter(|word| *word != "(*)");
        package.split_whitespace().take(2).chain(features).collect::<Vec<_>>().join(" ")
    };
    let said = String::from_utf8(output.stdout)?;
    let lines: BTreeSet<String> = said.lines().map(plain).collect();
    let mut sum = flate2::Crc::new();
    for line in &lines {
        sum.update(line.as_bytes());
        sum.update(b"\n");
    }
    Ok(format!("{} ({:08x})", lines.len(), sum.sum()))
}

/// The profile as the compiler reads it. Its name has a sum of its content, so that cargo sees when it is another.
fn unpacked(root: &Path, folder: &Path) -> Result<PathBuf> {
    let unusable = || format!("{DATA}: bring it back from git, or take it anew with `cargo xtask profile`");
    let bytes = fs::read(root.join(DATA)).with_context(unusable)?;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    let file = folder.join(format!("profile-{:08x}.profdata", sum.sum()));
    if !file.exists() {
        let mut data = Vec::new();
        DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut data).with_context(unusable)?;
        fs::create_dir_all(folder)?;
        // Never seen half written, should two commands do this at once.
        let part = folder.join(format!("profile-{}.part", std::process::id()));
        fs::write(&part, data)?;
        fs::rename(&part, &file)?;
    }
    Ok(file)
}

/// Cargo with flags for the compiler beside those that are set by variables or in cargo's own files. Cargo heeds one place
/// alone: where flags are set for one target (`target.….rustflags`), ours are not.
fn cargo(root: &Path, flags: &[OsString]) -> Result<Command> {
    let mut command = shell::cargo();
    command.current_dir(root);
    if flags.is_empty() {
        return Ok(command);
    }
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain = std::env::var("RUSTFLAGS").ok().filter(|_| encoded.is_none());
    let set = encoded.iter().flat_map(|flags| flags.split('\u{1f}'));
    let set = set.chain(plain.iter().flat_map(|flags| flags.split_whitespace()));
    let set: Vec<OsString> = set.filter(|flag| !flag.is_empty()).map(OsString::from).collect();
    if set.is_empty() {
        let text = |flag: &OsString| flag.to_str().map(|text| toml::Value::String(text.to_owned()));
        let list: Option<Vec<toml::Value>> = flags.iter().map(text).collect();
        let list = toml::Value::Array(list.context("the path of the target folder is not Unicode")?);
        command.arg("--config").arg(format!("build.rustflags={list}"));
    } else {
        command.env("CARGO_ENCODED_RUSTFLAGS", [&set, flags].concat().join("\u{1f}".as_ref()));
    }
    Ok(command)
}

/// The compiler's own, or Debian's.
fn profdata() -> Result<PathBuf> {
    let sysroot = rustc_says(&["--print", "sysroot"])?;
    let own = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("bin/llvm-profdata");
    if own.exists() {
        return Ok(own);
    }
    setup::ensure(&[setup::LLVM_PROFDATA])?;
    Ok("llvm-profdata-19".into())
}

fn host() -> Result<String> {
    let said = rustc_says(&["-vV"])?;
    Ok(said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned())
}

fn rustc_says(arguments: &[&str]) -> Result<String> {
    Ok(String::from_utf8(shell::capture(rustc().args(arguments))?.stdout)?)
}

fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn joined(start: &str, path: &Path) -> OsString {
    let mut word = OsString::from(start);
    word.push(path);
    word
}

fn read_text(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn write(root: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let file = root.join(path);
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(&file, bytes).with_context(|| file.display().to_string())?;
    println!("written: {path}");
    Ok(())
}
