//! One structured line for each exchange.
//!
//! In: records. Out: one JSON object and a line feed per record, to any writer. It holds no prompt, no answer and no
//! secret because the record has none to give.

use std::io::Write;

use serde::Serialize;

use crate::{ExchangeRecord, RecordObserver};

/// Bytes gathered before they are written without waiting for the end of the batch.
const WRITE_AT_BYTES: usize = 64 * 1024;

/// What the log says about one exchange.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LogLine<'a> {
    /// When the request arrived, RFC 3339.
    pub time: String,
    pub event: &'static str,
    pub id: &'a str,
    pub key_id: Option<&'a str>,
    pub key: Option<&'a str>,
    pub dialect: &'a str,
    pub operation: &'a str,
    pub model: &'a str,
    pub model_served: Option<&'a str>,
    pub provider: Option<&'a str>,
    pub upstream_id: Option<&'a str>,
    pub status: u16,
    pub outcome: &'static str,
    pub error: Option<&'a str>,
    pub finish_reason: Option<&'a str>,
    pub streamed: bool,
    pub attempts: usize,
    /// Why attempts failed, as `provider:cause`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    pub input_tokens: u64,
    pub cached_input_tokens: u64,
    pub cache_write_tokens: u64,
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    pub token_source: &'static str,
    pub cost_nanos: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub total_us: u64,
    pub overhead_us: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub lossy: &'a [String],
}

impl<'a> From<&'a ExchangeRecord> for LogLine<'a> {
    fn from(record: &'a ExchangeRecord) -> Self {
        let failed = record.attempts.iter().filter_map(|attempt| {
            attempt.cause.as_deref().map(|cause| format!("{}:{cause}", attempt.provider))
        });
        Self {
            time: rfc3339(record.started_at_us),
            event: "exchange",
            id: &record.id,
            key_id: record.key_id.as_deref(),
            key: record.key_name.as_deref(),
            dialect: &record.dialect,
            operation: &record.operation,
            model: &record.model_requested,
            model_served: record.model_served.as_deref(),
            provider: record.provider.as_deref(),
            upstream_id: record.upstream_id.as_deref(),
            status: record.status,
            outcome: record.outcome.as_str(),
            error: record.error_code.as_deref(),
            finish_reason: record.finish_reason.as_deref(),
            streamed: record.streamed,
            attempts: record.attempts.len(),
            causes: failed.collect(),
            input_tokens: record.tokens.input,
            cached_input_tokens: record.tokens.cached_input,
            cache_write_tokens: record.tokens.cache_write,
            output_tokens: record.tokens.output,
            reasoning_tokens: record.tokens.reasoning,
            token_source: record.tokens.source.as_str(),
            cost_nanos: record.cost_nanos,
            first_byte_us: record.first_byte_us,
            total_us: record.total_us,
            overhead_us: record.overhead_us,
            lossy: &record.lossy,
        }
    }
}

/// Writes a line for each record it observes; a line is never cut between two writes of a batch.
#[derive(Debug)]
pub struct JsonLog<W> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write + Send> JsonLog<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, lines: Vec::new() }
    }

    /// Writes what was gathered. A log that cannot be written loses lines, never records: the ledger has them.
    fn write_out(&mut self) {
        let _ = self.out.write_all(&self.lines).and_then(|()| self.out.flush());
        self.lines.clear();
    }
}

impl<W: Write + Send> RecordObserver for JsonLog<W> {
    fn observe(&mut self, record: &ExchangeRecord) {
        let before = self.lines.len();
        if serde_json::to_writer(&mut self.lines, &LogLine::from(record)).is_err() {
            self.lines.truncate(before);
            return;
        }
        self.lines.push(b'\n');
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

/// A time that lies outside the calendar is shown as the number that it is.
fn rfc3339(unix_us: i64) -> String {
    match jiff::Timestamp::from_microsecond(unix_us) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => unix_us.to_string(),
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
        assert_eq!(rfc3339(i64::MAX), i64::MAX.to_string());
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    }
}
