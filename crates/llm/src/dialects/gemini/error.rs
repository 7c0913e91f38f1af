//! Errors in Google's shape.

use serde_json::Value;

use crate::dialects::{fault, write};
use crate::ir::{ErrorFacts, ErrorKind};

/// Where Google's types of details live.
const RPC: &str = "type.googleapis.com/google.rpc.";

/// The body `{"error":{…}}`.
pub(in crate::dialects) fn encode(error: &ErrorFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    write::object(&mut out, |body| {
        body.object("error", |object| {
            object.number("code", error.status);
            object.text("message", &error.message);
            let status = status_word(error);
            object.text("status", status);
            write_details(error, status, object);
        });
    });
    out
}

/// A data event whose `error` key makes client libraries raise; nothing follows it.
pub(in crate::dialects) fn encode_event(error: &ErrorFacts) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    out.append(&mut encode(error));
    out.extend_from_slice(b"\n\n");
    out
}

/// The upstream's own word, when it is one of Google's, or the one for the class.
fn status_word(error: &ErrorFacts) -> &str {
    error.code.as_deref().filter(|code| fault::is_google_word(code)).unwrap_or(match error.kind {
        ErrorKind::InvalidRequest | ErrorKind::PayloadTooLarge => "INVALID_ARGUMENT",
        ErrorKind::Authentication => "UNAUTHENTICATED",
        ErrorKind::PermissionDenied => "PERMISSION_DENIED",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::PaymentRequired => "FAILED_PRECONDITION",
        ErrorKind::RateLimited => "RESOURCE_EXHAUSTED",
        ErrorKind::Overloaded => "UNAVAILABLE",
        ErrorKind::Timeout => "DEADLINE_EXCEEDED",
        ErrorKind::Server => "INTERNAL",
    })
}

/// What Google would say in details: the upstream's own, the code, the field at fault, the id of the exchange.
fn write_details(error: &ErrorFacts, status: &str, out: &mut write::Object<'_>) {
    let details = error.metadata.as_ref().and_then(|metadata| metadata.get("details")?.as_array());
    let code = error.code.as_deref().filter(|code| *code != status);
    // What the upstream said in details holds code and field already, and a number is no reason.
    let code = code.filter(|code| details.is_none() && code.parse::<u32>().is_err());
    let param = error.param.as_deref().filter(|_| details.is_none());
    if details.is_none() && code.is_none() && param.is_none() && error.request_id.is_none() {
        return;
    }
    out.list("details", |list| {
        details.into_iter().flatten().filter(|detail| detail.is_object()).for_each(|detail: &Value| {
            list.raw(&detail.to_string());
        });
        let mut detail = |kind: &str, fill: &dyn Fn(&mut write::Object<'_>)| {
            list.object(|object| {
                object.text("@type", &format!("{RPC}{kind}"));
                fill(object);
            });
        };
        if let Some(code) = code {
            detail("ErrorInfo", &|object| object.text("reason", code));
        }
        if let Some(param) = param {
            detail("BadRequest", &|object| {
                object.list("fieldViolations", |list| {
                    list.object(|violation| {
                        violation.text("field", param);
                        violation.text("description", &error.message);
                    });
                });
            });
        }
        if let Some(id) = &error.request_id {
            detail("RequestInfo", &|object| object.text("requestId", id));
        }
    });
}
