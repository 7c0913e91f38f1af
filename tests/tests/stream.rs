//! Streams on the way through: the pitfalls of server-sent events, cancellation, time-outs and late errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::time::Duration;

use serde_json::json;
use yumen_testkit::{Answer, Gateway, PATIENCE, Reply, Step, Upstream, eventually, standard_config};
use yumen_tests::{
    CHAT, PROVIDERS, SURFACES, Surface, TEXT, ask, ask_stream, chat_text, combinations, pair, record_of,
};

#[tokio::test]
async fn every_spelling_of_an_upstream_reads_the_same() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for model in [
            "fake-chat",
            "fake-crlf",
            "fake-cr",
            "fake-no-space",
            "fake-comments",
            "fake-fields",
            "fake-byte-by-byte",
            "fake-bundled",
            "fake-heartbeat",
            "fake-gzip",
            "fake-no-final-blank",
        ] {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/{model}"), true).await;
            assert_eq!(
                surface.stream_text(&answer.expect_status(200).events()),
                TEXT,
                "{surface:?} {provider}/{model}"
            );
        }
    }
}

/// Google's libraries fail at everything else that the standard allows.
#[tokio::test]
async fn googles_clients_are_sent_nothing_but_data_lines() {
    let (_upstream, gateway) = pair().await;
    for provider in PROVIDERS {
        for model in
            ["fake-comments", "fake-fields", "fake-no-space", "fake-heartbeat", "fake-no-final-blank"]
        {
            let answer = Surface::Gemini.ask(&gateway.client(), &format!("{provider}/{model}"), true).await;
            let text = answer.expect_status(200).text();
            let strange = text.lines().find(|line| !line.is_empty() && !line.starts_with("data: {"));
            assert_eq!(strange, None, "{provider}/{model}: {text}");
        }
    }
}

#[tokio::test]
async fn pitfall_07_a_missing_done_is_made_up_for() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-no-done"), true).await;
        assert_eq!(surface.stream_text(&answer.expect_status(200).events()), TEXT, "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn pitfall_09_compressed_streams_are_decoded_as_they_come() {
    for (surface, provider) in combinations() {
        let (upstream, gateway) = pair().await;
        let mut stream = surface.open(&gateway.client(), &format!("{provider}/fake-gated-gzip")).await;
        assert!(!stream.headers.contains_key("content-encoding"), "this client has not offered to decode");
        let first = stream.next_event().await.expect("an event before the gate opens");
        upstream.open_gate();
        let mut events = vec![first];
        while let Some(event) = stream.next_event().await {
            events.push(event);
        }
        assert_eq!(surface.stream_text(&events), TEXT, "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn pitfall_10_no_stale_length_or_encoding() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for model in ["fake-gzip", "fake-chat"] {
            let answer = surface
                .ask(&gateway.client(), &format!("{provider}/{model}"), false)
                .await
                .expect_status(200);
            assert_eq!(answer.header("content-encoding"), "");
            assert_eq!(surface.text(&answer), TEXT, "{surface:?} {provider}/{model}");
            if !answer.header("content-length").is_empty() {
                assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            }
        }
    }
}

#[tokio::test]
async fn pitfall_12_events_larger_than_a_mebibyte_pass() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-big-event"), true).await;
        let text = surface.stream_text(&answer.expect_status(200).events());
        assert_eq!(text.len(), 2 * 1024 * 1024, "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn pitfall_12_events_beyond_the_limit_end_the_stream_with_an_error() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace("gateway: {", "gateway: { max_event_bytes: 65536,");
    let gateway = Gateway::start(&config).await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-big-event"), true).await;
        assert!(answer.body.len() < 200_000, "{surface:?} {provider}: {} bytes", answer.body.len());
        // What comes before any content is refused as a whole.
        let told = if answer.status == 200 { surface.stream_errors(&answer.events()).len() } else { 1 };
        assert_eq!(told, 1, "{surface:?} {provider}: {}", answer.text());
        assert!(
            answer.text().contains("larger than 65536 bytes"),
            "{surface:?} {provider}: {}",
            answer.text()
        );
    }
    upstream.until("no answer left open", |counts| counts.open == 0).await;
}

/// A beginning with content, and the sign of life that an upstream at this path gives.
fn begun(path: &str) -> (&'static str, &'static str) {
    match path {
        "/v1/chat/completions" => (
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n",
            ": still here\n\n",
        ),
        "/v1/messages" => (
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        ),
        "/v1/responses" => (
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"m\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\",\"logprobs\":[]}\n\n",
            "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":3}\n\n",
        ),
        // One line says something, the other nothing yet.
        "/api/chat" => (
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"done\":false}\n",
            "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":false}\n",
        ),
        // Google's own service gives none; what stands before it does.
        _ => (
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"m\",\"responseId\":\"r\"}\r\n\r\n",
            ": still here\r\n\r\n",
        ),
    }
}

#[tokio::test]
async fn pitfall_13_events_and_keep_alives_are_sent_on_at_once() {
    let (upstream, gateway) = pair().await;
    // Amazon's messages know no sign of life.
    for (surface, provider) in combinations().filter(|(_, provider)| *provider != "fake-bedrock") {
        upstream.close_gate();
        upstream.script(|request| {
            let (content, alive) = begun(&request.path);
            let in_lines = request.path == "/api/chat";
            let reply =
                if in_lines { Reply::lines([content, alive]) } else { Reply::stream([content, alive]) };
            Some(reply.insert(1, Step::Gate).insert(3, Step::Hang))
        });
        let mut stream = surface.open(&gateway.client(), &format!("{provider}/fake-chat")).await;
        loop {
            let event = stream.next_event().await.expect("the content before the gate opens");
            if event.data.contains("Hello") {
                break;
            }
        }
        assert!(!stream.has_event_within(Duration::from_millis(20)).await, "nothing more was sent yet");
        upstream.open_gate();
        assert!(
            stream.has_event_within(PATIENCE).await,
            "{surface:?} {provider}: the sign of life was swallowed"
        );
        drop(stream);
        upstream.until("the end", |counts| counts.open == 0).await;
    }
}

#[tokio::test]
async fn a_silent_upstream_is_bridged_by_comments_where_clients_read_them() {
    // Lines have no comments; those that are said anew are given one that says nothing.
    let silent = (Surface::Ollama, "fake-ollama");
    for (surface, provider) in combinations().filter(|combination| *combination != silent) {
        let upstream = Upstream::start().await;
        let config = standard_config(&upstream).replace("gateway: {", "gateway: { stream_comments_ms: 5,");
        let gateway = Gateway::start(&config).await;
        let mut stream = surface.open(&gateway.client(), &format!("{provider}/fake-gated")).await;
        let reads_comments = !matches!(surface, Surface::Ollama | Surface::Gemini);
        let (mut events, mut alive, mut has_begun) = (Vec::new(), 0, false);
        while alive < 2 {
            let event = stream.next_event().await.expect("a sign of life before the gate opens");
            let is_comment = event.comments.iter().any(|comment| comment == "keep-alive");
            let says_nothing =
                ["\"text\":\"\"", "\"content\":\"\""].iter().any(|empty| event.data.contains(empty));
            has_begun |= event.data.contains("Hello");
            alive += usize::from(has_begun && if reads_comments { is_comment } else { says_nothing });
            assert!(reads_comments || !is_comment, "{surface:?} {provider}");
            events.push(event);
        }
        upstream.open_gate();
        while let Some(event) = stream.next_event().await {
            events.push(event);
        }
        assert_eq!(surface.stream_text(&events), TEXT, "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn pitfall_15_a_refused_stream_answers_in_json() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for status in [400, 401, 404, 500] {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-{status}"), true).await;
            assert!(
                answer.header("content-type").starts_with("application/json"),
                "{surface:?} {provider} {status}"
            );
            if status != 401 {
                assert_eq!(answer.status, status, "{surface:?} {provider}");
                let message = surface.error_message(&answer.json());
                assert!(message.contains(&format!("fake upstream says {status}")), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn pitfall_16_late_errors_are_said_in_the_clients_dialect() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for model in ["fake-error-event", "fake-cut-mid-stream"] {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/{model}"), true).await;
            let events = answer.expect_status(200).events();
            let what = format!("{surface:?} {provider}/{model}: {events:?}");
            let errors = surface.stream_errors(&events);
            assert_eq!(errors.len(), 1, "{what}");
            assert!(!errors[0].is_empty(), "{what}");
            if surface != Surface::Chat {
                assert!(!events.iter().any(|event| surface.is_end(event)), "{what}");
            }
            if model == "fake-error-event" {
                assert!(errors[0].contains("fake upstream broke down"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn pitfall_20_a_client_that_leaves_frees_everything() {
    let upstream = Upstream::start().await;
    let one = standard_config(&upstream).replace("models: [\"*\"] }", "models: [\"*\"], concurrency: 1 }");
    let gateway = Gateway::start(&one).await;
    for (surface, provider) in combinations() {
        let aborted = upstream.counts().aborted;
        let mut stream = surface.open(&gateway.client(), &format!("{provider}/fake-hold")).await;
        let id = stream.headers["x-generation-id"].to_str().unwrap().to_owned();
        stream.next_event().await.unwrap();
        let second =
            surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), false).await.expect_status(429);
        assert_ne!(second.header("retry-after"), "");
        drop(stream);
        upstream
            .until("the abort upstream", |counts| counts.aborted == aborted + 1 && counts.open == 0)
            .await;
        let again = async || {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-chat"), false).await;
            (answer.status == 200).then_some(())
        };
        eventually("the slot is free", again).await;
        let record = record_of(&gateway.client(), &id).await;
        assert_eq!(record["outcome"], "client_gone", "{surface:?} {provider}");
        assert!(record["tokens_prompt"].as_u64().unwrap() > 0, "{surface:?} {provider}: {record}");
        assert!(record["tokens_completion"].as_u64().unwrap() > 0, "{surface:?} {provider}: {record}");
    }
}

#[tokio::test]
async fn pitfall_20_a_client_that_leaves_before_the_answer_frees_everything() {
    let (upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let aborted = upstream.counts().aborted;
        let client = gateway.client();
        let waiting = tokio::spawn(async move {
            surface.ask(&client, &format!("{provider}/fake-never-answers"), false).await
        });
        upstream.until("the request upstream", |counts| counts.open == 1).await;
        waiting.abort();
        upstream
            .until("the abort upstream", |counts| counts.aborted == aborted + 1 && counts.open == 0)
            .await;
    }
}

/// Asks for streams on every surface of every provider at the same time, and looks at each answer.
async fn at_once(gateway: &Gateway, model: &'static str, look: impl Fn(Surface, &str, Answer)) {
    let asked: Vec<_> = combinations()
        .map(|(surface, provider)| {
            let client = gateway.client();
            let asking = async move { surface.ask(&client, &format!("{provider}/{model}"), true).await };
            (surface, provider, tokio::spawn(asking))
        })
        .collect();
    for (surface, provider, answer) in asked {
        look(surface, provider, answer.await.unwrap());
    }
}

#[tokio::test]
async fn pitfall_21_each_time_out_ends_what_it_is_for() {
    let upstream = Upstream::start().await;
    let timeouts = |text: &str| {
        standard_config(&upstream)
            .replace("    base_url:", &format!("    timeouts: {{ {text} }}\n    base_url:"))
    };
    let gateway = Gateway::start(&timeouts("first_byte_ms: 2000")).await;
    at_once(&gateway, "fake-never-answers", |surface, provider, answer| {
        let message = surface.error_message(&answer.expect_status(504).json());
        assert!(message.contains("time-out"), "{surface:?} {provider}: {message}");
    })
    .await;
    at_once(&gateway, "fake-slow", |surface, provider, answer| {
        let answer = answer.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "{provider}: a slow stream is no late one");
    })
    .await;
    for (setting, model) in [("idle_ms: 400", "fake-hold"), ("total_ms: 800", "fake-slow")] {
        let gateway = Gateway::start(&timeouts(setting)).await;
        at_once(&gateway, model, |surface, provider, answer| {
            let what = format!("{surface:?} {provider}: {}", answer.text());
            assert_eq!((answer.status, surface.stream_errors(&answer.events()).len()), (200, 1), "{what}");
        })
        .await;
    }
    upstream.until("nothing left open", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn pitfall_22_one_record_when_the_end_and_a_cancel_meet() {
    let (_upstream, gateway) = pair().await;
    let mut ids = Vec::new();
    let every: Vec<_> = combinations().collect();
    for round in 0..96 {
        let (surface, provider) = every[round % every.len()];
        let mut stream = surface.open(&gateway.client(), &format!("{provider}/fake-chat")).await;
        ids.push(stream.headers["x-generation-id"].to_str().unwrap().to_owned());
        for _ in 0..round % 17 {
            stream.next_event().await;
        }
        drop(stream);
    }
    for id in &ids {
        let record = record_of(&gateway.client(), id).await;
        assert!(["completed", "client_gone"].contains(&record["outcome"].as_str().unwrap()), "{record}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 96);
}

#[tokio::test]
async fn pitfall_25_usage_is_asked_for_and_withheld() {
    let (upstream, gateway) = pair().await;
    for asked in [false, true] {
        let mut body = ask_stream("fake-openai/fake-chat");
        if asked {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        assert_eq!(upstream.last().json()["stream_options"]["include_usage"], true);
        let events = answer.events();
        assert_eq!(chat_text(&events), TEXT);
        let chunks: Vec<_> =
            events.iter().filter(|event| !event.is_done()).map(|event| event.json()).collect();
        let usage: Vec<_> = chunks.iter().filter(|chunk| chunk["choices"] == json!([])).collect();
        assert_eq!(usage.len(), usize::from(asked), "{chunks:?}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!((&record["tokens_prompt"], &record["tokens_source"]), (&json!(21), &json!("reported")));
    }
}

#[tokio::test]
async fn pitfall_47_the_tap_sees_the_whole_stream() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        for model in
            ["fake-chat", "fake-cr", "fake-byte-by-byte", "fake-bundled", "fake-gzip", "fake-no-final-blank"]
        {
            let answer = surface.ask(&gateway.client(), &format!("{provider}/{model}"), true).await;
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let what = format!("{surface:?} {provider}/{model}: {record}");
            assert_eq!(
                (&record["outcome"], &record["streamed"]),
                (&json!("completed"), &json!(true)),
                "{what}"
            );
            assert_eq!(
                (&record["tokens_prompt"], &record["tokens_completion"]),
                (&json!(21), &json!(7)),
                "{what}"
            );
            let reason = record["finish_reason"].as_str().unwrap();
            assert!(["stop", "end_turn", "completed", "STOP"].contains(&reason), "{what}");
        }
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-no-usage"), true).await;
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["tokens_source"], "estimated", "{surface:?} {provider}");
        assert!(record["tokens_completion"].as_u64().unwrap() > 2, "{surface:?} {provider}: {record}");
    }
}

#[tokio::test]
async fn pitfall_48_names_do_not_become_paths() {
    let (upstream, gateway) = pair().await;
    for model in
        ["../../admin", "fake-openai/../fake-chat", "fake-openai%2ffake-chat", "fake-openai/fake-chat:x", ""]
    {
        let answer = gateway.client().post(CHAT, &ask(model)).await;
        // A provider may be asked for any id of its own: in the body, where it can do no harm.
        assert!([200, 400, 404].contains(&answer.status), "`{model}`: {}", answer.text());
    }
    for path in ["/v1/models/..%2f..%2fhealthz", "/v1/models/%2e%2e/x", "/v1/../v1/models"] {
        assert_eq!(gateway.client().get(path).await.status, 404, "{path}");
    }
    assert!(upstream.requests().iter().all(|request| request.path == CHAT), "{:?}", upstream.requests());
}

/// Some servers say a finish reason, then neither the end nor anything else, and stay connected.
#[tokio::test]
async fn a_complete_answer_is_ended_where_the_upstream_forgets_to() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let chunk = |delta: &str, reason: &str| {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
            )
        };
        (request.model() == "fake-slow").then(|| {
            let said = [chunk("{\"content\":\"Hello\"}", "null"), chunk("{}", "\"stop\"")];
            Reply::stream(said).insert(2, Step::Hang)
        })
    });
    let gateway = Gateway::before(&upstream).await;
    let model = "fake-openai/fake-slow";
    for surface in SURFACES {
        let (path, body) = (surface.path(model, true), surface.body(model, true));
        let answer = gateway.client().post(&path, &body).await.expect_status(200);
        let events = answer.events();
        assert_eq!(surface.stream_text(&events), "Hello", "{path}");
        assert!(surface.is_end(events.last().unwrap()), "{path}: {events:?}");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "completed", "{path}: {record}");
    }
    upstream.until("nothing left open", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_stream_without_its_last_blank_line_has_its_end() {
    let (_upstream, gateway) = pair().await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}/fake-no-final-blank"), true).await;
        let events = answer.events();
        let ends = events.iter().filter(|event| surface.is_end(event)).count();
        assert_eq!(ends, 1, "{surface:?} {provider}: {events:?}");
    }
}
