//! Runs fuzz targets for a time: `cargo run --release -p yumen-fuzz -- <target|all> --seconds N --seed S`.
//!
//! In: the arguments. Out: one line per target; an input that broke a target is kept in `artifacts/<target>`,
//! and the run fails.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{fs, panic};

use yumen_fuzz::{Broken, TARGETS, Target, folder, fuzz};

struct Plan {
    targets: Vec<Target>,
    seconds: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        let _ =
            writeln!(io::stderr(), "usage: yumen-fuzz [all|{}] [--seconds N] [--seed S]", names.join("|"));
        return ExitCode::from(2);
    };
    // A broken target is reported below, with its input.
    panic::set_hook(Box::new(|_| {}));
    let mut status = ExitCode::SUCCESS;
    for target in &plan.targets {
        let report = match run(target, &plan) {
            Ok(Ok(executions)) => format!("{}: {executions} executions, seed {}", target.name, plan.seed),
            Ok(Err(broken)) => {
                status = ExitCode::FAILURE;
                keep(target, &broken)
                    .unwrap_or_else(|error| format!("{}: {}: {error}", target.name, broken.message))
            }
            Err(error) => {
                status = ExitCode::FAILURE;
                format!("{}: {error}", target.name)
            }
        };
        let _ = writeln!(io::stdout(), "{report}");
    }
    status
}

fn plan(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan { targets: TARGETS.to_vec(), seconds: 10, seed: 1 };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "all" => {}
            "--seconds" => plan.seconds = arguments.next()?.parse().ok()?,
            "--seed" => plan.seed = arguments.next()?.parse().ok()?,
            name => plan.targets = vec![*TARGETS.iter().find(|target| target.name == name)?],
        }
    }
    Some(plan)
}

fn run(target: &Target, plan: &Plan) -> io::Result<Result<u64, Broken>> {
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    fuzz(target, plan.seed, |_| Instant::now() < until)
}

/// Writes the input to a file; what to say of it.
fn keep(target: &Target, broken: &Broken) -> io::Result<String> {
    let folder = folder("artifacts").join(target.name);
    fs::create_dir_all(&folder)?;
    let number = fs::read_dir(&folder)?.count();
    let path = folder.join(format!("{number:04}"));
    fs::write(&path, &broken.input)?;
    Ok(format!("{}: BROKEN: {}\n  the input is in {}", target.name, broken.message, path.display()))
}
