//! Generated pages: the configuration's schema and reference, the error codes, the classes of failures, the command line.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Arguments, Page, say};

/// Prints the JSON Schema of the configuration.
pub fn schema() -> anyhow::Result<ExitCode> {
    say(&serde_json::to_string_pretty(&yumen_config::json_schema())?);
    Ok(ExitCode::SUCCESS)
}

/// Prints one page of the reference.
pub fn page(page: Page) -> anyhow::Result<ExitCode> {
    let text = match page {
        Page::Configuration => yumen_config::reference_markdown(),
        Page::Errors => yumen_gateway::reference_markdown(),
        Page::Failures => yumen_config::failures_markdown(),
        Page::Cli => command_line(),
    };
    say(text.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn command_line() -> String {
    let mut page = String::from(
        "# Command line\n\nEvery command with its help text, as `yumen COMMAND --help` prints it.\n",
    );
    let mut root = Arguments::command();
    root.build();
    for command in root.get_subcommands_mut() {
        describe(&mut page, command, 2);
    }
    page
}

fn describe(page: &mut String, command: &mut clap::Command, level: usize) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    // Writing to a string cannot fail.
    let _ = write!(page, "\n{} `{name}`\n\n```text\n{}\n```\n", "#".repeat(level), help.trim_end());
    for nested in command.get_subcommands_mut() {
        describe(page, nested, level + 1);
    }
}
