//! `yumen-bench`: how fast the gateway is, as ratios against a plain reverse proxy and the bare upstream.
//!
//! In: a release build of `yumen` and, beside it, nginx. Out: a table. Absolute figures mean nothing on a shared
//! machine, so everything is measured in one run, interleaved, and compared. It never leaves the loopback interface.

mod canned;
mod cli;
mod compare;
mod fill;
mod healing;
mod load;
mod samples;
mod target;
mod upstream;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            cli::say_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
