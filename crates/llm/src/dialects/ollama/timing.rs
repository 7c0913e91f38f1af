//! When an answer was made, and how long that took.

use crate::dialects::{Stopwatch, write};

/// Writes `created_at`: seconds of the Unix epoch in the form of RFC 3339.
pub(in crate::dialects) fn write_created(unix_s: i64, out: &mut write::Object<'_>) {
    out.text("created_at", &rfc3339(unix_s));
}

/// Days are counted as in <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>: in eras of 400 years
/// that begin in March, so that the day of a leap year comes last.
fn rfc3339(unix_s: i64) -> String {
    // Beyond these years the form has no more digits.
    let unix_s = unix_s.clamp(0, 253_402_300_799);
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The times that an answer tells, in nanoseconds. Nobody says how long a model was loaded or a prompt was read: all
/// until the first content counts as the latter.
#[derive(Debug, Default)]
pub(in crate::dialects) struct Timing {
    stopwatch: Stopwatch,
    first_ns: Option<u64>,
}

impl Timing {
    pub(in crate::dialects) fn new(stopwatch: Stopwatch) -> Self {
        Self { stopwatch, first_ns: None }
    }

    /// Content has come.
    pub(super) fn content(&mut self) {
        if self.first_ns.is_none() {
            self.first_ns = self.stopwatch.elapsed_ns();
        }
    }

    /// Writes what is known of the whole.
    pub(in crate::dialects) fn write_total(&self, out: &mut write::Object<'_>) {
        if let Some(total) = self.stopwatch.elapsed_ns() {
            out.number("total_duration", total);
            out.number("load_duration", 0);
        }
    }

    /// Writes how long the prompt was read.
    pub(super) fn write_prompt(&self, out: &mut write::Object<'_>) {
        out.maybe_number("prompt_eval_duration", self.first_ns);
    }

    /// Writes how long the answer was made; clients divide by it.
    pub(super) fn write_answer(&self, out: &mut write::Object<'_>) {
        if let Some(total) = self.stopwatch.elapsed_ns() {
            out.number("eval_duration", total.saturating_sub(self.first_ns.unwrap_or(0)).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (-5, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }
}
