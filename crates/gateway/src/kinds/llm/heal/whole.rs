//! Repair of whole answers: in their own bytes, or between the reading of one dialect and the writing of the other.

use bytes::Bytes;
use yumen_llm::dialects::{Dialect, End, texts};
use yumen_llm::heal::{Healed, Purpose, Report, Status, heal};
use yumen_llm::ir::{Answer, Content, FinishReason};
use yumen_llm::json::decode_text;
use yumen_telemetry::HealRecord;

use super::tally::Tally;
use super::wish::Healing;

/// Repairs one text; nothing where it stays as it is.
fn repaired(
    text: &str,
    is_arguments: bool,
    is_cut: bool,
    healing: &Healing,
    tally: &mut Tally,
) -> Option<String> {
    let purpose = if is_arguments { Purpose::Arguments } else { Purpose::Answer };
    let Healed { text, mut report } = heal(text, purpose, healing.max_depth);
    if !is_arguments {
        tally.judge(&text, healing);
    }
    if is_cut && is_arguments && report.status == Status::Healed {
        // Half of what a tool was to do must not be done.
        report = Report { status: Status::Failed, ..report };
        tally.add(&report);
        return None;
    }
    tally.add(&report);
    (report.status == Status::Healed).then(|| text.into_owned())
}

/// Repairs the texts of an answer in its own bytes.
pub fn heal_body(dialect: Dialect, said: &Bytes, healing: &Healing) -> (Bytes, HealRecord) {
    let (mut tally, mut out, mut copied) = (Tally::default(), Vec::new(), 0);
    let found = texts(dialect, said);
    for span in found.spans {
        let wanted = if span.text.is_arguments { healing.arguments } else { healing.text };
        let Some(string) = said.get(span.at.clone()).filter(|_| wanted) else { continue };
        let is_cut = found.ends.contains(&End::Choice(span.text.choice, true));
        let text = decode_text(string);
        if let Some(text) = repaired(&text, span.text.is_arguments, is_cut, healing, &mut tally) {
            out.extend_from_slice(said.get(copied..span.at.start).unwrap_or_default());
            out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
            copied = span.at.end;
        }
    }
    let record = tally.record().clone();
    if copied == 0 {
        return (said.clone(), record);
    }
    out.extend_from_slice(said.get(copied..).unwrap_or_default());
    (out.into(), record)
}

/// Repairs the texts of an answer that is said anew.
pub fn heal_answer(answer: &mut Answer, healing: &Healing) -> HealRecord {
    let mut tally = Tally::default();
    for choice in &mut answer.choices {
        let reason = choice.finish.as_ref().map(|finish| finish.reason);
        let is_cut = matches!(reason, Some(FinishReason::Length | FinishReason::ContextWindow));
        for part in &mut choice.parts {
            let (text, is_arguments) = match &mut part.content {
                Content::Text(text) if healing.text => (text, false),
                Content::ToolCall { arguments, .. } if healing.arguments => (arguments, true),
                _ => continue,
            };
            if let Some(healed) = repaired(text, is_arguments, is_cut, healing, &mut tally) {
                *text = healed;
            }
        }
    }
    tally.record().clone()
}
