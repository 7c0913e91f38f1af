//! Sessions of the realtime API over real sockets: opened as the official clients do, passed frame by frame, counted, and
//! ended by either side, by the gateway, or by nobody in particular.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, GatewayBuilder, KEY, Upstream, eventually};
use yumen_tests::{error_code, record_of};

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";
const SINGLE: &str = "sk-yu-single-0123456789abcdefghijklmn";
/// What a test asks for: the alias with a price.
const VOICE: &str = "/v1/realtime?model=voice";

/// Two providers on one upstream, aliases, and keys: one for everything, one for the alias alone, one for a session at a
/// time.
fn config(upstream: &Upstream) -> String {
    let base = upstream.openai_base();
    let price =
        "{ input: \"4\", output: \"16\", cache_read: \"0.4\", audio_input: \"32\", audio_output: \"64\" }";
    let models = format!(
        "fake-voice: {{ price: {price} }}, fake-401: {{}}, fake-404: {{}}, fake-429: {{}}, fake-500: {{}}, fake-unpriced: {{}}, \
         fake-never-answers: {{}}, fake-ears: {{ operations: [transcription], price: {{ audio_hour: \"0.36\" }} }}, \
         other: {{}}"
    );
    let provider = |name: &str| {
        format!(
            "  {name}: {{ type: openai-compatible, base_url: \"{base}\", credentials: [ {{ secret: upstream-secret-{name} }} ], \
             timeouts: {{ first_byte_ms: 2000, idle_ms: 3000 }}, models: {{ {models} }} }}\n"
        )
    };
    let alias = |name: &str, first: &str| {
        format!(
            "  {name}: {{ deployments: [ {{ provider: one, model: {first} }} ], fallbacks: [ two/fake-voice ] }}\n"
        )
    };
    format!(
        "gateway: {{ listen: \"127.0.0.1:0\", max_event_bytes: 1048576 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{}{}\
         models:\n  voice: {{ deployments: [ {{ provider: one, model: fake-voice }} ] }}\n{}{}{}{}\
         \x20 ears: {{ deployments: [ {{ provider: one, model: fake-ears }} ] }}\n\
         keys:\n  - {{ name: test, secret: \"{KEY}\", models: [\"*\"] }}\n\
         \x20 - {{ name: single, secret: \"{SINGLE}\", models: [\"*\"], concurrency: 1 }}\n\
         \x20 - {{ name: narrow, secret: \"{NARROW}\", models: [voice] }}\n",
        provider("one"),
        provider("two"),
        alias("falls-401", "fake-401"),
        alias("falls-404", "fake-404"),
        alias("falls-429", "fake-429"),
        alias("falls-500", "fake-500"),
    )
}

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&config(&upstream)).await;
    (upstream, gateway)
}

/// The one record of a session, looked for until it is there.
async fn record(gateway: &Gateway, id: &str) -> Value {
    record_of(&gateway.client(), id).await
}

#[tokio::test]
async fn a_session_is_one_exchange_with_the_sum_of_its_answers() {
    let (upstream, gateway) = pair().await;
    for prefix in ["/v1", "/api/v1"] {
        let mut talk = gateway.client().talk(&format!("{prefix}/realtime?model=voice")).await.unwrap();
        let created = talk.next().await.unwrap();
        assert_eq!(
            (&created["type"], &created["session"]["model"]),
            (&json!("session.created"), &json!("fake-voice"))
        );
        let sent = upstream.last();
        assert_eq!(sent.path, "/v1/realtime?model=fake-voice");
        assert_eq!(sent.header("authorization"), "Bearer upstream-secret-one");
        assert!(sent.headers.get("sec-websocket-protocol").is_none());
        for word in ["", "in pieces"] {
            talk.ask(word).await;
            let text = talk.until("response.output_audio_transcript.delta").await;
            assert_eq!(text["delta"], yumen_tests::TEXT);
            assert_eq!(talk.until("response.done").await["response"]["usage"]["total_tokens"], 150);
        }
        talk.close(1000).await;
        assert_eq!(talk.closed().await.unwrap().0, 1000);
        let record = record(&gateway, &talk.id()).await;
        assert_eq!((&record["api_type"], &record["provider_name"]), (&json!("realtime"), &json!("one")));
        assert_eq!((&record["outcome"], &record["streamed"]), (&json!("completed"), &json!(true)));
        assert_eq!((&record["tokens_prompt"], &record["tokens_completion"]), (&json!(200), &json!(100)));
        assert_eq!(record["tokens_source"], "reported");
        // 40 of sound at 32, 30 of text at 4, 30 cached at 0.4; 40 of sound at 64, 10 of text at 16: twice.
        assert_eq!(record["cost_nanos"], 2 * 4_132_000);
        assert_eq!(record["upstream_id"], "sess_fake");
    }
    assert_eq!(upstream.counts().received, 2);
}

#[tokio::test]
async fn a_page_in_a_browser_offers_its_key_as_a_protocol_and_the_key_goes_no_further() {
    let (upstream, gateway) = pair().await;
    let offered = format!("realtime, openai-insecure-api-key.{KEY}, openai-beta.realtime-v1");
    let client = gateway.anonymous().header("sec-websocket-protocol", &offered);
    let mut talk = client.talk(VOICE).await.unwrap();
    assert_eq!(talk.headers["sec-websocket-protocol"], "realtime");
    talk.until("session.created").await;
    let sent = upstream.last();
    assert_eq!(sent.header("sec-websocket-protocol"), "realtime, openai-beta.realtime-v1");
    assert_eq!(sent.header("authorization"), "Bearer upstream-secret-one");
    assert!(!format!("{sent:?}").contains(KEY));
    // A program says the same in a header.
    let client = gateway.client().header("openai-beta", "realtime=v1");
    client.talk(VOICE).await.unwrap().until("session.created").await;
    assert_eq!(upstream.last().header("openai-beta"), "realtime=v1");
    assert!(!gateway.log().contains(KEY));
}

#[tokio::test]
async fn what_is_no_session_is_refused_in_http() {
    let (upstream, gateway) = pair().await;
    let upgrade = |client: Client| {
        client
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let asked = |client: Client, path: &'static str| async move {
        let answer = upgrade(client).get(path).await;
        (answer.status, error_code(&answer))
    };
    let told = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(asked(gateway.anonymous(), VOICE).await, told(401, "missing_key"));
    assert_eq!(asked(gateway.anonymous().key("sk-yu-nobody"), VOICE).await, told(401, "invalid_key"));
    assert_eq!(asked(gateway.client(), "/v1/realtime").await, told(400, "invalid_request"));
    assert_eq!(asked(gateway.client(), "/v1/realtime?model=nothing").await, told(404, "model_not_found"));
    assert_eq!(asked(gateway.client(), "/v1/realtime?model=ears").await, told(400, "invalid_request"));
    assert_eq!(asked(gateway.client(), "/v1/realtime?call_id=rtc_1").await, told(400, "invalid_request"));
    let narrow = gateway.anonymous().key(NARROW);
    assert_eq!(asked(narrow, "/v1/realtime?model=one/other").await, told(403, "model_not_allowed"));
    let plain = gateway.client().get(VOICE).await;
    assert_eq!((plain.status, plain.header("upgrade")), (426, "websocket"));
    assert_eq!(error_code(&plain), "upgrade_required");
    let old = upgrade(gateway.client()).header("sec-websocket-version", "8").get(VOICE).await;
    assert_eq!(old.status, 426);
    assert_eq!(gateway.client().http2().get(VOICE).await.status, 426);
    let posted = gateway.client().post(VOICE, &json!({})).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET"));
    assert_eq!(upstream.counts().received, 0, "nobody was asked");
}

#[tokio::test]
async fn another_deployment_takes_over_before_the_connection_is_switched() {
    let (upstream, gateway) = pair().await;
    // A refused credential rests for everything, so it comes last.
    for status in ["404", "429", "500", "401"] {
        let path = format!("/v1/realtime?model=falls-{status}");
        let mut talk = gateway.client().talk(&path).await.unwrap();
        talk.until("session.created").await;
        assert_eq!(upstream.last().header("authorization"), "Bearer upstream-secret-two");
        talk.close(1000).await;
        talk.closed().await.unwrap();
        let attempts = record(&gateway, &talk.id()).await["provider_responses"].clone();
        let statuses = [&attempts[0]["status"], &attempts[1]["status"]];
        assert_eq!(statuses, [&json!(status.parse::<u16>().unwrap()), &json!(101)]);
    }
    // Where nobody takes over, the client hears it in HTTP as it was said.
    assert_eq!(gateway.client().talk("/v1/realtime?model=two/fake-429").await.unwrap_err(), 429);
    assert_eq!(gateway.client().talk("/v1/realtime?model=two/fake-404").await.unwrap_err(), 404);
    assert_eq!(gateway.client().talk("/v1/realtime?model=two/fake-never-answers").await.unwrap_err(), 504);
}

#[tokio::test]
async fn pings_fragments_and_closes_pass_both_ways() {
    let (upstream, gateway) = pair().await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.until("session.created").await;
    talk.ping("hello").await;
    assert_eq!(talk.until("pong").await["payload"], "hello");
    let item = json!({ "type": "conversation.item.create", "item": { "type": "message", "model": "the client's own word" } });
    talk.say_in_pieces(&item).await;
    assert_eq!(talk.until("conversation.item.added").await["item"], item["item"]);
    talk.ask("ping").await;
    talk.until("response.done").await;
    // The client's library answers when it is asked once more.
    talk.ask("").await;
    talk.until("response.done").await;
    let ponged = async || upstream.messages().iter().any(|said| said == "pong there?").then_some(());
    eventually("the client's pong", ponged).await;
    assert!(upstream.messages().contains(&"ping hello".to_owned()));
    talk.ask("close 4000").await;
    assert_eq!(talk.closed().await.unwrap(), (4000, "as asked".to_owned()));
    let told = record(&gateway, &talk.id()).await;
    assert_eq!((&told["outcome"], &told["error_code"]), (&json!("failed"), &json!("upstream_error")));
    assert_eq!(told["tokens_prompt"], 200);
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.close(3001).await;
    assert_eq!(talk.closed().await.unwrap().0, 3001);
    assert!(upstream.messages().contains(&"close 3001".to_owned()));
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.say_binary(b"\0\x01").await;
    assert_eq!(talk.closed().await.unwrap().0, 1003);
}

#[tokio::test]
async fn a_session_keeps_its_model_and_names_no_other_that_its_key_may_not_use() {
    let (_upstream, gateway) = pair().await;
    let mut talk = gateway.anonymous().key(NARROW).talk(VOICE).await.unwrap();
    talk.until("session.created").await;
    let update = |session: Value| json!({ "type": "session.update", "event_id": "mine", "session": session });
    // The client's name is the provider's there.
    talk.say(&update(json!({ "type": "realtime", "model": "voice", "instructions": "be brief" }))).await;
    let session = talk.until("session.updated").await["session"].clone();
    assert_eq!(session, json!({ "type": "realtime", "model": "fake-voice", "instructions": "be brief" }));
    let transcription =
        |model: &str| json!({ "audio": { "input": { "transcription": { "model": model } } } });
    for (session, code) in [
        (json!({ "model": "other" }), "invalid_request"),
        (transcription("other"), "model_not_allowed"),
        (transcription("ears"), "model_not_allowed"),
        (json!({ "input_audio_transcription": { "model": "fake-ears" } }), "model_not_allowed"),
    ] {
        talk.say(&update(session.clone())).await;
        let error = talk.until("error").await["error"].clone();
        assert_eq!((&error["code"], &error["event_id"]), (&json!(code), &json!("mine")), "{session}");
    }
    assert!(talk.try_say("{\"type\":\"session.update\",".to_owned()).await);
    assert_eq!(talk.until("error").await["error"]["code"], "invalid_json");
    assert!(talk.try_say(r#"{"type":"session.update","session":{"m\u006fdel":"other"}}"#.to_owned()).await);
    assert_eq!(talk.until("error").await["error"]["code"], "invalid_request");
    // It goes on all the same.
    talk.ask("").await;
    talk.until("response.done").await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.say(&update(transcription("ears"))).await;
    assert_eq!(talk.until("session.updated").await["session"], transcription("fake-ears"));
    talk.say(&json!({ "type": "input_audio_buffer.append", "audio": "AAAA" })).await;
    talk.say(&json!({ "type": "input_audio_buffer.commit" })).await;
    talk.until("conversation.item.input_audio_transcription.completed").await;
    talk.close(1000).await;
    talk.closed().await.unwrap();
    let told = record(&gateway, &talk.id()).await;
    // A second and a half of 0.36 dollars an hour.
    assert_eq!((&told["cost_nanos"], &told["units"]), (&json!(150_000), &json!({ "audio_ms": 1500 })));
}

#[tokio::test]
async fn a_session_for_transcripts_names_its_model_before_and_in_it() {
    let (upstream, gateway) = pair().await;
    let mut talk =
        gateway.anonymous().key(NARROW).talk(&format!("{VOICE}&intent=transcription")).await.unwrap();
    assert_eq!(talk.until("session.created").await["session"]["type"], "transcription");
    assert_eq!(upstream.last().path, "/v1/realtime?intent=transcription");
    let named = |model: &str| json!({ "type": "session.update", "session": { "audio": { "input": { "transcription": { "model": model } } } } });
    talk.say(&named("other")).await;
    assert_eq!(talk.until("error").await["error"]["code"], "model_not_allowed");
    talk.say(&named("voice")).await;
    let session = talk.until("session.updated").await["session"].clone();
    assert_eq!(session["audio"]["input"]["transcription"]["model"], "fake-voice");
}

#[tokio::test]
async fn whatever_breaks_leaves_one_record_and_a_word_for_the_other_side() {
    let (upstream, gateway) = pair().await;
    let open = async || {
        let mut talk = gateway.client().talk(VOICE).await.unwrap();
        talk.until("session.created").await;
        talk
    };
    for (word, close, outcome, code) in [
        ("die", 1011, "failed", "upstream_broken"),
        ("huge", 1011, "failed", "upstream_too_large"),
        ("hang", 1011, "failed", "upstream_timeout"),
    ] {
        let mut talk = open().await;
        talk.ask("").await;
        talk.until("response.done").await;
        talk.ask(word).await;
        assert_eq!(talk.closed().await.unwrap().0, close, "{word}");
        let told = record(&gateway, &talk.id()).await;
        assert_eq!((&told["outcome"], &told["error_code"]), (&json!(outcome), &json!(code)), "{word}");
        // What was counted stands; the answer that broke off is known to be missing.
        assert_eq!(
            (&told["tokens_prompt"], &told["tokens_source"]),
            (&json!(100), &json!("estimated")),
            "{word}"
        );
        upstream.open_gate();
        upstream.close_gate();
    }
    let mut talk = open().await;
    talk.try_say(format!("{{\"type\":\"x\",\"audio\":\"{}\"}}", "A".repeat(2 << 20))).await;
    assert_eq!(talk.closed().await.map(|(code, _)| code), Some(1009));
    let told = record(&gateway, &talk.id()).await;
    assert_eq!((&told["outcome"], &told["error_code"]), (&json!("failed"), &json!("body_too_large")));
    // A client that vanishes, idle or in the midst of an answer.
    for word in [None, Some("hang")] {
        let mut talk = open().await;
        if let Some(word) = word {
            talk.ask(word).await;
            talk.until("response.created").await;
        }
        let id = talk.id();
        drop(talk);
        let told = record(&gateway, &id).await;
        assert_eq!((&told["outcome"], &told["cancelled"]), (&json!("client_gone"), &json!(true)), "{told}");
    }
    upstream.open_gate();
    let parted =
        async || (upstream.messages().iter().filter(|said| *said == "close 1001").count() >= 2).then_some(());
    eventually("the provider is told", parted).await;
    upstream.until("nothing is left open", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn a_session_tells_how_its_deployment_does_and_not_how_fast_it_is() {
    let (upstream, gateway) = pair().await;
    let figures = async || {
        let metrics = gateway.admin().get("/metrics").await.expect_status(200).text().to_owned();
        let own = metrics.lines().filter(|line| line.contains("provider=\"one\",model=\"fake-voice\""));
        own.filter(|line| line.starts_with("yumen_upstream_")).collect::<Vec<_>>().join("\n")
    };
    let share = "credential=\"\",window=\"5m\"}";
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.ask("").await;
    talk.until("response.done").await;
    let open = figures().await;
    assert!(open.contains("open_exchanges") && open.contains("credential=\"\"} 1.0"), "{open}");
    assert!(!open.contains("success_ratio"), "it has not ended: {open}");
    talk.close(1000).await;
    talk.closed().await.unwrap();
    record(&gateway, &talk.id()).await;
    // A client that sends too much is no fault of the deployment.
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.try_say("A".repeat(2 << 20)).await;
    talk.closed().await;
    record(&gateway, &talk.id()).await;
    let good = figures().await;
    assert!(good.contains(&format!("{share} 1.0")), "{good}");
    for timed in ["first_token", "total_seconds", "tokens_per_second"] {
        assert!(!good.contains(timed), "{timed}: {good}");
    }
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.ask("die").await;
    talk.closed().await;
    record(&gateway, &talk.id()).await;
    assert!(figures().await.contains(&format!("{share} 0.5")), "{}", figures().await);
    upstream.until("nothing is left open", |counts| counts.open == 0).await;
}

#[tokio::test]
async fn where_a_session_would_go_is_told_without_one() {
    let (upstream, gateway) = pair().await;
    let client = gateway.client().header("x-yumen-dry-run", "1");
    let asks = client
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let told = asks.get("/v1/realtime?model=falls-404:floor").await.expect_status(200).json();
    assert_eq!((&told["strategy"], &told["plan"][1]["provider"]), (&json!("price"), &json!("two")), "{told}");
    assert_eq!(upstream.counts().received, 0);
}

#[tokio::test]
async fn a_provider_that_repeats_our_credential_in_an_error_is_not_believed_aloud() {
    let (_upstream, gateway) = pair().await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.say(&json!({ "type": "upstream-secret-one" })).await;
    let error = talk.until("error").await;
    assert_eq!(error["error"]["message"], "Unknown event [redacted].");
}

#[tokio::test]
async fn a_session_reaches_a_provider_over_tls() {
    let upstream = Upstream::start_tls().await;
    let authority = upstream.authority().unwrap().display().to_string();
    let builder = GatewayBuilder::new(&config(&upstream)).environment("SSL_CERT_FILE", &authority);
    let gateway = builder.start().await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.ask("").await;
    talk.until("response.done").await;
    talk.close(1000).await;
    assert_eq!(talk.closed().await.unwrap().0, 1000);
    assert_eq!(record(&gateway, &talk.id()).await["tokens_prompt"], 100);
}

#[tokio::test]
async fn what_is_not_counted_has_no_cost() {
    let (_upstream, gateway) = pair().await;
    for (model, word, tokens, source, cost) in [
        ("voice", "no usage", 0, "estimated", Value::Null),
        ("one/fake-unpriced", "", 100, "reported", Value::Null),
        ("voice", "none", 100, "reported", json!(4_132_000)),
    ] {
        let mut talk = gateway.client().talk(&format!("/v1/realtime?model={model}")).await.unwrap();
        talk.ask(word).await;
        talk.until("response.done").await;
        talk.close(1000).await;
        talk.closed().await.unwrap();
        let told = record(&gateway, &talk.id()).await;
        let found = (&told["tokens_prompt"], &told["tokens_source"], &told["cost_nanos"]);
        assert_eq!(found, (&json!(tokens), &json!(source), &cost), "{model} {word}");
    }
    let mut silent = gateway.client().talk(VOICE).await.unwrap();
    silent.close(1000).await;
    silent.closed().await.unwrap();
    let told = record(&gateway, &silent.id()).await;
    assert_eq!((&told["cost_nanos"], &told["tokens_source"]), (&json!(0), &json!("none")));
}

#[tokio::test]
async fn an_open_session_holds_its_place_in_the_keys_limits() {
    let (_upstream, gateway) = pair().await;
    let single = gateway.anonymous().key(SINGLE);
    let mut first = single.talk(VOICE).await.unwrap();
    first.until("session.created").await;
    assert_eq!(single.talk(VOICE).await.unwrap_err(), 429);
    // Another key's does not count.
    gateway.client().talk(VOICE).await.unwrap();
    first.close(1000).await;
    first.closed().await.unwrap();
    let again = async || single.talk(VOICE).await.ok().map(drop);
    eventually("a place that was given back", again).await;
}

#[tokio::test]
async fn a_key_that_is_no_longer_good_ends_its_sessions_and_no_others() {
    let (upstream, gateway) = pair().await;
    let mut narrow = gateway.anonymous().key(NARROW).talk(VOICE).await.unwrap();
    let mut other = gateway.client().talk(VOICE).await.unwrap();
    narrow.until("session.created").await;
    let config = config(&upstream);
    let without = config.lines().filter(|line| !line.contains(NARROW)).collect::<Vec<_>>().join("\n");
    std::fs::write(gateway.config_path(), without).unwrap();
    assert_eq!(narrow.closed().await.unwrap().0, 1008);
    other.ask("").await;
    other.until("response.done").await;
    // The key's own record can be seen by itself alone.
    std::fs::write(gateway.config_path(), config).unwrap();
    let told = record_of(&gateway.anonymous().key(NARROW), &narrow.id()).await;
    assert_eq!((&told["outcome"], &told["error_code"]), (&json!("failed"), &json!("invalid_key")));
}

#[tokio::test]
async fn time_that_is_over_ends_a_session_in_words() {
    let upstream = Upstream::start().await;
    for (setting, reason) in [("idle_ms: 1000", "said anything"), ("total_ms: 1000", "lasted")] {
        let config =
            config(&upstream).replacen("gateway: {", &format!("gateway: {{ session: {{ {setting} }},"), 1);
        let gateway = Gateway::start(&config).await;
        let mut talk = gateway.client().talk(VOICE).await.unwrap();
        let (code, said) = talk.closed().await.unwrap();
        assert!(code == 1001 && said.contains(reason), "{code} {said}");
        assert_eq!(record(&gateway, &talk.id()).await["outcome"], "completed");
    }
}

#[tokio::test]
async fn a_stop_lets_an_answer_end_and_closes_what_is_idle() {
    let (upstream, mut gateway) = pair().await;
    let mut idle = gateway.client().talk(VOICE).await.unwrap();
    let mut busy = gateway.client().talk(VOICE).await.unwrap();
    busy.ask("hang").await;
    busy.until("response.created").await;
    gateway.ask_to_stop();
    assert_eq!(idle.closed().await.unwrap().0, 1001);
    upstream.open_gate();
    busy.until("response.done").await;
    assert_eq!(busy.closed().await.unwrap().0, 1001);
    assert_eq!(gateway.exit_code().await, Some(0));
    let gateway = gateway.kill().start().await;
    for talk in [&idle, &busy] {
        assert_eq!(record(&gateway, &talk.id()).await["outcome"], "completed");
    }
}

#[tokio::test]
async fn a_session_that_is_cut_at_the_end_of_the_drain_leaves_its_record() {
    let upstream = Upstream::start().await;
    let config = config(&upstream).replacen("gateway: {", "gateway: { drain_ms: 300,", 1);
    let mut gateway = Gateway::start(&config.replace("idle_ms: 3000", "idle_ms: 600000")).await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    talk.ask("").await;
    talk.until("response.done").await;
    talk.ask("hang").await;
    talk.until("response.created").await;
    assert_eq!(gateway.terminate().await, Some(0));
    let gateway = gateway.kill().start().await;
    let told = record(&gateway, &talk.id()).await;
    assert_eq!((&told["outcome"], &told["error_code"]), (&json!("failed"), &json!("draining")));
    assert_eq!((&told["tokens_prompt"], &told["tokens_source"]), (&json!(100), &json!("estimated")));
}

#[tokio::test]
async fn a_killed_process_doubles_no_session() {
    let (_upstream, gateway) = pair().await;
    let mut ended = gateway.client().talk(VOICE).await.unwrap();
    ended.ask("").await;
    ended.until("response.done").await;
    ended.close(1000).await;
    ended.closed().await.unwrap();
    let mut open = gateway.client().talk(VOICE).await.unwrap();
    open.until("session.created").await;
    let gateway = gateway.kill().start().await;
    assert_eq!(open.closed().await, None);
    assert_eq!(record(&gateway, &ended.id()).await["tokens_prompt"], 100);
    let url = format!("sqlite://{}?mode=ro", gateway.data_dir().join("yumen.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM records WHERE operation = 'realtime'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(count, 1, "the one that had not ended has no record, and the other has one");
}

#[tokio::test]
async fn a_side_that_does_not_read_holds_the_other_back_and_nothing_is_lost() {
    let (upstream, gateway) = pair().await;
    let mut talk = gateway.client().talk(VOICE).await.unwrap();
    // Nobody reads the answers to these until all of them are sent.
    let item = "x".repeat(100_000);
    for number in 0..40 {
        let text = json!({ "type": "conversation.item.create", "item": { "number": number, "text": item } })
            .to_string();
        assert!(talk.try_say(text).await);
    }
    for number in 0..40 {
        assert_eq!(talk.until("conversation.item.added").await["item"]["number"], number);
    }
    assert_eq!(upstream.messages().len(), 40);
}
