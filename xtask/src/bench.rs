//! `cargo xtask bench`: the gateway beside a plain reverse proxy.
//!
//! In: arguments for `yumen-bench run`. Out: its table, on the terminal and, with `--write`, as a page of the
//! documentation. It never judges the figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::target_folder;
use crate::{profile, setup, shell};

/// Help text.
pub const HELP: &str = "\
Builds the gateway and the bench optimised, installs nginx if it is missing (as root on Debian or Ubuntu) and runs
`yumen-bench run`. Only the ratios of one run mean something: absolute figures belong to the machine and its hour.

  --dialects measure conversion between dialects instead: each event of a stream and a request of 100 KB
  --tokens   measure the counting of tokens instead
             (both also in instructions, by valgrind, which machines have in common)
  --routing  measure the choice of deployments and settings of a large installation instead
  --large    measure the main rows once more with ten million records in the ledger (4 GB of disk for the time)
  --write    put the tables into docs/benchmarks.md as well
  --healing  compare how well broken JSON is repaired instead, beside Python's json_repair, which is installed into the
             target folder; with --write the table of docs/concepts/healing.md is written anew
Other arguments go to `yumen-bench run`; `cargo xtask bench -- --help` lists them.
";

const PAGE: &str = "docs/benchmarks.md";

/// What is measured once more with a large ledger.
const LARGE: &[&str] = &[
    "--records=10000000",
    "--only=chat-throughput",
    "--only=chat-cpu",
    "--only=chat-latency",
    "--only=chat-4k",
    "--only=messages-throughput",
    "--only=stream",
];

/// Micro benches that give a section of the page.
struct Part {
    word: &'static str,
    /// Packages and their benches.
    benches: &'static [(&'static str, &'static str)],
    /// What they need beside a C compiler.
    tools: &'static [setup::Tool],
    /// Makes the section of what they print.
    table: fn(&str) -> Result<String>,
    section: Section,
}

/// A section of the page.
#[derive(Clone, Copy)]
struct Section {
    heading: &'static str,
    intro: &'static str,
}

const PARTS: &[Part] = &[
    Part {
        word: "--dialects",
        benches: &[("yumen-llm", "dialects")],
        tools: &[setup::VALGRIND],
        table: as_printed,
        section: Section {
            heading: "Conversion between dialects",
            intro: "Written by `cargo xtask bench --dialects --write`. One thread converts streams of 181 pieces (reasoning, text, a call with\n\
                    its arguments) and conversations with calls, results and twenty tools. Times are the shortest of many and belong\n\
                    to the machine; instructions do not.",
        },
    },
    Part {
        word: "--tokens",
        benches: &[("yumen-llm", "tokens")],
        tools: &[setup::VALGRIND],
        table: as_printed,
        section: Section {
            heading: "Counting tokens",
            intro: "Written by `cargo xtask bench --tokens --write`. One thread counts by a public vocabulary, as for those who ask for a\n\
                    count; requests on their way are only estimated. What takes more than a bounded number of steps is counted up to there\n\
                    and estimated from there on. Times are the shortest of many and belong to the machine; instructions do not.",
        },
    },
    Part {
        word: "--routing",
        benches: &[("yumen-gateway", "resolve"), ("yumen-config", "load")],
        tools: &[],
        table: routing_table,
        section: Section {
            heading: "Routing",
            intro: "Written by `cargo xtask bench --routing --write`. One thread chooses among deployments that have all served, and takes the\n\
                    settings of a large installation. What a failover adds on the wire is in the first table (`failover-latency`).",
        },
    },
];

/// Names that criterion prints, what they mean, and what each must stay under.
const ROUTING: &[(&str, &str, &str)] = &[
    ("choose/10_candidates", "the order of 10 candidates", "5 µs"),
    ("choose/10_candidates_5_rules", "the same after 5 rules, of which the last one holds", "5 µs"),
    ("choose/10_candidates_5_rules_100000_keys", "the same with 100,000 keys", "5 µs"),
    ("settings/read_10000_aliases", "reading 10,000 aliases", "2 s"),
    ("settings/take_100000_keys", "taking 100,000 keys", "2 s"),
    ("settings/change_one_of_100000_keys", "changing one of 100,000 keys", "1 ms"),
    ("settings/change_one_of_10000_presets", "changing one of 10,000 presets", "1 ms"),
];

/// Builds and measures.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    if asked("--healing") {
        return healing(root, asked("--write"));
    }
    let parts: Vec<&Part> = PARTS.iter().filter(|part| asked(part.word)).collect();
    if !parts.is_empty() {
        return run_parts(root, &parts, asked("--write"));
    }
    let ours = ["--write", "--large", "--"];
    let passed_on: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !ours.contains(word)).collect();
    setup::ensure(&[setup::NGINX])?;
    profile::build(root, &[])?;
    // Not in one build: what the bench depends on would change features, and so names, of what both depend on.
    shell::run(shell::cargo().current_dir(root).args(["build", "--release", "--package", "yumen-bench"]))?;
    let (mut passed, table) = measure(root, &passed_on)?;
    let mut report = table;
    if asked("--large") {
        let (large_passed, table) = measure(root, &[LARGE, &passed_on].concat())?;
        passed &= large_passed;
        report =
            format!("{}\n\nThe same with ten million records in the ledger:\n\n{table}", report.trim_end());
    }
    if asked("--write") {
        let page = root.join(PAGE);
        // What stands below is written by other benches.
        let others = std::fs::read_to_string(&page).unwrap_or_default();
        let others = others.find(SECTION).map_or("", |at| others.get(at..).unwrap_or_default());
        let text = format!("{}{others}", page_of(&report));
        std::fs::write(&page, text).with_context(|| page.display().to_string())?;
        println!("written: {PAGE}");
    }
    if passed { Ok(()) } else { bail!("the bench failed") }
}

/// Runs micro benches, and puts what they give into their sections.
fn run_parts(root: &Path, parts: &[&Part], write: bool) -> Result<()> {
    setup::ensure(&[setup::C_COMPILER])?;
    let mut passed = true;
    for Part { benches, tools, table, section, .. } in parts {
        setup::ensure(tools)?;
        let mut report = String::new();
        for (package, bench) in *benches {
            let mut command = shell::cargo();
            command.current_dir(root).args(["bench", "--quiet", "--package", package, "--bench", bench]);
            passed &= shell::follow(&mut command, |line| {
                report.push_str(line);
                report.push('\n');
            })?;
        }
        if write {
            let page = root.join(PAGE);
            let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
            std::fs::write(&page, with_section(&text, *section, &table(&report)?))?;
            println!("written: {PAGE}, {}", section.heading);
        }
    }
    if passed { Ok(()) } else { bail!("the bench failed") }
}

/// The middle ones of criterion's times, by name: `NAME  time:   [low unit, middle unit, high unit]`, where a long name has
/// a line of its own.
fn routing_table(report: &str) -> Result<String> {
    let mut words = report.split_whitespace();
    let (mut last, mut times) = ("", BTreeMap::new());
    while let Some(word) = words.next() {
        if word == "time:" {
            let middle: Vec<&str> = words.by_ref().take(6).skip(2).take(2).collect();
            times.insert(last, middle.join(" "));
        }
        last = word;
    }
    let mut table = String::from("| what | time | must be under |\n|---|---:|---:|\n");
    for (name, title, most) in ROUTING {
        let time = times.get(name).with_context(|| format!("no bench prints {name}, which is in ROUTING"))?;
        table.push_str(&format!("| {title} | {time} | {most} |\n"));
    }
    Ok(table)
}

fn as_printed(report: &str) -> Result<String> {
    Ok(report.to_owned())
}

/// Where a section begins.
const SECTION: &str = "\n## ";

/// A page with this section in the place of the one of the same heading, or at its end.
fn with_section(page: &str, Section { heading, intro }: Section, report: &str) -> String {
    let section = format!("{SECTION}{heading}\n\n{intro}\n\n{}\n", report.trim());
    let title = format!("{SECTION}{heading}\n");
    let Some((before, rest)) = page.split_once(&title) else {
        return format!("{}\n{section}", page.trim_end());
    };
    let after = rest.find(SECTION).map_or("", |at| rest.get(at..).unwrap_or_default());
    format!("{before}{section}{after}")
}

/// The page with the rates of repair, and what stands around them.
const HEALING_PAGE: &str = "docs/concepts/healing.md";
const HEALING_BEGIN: &str = "<!-- begin: written by cargo xtask bench --healing --write -->\n";
const HEALING_END: &str = "<!-- end -->";
/// The version that is compared with.
const JSON_REPAIR: &str = "json_repair==0.64.6";

/// Compares how well broken JSON is repaired.
fn healing(root: &Path, write: bool) -> Result<()> {
    setup::ensure(&[setup::C_COMPILER, setup::PYTHON])?;
    let folder = target_folder(root).join("healing-python");
    let python = folder.join("bin/python");
    if !python.exists() {
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    shell::run(Command::new(&python).args(["-m", "pip", "install", "-q", JSON_REPAIR]))?;
    shell::run(shell::cargo().current_dir(root).args(["build", "--package", "yumen-bench"]))?;
    let mut table = String::new();
    let mut command = Command::new(target_folder(root).join("debug").join("yumen-bench"));
    let passed = shell::follow(command.arg("healing").arg("--python").arg(&python), |line| {
        table.push_str(line);
        table.push('\n');
    })?;
    if !passed {
        bail!("the comparison failed");
    }
    if write {
        let page = root.join(HEALING_PAGE);
        let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let (before, rest) = text.split_once(HEALING_BEGIN).context("the page has no place for the table")?;
        let (_, after) = rest.split_once(HEALING_END).context("the page has no end of the table")?;
        std::fs::write(&page, format!("{before}{HEALING_BEGIN}\n{table}\n{HEALING_END}{after}"))?;
        println!("written: {HEALING_PAGE}");
    }
    Ok(())
}

/// Whether all was as fast as it must be, and the table.
fn measure(root: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let mut table = String::new();
    let mut command = Command::new(target_folder(root).join("release").join("yumen-bench"));
    command.current_dir(root).arg("run").args(arguments);
    let passed = shell::follow(&mut command, |line| {
        table.push_str(line);
        table.push('\n');
    })?;
    Ok((passed, table))
}

fn page_of(report: &str) -> String {
    format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench --large --write`. Yumen runs with key check, limits and records on; nginx is a\n\
         plain reverse proxy beside it, before the same fake upstream, in the same run. Yumen is built as it is released, by a\n\
         profile taken under these same rows ([0025](decisions/0025-releases-are-built-by-a-profile.md)), nginx as the distribution\n\
         builds it. Only the ratios mean something: absolute figures belong to the machine they were taken on.\n\n{}\n",
        report.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_what_criterion_prints() {
        let report = "choose/10_candidates    time:   [1.10 µs 1.20 µs 1.30 µs]\n                change: [-1% +0% +1%]\n\
                      settings/read_10000_aliases\n                        time:   [150.1 ms 151.2 ms 152.3 ms]\n";
        let missing = routing_table(report).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(missing.starts_with("no bench prints choose/10_candidates_5_rules, "), "{missing}");
        let rest = ROUTING.iter().map(|(name, ..)| format!("{name} time: [1 ns 2 ns 3 ns]\n"));
        let table = routing_table(&(rest.collect::<String>() + report)).unwrap_or_default();
        assert!(table.contains("| the order of 10 candidates | 1.20 µs | 5 µs |"), "{table}");
        assert!(table.contains("| reading 10,000 aliases | 151.2 ms | 2 s |"), "{table}");
        assert!(table.contains("| changing one of 100,000 keys | 2 ns | 1 ms |"), "{table}");
    }

    #[test]
    fn a_section_is_written_in_its_place() {
        let section = |heading| Section { heading, intro: "Intro." };
        let page = with_section("# Page\n\nTable.\n", section("One"), "1\n");
        assert_eq!(page, "# Page\n\nTable.\n\n## One\n\nIntro.\n\n1\n");
        let both = with_section(&page, section("Two"), "2\n");
        let renewed = with_section(&both, section("One"), "11\n");
        assert_eq!(renewed, both.replace("\n1\n", "\n11\n"));
    }
}
