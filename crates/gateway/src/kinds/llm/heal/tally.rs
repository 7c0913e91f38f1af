//! What was done to all texts of an answer, as one status and one list.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use memchr::memmem;
use yumen_llm::heal::{Report, Status, follows};
use yumen_llm::json::{Edit, scan_object, splice};
use yumen_telemetry::{HEAL_EDITS_MOST, HealEdit, HealRecord, HealStatus};

use super::wish::Healing;

/// The member of an answer that says what came of it.
const MEMBER: &str = "heal_status";
/// Longer texts are not judged by a schema.
const JUDGED_MOST: usize = 1 << 20;
const HEADER: HeaderName = HeaderName::from_static("x-yumen-heal-status");

/// The header of an answer; of one that is still to come only that it is looked at.
pub fn header(record: Option<&HealRecord>) -> (HeaderName, HeaderValue) {
    (HEADER, HeaderValue::from_static(record.map_or("on", |record| record.status.as_str())))
}

/// A text that is gathered to be judged at its end, as far as it will be.
pub(super) fn gather(all: &mut Option<String>, piece: &str) {
    if let Some(text) = all.as_mut().filter(|text| text.len() <= JUDGED_MOST) {
        text.push_str(piece);
    }
}

/// Gathers reports.
#[derive(Debug, Default)]
pub(super) struct Tally {
    record: HealRecord,
    /// Whether a text has been judged by a schema.
    judged: bool,
}

impl Tally {
    pub(super) fn add(&mut self, report: &Report) {
        let status = match report.status {
            Status::Valid => HealStatus::Skipped,
            Status::Healed => HealStatus::Healed,
            Status::Failed => HealStatus::Failed,
        };
        // One text that could not be repaired is what counts.
        self.record.status = match (self.record.status, status) {
            (HealStatus::Failed, _) | (_, HealStatus::Failed) => HealStatus::Failed,
            (HealStatus::Healed, _) | (_, HealStatus::Healed) => HealStatus::Healed,
            _ => HealStatus::Skipped,
        };
        self.record.cut_off |= report.cut_off;
        self.record.count += report.count as u64;
        let room = HEAL_EDITS_MOST.saturating_sub(self.record.edits.len());
        self.record.edits.extend(
            report
                .edits
                .iter()
                .take(room)
                .map(|edit| HealEdit { position: edit.position as u64, kind: edit.kind.as_str().to_owned() }),
        );
    }

    /// Judges a text by the schema that was asked for.
    pub(super) fn judge(&mut self, text: &str, healing: &Healing) {
        let Some(schema) = healing.schema.as_deref() else { return };
        let verdict = match serde_json::from_str(text) {
            _ if text.len() > JUDGED_MOST => None,
            Ok(value) => follows(schema, &value),
            Err(_) => Some(false),
        };
        let before = std::mem::replace(&mut self.judged, true).then_some(self.record.schema_valid);
        // Of several texts all have to follow it.
        self.record.schema_valid = match (before, verdict) {
            (None, verdict) => verdict,
            (Some(Some(false)), _) | (_, Some(false)) => Some(false),
            (Some(Some(true)), Some(true)) => Some(true),
            _ => None,
        };
    }

    pub(super) fn record(&self) -> &HealRecord {
        &self.record
    }
}

/// A whole answer with its status as a member; as it is where it is no object.
pub fn with_status(told: Bytes, status: HealStatus) -> Bytes {
    let Ok(object) = scan_object(&told, usize::MAX) else { return told };
    let value = Bytes::from(format!("\"{}\"", status.as_str()));
    splice(&told, &object, &[Edit::Set { name: MEMBER, value }]).concat().into()
}

/// Chunks as our own encoder writes them, the one that ends an answer with its status.
pub(super) fn chunks_with_status(said: &[u8], status: HealStatus) -> Option<Vec<u8>> {
    let reason = memmem::find(said, br#""finish_reason":""#)?;
    let (before, rest) = said.split_at_checked(reason)?;
    let (chunk, after) = rest.split_at_checked(memmem::find(rest, b"}\n\n")?)?;
    let member = format!(",\"{MEMBER}\":\"{}\"", status.as_str());
    Some([before, chunk, member.as_bytes(), after].concat())
}

/// The same of one chunk's payload.
pub(super) fn payload_with_status(data: &[u8], status: HealStatus) -> Option<Vec<u8>> {
    let chunk = data.trim_ascii_end().strip_suffix(b"}")?;
    let member = format!(",\"{MEMBER}\":\"{}\"}}", status.as_str());
    Some([chunk, member.as_bytes()].concat())
}
