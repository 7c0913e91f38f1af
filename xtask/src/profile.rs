//! What a gateway under load runs through, so that optimised builds lay that closer together.
//!
//! In: the profile in `bench/profile/`, and `cargo xtask profile`, which takes it anew from an instrumented build under the
//! rows of the bench. Out: cargo, set up to build by it. What the profile does not know is built as it would be without.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::serve::target_folder;
use crate::{setup, shell};

/// Help text.
pub const HELP: &str = "\
Builds the gateway with counters in it (in target/instrumented), runs the rows of the bench against it, and writes what
they ran through to bench/profile/. Optimised builds of `cargo xtask run`, `build` and `bench` go by that file. Take it anew
before a release and after a change of the compiler, of a dependency or of the release profile: names in it depend on those,
and `cargo xtask check` says so. Parts that have changed since are built as without a profile.

It needs llvm-profdata: `rustup component add llvm-tools`, or Debian's llvm-19, which it installs as root.
";

/// Help text of `cargo xtask build`.
pub const BUILD_HELP: &str = "\
Builds target/release/yumen as it is released: optimised, and by the profile in bench/profile/ of what a gateway under load
runs through. A plain `cargo build --release` gives the same program, which takes about half as much CPU again for each
request. Other arguments go to `cargo build`.
";

const DATA: &str = "bench/profile/yumen.profdata.deflate";
const FACTS: &str = "bench/profile/taken.toml";
/// Where the profile is taken, and the only system whose builds find their names in it.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Where the counters of an instrumented build go.
const COUNTERS: &str = "counters";
/// Cargo that builds by the profile.
pub fn cargo(root: &Path) -> Result<Command> {
    let mut used = std::ffi::OsString::from("-Cprofile-use=");
    used.push(unpacked(root)?);
    let mut flags = vec![used];
    // What runs most gets a place of its own in the program only if the linker keeps it apart.
    if cfg!(target_os = "linux") {
        flags.push("-Clink-arg=-Wl,-z,keep-text-section-prefix".into());
    }
    Ok(cargo_with(root, &flags))
}

/// Builds the binary as it is released.
pub fn build(root: &Path, arguments: &[String]) -> Result<()> {
    setup::ensure(&[setup::C_COMPILER])?;
    let words = ["build", "--release", "--package", "yumen"];
    shell::run(cargo(root)?.args(words).args(arguments))
}

/// Takes the profile.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("profile takes no arguments");
    }
    setup::ensure(&[setup::C_COMPILER])?;
    let host = host()?;
    if host != TARGET {
        bail!("a profile taken on {host} would be of no use on {TARGET}, where it is meant for");
    }
    let profdata = profdata()?;
    let target = target_folder(root).join("instrumented");
    let counters = target.join(COUNTERS);
    let mut counted = std::ffi::OsString::from("-Cprofile-generate=");
    counted.push(&counters);
    let words = ["build", "--release", "--package", "yumen", "--target-dir"];
    shell::run(cargo_with(root, &[counted]).args(words).arg(&target))?;
    // Earlier runs have counted, and so have build scripts and macros, which are instrumented too.
    if counters.exists() {
        fs::remove_dir_all(&counters)?;
    }
    shell::run(cargo(root)?.args(["build", "--release", "--package", "yumen-bench"]))?;

    let mut bench = Command::new(target_folder(root).join("release").join("yumen-bench"));
    bench.args(["run", "--targets", "yumen", "--runs", "1", "--seconds", "2", "--yumen"]);
    // It judges figures, and those of an instrumented program are poor.
    shell::follow(bench.arg(target.join("release").join("yumen")), |_| ())?;

    let merged = target.join("yumen.profdata");
    let mut merge = Command::new(profdata);
    shell::run(merge.args(["merge", "--sparse", "-o"]).arg(&merged).arg(&counters))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&fs::read(&merged).with_context(|| merged.display().to_string())?)?;
    write(root, DATA, &encoder.finish()?)?;
    write(root, FACTS, page_of_facts(root)?.as_bytes())
}

/// What [`fault`] compares with, as it is written.
pub fn page_of_facts(root: &Path) -> Result<String> {
    Ok(format!("# Written by `cargo xtask profile`.\n{}", toml::to_string(&facts(root)?)?))
}

/// What is wrong with the profile, if anything is: it was taken with another compiler or with other dependencies, or this compiler
/// does not read it.
pub fn fault(root: &Path) -> Result<Option<String>> {
    let taken: BTreeMap<String, String> = toml::from_str(&read_text(&root.join(FACTS))?)?;
    let now = facts(root)?;
    if let Some((name, now)) = now.iter().find(|(name, now)| taken.get(*name) != Some(*now)) {
        let taken = taken.get(name).map_or("nothing", String::as_str);
        return Ok(Some(format!("was taken with {name} {taken}, and it is {now} now: cargo xtask profile")));
    }
    let mut used = std::ffi::OsString::from("-Cprofile-use=");
    used.push(unpacked(root)?);
    let folder = target_folder(root);
    let empty = folder.join("empty.rs");
    fs::write(&empty, "")?;
    let mut rustc = rustc();
    rustc.args(["--crate-type=lib", "--edition=2024", "--emit=obj", "-o"]).arg(folder.join("empty.o"));
    let output = shell::capture(rustc.current_dir(root).arg(used).arg(&empty))?;
    // What it cannot read is a warning to it, and nothing more would be noticed.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success() || !said.is_empty()).then_some(said))
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
    let words =
        ["tree", "--package", "yumen", "--edges", "normal,build", "--target", TARGET, "--prefix", "none"];
    let mut tree = shell::cargo();
    let output = shell::capture(tree.current_dir(root).args(words).args(["--format", "{p} {f}"]))?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let said = String::from_utf8(output.stdout)?;
    // Where a package lies on this machine, and that it was listed before, is in brackets.
    let plain = |line: &str| {
        let words = line.split_whitespace().filter(|word| !word.starts_with('('));
        words.collect::<Vec<_>>().join(" ")
    };
    let lines: BTreeSet<String> = said.lines().map(plain).collect();
    let mut sum = flate2::Crc::new();
    lines.iter().for_each(|line| sum.update(line.as_bytes()));
    Ok(format!("{} ({:08x})", lines.len(), sum.sum()))
}

/// The profile as the compiler reads it. Its name has a sum of its content, so that cargo sees when it is another.
fn unpacked(root: &Path) -> Result<PathBuf> {
    let packed = root.join(DATA);
    let bytes = fs::read(&packed).with_context(|| packed.display().to_string())?;
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    let folder = target_folder(root);
    let file = folder.join(format!("profile-{:08x}.profdata", sum.sum()));
    if !file.exists() {
        let mut data = Vec::new();
        DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut data).context(DATA)?;
        fs::create_dir_all(&folder)?;
        // Never seen half written, should two commands do this at once.
        let part = folder.join(format!("profile-{}.part", std::process::id()));
        fs::write(&part, data)?;
        fs::rename(&part, &file)?;
    }
    Ok(file)
}

/// Cargo with flags for the compiler beside those that the caller has set.
fn cargo_with(root: &Path, flags: &[impl AsRef<OsStr>]) -> Command {
    let separator = "\u{1f}";
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain = std::env::var("RUSTFLAGS").ok();
    let mut all =
        std::ffi::OsString::from(encoded.unwrap_or_else(|| {
            plain.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(separator)
        }));
    for flag in flags {
        if !all.is_empty() {
            all.push(separator);
        }
        all.push(flag);
    }
    let mut command = shell::cargo();
    command.current_dir(root).env("CARGO_ENCODED_RUSTFLAGS", all);
    command
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
