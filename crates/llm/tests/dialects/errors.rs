//! Errors of every shape that upstreams send, and the shapes that clients are told in.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, ErrorFacts, ErrorKind, Tap, codec};

use crate::support::dialects;

fn facts(kind: ErrorKind, status: u16) -> ErrorFacts {
    ErrorFacts {
        status,
        kind,
        message: "Because.".into(),
        code: None,
        param: None,
        metadata: None,
        request_id: Some("gen-1".into()),
    }
}

#[test]
fn every_shape_is_read_by_every_dialect() {
    let shapes = [
        (
            400,
            r#"{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":null}}"#,
            "m",
            ErrorKind::InvalidRequest,
        ),
        (
            401,
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            "m",
            ErrorKind::Authentication,
        ),
        (
            429,
            r#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            "m",
            ErrorKind::PaymentRequired,
        ),
        (404, r#"{"error":"model 'x' not found"}"#, "model 'x' not found", ErrorKind::NotFound),
        (
            422,
            r#"{"detail":[{"type":"missing","loc":["body","messages",0,"role"],"msg":"Field required"},{"msg":"b"}]}"#,
            "messages.0.role: Field required; b",
            ErrorKind::InvalidRequest,
        ),
        (403, r#"{"detail":"Forbidden"}"#, "Forbidden", ErrorKind::PermissionDenied),
        (500, r#"{"errors":["a",{"message":"b"}]}"#, "a; b", ErrorKind::Server),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
            "Overloaded",
            ErrorKind::Overloaded,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"big"}}"#,
            "big",
            ErrorKind::PayloadTooLarge,
        ),
        (
            400,
            r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
            "too long",
            ErrorKind::InvalidRequest,
        ),
        (400, r#"{"message":"plain"}"#, "plain", ErrorKind::InvalidRequest),
        (
            400,
            r#"[{"error":{"code":400,"message":"in a list","status":"INVALID_ARGUMENT"}}]"#,
            "in a list",
            ErrorKind::InvalidRequest,
        ),
        (
            502,
            "<html>\n<h1>Bad Gateway</h1></html>\n",
            "<html>\n<h1>Bad Gateway</h1></html>",
            ErrorKind::Server,
        ),
        (504, "\"just text\"", "just text", ErrorKind::Timeout),
        (503, "", "The provider answered with status 503 and no message.", ErrorKind::Overloaded),
        (500, r#"{"weird":{"a":1}}"#, r#"{"weird":{"a":1}}"#, ErrorKind::Server),
        (402, "null", "The provider answered with status 402 and no message.", ErrorKind::PaymentRequired),
    ];
    for dialect in dialects() {
        for (status, body, message, kind) in shapes {
            let read = codec(dialect).decode_error(status, body.as_bytes());
            assert_eq!((read.message.as_str(), read.kind, read.status), (message, kind, status), "{body}");
        }
    }
    let read = codec(Dialect::AnthropicMessages).decode_error(529, shapes[7].1.as_bytes());
    assert_eq!((read.code.as_deref(), read.request_id.as_deref()), (Some("overloaded_error"), Some("req_1")));
}

#[test]
fn long_and_broken_texts_are_bounded() {
    let long = "\u{7389}".repeat(5000);
    let read = codec(Dialect::OpenAiChat).decode_error(500, long.as_bytes());
    assert!(read.message.len() <= 4096 + 3 && read.message.ends_with('…'), "{}", read.message.len());
    let read = codec(Dialect::OpenAiChat).decode_error(500, b"bad \xff bytes");
    assert_eq!(read.message, "bad \u{fffd} bytes");
}

#[test]
fn an_error_in_a_stream_has_the_status_it_would_have_had() {
    let cases = [
        (
            Dialect::AnthropicMessages,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            529,
            ErrorKind::Overloaded,
        ),
        (
            Dialect::AnthropicMessages,
            r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
            500,
            ErrorKind::Server,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"m","param":null,"sequence_number":9}"#,
            429,
            ErrorKind::RateLimited,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"error","error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"m"}}"#,
            400,
            ErrorKind::InvalidRequest,
        ),
        (
            Dialect::OpenAiResponses,
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_is_overloaded","message":"m"}}}"#,
            529,
            ErrorKind::Overloaded,
        ),
        (Dialect::OpenAiChat, r#"{"error":{"message":"m","code":429}}"#, 429, ErrorKind::RateLimited),
        (Dialect::OpenAiChat, r#"{"error":{"message":"m","type":"server_error"}}"#, 500, ErrorKind::Server),
        (
            Dialect::OpenAiChat,
            r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
            429,
            ErrorKind::RateLimited,
        ),
    ];
    for (dialect, data, status, kind) in cases {
        let mut tap = Tap::default();
        codec(dialect).tap_event(b"error", data.as_bytes(), &mut tap);
        let error = tap.error.expect("an error");
        assert_eq!((error.status, error.kind, error.message.as_str()), (status, kind, "m"), "{data}");
    }
}

#[test]
fn openai_clients_are_told_in_openais_shape() {
    let mut error = facts(ErrorKind::NotFound, 404);
    error.code = Some("model_not_found".into());
    error.param = Some("model".into());
    error.metadata = Some(json!({"near":["a"]}));
    for dialect in
        [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::OpenAiCompletions, Dialect::OpenAiEmbeddings]
    {
        let said: Value = serde_json::from_slice(&codec(dialect).encode_error(&error)).expect("JSON");
        let expected = json!({"error":{"message":"Because.","type":"invalid_request_error","param":"model","code":"model_not_found","metadata":{"near":["a"]}}});
        assert_eq!(said, expected);
    }
    let said: Value = serde_json::from_slice(
        &codec(Dialect::OpenAiChat).encode_error(&facts(ErrorKind::Authentication, 401)),
    )
    .expect("JSON");
    assert_eq!(said["error"]["code"], "invalid_api_key");
    let event = codec(Dialect::OpenAiChat).encode_error_event(&facts(ErrorKind::Server, 500));
    let event = String::from_utf8(event).expect("UTF-8");
    assert!(event.starts_with("data: {\"error\":{") && event.ends_with("}\n\ndata: [DONE]\n\n"), "{event}");
}

#[test]
fn anthropic_clients_are_told_in_anthropics_words() {
    let words = [
        (ErrorKind::InvalidRequest, "invalid_request_error"),
        (ErrorKind::Authentication, "authentication_error"),
        (ErrorKind::PermissionDenied, "permission_error"),
        (ErrorKind::NotFound, "not_found_error"),
        (ErrorKind::PayloadTooLarge, "request_too_large"),
        (ErrorKind::PaymentRequired, "billing_error"),
        (ErrorKind::RateLimited, "rate_limit_error"),
        (ErrorKind::Overloaded, "overloaded_error"),
        (ErrorKind::Timeout, "timeout_error"),
        (ErrorKind::Server, "api_error"),
    ];
    for (kind, word) in words {
        let said: Value =
            serde_json::from_slice(&codec(Dialect::AnthropicMessages).encode_error(&facts(kind, 400)))
                .expect("JSON");
        assert_eq!(
            said,
            json!({"type":"error","error":{"type":word,"message":"Because."},"request_id":"gen-1"})
        );
    }
    let event = codec(Dialect::AnthropicMessages).encode_error_event(&facts(ErrorKind::Server, 500));
    let event = String::from_utf8(event).expect("UTF-8");
    assert!(
        event.starts_with("event: error\ndata: {\"type\":\"error\"") && event.ends_with("}\n\n"),
        "{event}"
    );
}
