//! Responses that a provider keeps itself: asked of the account that made them, each key's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::memory::{ask, delete, go_on, path, respond};
use yumen_tests::{FakeResponses, RESPONSES, TEXT, error_code};

const OTHER: &str = "sk-yu-other-0123456789abcdefghijklmnop";

/// Two providers that keep responses themselves, one that knows none, and one with two accounts.
fn keeping_providers(first: &Upstream, second: &Upstream) -> String {
    let provider = |name: &str, upstream: &Upstream, credentials: &str| {
        format!(
            "  {name}: {{ type: openai-compatible, discovery: off, base_url: \"{}\", credentials: [ {credentials} ], \
             dialects: {{ openai_responses: {{ path: /responses }} }}, models: {{ one: {{}} }} }}\n",
            upstream.openai_base()
        )
    };
    format!(
        r#"gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
{}{}  plain: {{ type: openai-compatible, discovery: off, base_url: "{}", credentials: [ {{ secret: plain-secret }} ],
           dialects: {{ openai_chat: {{ path: /chat/completions }} }}, models: {{ fake-chat: {{}} }} }}
models:
  both: {{ deployments: [ {{ provider: one, model: one }}, {{ provider: two, model: one }} ] }}
  mixed: {{ deployments: [ {{ provider: plain, model: fake-chat }} ] }}
keys:
  - {{ name: test, secret: "{KEY}" }}
  - {{ name: other, secret: "{OTHER}" }}
"#,
        provider("one", first, "{ secret: secret-a }, { secret: secret-b }"),
        provider("two", second, "{ secret: secret-c }"),
        first.openai_base(),
    )
}

async fn keeping_upstreams() -> (Upstream, Upstream) {
    let upstreams = (Upstream::start().await, Upstream::start().await);
    for upstream in [&upstreams.0, &upstreams.1] {
        let responses = FakeResponses::default();
        upstream.script(move |request| responses.answer(request));
    }
    upstreams
}

fn unkept(model: &str, input: &str) -> Value {
    json!({ "model": model, "input": input })
}

#[tokio::test]
async fn what_a_provider_keeps_is_asked_of_it_and_of_the_same_account() {
    let (first, second) = keeping_upstreams().await;
    let gateway = Gateway::start(&keeping_providers(&first, &second)).await;
    let client = gateway.client();
    let mut seen = BTreeSet::new();
    for turn in 0..12 {
        let (stream, before) = (turn % 2 == 0, first.counts().received);
        let made = respond(&client, unkept("both", "?"), stream).await;
        assert!(made["id"].as_str().unwrap().starts_with("resp_of_"), "the provider's own id: {made}");
        let (upstream, other) =
            if first.counts().received > before { (&first, &second) } else { (&second, &first) };
        let account = upstream.last().header("authorization").to_owned();
        seen.insert(account.clone());
        let before = other.counts().received;
        for next in 0..2 {
            let mut body = unkept("both", "And then?");
            body["previous_response_id"] = made["id"].clone();
            let continued = respond(&client, body.clone(), next % 2 == 1).await;
            assert_eq!(continued["previous_response_id"], made["id"]);
            body["stream"] = json!(next % 2 == 1);
            body["model"] = json!("one");
            assert_eq!(upstream.last().json(), body, "it goes through as it is");
            assert_eq!(upstream.last().header("authorization"), account);
        }
        let looked = client.get(&format!("{}?include=a", path(&made))).await.expect_status(200);
        assert_eq!(looked.json(), made);
        let items =
            client.get(&format!("{}/input_items?limit=1", path(&made))).await.expect_status(200).json();
        assert!(items["query"].as_str().unwrap().ends_with("/input_items?limit=1"));
        let cancelled = client.send(Method::POST, &format!("{}/cancel", path(&made)), "").await;
        assert_eq!(cancelled.expect_status(200).json()["status"], "cancelled");
        assert_eq!(upstream.last().header("authorization"), account);
        assert_eq!(delete(&client, &made).await.expect_status(200).json()["deleted"], true);
        assert_eq!(other.counts().received, before, "nobody else was asked");
        assert_eq!(error_code(&client.get(&path(&made)).await.expect_status(404)), "object_not_found");
        let mut body = unkept("both", "?");
        body["previous_response_id"] = made["id"].clone();
        assert_eq!(error_code(&client.post(RESPONSES, &body).await), "previous_response_not_found");
    }
    assert_eq!(seen.len(), 3, "all accounts took part: {seen:?}");
}

#[tokio::test]
async fn a_providers_response_is_its_keys_alone_also_after_a_kill() {
    let (first, second) = keeping_upstreams().await;
    let config = keeping_providers(&first, &second);
    let gateway = Gateway::start(&config).await;
    for stream in [false, true] {
        let made = respond(&gateway.client(), unkept("one/one", "?"), stream).await;
        let asked = first.counts().received;
        let theirs = gateway.anonymous().key(OTHER);
        assert_eq!(error_code(&theirs.get(&path(&made)).await.expect_status(404)), "object_not_found");
        assert_eq!(delete(&theirs, &made).await.status, 404);
        let mut body = unkept("one/one", "?");
        body["previous_response_id"] = made["id"].clone();
        let refused = theirs.post(RESPONSES, &body).await.expect_status(400);
        assert_eq!(error_code(&refused), "previous_response_not_found");
        let id = made["id"].as_str().unwrap();
        // A second spelling that another reader could take instead.
        let twice = body
            .to_string()
            .replace("\"model\"", &format!("\"previous_response_i\\u0064\":\"{id}\",\"model\""));
        let twice = theirs.send(Method::POST, RESPONSES, twice.replacen(id, "resp_nobodys", 1)).await;
        assert_eq!(error_code(&twice.expect_status(400)), "ambiguous_field");
        assert_eq!(first.counts().received, asked, "nobody was asked");
    }
    let made = respond(&gateway.client(), unkept("one/one", "?"), true).await;
    let gateway = gateway.kill().start().await;
    let mut body = unkept("one/one", "?");
    body["previous_response_id"] = made["id"].clone();
    respond(&gateway.client(), body.clone(), false).await;
    // What a provider does not keep is nobody's to continue.
    let mut unstored = unkept("one/one", "?");
    unstored["store"] = json!(false);
    let unstored = respond(&gateway.client(), unstored, true).await;
    let mut next = body.clone();
    next["previous_response_id"] = unstored["id"].clone();
    let refused = gateway.client().post(RESPONSES, &next).await.expect_status(400);
    assert_eq!(error_code(&refused), "previous_response_not_found");
    assert!(refused.text().contains("`store: true`"), "it says why: {}", refused.text());
    // A model of another provider, and a provider that is gone.
    for model in ["two/one", "plain/fake-chat"] {
        let mut elsewhere = body.clone();
        elsewhere["model"] = json!(model);
        let refused = gateway.client().post(RESPONSES, &elsewhere).await.expect_status(400);
        assert_eq!(error_code(&refused), "previous_response_elsewhere");
        assert_eq!(refused.json()["error"]["param"], "previous_response_id");
        assert!(refused.text().contains("`one`"), "{}", refused.text());
    }
    let changed = std::fs::read_to_string(gateway.config_path()).unwrap();
    std::fs::write(gateway.config_path(), changed.replace("  one: {", "  three: {")).unwrap();
    body["model"] = json!("two/one");
    let gone = async || {
        let answer = gateway.client().post(RESPONSES, &body).await;
        answer.text().contains("not in the configuration any more").then_some(answer)
    };
    let refused = eventually("a provider that is gone", gone).await.expect_status(400);
    assert_eq!(error_code(&refused), "previous_response_elsewhere");
    let looked = gateway.client().get(&path(&made)).await;
    assert_eq!((looked.status, error_code(&looked).as_str()), (409, "credential_gone"));
}

#[tokio::test]
async fn a_conversation_that_was_kept_here_can_go_on_at_a_provider_that_keeps_its_own() {
    let (first, second) = keeping_upstreams().await;
    let gateway = Gateway::start(&keeping_providers(&first, &second)).await;
    let here = respond(&gateway.client(), ask("mixed", "Where is the gate?"), false).await;
    assert!(here["id"].as_str().unwrap().starts_with("resp_yu_"));
    let there = respond(&gateway.client(), go_on("one/one", &here, "And then?"), true).await;
    let sent = first.last().json();
    let input = sent["input"].as_array().unwrap();
    assert_eq!((input.len(), &sent["store"]), (3, &json!(true)));
    assert!(sent["previous_response_id"].is_null() && !sent.to_string().contains("yu_"), "{sent}");
    assert_eq!(input[1]["content"][0]["text"], TEXT);
    let last = respond(&gateway.client(), go_on("one/one", &there, "And now?"), false).await;
    assert_eq!(last["previous_response_id"], there["id"]);
}

#[tokio::test]
async fn background_goes_through_to_a_provider_that_has_it() {
    let (first, second) = keeping_upstreams().await;
    let gateway = Gateway::start(&keeping_providers(&first, &second)).await;
    let mut body = unkept("one/one", "?");
    body["background"] = json!(true);
    let queued = gateway.client().post(RESPONSES, &body).await.expect_status(200).json();
    assert_eq!(queued["status"], "queued");
    assert_eq!(gateway.client().get(&path(&queued)).await.expect_status(200).json(), queued);
}

const TRUSTED: &str = "sk-yu-trusted-0123456789abcdefghijklmno";

/// The same with a key that may begin conversations at both providers, and let requests through at the first.
async fn trusting(first: &Upstream, second: &Upstream) -> Gateway {
    for upstream in [first, second] {
        let responses = FakeResponses::default();
        upstream.script(move |request| match request.path.as_str() {
            "/v1/conversations" => {
                let account = request.header("authorization").trim_start_matches("Bearer secret-").to_owned();
                let told =
                    json!({ "id": format!("conv_{account}"), "object": "conversation", "created_at": 1 });
                Some(Reply::json(200, &told))
            }
            _ => responses.answer(request),
        });
    }
    let rules = |name: &str, rules: &str| {
        (format!("  {name}: {{ type"), format!("  {name}: {{ passthrough: [ {rules} ], type"))
    };
    let (one, more) = rules("one", "POST /responses");
    let (two, fewer) = rules("two", "POST /conversations");
    let config = keeping_providers(first, second).replacen(&one, &more, 1).replacen(&two, &fewer, 1);
    let key = format!("  - {{ name: trusted, secret: \"{TRUSTED}\", access: [\"providers/*\"] }}\n");
    Gateway::start(&format!("{config}{key}")).await
}

#[tokio::test]
async fn items_of_a_providers_answers_are_their_keys_alone() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = trusting(&first, &second).await;
    let theirs = gateway.anonymous().key(OTHER);
    for stream in [false, true] {
        let made = respond(&gateway.client(), unkept("one/one", "?"), stream).await;
        let account = first.last().header("authorization").to_owned();
        let id = made["output"][0]["id"].clone();
        for reference in [json!({ "type": "item_reference", "id": id }), json!({ "id": id, "type": null })] {
            let mut body = unkept("one/one", "?");
            body["input"] = json!([reference, { "role": "user", "content": "And then?" }]);
            // Often enough to meet the other account, were any allowed.
            for _ in 0..3 {
                respond(&gateway.client(), body.clone(), stream).await;
                assert_eq!(first.last().header("authorization"), account);
                assert_eq!(first.last().json()["input"], body["input"], "it goes through as it is");
            }
            let asked = first.counts().received;
            let refused = theirs.post(RESPONSES, &body).await.expect_status(404);
            assert_eq!(
                (error_code(&refused).as_str(), &refused.json()["error"]["param"]),
                ("object_not_found", &json!("input"))
            );
            assert!(!refused.text().contains("  "), "{}", refused.text());
            for setting in ["access: [\\\"providers/one\\\"]", "passthrough: [\\\"POST /responses\\\"]"] {
                assert!(refused.text().contains(setting), "{setting}: {}", refused.text());
            }
            assert_eq!(first.counts().received, asked, "nobody was asked");
            // Where such a request could go through as it is, nothing is kept from anybody by refusing it.
            gateway.anonymous().key(TRUSTED).post(RESPONSES, &body).await.expect_status(200);
            body["model"] = json!("two/one");
            let elsewhere = gateway.client().post(RESPONSES, &body).await.expect_status(400);
            assert_eq!(error_code(&elsewhere), "previous_response_elsewhere");
            let refused = gateway.anonymous().key(TRUSTED).post(RESPONSES, &body).await.expect_status(404);
            assert_eq!(
                error_code(&refused),
                "object_not_found",
                "the second provider lets no such request through"
            );
        }
    }
    let mut many = unkept("one/one", "?");
    many["input"] =
        (0..1001).map(|n| json!({ "type": "item_reference", "id": format!("msg_{n}") })).collect();
    let refused = gateway.client().post(RESPONSES, &many).await.expect_status(400);
    assert!(refused.text().contains("at most 1000"), "{}", refused.text());
}

#[tokio::test]
async fn an_item_of_the_same_name_at_another_provider_opens_nobody_elses() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = trusting(&first, &second).await;
    let (mine, theirs) = (gateway.client(), gateway.anonymous().key(OTHER));
    // Both providers number their items alike.
    let secret = respond(&theirs, unkept("one/one", "?"), false).await["output"][0]["id"].clone();
    let own = respond(&mine, unkept("two/one", "?"), false).await;
    assert_eq!(own["output"][0]["id"], secret);
    let before = respond(&mine, unkept("one/one", "?"), false).await;
    let mut body = unkept("one/one", "?");
    body["previous_response_id"] = before["id"].clone();
    body["input"] = json!([{ "type": "item_reference", "id": secret }]);
    let asked = first.counts().received;
    let refused = mine.post(RESPONSES, &body).await.expect_status(404);
    assert_eq!(error_code(&refused), "object_not_found");
    assert_eq!(first.counts().received, asked, "nobody was asked");
    // What is the key's own where the request goes may be named, whatever else has the same name.
    body["input"][0]["id"] = before["output"][0]["id"].clone();
    respond(&mine, body, false).await;
}

#[tokio::test]
async fn what_was_kept_here_names_nobody_elses_items_either() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = trusting(&first, &second).await;
    let theirs = gateway.anonymous().key(OTHER);
    let secret = respond(&theirs, unkept("one/one", "?"), false).await["output"][0]["id"].clone();
    // A message to whoever takes the last of two, and so to the gateway; others take the first.
    let body = format!(
        r#"{{"model":"plain/fake-chat","store":true,"input":[{{"type":"item_reference","type":"message","id":{secret},"role":"user","content":"?"}}]}}"#
    );
    let kept = gateway.client().send(Method::POST, RESPONSES, body).await.expect_status(200).json();
    let asked = first.counts().received;
    let refused = gateway.client().post(RESPONSES, &go_on("one/one", &kept, "And then?")).await;
    assert_eq!(error_code(&refused.expect_status(404)), "object_not_found");
    assert_eq!(first.counts().received, asked, "nobody was asked");
}

#[tokio::test]
async fn a_providers_conversation_is_its_keys_alone() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = trusting(&first, &second).await;
    let trusted = gateway.anonymous().key(TRUSTED);
    let begun = trusted.post("/providers/two/conversations", &json!({})).await.expect_status(200).json();
    assert_eq!(begun["id"], "conv_c");
    for conversation in [json!("conv_c"), json!({ "id": "conv_c" })] {
        let mut body = unkept("two/one", "?");
        body["conversation"] = conversation;
        trusted.post(RESPONSES, &body).await.expect_status(200);
        assert_eq!(second.last().json()["conversation"], body["conversation"], "it goes through as it is");
        let asked = second.counts().received;
        let refused = gateway.client().post(RESPONSES, &body).await.expect_status(404);
        assert_eq!(
            (error_code(&refused).as_str(), &refused.json()["error"]["param"]),
            ("object_not_found", &json!("conversation"))
        );
        assert!(refused.text().contains("providers/two"), "{}", refused.text());
        assert_eq!(second.counts().received, asked, "nobody was asked");
        // It is kept at the second provider, and nowhere else.
        body["model"] = json!("one/one");
        let elsewhere = trusted.post(RESPONSES, &body).await.expect_status(400);
        assert_eq!(error_code(&elsewhere), "previous_response_elsewhere");
        body["model"] = json!("plain/fake-chat");
        let elsewhere = trusted.post(RESPONSES, &body).await.expect_status(400);
        assert_eq!(error_code(&elsewhere), "previous_response_elsewhere");
    }
    let mut unknown = unkept("plain/fake-chat", "?");
    unknown["conversation"] = json!("conv_nobodys");
    let refused = gateway.client().post(RESPONSES, &unknown).await.expect_status(400);
    assert!(refused.text().contains("only the provider that keeps it"), "{}", refused.text());
}
