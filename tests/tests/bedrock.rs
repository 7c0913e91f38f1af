//! Amazon Bedrock over sockets: Converse with its binary streams, and Claude as other clouds serve it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Received, Reply, Upstream};
use yumen_tests::{
    CHAT, MESSAGES, SURFACES, TEXT, ask, ask_stream, chat_text, error_code, messages_text, record_of,
    whole_text,
};

/// An inference profile, by its ARN.
const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.fake-chat";

/// A gateway with one provider `one`, whose entry is this; `BASE` stands for the upstream.
async fn gateway(upstream: &Upstream, entry: &str) -> Gateway {
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  one:
{}
keys:
  - {{ name: test, secret: \"{KEY}\" }}
",
        entry.replace("BASE", &upstream.plain_base())
    );
    Gateway::start(&config).await
}

const SIGNED: &str = "    type: bedrock
    base_url: \"BASE\"
    parameters: { region: eu-central-1 }
    credentials: [ { secret: aws-secret, fields: { access_key_id: AKID1 } } ]";

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn piece(text: &str) -> String {
    event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
}

#[tokio::test]
async fn a_model_may_be_an_arn_and_every_request_is_signed() {
    let upstream = Upstream::start().await;
    let answer = json!({ "output": { "message": { "role": "assistant", "content": [{ "text": TEXT }] } },
                         "stopReason": "end_turn", "usage": { "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 } });
    upstream.script(move |request| {
        let streamed = request.path.ends_with("/converse-stream");
        let end = [event("messageStop", &json!({ "stopReason": "end_turn" })), event("metadata", &answer)];
        let events =
            [event("messageStart", &json!({ "role": "assistant" })), piece(TEXT)].into_iter().chain(end);
        Some(if streamed { Reply::binary_stream(events) } else { Reply::json(200, &answer) })
    });
    let gateway = gateway(&upstream, SIGNED).await;
    let model = format!("one/{ARN}");
    let path =
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.fake-chat";
    for (stream, verb, accept) in [
        (false, "converse", "application/json"),
        (true, "converse-stream", "application/vnd.amazon.eventstream"),
    ] {
        let body = if stream { ask_stream(&model) } else { ask(&model) };
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        let text = if stream { chat_text(&answer.events()) } else { whole_text(&answer) };
        assert_eq!(text, TEXT);
        let seen = upstream.last();
        assert_eq!((seen.path.as_str(), seen.header("accept")), (&*format!("{path}/{verb}"), accept));
        let signature = seen.header("authorization");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID1/"), "{signature}");
        assert!(signature.contains("/eu-central-1/bedrock/aws4_request, SignedHeaders="), "{signature}");
        assert!(!seen.header("x-amz-date").is_empty());
        let sent = seen.json();
        assert_eq!((sent.get("model"), sent.get("stream")), (None, None));
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(
            (&record["tokens_prompt"], &record["tokens_completion"]),
            (&json!(3), &json!(2)),
            "{record}"
        );
    }
}

#[tokio::test]
async fn an_api_key_is_sent_as_it_is() {
    let upstream = Upstream::start().await;
    let entry = "    type: bedrock-key
    base_url: \"BASE\"
    parameters: { region: us-east-1 }
    credentials: [ { secret: bedrock-api-key } ]";
    let gateway = gateway(&upstream, entry).await;
    let answer = gateway.client().post(CHAT, &ask("one/anthropic.fake-chat")).await.expect_status(200);
    assert_eq!(
        (whole_text(&answer).as_str(), upstream.last().header("authorization")),
        (TEXT, "Bearer bedrock-api-key")
    );
}

#[tokio::test]
async fn exceptions_under_a_good_status_are_errors_in_every_clients_words() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, SIGNED).await;
    let exception =
        |name: &str| format!("exception: {name}\ndata: {}\n\n", json!({ "message": "Because of Amazon." }));
    for (name, status) in [
        ("validationException", 400),
        ("internalServerException", 500),
        ("modelStreamErrorException", 500),
        ("serviceUnavailableException", 529),
        // Last: a credential that was told to wait rests.
        ("throttlingException", 429),
    ] {
        let said = exception(name);
        upstream.script(move |_| Some(Reply::binary_stream([&said])));
        let answer = gateway.client().post(CHAT, &ask_stream("one/m")).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert!(answer.text().contains("Because of Amazon."), "{name}: {}", answer.text());
    }
    let gateway = self::gateway(&upstream, SIGNED).await;
    let said = exception("modelStreamErrorException");
    upstream.script(move |_| Some(Reply::binary_stream([piece("Hello"), said.clone(), piece("never")])));
    for surface in SURFACES {
        let answer = surface.ask(&gateway.client(), "one/m", true).await.expect_status(200);
        let errors = surface.stream_errors(&answer.events());
        assert_eq!(errors, ["Because of Amazon."], "{surface:?}: {}", answer.text());
        assert!(!answer.text().contains("never"), "{surface:?}: {}", answer.text());
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed", "{record}");
    }
}

/// The bytes of a good stream.
fn stream() -> Vec<Bytes> {
    let usage = json!({ "usage": { "inputTokens": 3, "outputTokens": 2, "totalTokens": 5 } });
    let events = [
        event("messageStart", &json!({ "role": "assistant" })),
        piece("Hello"),
        piece(" there"),
        event("messageStop", &json!({ "stopReason": "end_turn" })),
        event("metadata", &usage),
    ];
    events.map(|event| Bytes::from(Reply::binary_stream([event]).bytes())).into()
}

#[tokio::test]
async fn damage_is_found_wherever_it_is_and_the_stream_may_be_cut_anywhere() {
    let upstream = Upstream::start().await;
    let good = stream();
    let gateway = gateway(&upstream, SIGNED).await;
    for size in [1, 3, 12, 13, 4096] {
        let bytes = good.concat();
        upstream.script(move |_| {
            let pieces = bytes.chunks(size).map(Bytes::copy_from_slice).collect::<Vec<_>>();
            Some(Reply::binary_stream([""]).recut(move |_| pieces.clone()))
        });
        let answer = gateway.client().post(CHAT, &ask_stream("one/m")).await.expect_status(200);
        assert_eq!(chat_text(&answer.events()), "Hello there", "pieces of {size}");
    }
    // In the lengths, in a header and in the checksum of the third message: the first words have been said by then.
    for place in [2, 20, good[2].len() - 1] {
        let mut bad = good.clone();
        let mut message = bad[2].to_vec();
        message[place] ^= 0x40;
        bad[2] = message.into();
        upstream.script(move |_| {
            let bad = bad.clone();
            Some(Reply::binary_stream([""]).recut(move |_| bad.clone()))
        });
        let answer = gateway.client().post(CHAT, &ask_stream("one/m")).await.expect_status(200);
        let events = answer.events();
        assert_eq!(chat_text(&events), "Hello", "{place}");
        let error = events.iter().find(|event| event.data.contains("\"error\"")).expect("an error").json();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("a message of the stream is damaged"), "{place}: {message}");
    }
    // A message of 4 GiB is not waited for; nothing was said yet, so that it is an answer like any other.
    let huge: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    let crc = !huge.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1)))
    });
    let huge = Bytes::from([huge, &crc.to_be_bytes()].concat());
    upstream.script(move |_| {
        let huge = huge.clone();
        Some(Reply::binary_stream([""]).recut(move |_| vec![huge.clone()]))
    });
    let answer = gateway.client().post(CHAT, &ask_stream("one/m")).await;
    assert_eq!(
        (answer.status, error_code(&answer).as_str()),
        (502, "upstream_too_large"),
        "{}",
        answer.text()
    );
}

const INVOKED: &str = "    type: bedrock
    base_url: \"BASE\"
    parameters: { region: us-east-1 }
    credentials: [ { secret: aws-secret, fields: { access_key_id: AKID1 } } ]
    dialects:
      anthropic_messages: { path: \"/model/{model}/invoke\", stream_path: \"/model/{model}/invoke-with-response-stream\" }
    quirks: [claude_on_bedrock]";

fn chunk(event: &Value) -> String {
    self::event("chunk", &json!({ "bytes": STANDARD.encode(event.to_string()), "p": "abc" }))
}

fn claudes(text: &str) -> Vec<Value> {
    vec![
        json!({ "type": "message_start", "message": { "id": "msg_bdrk_1", "type": "message", "role": "assistant",
                "model": "claude", "content": [], "stop_reason": null, "stop_sequence": null,
                "usage": { "input_tokens": 9, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                "usage": { "output_tokens": 5 } }),
        json!({ "type": "message_stop", "amazon-bedrock-invocationMetrics": { "inputTokenCount": 9 } }),
    ]
}

fn claude_on_bedrock(request: &Received) -> Option<Reply> {
    let body = request.json();
    if body.get("model").is_some()
        || body.get("stream").is_some()
        || body["anthropic_version"] != "bedrock-2023-05-31"
    {
        return Some(Reply::json(400, &json!({ "message": format!("Malformed input request: {body}") })));
    }
    if request.path.ends_with("/invoke-with-response-stream") {
        return Some(Reply::binary_stream(claudes(TEXT).iter().map(chunk)));
    }
    let answer = json!({ "id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{ "type": "text", "text": TEXT }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 9, "output_tokens": 5 } });
    Some(Reply::json(200, &answer))
}

#[tokio::test]
async fn claude_at_bedrock_is_asked_in_its_own_words_and_heard_as_events() {
    let upstream = Upstream::start().await;
    upstream.script(claude_on_bedrock);
    let gateway = gateway(&upstream, INVOKED).await;
    let model = "one/us.anthropic.claude-x:0";
    for (path, client) in [(MESSAGES, gateway.anthropic_client()), (CHAT, gateway.client())] {
        let whole = client.post(path, &ask(model)).await.expect_status(200);
        assert_eq!(whole_text(&whole), TEXT, "{path}");
        assert_eq!(upstream.last().path, "/model/us.anthropic.claude-x%3A0/invoke");
        let answer = client.post(path, &ask_stream(model)).await.expect_status(200);
        assert_eq!(answer.header("content-type"), "text/event-stream");
        let events = answer.events();
        let text = if path == CHAT { chat_text(&events) } else { messages_text(&events) };
        assert_eq!(text, TEXT, "{path}");
        assert_eq!(upstream.last().path, "/model/us.anthropic.claude-x%3A0/invoke-with-response-stream");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(
            (&record["tokens_prompt"], &record["tokens_completion"]),
            (&json!(9), &json!(5)),
            "{record}"
        );
        if path == MESSAGES {
            let told: Vec<(String, Value)> =
                events.iter().map(|event| (event.name.clone(), event.json())).collect();
            let said: Vec<(String, Value)> = claudes(TEXT)
                .into_iter()
                .map(|event| (event["type"].as_str().unwrap().to_owned(), event))
                .collect();
            assert_eq!(told, said, "the very events that Claude has said");
        }
    }
    let betas = gateway.anthropic_client().header("anthropic-beta", "context-1m-2025-08-07,other");
    betas.post(MESSAGES, &ask(model)).await.expect_status(200);
    assert_eq!(upstream.last().json()["anthropic_beta"], json!(["context-1m-2025-08-07", "other"]));
}

#[tokio::test]
async fn an_exception_ends_claudes_stream_as_anthropic_would() {
    let upstream = Upstream::start().await;
    upstream.script(|_| {
        let begun = claudes("Hello").into_iter().take(3).map(|event| chunk(&event));
        let error = "exception: throttlingException\ndata: {\"message\":\"Too fast.\"}\n\n".to_owned();
        Some(Reply::binary_stream(begun.chain([error])))
    });
    let gateway = gateway(&upstream, INVOKED).await;
    let answer = gateway.anthropic_client().post(MESSAGES, &ask_stream("one/m")).await.expect_status(200);
    let events = answer.events();
    assert_eq!(messages_text(&events), "Hello");
    let last = events.last().unwrap();
    assert_eq!(last.name, "error");
    let error = &last.json()["error"];
    assert_eq!((&error["type"], &error["message"]), (&json!("rate_limit_error"), &json!("Too fast.")));
}

#[tokio::test]
async fn claude_at_vertex_is_named_by_the_path() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let body = request.json();
        if request.path.ends_with("/models/count-tokens:rawPredict") {
            return Some(Reply::json(200, &json!({ "input_tokens": 42, "model": body["model"] })));
        }
        let good = body.get("model").is_none() && body["anthropic_version"] == "vertex-2023-10-16";
        if !good {
            return Some(Reply::json(400, &json!({ "error": { "code": 400, "message": body.to_string(), "status": "INVALID_ARGUMENT" } })));
        }
        let streamed = request.path.ends_with(":streamRawPredict");
        assert_eq!(streamed, body["stream"] == true);
        let events = claudes(TEXT).into_iter().map(|event| {
            format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
        });
        let answer = json!({ "id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [{ "type": "text", "text": TEXT }], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 9, "output_tokens": 5 } });
        Some(if streamed { Reply::stream(events) } else { Reply::json(200, &answer) })
    });
    let entry = "    type: vertex-anthropic
    base_url: \"BASE\"
    auth: { scheme: bearer }
    parameters: { project: my-project, region: europe-west1 }
    credentials: [ { secret: a-token } ]";
    let gateway = gateway(&upstream, entry).await;
    let place = "/v1/projects/my-project/locations/europe-west1/publishers/anthropic/models";
    let model = "one/claude-x@20250929";
    for (path, client) in [(MESSAGES, gateway.anthropic_client()), (CHAT, gateway.client())] {
        assert_eq!(whole_text(&client.post(path, &ask(model)).await.expect_status(200)), TEXT, "{path}");
        assert_eq!(upstream.last().path, format!("{place}/claude-x%4020250929:rawPredict"));
        let events = client.post(path, &ask_stream(model)).await.expect_status(200).events();
        let text = if path == CHAT { chat_text(&events) } else { messages_text(&events) };
        assert_eq!(text, TEXT, "{path}");
        assert_eq!(upstream.last().path, format!("{place}/claude-x%4020250929:streamRawPredict"));
    }
    let count = json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }] });
    let counted =
        gateway.anthropic_client().post("/v1/messages/count_tokens", &count).await.expect_status(200);
    assert_eq!(counted.json()["input_tokens"], 42);
    assert_eq!(upstream.last().path, format!("{place}/count-tokens:rawPredict"));
    assert_eq!(upstream.last().json()["model"], "claude-x@20250929");
}
