//! Copies of requests to a candidate: what is compared, what bounds them, and that no client feels anything of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::{CHAT, MESSAGES, RESPONSES, SURFACES, TEXT, ask, ask_stream, whole_text};

const PRIVATE: &str = "sk-yu-private-0123456789abcdefghij";
const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijk";

/// The original's upstream, the candidate's, and a gateway before both.
struct Ground {
    main: Upstream,
    other: Upstream,
    gateway: Gateway,
}

impl Ground {
    /// Aliases `openai` and `anthropic`, by the dialect of who answers, `plain` without a candidate, `guarded` with retention
    /// ruled out. `model` answers, `candidate` at a provider of that dialect is asked too.
    async fn new(model: &str, candidate: (&str, &str), bounds: &str) -> Self {
        let (main, other) = (Upstream::start().await, Upstream::start().await);
        let gateway = Gateway::start(&config(&main, &other, model, candidate, bounds)).await;
        Self { main, other, gateway }
    }

    /// The record of the copy of an exchange, as soon as it is there.
    async fn copy_of(&self, generation_id: &str) -> Value {
        let found = async || {
            let log = self.gateway.log();
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let copy = lines.find(|line| line["shadow_of"] == generation_id)?;
            let told = self.gateway.run(&["explain", copy["id"].as_str()?, "--json"]).await;
            (told.code == 0).then(|| serde_json::from_str(&told.stdout).unwrap())
        };
        eventually("the record of the copy", found).await
    }

    /// The only row that `yumen shadow` shows of an alias, once so many copies are in it.
    async fn row(&self, alias: &str, copies: u64) -> Value {
        let found = async || {
            let told = self.gateway.run(&["shadow", alias, "--json", "--since", "1h"]).await;
            let rows: Value = serde_json::from_str(&told.stdout).unwrap();
            (rows[0]["copies"] == copies).then(|| rows[0].clone())
        };
        eventually("the row", found).await
    }

    /// Waits until a result has been counted so often.
    async fn counted(&self, alias: &str, result: &str, count: u64) {
        let line = format!("yumen_shadows_total{{alias=\"{alias}\",result=\"{result}\"}} {count}\n");
        let found = async || self.gateway.admin().get("/metrics").await.text().contains(&line).then_some(());
        eventually(&line, found).await;
    }
}

fn config(
    main: &Upstream,
    other: &Upstream,
    model: &str,
    (dialect, candidate): (&str, &str),
    bounds: &str,
) -> String {
    let mut config = String::from(
        "gateway: { listen: \"127.0.0.1:0\", retry_rounds: 0 }\nadmin: { listen: \"127.0.0.1:0\" }\nlog: { format: json }\nproviders:\n",
    );
    for (name, upstream, model, price, policy) in [
        (
            "prime",
            main,
            model,
            "input: 1, output: 2",
            "data_policy: { trains: false, retention_days: 0 }, region: eu-west-1,",
        ),
        ("cand", other, candidate, "input: 3, output: 6", ""),
    ] {
        let (openai, plain) = (upstream.openai_base(), upstream.plain_base());
        let models = format!("{policy} models: {{ {model}: {{ price: {{ {price} }} }} }}");
        config += &format!(
            "  {name}-openai: {{ type: openai-compatible, base_url: \"{openai}\", discovery: off, {models} }}\n  \
             {name}-anthropic: {{ type: anthropic, base_url: \"{plain}\", credentials: [ {{ secret: upstream-{name} }} ], {models} }}\n"
        );
    }
    let shadow = format!("shadow: {{ model: cand-{dialect}/{candidate}, percent: 100{bounds} }}");
    config += "models:\n";
    for (alias, of, more) in [
        ("openai", "openai", &*shadow),
        ("anthropic", "anthropic", &shadow),
        ("plain", "openai", ""),
        ("local", "openai", &format!("routing: {{ regions: [eu-west-1] }}, {shadow}")),
        ("guarded", "openai", &format!("routing: {{ zdr: true }}, {shadow}")),
        ("settled", "openai", &format!("routing: {{ only: [prime-openai] }}, {shadow}")),
    ] {
        config += &format!(
            "  {alias}: {{ deployments: [ {{ provider: prime-{of}, model: {model} }} ], {more} }}\n"
        );
    }
    config
        + &format!(
            "keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n  - {{ name: private, secret: \"{PRIVATE}\", routing: {{ zdr: true }} }}\n  \
         - {{ name: narrow, secret: \"{NARROW}\", models: [openai], concurrency: 1, requests_per_minute: 2 }}\n"
        )
}

const FREE: &str = ", max_per_minute: 1000, max_cost_per_day: 100, max_concurrent: 1000";

#[tokio::test]
async fn each_surface_is_compared_with_a_candidate_of_each_dialect() {
    for candidate in ["openai", "anthropic"] {
        let ground = Ground::new("fake-chat", (candidate, "fake-text-and-tools"), FREE).await;
        let ground = &ground;
        ground.other.script(|request| {
            (request.json()["stream"] == true)
                .then(|| Reply::json(500, &json!({ "error": "a copy is asked whole" })))
        });
        for alias in ["openai", "anthropic"] {
            for surface in SURFACES {
                for stream in [false, true] {
                    let what = format!("{surface:?} {alias} → {candidate}, stream: {stream}");
                    let answer =
                        surface.ask(&ground.gateway.client(), alias, stream).await.expect_status(200);
                    let text =
                        if stream { surface.stream_text(&answer.events()) } else { surface.text(&answer) };
                    assert_eq!(text, TEXT, "{what}");
                }
            }
            let row = ground.row(alias, 10).await;
            assert_eq!((&row["failed"], &row["compared"]), (&json!(0), &json!(10)), "{row}");
            let pair = |original: u64, copy: u64| json!({ "original": original, "copy": copy });
            assert_eq!(row["cost_nanos"], pair(10 * 35_000, 10 * 105_000), "{row}");
            assert_eq!(row["output_tokens"], pair(70, 70), "{row}");
            assert_eq!(row["characters"]["original"], 10 * TEXT.chars().count(), "{row}");
            assert_eq!(
                (&row["with_tools"], &row["same_tools"], &row["same_finish"]),
                (&json!(10), &json!(0), &json!(0))
            );
            ground.counted(alias, "answered", 10).await;
        }
        assert_eq!(ground.gateway.log().matches("\"operation\":\"shadow\"").count(), 20);
    }
}

#[tokio::test]
async fn the_copys_record_says_how_the_answers_compare() {
    let ground = Ground::new("fake-chat", ("anthropic", "fake-chat"), FREE).await;
    let body = ask_stream("openai");
    let answer = ground.gateway.client().post(CHAT, &body).await.expect_status(200);
    let id = answer.header("x-generation-id");
    let record = ground.copy_of(id).await;
    let facts = json!({ "characters": TEXT.chars().count(), "tool_calls": 0 });
    let mut shadow = record["shadow"].clone();
    for time in ["first_byte_us", "total_us"] {
        assert!(shadow.as_object_mut().unwrap().remove(time).unwrap().as_u64().unwrap() > 0, "{time}");
    }
    assert_eq!(
        shadow,
        json!({
            "of": id, "alias": "openai", "provider": "prime-openai", "model": "fake-chat", "streamed": true,
            "output_tokens": 7, "cost_nanos": 35_000,
            "compared": { "original": facts, "copy": facts, "same_finish": true, "common_words": 1000 },
        })
    );
    assert_eq!(
        (&record["operation"], &record["outcome"], &record["cost_nanos"], &record["provider"]),
        (&json!("shadow"), &json!("completed"), &json!(105_000), &json!("cand-anthropic"))
    );
    assert_eq!(
        (&record["model_requested"], &record["streamed"]),
        (&json!("cand-anthropic/fake-chat"), &json!(false))
    );
    let told = ground.gateway.run(&["shadow"]).await;
    let head = "openai → cand-anthropic/fake-chat: 1 copies, 0 not answered, 1 compared";
    for part in [head, "same finish: 100.0 %", "common words: 100.0 %"] {
        assert!(told.stdout.contains(part), "{part}: {told:?}");
    }
    let copy = record["id"].as_str().unwrap();
    let told = ground.gateway.run(&["explain", copy]).await;
    assert!(told.stdout.contains(&format!("a copy of {id} for the alias `openai`, compared")), "{told:?}");
    // It is nothing that the key has done.
    ground.gateway.client().get(&format!("/api/v1/generation?id={copy}")).await.expect_status(404);
}

#[tokio::test]
async fn json_and_tools_are_compared() {
    for (model, candidate, expected) in [
        ("fake-json", "fake-broken-json", &[("/original/valid_json", true), ("/copy/valid_json", false)][..]),
        (
            "fake-tools",
            "fake-tools",
            &[("/same_tools", true), ("/same_arguments", true), ("/same_finish", true)],
        ),
        ("fake-tools", "fake-parallel-tools", &[("/same_tools", false), ("/same_arguments", false)]),
        ("fake-chat", "fake-length", &[("/same_finish", false)]),
    ] {
        let ground = Ground::new(model, ("openai", candidate), FREE).await;
        for stream in [false, true] {
            let mut body = if stream { ask_stream("anthropic") } else { ask("anthropic") };
            body["response_format"] = json!({ "type": "json_object" });
            let answer = ground.gateway.client().post(CHAT, &body).await.expect_status(200);
            let record = ground.copy_of(answer.header("x-generation-id")).await;
            for (pointer, value) in expected {
                let told = record["shadow"]["compared"].pointer(pointer);
                assert_eq!(told, Some(&json!(value)), "{model} {candidate} {stream} {pointer}: {record}");
            }
        }
    }
}

#[tokio::test]
async fn the_candidate_is_asked_whole_and_for_nothing_that_is_kept() {
    let ground = Ground::new("fake-chat", ("openai", "fake-chat"), FREE).await;
    let client = ground.gateway.client().header("idempotency-key", "once").header("cookie", "secret=1");
    let mut body = ask_stream("openai");
    body["stream_options"] = json!({ "include_usage": true });
    body["store"] = json!(true);
    body["seed"] = json!(7);
    let answer = client.post(CHAT, &body).await.expect_status(200);
    ground.copy_of(answer.header("x-generation-id")).await;
    let copied = ground.other.last();
    assert_eq!(
        copied.json(),
        json!({
            "model": "fake-chat", "max_tokens": 64, "stream": false, "store": false, "seed": 7,
            "messages": [{ "role": "user", "content": "What is it?" }],
        })
    );
    assert_eq!((copied.header("idempotency-key"), copied.header("cookie")), ("", ""));
    let answer =
        ground.gateway.client().post(RESPONSES, &json!({ "model": "openai", "input": "What is it?" })).await;
    ground.copy_of(answer.expect_status(200).header("x-generation-id")).await;
    assert_eq!(ground.other.counts().received, 2);
    assert_ne!(ground.other.last().json()["store"], true);
}

#[tokio::test]
async fn the_client_neither_waits_nor_gets_other_bytes() {
    let ground = Ground::new("fake-chat", ("openai", "fake-gated-first-byte"), FREE).await;
    let client = ground.gateway.client();
    for body in [ask, ask_stream] {
        let usual = client.post(CHAT, &body("plain")).await.expect_status(200);
        let before = ground.other.counts().received;
        let answer = client.post(CHAT, &body("openai")).await.expect_status(200);
        assert_eq!(answer.text(), usual.text());
        let names = |answer: &yumen_testkit::Answer| {
            answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&answer), names(&usual));
        ground.other.until("the copy hangs", |counts| counts.received > before).await;
    }
    assert_eq!((ground.other.counts().open, ground.other.counts().completed), (2, 0));
    let recorded =
        async || (ground.gateway.log().matches("\"operation\":\"chat\"").count() == 4).then_some(());
    eventually("the originals are recorded while their copies hang", recorded).await;
    ground.other.open_gate();
    ground.counted("openai", "answered", 2).await;
}

#[tokio::test]
async fn what_is_over_a_bound_is_skipped_and_counted() {
    let ground = Ground::new("fake-chat", ("openai", "fake-chat"), ", max_per_minute: 2").await;
    for _ in 0..5 {
        ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    }
    ground.counted("openai", "skipped_rate", 3).await;
    ground.counted("openai", "answered", 2).await;
    assert_eq!(ground.other.counts().received, 2);

    // The first copy costs 0.000105 dollars.
    let ground = Ground::new("fake-chat", ("openai", "fake-chat"), ", max_cost_per_day: 0.0002").await;
    for copies in 1..=2 {
        ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
        ground.counted("openai", "answered", copies).await;
    }
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.counted("openai", "skipped_cost", 1).await;
    let config = std::fs::read_to_string(ground.gateway.config_path()).unwrap();
    std::fs::write(ground.gateway.config_path(), format!("{config}\n# changed\n")).unwrap();
    ground.gateway.client().post(CHAT, &ask("anthropic")).await.expect_status(200);
    ground.counted("anthropic", "answered", 1).await;
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.counted("openai", "skipped_cost", 2).await;
    assert_eq!(ground.other.counts().received, 3);

    let ground = Ground::new("fake-chat", ("openai", "fake-gated-first-byte"), ", max_concurrent: 1").await;
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.other.until("a copy hangs", |counts| counts.open == 1).await;
    ground.gateway.client().post(CHAT, &ask_stream("openai")).await.expect_status(200);
    ground.counted("openai", "skipped_busy", 1).await;
    ground.other.open_gate();
    ground.counted("openai", "answered", 1).await;
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.counted("openai", "answered", 2).await;
}

#[tokio::test]
async fn a_candidate_that_fails_fails_alone() {
    for candidate in ["fake-500", "fake-html", "fake-cut-first"] {
        let ground = Ground::new("fake-chat", ("openai", candidate), FREE).await;
        let answer = ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
        assert_eq!(whole_text(&answer), TEXT);
        let record = ground.copy_of(answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed", "{record}");
        assert_eq!(record["shadow"]["compared"], Value::Null, "{record}");
        ground.counted("openai", "failed", 1).await;
        let row = ground.row("openai", 1).await;
        assert_eq!(
            (&row["failed"], &row["compared"], &row["priced"]),
            (&json!(1), &json!(0), &json!(0)),
            "{row}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_paid_for_and_not_compared() {
    let ground = Ground::new("fake-chat", ("openai", "fake-not-json"), FREE).await;
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.counted("openai", "answered", 1).await;
    let row = ground.row("openai", 1).await;
    assert_eq!(
        (&row["failed"], &row["compared"], &row["priced"]),
        (&json!(0), &json!(0), &json!(1)),
        "{row}"
    );
}

#[tokio::test]
async fn a_copy_never_goes_where_its_request_could_not() {
    let ground = Ground::new("fake-chat", ("openai", "fake-chat"), FREE).await;
    let client = ground.gateway.client();
    let wished = |wish: Value| {
        let mut body = ask("openai");
        body["provider"] = wish;
        body
    };
    let private = Client::new(ground.gateway.address()).key(PRIVATE);
    let answers = [
        client.post(CHAT, &wished(json!({ "zdr": true }))).await,
        client.post(CHAT, &wished(json!({ "data_collection": "deny" }))).await,
        client.post(CHAT, &wished(json!({ "only": ["prime-openai"] }))).await,
        client.post(CHAT, &wished(json!({ "order": ["prime-openai"], "allow_fallbacks": false }))).await,
        client.post(CHAT, &wished(json!({ "max_price": { "prompt": 2 } }))).await,
        private.post(CHAT, &ask("openai")).await,
        client.post(CHAT, &ask("guarded")).await,
        client.post(CHAT, &ask("local")).await,
    ];
    for answer in answers {
        let answer = answer.expect_status(200);
        let record = ground.copy_of(answer.header("x-generation-id")).await;
        assert_eq!((&record["outcome"], &record["attempts"]), (&json!("failed"), &json!([])), "{record}");
    }
    assert_eq!(ground.other.counts().received, 0);
    // What an alias says of its own deployments does not shut out the candidate that stands beside it.
    client.post(CHAT, &ask("settled")).await.expect_status(200);
    ground.counted("settled", "answered", 1).await;
}

#[tokio::test]
async fn only_what_was_answered_well_is_copied() {
    let ground = Ground::new("fake-500", ("openai", "fake-chat"), FREE).await;
    let client = ground.gateway.client();
    client.post(CHAT, &json!({ "model": "openai" })).await.expect_status(400);
    client.post(CHAT, &ask("openai")).await.expect_status(500);
    client.post(MESSAGES, &ask_stream("anthropic")).await.expect_status(500);
    client.post("/v1/messages/count_tokens", &ask("anthropic")).await;
    let broken = Ground::new("fake-cut-mid-stream", ("openai", "fake-chat"), FREE).await;
    broken.gateway.client().post(CHAT, &ask_stream("openai")).await;
    let held = Ground::new("fake-hold", ("openai", "fake-chat"), FREE).await;
    let mut incoming = held.gateway.client().open(CHAT, &ask_stream("openai")).await;
    assert!(incoming.next_event().await.is_some());
    drop(incoming);
    held.main.until("the stream is left", |counts| counts.aborted == 1).await;
    for (ground, exchanges) in [(&ground, 3), (&broken, 1), (&held, 1)] {
        let recorded =
            async || (ground.gateway.log().matches("\"outcome\":").count() >= exchanges).then_some(());
        eventually("the records", recorded).await;
        assert_eq!(ground.other.counts().received, 0);
        let log = ground.gateway.log();
        assert!(!log.contains("\"operation\":\"shadow\""), "{log}");
    }
}

#[tokio::test]
async fn what_a_provider_would_do_twice_is_not_copied() {
    let ground = Ground::new("fake-chat", ("anthropic", "fake-chat"), FREE).await;
    let mut body = ask("anthropic");
    body["tools"] = json!([{ "type": "web_search_20250305", "name": "web_search" }]);
    ground.gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    ground.counted("anthropic", "skipped_unfit", 1).await;
    body["tools"] = json!([{ "name": "weather", "input_schema": { "type": "object" } }]);
    ground.gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    ground.counted("anthropic", "answered", 1).await;
    assert_eq!(ground.other.counts().received, 1);
}

#[tokio::test]
async fn clients_of_the_ai_sdk_are_compared_too() {
    let ground = Ground::new("fake-chat", ("anthropic", "fake-chat"), FREE).await;
    for stream in ["false", "true"] {
        let client = ground
            .gateway
            .client()
            .header("ai-language-model-id", "openai")
            .header("ai-language-model-specification-version", "3")
            .header("ai-language-model-streaming", stream);
        let prompt = json!([{ "role": "user", "content": [{ "type": "text", "text": "What is it?" }] }]);
        let answer =
            client.post("/v4/ai/language-model", &json!({ "prompt": prompt })).await.expect_status(200);
        let record = ground.copy_of(answer.header("x-generation-id")).await;
        assert_eq!(record["shadow"]["compared"]["common_words"], 1000, "{record}");
    }
}

#[tokio::test]
async fn what_two_deployments_have_said_together_is_not_compared() {
    let (main, other) = (Upstream::start().await, Upstream::start().await);
    let plain = main.plain_base();
    let config = config(&main, &other, "fake-cut-mid-stream", ("openai", "fake-chat"), FREE)
        .replace(
            "  cand-openai:",
            &format!(
                "  second: {{ type: anthropic, base_url: \"{plain}\", credentials: [ {{ secret: upstream-second }} ] }}\n  cand-openai:"
            ),
        )
        .replace(
            "  openai: {",
            "  openai: { routing: { rescue: true }, fallbacks: [ second/fake-chat ],",
        );
    let ground = Ground { gateway: Gateway::start(&config).await, main, other };
    let answer = ground.gateway.client().post(CHAT, &ask_stream("openai")).await.expect_status(200);
    assert!(answer.events().last().is_some_and(yumen_testkit::Event::is_done), "{}", answer.text());
    ground.counted("openai", "skipped_unfit", 1).await;
    assert_eq!((ground.main.counts().received, ground.other.counts().received), (2, 0));
}

#[tokio::test]
async fn no_key_pays_for_copies() {
    let ground = Ground::new("fake-chat", ("openai", "fake-gated-first-byte"), FREE).await;
    let narrow = Client::new(ground.gateway.address()).key(NARROW);
    for copies in 1..=2 {
        narrow.post(CHAT, &ask("openai")).await.expect_status(200);
        ground.other.until("a copy hangs", |counts| counts.open == copies).await;
    }
    // One at a time and two in a minute: had copies counted, the second would have been refused already.
    narrow.post(CHAT, &ask("openai")).await.expect_status(429);
    ground.other.open_gate();
    ground.row("openai", 2).await;
    let told = ground.gateway.run(&["usage", "--by", "key", "--json"]).await;
    let rows: Vec<Value> = serde_json::from_str(&told.stdout).unwrap();
    let of = |name: &str| {
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {rows:?}"))
    };
    assert_eq!((&of("narrow")["requests"], &of("narrow")["cost_nanos"]), (&json!(3), &json!(70_000)));
    let copies = of("shadow:openai");
    assert_eq!((&copies["requests"], &copies["cost_nanos"]), (&json!(2), &json!(210_000)));
}

#[tokio::test]
async fn a_gateway_that_stops_gives_copies_up() {
    let mut ground = Ground::new("fake-chat", ("openai", "fake-gated-first-byte"), FREE).await;
    let answer = ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    let id = answer.header("x-generation-id").to_owned();
    ground.other.until("the copy hangs", |counts| counts.open == 1).await;
    assert_eq!(ground.gateway.terminate().await, Some(0));
    let record = ground.copy_of(&id).await;
    assert_eq!(
        (&record["outcome"], &record["error_code"]),
        (&json!("failed"), &json!("draining")),
        "{record}"
    );
    assert_eq!(record["cost_nanos"].as_u64().unwrap() % 3000, 0, "its input is counted: {record}");
}

#[tokio::test]
async fn a_large_answer_is_not_compared_and_no_copy_is_paid_for() {
    let ground = Ground::new("fake-chat", ("openai", "fake-chat"), FREE).await;
    let text = "word ".repeat(1 << 20);
    ground.main.script(move |_| {
        let message = json!({ "role": "assistant", "content": text });
        let body = json!({ "id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2 } });
        Some(Reply::json(200, &body))
    });
    ground.gateway.client().post(CHAT, &ask("openai")).await.expect_status(200);
    ground.counted("openai", "skipped_large", 1).await;
    assert_eq!(ground.other.counts().received, 0);
}
