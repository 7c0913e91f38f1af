//! The binary: command line, files, environment, wiring, signals. The only composition root: what other rooms may
//! not read or start, this one reads and starts for them.

mod catalogue;
mod chat;
mod cli;
mod explain;
mod first_run;
mod forget;
mod health_file;
mod keys;
mod list;
mod logging;
mod moments;
mod presets;
mod reference;
mod reload;
mod serve;
mod settings;
mod shadow;
mod simulate;
mod status;
mod usage;
mod vitals;

use std::process::ExitCode;

use clap::Parser as _;

/// Why this one: docs/decisions/0005-the-allocator.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            cli::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: cli::Command) -> anyhow::Result<ExitCode> {
    use cli::Command;
    match command {
        Command::Serve(options) => serve::run(&options),
        Command::Check { file, providers_dir, data_dir } => {
            settings::check(&file, settings::Folders { providers_dir, data_dir })
        }
        Command::Keys { store, command } => keys::run(&store, command),
        Command::Presets { store, command } => presets::run(&store, command),
        Command::Usage(options) => usage::run(&options),
        Command::Shadow(options) => shadow::run(&options),
        Command::Models(options) => list::models(&options),
        Command::Providers { settings, json } => list::providers(&settings, json),
        Command::Route(options) => explain::route(&options),
        Command::Explain(options) => explain::exchange(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Catalogue { data_dir, command } => catalogue::run(&data_dir, &command),
        Command::Chat(options) => chat::run(&options),
        Command::Schema => reference::schema(),
        Command::Reference { page } => reference::page(page),
    }
}
