//! Errors: numbers of four digits and more with a sentence, mostly under HTTP 200.
//! <https://www.coze.com/docs/developer_guides/coze_error_codes>

use serde::Deserialize;

use crate::dialects::fault;
use crate::dialects::read::Loose;
use crate::ir::{ErrorFacts, ErrorKind};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    code: i64,
    #[serde(borrow)]
    msg: Loose<'a>,
    last_error: Option<LastError<'a>>,
}

/// The error of a chat that has failed.
#[derive(Deserialize, Default)]
#[serde(default)]
struct LastError<'a> {
    code: i64,
    #[serde(borrow)]
    msg: Loose<'a>,
}

/// The status that the code of an answer means; none where there is no code but 0.
pub(super) fn status_within(body: &[u8]) -> Option<u16> {
    let said: Said<'_> = serde_json::from_slice(body).ok()?;
    (said.code != 0).then(|| fault::of_kind(fault::plain(0, ""), kind_of(said.code)).status)
}

/// Reads an error: an answer's, an event's, or that of a chat.
pub(super) fn read(status: u16, body: &[u8]) -> ErrorFacts {
    let Ok(said) = serde_json::from_slice::<Said<'_>>(body) else { return fault::read(status, body) };
    let (code, sentence) = match said.last_error {
        Some(error) if error.code != 0 || error.msg.text().is_some() => (error.code, error.msg),
        _ if said.code != 0 && said.msg.text().is_some() => (said.code, said.msg),
        _ => return fault::read(status, body),
    };
    let sentence = sentence.text().unwrap_or("Coze says no reason.");
    let facts = ErrorFacts { code: Some(code.to_string()), ..fault::plain(status, sentence) };
    // Other statuses than success say it themselves, but for the general one.
    if status <= 400 { fault::of_kind(facts, kind_of(code)) } else { facts }
}

fn kind_of(code: i64) -> ErrorKind {
    match code {
        4_008 | 4_009 | 4_011 | 4_019 | 4_027 | 4_028 => ErrorKind::PaymentRequired,
        4_013 | 4_014 | 4_029 => ErrorKind::RateLimited,
        4_100 | 700_012_006 => ErrorKind::Authentication,
        4_101 | 4_102 => ErrorKind::PermissionDenied,
        4_200 => ErrorKind::NotFound,
        4_000..5_000 => ErrorKind::InvalidRequest,
        _ => ErrorKind::Server,
    }
}
