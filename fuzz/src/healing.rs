//! The target of the repairer of broken JSON.

use yumen_llm::heal::{Healer, Purpose, Status, heal, is_json};

const DEPTH: usize = 32;

/// Valid JSON is left alone; what is called healed is valid; pieces change nothing; steps stay in proportion.
pub(crate) fn healing(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let is_valid = is_json(&text);
    for purpose in [Purpose::Answer, Purpose::Arguments] {
        let whole = heal(&text, purpose, DEPTH);
        match whole.report.status {
            Status::Healed => assert!(is_json(&whole.text), "called healed: {}", whole.text),
            Status::Valid | Status::Failed => assert_eq!(whole.text, text, "left alone"),
        }
        assert!(!is_valid || whole.report.status == Status::Valid);
        let (one, report) = streamed(&text, purpose, usize::MAX);
        for size in [1, 3, 17] {
            assert_eq!(streamed(&text, purpose, size).0, one, "pieces of {size}");
        }
        if report.status == Status::Healed {
            assert!(is_json(&one), "called healed: {one}");
        }
    }
}

fn streamed(text: &str, purpose: Purpose, size: usize) -> (String, yumen_llm::heal::Report) {
    let (mut healer, mut out, mut rest) = (Healer::new(purpose, DEPTH), String::new(), text);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_checked(rest.ceil_char_boundary(size)).unwrap_or((rest, ""));
        healer.push(piece, &mut out);
        rest = after;
    }
    let report = healer.finish(&mut out);
    // Words with a single character between them are looked ahead over most: some 34 steps for each byte, at any length.
    assert!(healer.steps() <= 64 + 48 * text.len() as u64 || size < 512, "{} steps", healer.steps());
    (out, report)
}
