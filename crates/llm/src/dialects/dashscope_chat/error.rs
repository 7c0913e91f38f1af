//! Errors: the code is a word, which is finer than the status and all there is in a stream.
//! <https://www.alibabacloud.com/help/en/model-studio/error-code>

use crate::dialects::fault;
use crate::ir::{ErrorFacts, ErrorKind};

/// Reads an error.
pub(super) fn read(status: u16, body: &[u8]) -> ErrorFacts {
    let facts = fault::read(status, body);
    let kind = facts.code.as_deref().and_then(kind_of);
    // A 400 may mean that an account has no money left, which another account may have.
    let finer = status <= 400;
    match kind.filter(|_| finer) {
        Some(kind) => fault::of_kind(facts, kind),
        None => facts,
    }
}

fn kind_of(code: &str) -> Option<ErrorKind> {
    const KINDS: [(&str, ErrorKind); 12] = [
        ("Throttling", ErrorKind::RateLimited),
        ("LimitRequests", ErrorKind::RateLimited),
        ("InvalidApiKey", ErrorKind::Authentication),
        ("Arrearage", ErrorKind::PaymentRequired),
        ("AccessDenied", ErrorKind::PermissionDenied),
        ("Model.AccessDenied", ErrorKind::PermissionDenied),
        ("ModelNotFound", ErrorKind::NotFound),
        ("RequestTimeOut", ErrorKind::Timeout),
        ("ServiceUnavailable", ErrorKind::Overloaded),
        ("ModelUnavailable", ErrorKind::Overloaded),
        ("InternalError", ErrorKind::Server),
        ("SystemError", ErrorKind::Server),
    ];
    let known =
        |word: &str| code == word || code.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
    let kind = KINDS.into_iter().find(|(word, _)| known(word)).map(|(_, kind)| kind);
    let asked_wrongly = ["Invalid", "BadRequest", "DataInspection", "data_inspection"];
    kind.or_else(|| {
        asked_wrongly.iter().any(|start| code.starts_with(start)).then_some(ErrorKind::InvalidRequest)
    })
}
