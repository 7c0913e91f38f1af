//! Measuring a piece of work: the shortest of its times, and the instructions that it takes.
//!
//! In: the work, or arguments with which this program does it once. Out: nanoseconds, which belong to the machine and its
//! hour, and instructions as callgrind counts them, which machines have in common.

use std::process::Command;
use std::time::{Duration, Instant};

/// How long a piece of work is repeated, and how often at least.
const TRY: Duration = Duration::from_millis(200);
const TIMES_LEAST: u32 = 10;

/// The shortest time of many, in nanoseconds, or where other programs are in the way the processor's time for one of them,
/// if that is less. `work` is done once before it counts.
pub fn shortest_ns(mut work: impl FnMut()) -> u64 {
    work();
    let (began, used) = (Instant::now(), processor_ns());
    let (mut shortest, mut times) = (Duration::MAX, 0);
    while began.elapsed() < TRY || times < TIMES_LEAST {
        let one = Instant::now();
        work();
        shortest = shortest.min(one.elapsed());
        times += 1;
    }
    let shortest = u64::try_from(shortest.as_nanos()).unwrap_or(u64::MAX);
    let used = processor_ns().zip(used).map(|(now, before)| (now - before) / u64::from(times));
    used.map_or(shortest, |used| used.min(shortest))
}

/// The processor's time for a piece of work that is done once, in nanoseconds; where the system does not tell, all of the time.
#[allow(dead_code, reason = "not every bench does a thing once")]
pub fn once_ns(work: impl FnOnce()) -> u64 {
    let (began, used) = (Instant::now(), processor_ns());
    work();
    let passed = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    processor_ns().zip(used).map_or(passed, |(now, before)| now - before)
}

/// What this thread has had of a processor so far, where the system tells.
fn processor_ns() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse().ok()
}

/// The instructions of this program with such arguments; none where there is no valgrind.
pub fn instructions(arguments: &[&str]) -> Option<u64> {
    let this = std::env::current_exe().ok()?;
    let out = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let said = Command::new("valgrind").args(out).arg(this).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.trim().parse().ok()
}
