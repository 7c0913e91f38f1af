//! One structured line for each exchange.
//!
//! In: records. Out: one JSON object and a line feed per record, to any writer. It holds no prompt, no answer and no
//! secret because the record has none to give.

use std::fmt::Write as _;
use std::io::Write;

use crate::json::Object;
use crate::{AttemptRecord, ExchangeRecord, RecordObserver};

/// Bytes gathered before they are written without waiting for the end of the batch.
const WRITE_AT_BYTES: usize = 64 * 1024;

/// What the log says about one exchange: `time` (RFC 3339), the record's fields, and why attempts failed as
/// `provider:cause`.
fn write_line(record: &ExchangeRecord, time: &str, out: &mut String) {
    let mut line = Object::begin(out);
    line.text("time", time);
    line.text("event", "exchange");
    line.text("id", &record.id);
    line.optional_text("key_id", record.key_id.as_deref());
    line.optional_text("key", record.key_name.as_deref());
    line.text("dialect", &record.dialect);
    line.text("operation", &record.operation);
    line.text("model", &record.model_requested);
    line.optional_text("model_served", record.model_served.as_deref());
    line.optional_text("provider", record.provider.as_deref());
    line.optional_text("upstream_id", record.upstream_id.as_deref());
    line.number("status", record.status.into());
    line.text("outcome", record.outcome.as_str());
    line.optional_text("error", record.error_code.as_deref());
    line.optional_text("finish_reason", record.finish_reason.as_deref());
    line.truth("streamed", record.streamed);
    line.number("attempts", record.attempts.len() as u64);
    let failed =
        |attempt: &AttemptRecord| Some(format!("{}:{}", attempt.provider, attempt.cause.as_deref()?));
    if record.attempts.iter().any(|attempt| attempt.cause.is_some()) {
        line.texts("causes", record.attempts.iter().filter_map(failed));
    }
    let tokens = &record.tokens;
    line.number("input_tokens", tokens.input);
    line.number("cached_input_tokens", tokens.cached_input);
    line.number("cache_write_tokens", tokens.cache_write);
    line.number("output_tokens", tokens.output);
    line.number("reasoning_tokens", tokens.reasoning);
    line.text("token_source", tokens.source.as_str());
    for (name, count) in record.units.all().into_iter().filter(|(_, count)| count.is_some()) {
        line.optional_number(name, count);
    }
    line.optional_number("cost_nanos", record.cost_nanos);
    line.optional_number("first_byte_us", record.first_byte_us);
    line.number("total_us", record.total_us);
    line.number("overhead_us", record.overhead_us);
    if !record.lossy.is_empty() {
        line.texts("lossy", &record.lossy);
    }
    if let Some(heal) = &record.heal {
        line.text("heal", heal.status.as_str());
        line.number("heal_edits", heal.count);
    }
    if let Some(shadow) = &record.shadow {
        line.text("shadow_of", &shadow.of);
    }
    line.end();
    out.push('\n');
}

/// Writes a line for each record it observes; a line is never cut between two writes of a batch.
#[derive(Debug)]
pub struct JsonLog<W> {
    out: W,
    lines: String,
    clock: Clock,
}

impl<W: Write + Send> JsonLog<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, lines: String::new(), clock: Clock::default() }
    }

    /// Writes what was gathered. A log that cannot be written loses lines, never records: the ledger has them.
    fn write_out(&mut self) {
        let _ = self.out.write_all(self.lines.as_bytes()).and_then(|()| self.out.flush());
        self.lines.clear();
    }
}

impl<W: Write + Send> RecordObserver for JsonLog<W> {
    fn observe(&mut self, record: &ExchangeRecord) {
        self.clock.set(record.started_at_us);
        write_line(record, &self.clock.shown, &mut self.lines);
        if self.lines.len() >= WRITE_AT_BYTES {
            self.write_out();
        }
    }

    fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.write_out();
        }
    }
}

/// Shows times by RFC 3339 with their microseconds; many exchanges begin in the same second.
#[derive(Debug, Default)]
struct Clock {
    second: Option<i64>,
    shown: String,
}

impl Clock {
    /// Bytes of `2025-11-20T02:40:00`.
    const SECOND_BYTES: usize = 19;

    /// A time that lies outside the calendar is shown as the number that it is.
    fn set(&mut self, unix_us: i64) {
        let (second, micros) = (unix_us.div_euclid(1_000_000), unix_us.rem_euclid(1_000_000));
        if self.second != Some(second) {
            self.shown.clear();
            let Ok(time) = jiff::Timestamp::from_second(second) else {
                self.second = None;
                self.shown = unix_us.to_string();
                return;
            };
            let _ = write!(self.shown, "{time:.0}");
            // Years of more than four digits have no such form.
            self.second = (self.shown.len() == Self::SECOND_BYTES + 1).then_some(second);
        }
        if self.second.is_some() {
            self.shown.truncate(Self::SECOND_BYTES);
            let _ = write!(self.shown, ".{micros:06}Z");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{completed, refused};

    #[test]
    fn one_json_object_per_line() {
        let mut log = JsonLog::new(Vec::new());
        let mut odd = refused("gen-2");
        odd.model_requested = "a\nb\"c\u{2028}\u{0}".into();
        log.observe(&completed("gen-1"));
        log.observe(&odd);
        assert!(log.out.is_empty(), "nothing is written before the batch ends");
        log.flush();
        let text = String::from_utf8(log.out).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["id"], "gen-1");
        assert_eq!(lines[0]["time"], "2025-11-20T02:40:00.123456Z");
        assert_eq!(lines[0]["outcome"], "completed");
        assert_eq!(lines[0]["input_tokens"], 120);
        assert_eq!(lines[0]["causes"], serde_json::json!(["groq:rate_limited"]));
        assert_eq!(lines[1]["error"], "invalid_api_key");
        assert_eq!(lines[1]["model"], "a\nb\"c\u{2028}\u{0}");
        assert!(lines[1].get("causes").is_none());
    }

    #[test]
    fn a_broken_writer_is_survived() {
        struct Broken;
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut log = JsonLog::new(Broken);
        for turn in 0..2000 {
            log.observe(&completed(&format!("gen-{turn}")));
        }
        log.flush();
        assert!(log.lines.is_empty() && log.lines.capacity() < 4 * WRITE_AT_BYTES);
    }

    #[test]
    fn a_time_outside_the_calendar_is_a_number() {
        let mut clock = Clock::default();
        for (unix_us, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999_999, "1970-01-01T00:00:00.999999Z"),
            (1_000_001, "1970-01-01T00:00:01.000001Z"),
            (i64::MAX, "9223372036854775807"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MIN, "-9223372036854775808"),
        ] {
            clock.set(unix_us);
            assert_eq!(clock.shown, shown);
        }
    }
}
