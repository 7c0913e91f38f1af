use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::*;
use crate::{gen_catalogue, profile};

/// A small workspace in which every rule passes.
struct Planted {
    folder: tempfile::TempDir,
}

const MANIFEST: &str = r#"
[workspace]
resolver = "3"
members = ["crates/*"]
[workspace.lints.rust]
unsafe_code = "forbid"
"#;

/// Stands in for the gateway's binary: prints its schema and pages, refuses a file that says `bad`.
const BINARY: &str = r##"//! The binary.
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("schema") => println!("{{}}"),
        Some("reference") => println!("# Page"),
        Some("check") => {
            let text = std::fs::read_to_string(&words[1]).unwrap_or_default();
            let unset = text.contains("${KEY}") && std::env::var_os("KEY").is_none();
            std::process::exit(i32::from(unset || text.contains("bad")));
        }
        _ => std::process::exit(2),
    }
}
"##;

const PIPELINE: &str = "//! Life.\npub const STAGES: [&str; 3] = [\"route\", \"decode\", \"record\"];\n";
const STAGES: &str = "| stage | duty |\n| --- | --- |\n| `route` | a |\n| `decode` | b |\n| `record` | c |\n";

impl Planted {
    fn new() -> Result<Self> {
        let planted = Self { folder: tempfile::tempdir()? };
        let package = |name: &str, rest: &str| {
            format!(
                "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{rest}"
            )
        };
        let architecture = format!(
            "# Architecture\n\n{STAGES}\n## Invariants\n\n1. Nothing is unsafe. Check: `rustc::unsafe_code`.\n2. No circles,\n   \
             none at all. Check: `cycles`.\n\n## End\n"
        );
        for (path, text) in [
            ("Cargo.toml", MANIFEST.to_owned()),
            ("ARCHITECTURE.md", architecture),
            (
                "docs/concepts/life-of-a-request.md",
                format!("# Life\n\n{STAGES}\nSee [above](../../ARCHITECTURE.md#invariants).\n"),
            ),
            ("docs/reference/configuration.md", "# Page\n".into()),
            ("docs/reference/errors.md", "# Page\n".into()),
            ("docs/reference/failures.md", "# Page\n".into()),
            ("docs/reference/cli.md", "# Page\n".into()),
            ("api/config.schema.json", "{}\n".into()),
            ("examples/one/README.md", "# One\n".into()),
            ("examples/one/yumen.yaml", "key: ${KEY}\n".into()),
            ("crates/yumen/Cargo.toml", package("yumen", "yumen-store = { path = \"../store\" }")),
            ("crates/yumen/src/main.rs", BINARY.into()),
            ("crates/store/Cargo.toml", package("yumen-store", "")),
            ("crates/store/src/lib.rs", "//! Store.\npub mod a;\npub mod b;\n".into()),
            ("crates/store/src/a.rs", "//! A.\n/// A.\npub fn a() -> u8 {\n    crate::b::b()\n}\n".into()),
            ("crates/store/src/b.rs", "//! B.\n/// B.\npub fn b() -> u8 {\n    1\n}\n".into()),
        ] {
            planted.write(path, &text)?;
        }
        // These are in no crate's module tree: only the names in them count.
        planted.write("crates/gateway/src/pipeline.rs", PIPELINE)?;
        planted.write("crates/gateway/src/stages/mod.rs", "//! Stages.\nfn route() {}\nfn record() {}\n")?;
        planted.write("crates/gateway/src/kinds/llm.rs", "//! Models.\nasync fn decode() {}\n")?;
        planted.write("crates/gateway/Cargo.toml", &package("yumen-gateway", ""))?;
        planted.write("crates/gateway/src/lib.rs", "//! Gateway.\n")?;
        Ok(planted)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        let file = self.folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(&file, text).with_context(|| path.to_owned())
    }

    fn append(&self, path: &str, text: &str) -> Result<()> {
        let before = std::fs::read_to_string(self.folder.path().join(path))?;
        self.write(path, &(before + text))
    }

    fn tree(&self) -> Result<Tree> {
        // The canonical path, because cargo and rustfmt report files by it.
        let mut tree = Tree::read(&self.folder.path().canonicalize()?)?;
        tree.target = Some(tree.root.join("target"));
        Ok(tree)
    }

    /// What one rule says about the tree as it is now.
    fn findings(&self, name: &str) -> Result<Vec<Finding>> {
        let (_, rule) = RULES.iter().find(|(rule, _)| *rule == name).context("no such rule")?;
        Ok(rule(&self.tree()?))
    }

    /// Expects that the rule is silent at first and, once the files are planted, fails with this at that place.
    fn expect(&self, rule: &str, plant: &[(&str, &str)], place: &str, message: &str) -> Result<()> {
        let before = self.findings(rule)?;
        ensure!(before.is_empty(), "{rule} fails on the clean tree: {before:?}");
        self.expect_now(rule, plant, place, message)
    }

    fn expect_now(&self, rule: &str, plant: &[(&str, &str)], place: &str, message: &str) -> Result<()> {
        for (path, text) in plant {
            self.write(path, text)?;
        }
        let after = self.findings(rule)?;
        let found = |finding: &Finding| {
            finding.level == Level::Failure
                && finding.place.starts_with(place)
                && finding.message.contains(message)
        };
        ensure!(after.iter().any(found), "{rule} did not find what was planted: {after:?}");
        Ok(())
    }
}

#[test]
fn a_dependency_against_the_table_is_found() -> Result<()> {
    let manifest = "[package]\nname = \"yumen-store\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let forbidden = format!("{manifest}[dependencies]\nyumen-gateway = {{ path = \"../gateway\" }}\n");
    let planted = Planted::new()?;
    planted.expect(
        "dependencies",
        &[("crates/store/Cargo.toml", &forbidden)],
        "yumen-store",
        "depends on yumen-gateway",
    )?;
    // Tests may use any of them.
    planted.write("crates/store/Cargo.toml", &forbidden.replace("[dependencies]", "[dev-dependencies]"))?;
    assert_eq!(planted.findings("dependencies")?, []);
    let stranger = manifest.replace("yumen-store", "yumen-stranger");
    planted.write("crates/stranger/src/lib.rs", "")?;
    planted.expect_now(
        "dependencies",
        &[("crates/stranger/Cargo.toml", &stranger)],
        "yumen-stranger",
        "not in the table",
    )
}

#[test]
fn a_direct_circle_is_found() -> Result<()> {
    let back = "//! B.\nuse super::a;\n/// B.\npub fn b() -> u8 {\n    a::a()\n}\n";
    Planted::new()?.expect(
        "cycles",
        &[("crates/store/src/b.rs", back)],
        "crates/store",
        "b imports a at crates/store/src/b.rs:2",
    )
}

#[test]
fn a_longer_circle_through_a_reexport_is_found() -> Result<()> {
    let plant = [
        (
            "crates/store/src/lib.rs",
            "//! Store.\npub mod a;\npub mod b;\npub mod c;\npub use a::a as first;\npub use c::C;\n",
        ),
        ("crates/store/src/b.rs", "//! B.\nuse crate::{C};\npub fn b(_: C) {}\n"),
        ("crates/store/src/c/mod.rs", "//! C.\nmod deep;\npub struct C;\n"),
        ("crates/store/src/c/deep.rs", "//! Deep.\nfn f() { super::super::a::a(); }\n"),
    ];
    Planted::new()?.expect("cycles", &plant, "crates/store", "c imports a at crates/store/src/c/deep.rs:2")
}

#[test]
fn tests_may_go_in_circles() -> Result<()> {
    let planted = Planted::new()?;
    planted.append(
        "crates/store/src/b.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::a;\n    use super::super::a::a;\n}\n",
    )?;
    planted.append("crates/store/src/b.rs", "#[cfg(test)]\nmod fixtures;\n")?;
    planted.write("crates/store/src/b/fixtures/mod.rs", "use crate::a;\n")?;
    assert_eq!(planted.findings("cycles")?, []);
    Ok(())
}

#[test]
fn a_file_that_is_too_long_is_found() -> Result<()> {
    let long = format!("//! Long.\n{}", "// Line.\n".repeat(800));
    let planted = Planted::new()?;
    planted.expect("sizes", &[("crates/store/src/a.rs", &long)], "crates/store/src/a.rs", "801 lines")?;
    planted.write("xtask/sizes.toml", "\"crates/store/src/a.rs\" = \"a regular table\"\n")?;
    assert_eq!(planted.findings("sizes")?, []);
    planted.write("xtask/sizes.toml", "\"crates/store/src/a.rs\" = \"\"\n")?;
    assert!(planted.findings("sizes")?.iter().any(|finding| finding.message.contains("needs a reason")));
    planted.write("crates/store/src/a.rs", "//! Short.\n")?;
    assert!(planted.findings("sizes")?.iter().any(|finding| finding.message.contains("take it out")));
    planted.write("xtask/sizes.toml", "\"crates/store/src/gone.rs\" = \"a regular table\"\n")?;
    assert!(planted.findings("sizes")?.iter().any(|finding| finding.message.contains("does not exist")));
    Ok(())
}

#[test]
fn a_function_that_is_too_long_is_found() -> Result<()> {
    let function =
        |lines: usize| format!("//! Long.\nfn long() {{\n{}}}\n", "    let _ = 1;\n".repeat(lines - 2));
    let planted = Planted::new()?;
    planted.expect(
        "sizes",
        &[("crates/store/src/a.rs", &function(121))],
        "crates/store/src/a.rs:2",
        "fn long has 121 lines",
    )?;
    planted.write("crates/store/src/a.rs", &function(71))?;
    let levels: Vec<Level> = planted.findings("sizes")?.iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Warning]);
    planted.write("crates/store/src/a.rs", &function(70))?;
    assert_eq!(planted.findings("sizes")?, []);
    Ok(())
}

#[test]
fn a_module_without_docs_is_found() -> Result<()> {
    Planted::new()?.expect(
        "module-docs",
        &[("crates/store/src/a.rs", "fn a() {}\n")],
        "crates/store/src/a.rs",
        "//!",
    )
}

#[test]
fn a_name_that_says_nothing_is_found() -> Result<()> {
    let planted = Planted::new()?;
    planted.expect("names", &[("crates/store/src/utils.rs", "")], "crates/store/src/utils.rs", "`utils`")?;
    Planted::new()?.expect(
        "names",
        &[("crates/store/src/misc/mod.rs", "")],
        "crates/store/src/misc/mod.rs",
        "`misc`",
    )?;
    Planted::new()?.expect(
        "names",
        &[("crates/store/src/a.rs", "mod helpers {}")],
        "crates/store/src/a.rs:1",
        "`helpers`",
    )?;
    let manifest = "[package]\nname = \"yumen-core\"\n";
    Planted::new()?.expect("names", &[("crates/centre/Cargo.toml", manifest)], "crates/centre", "`core`")
}

#[test]
fn a_library_that_reads_the_outside_is_found() -> Result<()> {
    for reading in ["use std::{env, io};", "fn f() { std::fs::read(\"x\"); }", "use tokio::fs::File;"] {
        let text = format!("//! Gateway.\n{reading}\n");
        let place = "crates/gateway/src/lib.rs";
        Planted::new()?.expect(
            "walls",
            &[(place, &text)],
            "crates/gateway/src/lib.rs:2",
            "crates/yumen alone",
        )?;
    }
    let planted = Planted::new()?;
    let harmless = "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n// std::fs\nfn f() { env!(\"X\"); }\n";
    planted.append("crates/gateway/src/lib.rs", harmless)?;
    assert_eq!(planted.findings("walls")?, []);
    Ok(())
}

#[test]
fn a_pure_crate_that_knows_more_than_bytes_is_found() -> Result<()> {
    let planted = Planted::new()?;
    let manifest = "[package]\nname = \"yumen-llm\"\n[dependencies]\n";
    planted.write("crates/llm/Cargo.toml", manifest)?;
    let clock = "//! Clock.\nuse std::time::{Duration, Instant};\n";
    let found = "std::time::Instant is not for";
    planted.expect("walls", &[("crates/llm/src/lib.rs", clock)], "crates/llm/src/lib.rs:2", found)?;
    let runtime = format!("{manifest}tokio = \"1\"\n");
    planted.expect_now(
        "walls",
        &[("crates/llm/Cargo.toml", &runtime)],
        "crates/llm/Cargo.toml",
        "tokio is not for",
    )
}

#[test]
fn an_error_said_outside_the_pipeline_is_found() -> Result<()> {
    let speaking = "//! Gateway.\nfn f() { codec.encode_error(&facts); }\n";
    let place = "crates/gateway/src/lib.rs";
    Planted::new()?.expect("walls", &[(place, speaking)], "crates/gateway/src/lib.rs:2", "only pipeline.rs")
}

#[test]
fn stage_names_that_differ_are_found() -> Result<()> {
    let page = format!("# Life\n\n{}\n", STAGES.replace("decode", "parse"));
    let concept = "docs/concepts/life-of-a-request.md";
    Planted::new()?.expect("stages", &[(concept, &page)], concept, "route, parse, record")?;
    let page = STAGES.replace("| `decode` | b |\n", "");
    Planted::new()?.expect(
        "stages",
        &[("ARCHITECTURE.md", &page)],
        "ARCHITECTURE.md",
        "has route, record;",
    )?;
    let pipeline = "crates/gateway/src/pipeline.rs";
    let other = PIPELINE.replace("decode", "guess");
    Planted::new()?.expect("stages", &[(pipeline, &other)], pipeline, "is called `guess`")?;
    Planted::new()?.expect("stages", &[(pipeline, "//! Life.\n")], pipeline, "no list")
}

#[test]
fn an_architecture_page_that_promises_too_much_is_found() -> Result<()> {
    let page = "ARCHITECTURE.md";
    let with = |entry: &str| format!("# A\n\n## Invariants\n\n- {entry}\n");
    Planted::new()?.expect(
        "architecture",
        &[(page, &with("All is well."))],
        "ARCHITECTURE.md:5",
        "names no check",
    )?;
    Planted::new()?.expect(
        "architecture",
        &[(page, &with("Check: by eye."))],
        "ARCHITECTURE.md:5",
        "back quotes",
    )?;
    Planted::new()?.expect(
        "architecture",
        &[(page, &with("Check: `eye`."))],
        "ARCHITECTURE.md:5",
        "no check `eye`",
    )?;
    Planted::new()?.expect(
        "architecture",
        &[(page, &with("Check: `tests/gone.rs`."))],
        "ARCHITECTURE.md:5",
        "no check",
    )?;
    let long = with("Check: `cycles`.") + &"line\n".repeat(250);
    Planted::new()?.expect("architecture", &[(page, &long)], page, "more than 250")?;
    Planted::new()?.expect("architecture", &[(page, "# A\n")], page, "no list under")
}

#[test]
fn a_link_that_leads_nowhere_is_found() -> Result<()> {
    for link in
        ["[a](gone.md)", "[`a`](../gone.md)", "[a](../ARCHITECTURE.md#nothing)", "[a](../../outside.md)"]
    {
        let planted = Planted::new()?;
        planted.expect("links", &[("docs/page.md", &format!("# Page\n\n{link}\n"))], "docs/page.md:3", "")?;
    }
    let planted = Planted::new()?;
    planted.write(
        "docs/page.md",
        "# A page's `name`\n\n[a](#a-pages-name) [b](https://example.com/x) `[c](d)`\n```\n[e](f)\n```\n",
    )?;
    assert_eq!(planted.findings("links")?, []);
    Ok(())
}

#[test]
fn a_file_that_is_not_formatted_is_found() -> Result<()> {
    let ugly = [("crates/store/src/a.rs", "//! A.\n/// A.\npub fn a( )->u8{ crate::b::b() }\n")];
    let planted = Planted::new()?;
    planted.expect("format", &ugly, "crates/store/src/a.rs", "not formatted")
}

#[test]
fn a_lint_is_found_in_any_target() -> Result<()> {
    let planted = Planted::new()?;
    planted.expect(
        "clippy",
        &[("crates/store/tests/t.rs", "//! T.\n#[test]\nfn t() {\n    let unused = 1;\n}\n")],
        "crates/store/tests/t.rs:4",
        "unused",
    )?;
    std::fs::remove_file(planted.folder.path().join("crates/store/tests/t.rs"))?;
    let lint = "//! A.\n/// A.\npub fn a() -> Vec<u8> {\n    let mut list = Vec::new();\n    list.push(crate::b::b());\n    list\n}\n";
    planted.expect(
        "clippy",
        &[("crates/store/src/a.rs", lint)],
        "crates/store/src/a.rs",
        "vec_init_then_push",
    )?;
    planted.write("crates/store/src/a.rs", "//! A.\nfn broken( {}\n")?;
    assert!(planted.findings("clippy")?.iter().any(|finding| finding.level == Level::Failure));
    Ok(())
}

#[test]
fn a_generated_file_that_is_stale_is_found() -> Result<()> {
    let planted = Planted::new()?;
    planted.expect(
        "generated",
        &[("docs/reference/errors.md", "# Edited\n")],
        "docs/reference/errors.md",
        "stale",
    )?;
    std::fs::remove_file(planted.folder.path().join("api/config.schema.json"))?;
    let places: Vec<String> =
        planted.findings("generated")?.into_iter().map(|finding| finding.place).collect();
    assert_eq!(places, ["api/config.schema.json", "docs/reference/errors.md"]);
    Ok(())
}

#[test]
fn a_catalogue_that_is_stale_is_found() -> Result<()> {
    let planted = Planted::new()?;
    let list = "[packages]\n[acme]\nmodels = [ { id = \"one\", name = \"One\", canonical = \"acme/one\", price = { input = \"1\", output = \"2\" } } ]\n";
    planted.write("providers/.sources/models.toml", list)?;
    planted.write("providers/.sources/prices.json", "{ \"packages\": {}, \"facts\": {} }")?;
    let authors = "hosting = []\nhosted = []\n[owners]\n[families]\n[redundant]\n[vendors]\n[same]\n";
    planted.write("providers/.sources/authors.toml", authors)?;
    planted.write("providers/acme/provider.toml", "id = \"acme\"\nname = \"Acme\"\n")?;
    gen_catalogue::run(planted.folder.path(), false)?;
    let models = "providers/acme/models.toml";
    planted.expect("catalogue", &[(models, "# Edited\n")], "providers", models)
}

/// Only one system uses the profile; elsewhere there is nothing to find.
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]
#[test]
fn a_profile_that_does_not_belong_is_found() -> Result<()> {
    let planted = Planted::new()?;
    let channel = |version: &str| format!("[toolchain]\nchannel = \"{version}\"\n");
    planted.write("rust-toolchain.toml", &channel("1.95.0"))?;
    let take = || planted.write("bench/profile/taken.toml", &profile::page_of_facts(planted.folder.path())?);
    take()?;
    let data = "bench/profile/yumen.profdata.deflate";
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(data);
    std::fs::copy(ours, planted.folder.path().join(data))?;
    assert_eq!(planted.findings("profile")?, []);

    let warned = |message: &str| -> Result<()> {
        let found = planted.findings("profile")?;
        let fits = |finding: &Finding| finding.level == Level::Warning && finding.message.contains(message);
        ensure!(found.iter().any(fits), "{message}: {found:?}");
        Ok(())
    };
    planted.write("rust-toolchain.toml", &channel("1.94.0"))?;
    warned("was taken with compiler 1.95.0, and it is 1.94.0 now")?;
    planted.write("rust-toolchain.toml", &channel("1.95.0"))?;
    planted.append("crates/store/Cargo.toml", "[features]\ndefault = [\"more\"]\nmore = []\n")?;
    warned("was taken with packages 2 (")?;
    take()?;
    assert_eq!(planted.findings("profile")?, []);
    // An empty block, deflated: no profile.
    std::fs::write(planted.folder.path().join(data), [3, 0])?;
    planted.expect_now("profile", &[], "bench/profile", "is not read by this compiler")
}

#[test]
fn an_example_that_is_refused_is_found() -> Result<()> {
    let planted = Planted::new()?;
    planted.expect(
        "examples",
        &[("examples/one/yumen.yaml", "bad: true\n")],
        "examples/one/yumen.yaml",
        "",
    )?;
    planted.write("examples/two/README.md", "# Two\n")?;
    let found = planted.findings("examples")?;
    assert!(
        found
            .iter()
            .any(|finding| finding.place == "examples/two" && finding.message.contains("no yumen.yaml"))
    );
    Ok(())
}

#[test]
fn each_rule_is_explained() {
    for (name, _) in RULES {
        assert!(HELP.contains(&format!("  {name} ")), "{name}");
    }
}

#[test]
fn unknown_rules_and_options_are_refused() {
    let said = |word: &str| run(Path::new("/"), &[word.to_owned()]).map_err(|error| error.to_string());
    assert_eq!(said("cylces"), Err("there is no rule `cylces`: did you mean `cycles`?".into()));
    assert_eq!(said("--fixx"), Err("there is no option `--fixx`: only --fix".into()));
}
