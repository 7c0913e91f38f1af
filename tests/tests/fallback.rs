//! Retries, fallbacks and resting credentials: what is tried next, and what never is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::json;
use yumen_testkit::{Gateway, Reply, Step, Upstream, closed_port, standard_config};
use yumen_tests::{CHAT, MESSAGES, PROVIDERS, TEXT, ask, ask_stream, combinations, record_of, whole_text};

/// The standard configuration with an alias `smart`: one deployment, then one fallback.
fn alias(upstream: &Upstream, first: (&str, &str), then: &str) -> String {
    let (provider, model) = first;
    format!(
        "{}models:\n  smart:\n    deployments: [ {{ provider: {provider}, model: {model} }} ]\n    fallbacks: [ {then} ]\n",
        standard_config(upstream)
    )
}

/// The standard configuration with an alias `{provider}-{model}` for each of these models at every provider, whose
/// fallback is the plain model at the provider that follows; behind that stands one that no test wears out.
async fn chains(upstream: &Upstream, models: &[&str]) -> Gateway {
    let last = format!(
        "providers:\n  last: {{ type: openai-compatible, base_url: \"{}\", models: {{ fake-chat: {{}} }} }}\n",
        upstream.openai_base()
    );
    let mut config = standard_config(upstream).replace("providers:\n", &last) + "models:\n";
    for (place, provider) in PROVIDERS.iter().enumerate() {
        let next = PROVIDERS[(place + 1) % PROVIDERS.len()];
        for model in models {
            let first = format!("deployments: [ {{ provider: {provider}, model: {model} }} ]");
            config += &format!(
                "  {provider}-{model}: {{ {first}, fallbacks: [ {next}/fake-chat, last/fake-chat ] }}\n"
            );
        }
    }
    Gateway::start(&config).await
}

#[tokio::test]
async fn what_fails_before_the_content_goes_to_the_next() {
    let upstream = Upstream::start().await;
    // A credential that is refused rests, so that comes last.
    let models = ["fake-500", "fake-503", "fake-html", "fake-cut-first", "fake-429", "fake-401"];
    let gateway = chains(&upstream, &models).await;
    for model in models {
        for (surface, provider) in combinations() {
            let answer = surface.ask(&gateway.client(), &format!("{provider}-{model}"), false).await;
            let what = format!("{surface:?} {provider}/{model}");
            assert_eq!(surface.text(&answer.clone().expect_status(200)), TEXT, "{what}");
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            assert_eq!(record["outcome"], "completed");
            let tries = record["provider_responses"].as_array().unwrap();
            // Amazon's names begin with their maker's.
            let last = tries.last().unwrap()["model"].as_str().unwrap();
            assert_eq!(last.trim_start_matches("anthropic."), "fake-chat", "{what}: {record}");
            assert_eq!(tries.last().unwrap()["cause"], json!(null), "{what}: {record}");
            if !["fake-429", "fake-401"].contains(&model) {
                assert_eq!((tries.len(), &tries[0]["model"]), (2, &json!(model)), "{what}: {record}");
            }
        }
    }
}

/// Where the bytes do not pass through, what cannot be read is found out before anything was sent on.
#[tokio::test]
async fn unreadable_answers_go_to_the_next_where_they_are_converted() {
    let upstream = Upstream::start().await;
    let models = ["fake-empty", "fake-not-json", "fake-cut-mid-stream"];
    let gateway = chains(&upstream, &models).await;
    for (surface, provider) in combinations().filter(|(surface, provider)| surface.provider() != *provider) {
        for model in models {
            let answer = surface.ask(&gateway.client(), &format!("{provider}-{model}"), false).await;
            assert_eq!(surface.text(&answer.expect_status(200)), TEXT, "{surface:?} {provider}/{model}");
        }
    }
}

#[tokio::test]
async fn pitfall_17_streams_fall_back_only_before_the_content() {
    let upstream = Upstream::start().await;
    let models = ["fake-cut-first", "fake-error-first", "fake-500"];
    let gateway = chains(&upstream, &[&models[..], &["fake-cut-mid-stream"]].concat()).await;
    for (surface, provider) in combinations() {
        for model in models {
            let answer = surface.ask(&gateway.client(), &format!("{provider}-{model}"), true).await;
            let events = answer.expect_status(200).events();
            assert_eq!(surface.stream_text(&events), TEXT, "{surface:?} {provider}/{model}");
        }
        upstream.forget();
        let answer = surface.ask(&gateway.client(), &format!("{provider}-fake-cut-mid-stream"), true).await;
        let errors = surface.stream_errors(&answer.clone().expect_status(200).events());
        assert_eq!(errors.len(), 1, "{surface:?} {provider}: {}", answer.text());
        let tried = upstream.requests().len();
        assert_eq!(tried, 1, "{surface:?} {provider}: after content nothing is tried again");
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        assert_eq!(record["outcome"], "failed", "{record}");
    }
}

#[tokio::test]
async fn pitfall_17_lifecycle_frames_are_held_for_a_fallback() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let begins = match request.path.as_str() {
            "/v1/messages" => "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"lost\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
            "/v1/responses" => "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"lost\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"lost\",\"type\":\"message\",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}}\n\n",
            "/v1/chat/completions" => "data: {\"id\":\"lost\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            _ => ": lost\n\n",
        };
        (request.model() == "fake-slow").then(|| Reply::stream([begins]).insert(1, Step::Cut))
    });
    let gateway = chains(&upstream, &["fake-slow"]).await;
    for (surface, provider) in combinations() {
        let answer = surface.ask(&gateway.client(), &format!("{provider}-fake-slow"), true).await;
        assert!(!answer.text().contains("lost"), "{surface:?} {provider}: {}", answer.text());
        assert_eq!(surface.stream_text(&answer.expect_status(200).events()), TEXT, "{surface:?} {provider}");
    }
}

#[tokio::test]
async fn pitfall_18_each_attempt_is_made_anew_from_the_original() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&alias(
        &upstream,
        ("fake-openai", "fake-500"),
        "fake-openai/fake-503, fake-openai/fake-chat",
    ))
    .await;
    let body =
        r#"{"messages":[{"role":"user","content":"Hi"}], "seed":1.0,  "model":"smart","x_unknown":[1e5]}"#;
    gateway.client().send(http::Method::POST, CHAT, body).await.expect_status(200);
    let sent: Vec<String> =
        upstream.requests().iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect();
    let expected = |model: &str| body.replace("smart", model);
    assert!(sent.contains(&expected("fake-500")) && sent.contains(&expected("fake-503")), "{sent:?}");
    assert_eq!(sent.last().unwrap(), &expected("fake-chat"));
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.header("authorization") == "Bearer upstream-openai-secret")
    );
}

#[tokio::test]
async fn a_closed_port_goes_to_the_next_and_says_so_when_there_is_none() {
    let upstream = Upstream::start().await;
    let dead = format!(
        "providers:\n  dead: {{ type: openai-compatible, base_url: \"http://{}/v1\", credentials: [ {{ secret: x }} ], models: {{ m: {{}} }} }}\n",
        closed_port()
    );
    let config = alias(&upstream, ("dead", "m"), "fake-openai/fake-chat").replace("providers:\n", &dead);
    let gateway = Gateway::start(&config).await;
    gateway.client().post(CHAT, &ask("smart")).await.expect_status(200);
    let answer = gateway.client().post(CHAT, &ask("dead/m")).await.expect_status(502);
    assert_eq!(yumen_tests::error_code(&answer), "upstream_unreachable");
    let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
    assert_eq!((&record["outcome"], &record["status"]), (&json!("failed"), &json!(502)));
}

/// A gateway before an upstream that answers the first request with `status` and every later one well.
async fn recovering(status: u16, retry_after: Option<&'static str>, setting: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let first = std::sync::atomic::AtomicBool::new(true);
    upstream.script(move |_| {
        let failed = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        let reply = Reply::json(status, &json!({ "error": { "message": "a moment please" } }));
        failed.then(|| match retry_after {
            Some(seconds) => reply.header("retry-after", seconds),
            None => reply,
        })
    });
    let config = standard_config(&upstream).replace("gateway: {", &format!("gateway: {{ {setting}"));
    let gateway = Gateway::start(&config).await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_single_deployment_that_failed_for_a_moment_is_tried_anew() {
    for (status, cause) in [(500, "server_error"), (503, "overloaded")] {
        for body in [ask("fake-openai/fake-chat"), ask_stream("fake-openai/fake-chat")] {
            let (_upstream, gateway) = recovering(status, None, "").await;
            let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
            let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
            let tries = record["provider_responses"].as_array().unwrap();
            assert_eq!((tries.len(), &tries[0]["cause"]), (2, &json!(cause)), "{record}");
            assert_eq!(record["outcome"], "completed");
        }
    }
}

#[tokio::test]
async fn what_will_not_get_better_in_a_moment_is_told_at_once() {
    for (status, retry_after, setting) in [
        (400, None, ""),
        (401, None, ""),
        (404, None, ""),
        (429, None, ""),
        (503, Some("60"), ""),
        (500, None, "retry_rounds: 0,"),
        (500, None, "max_attempts: 1,"),
    ] {
        let (upstream, gateway) = recovering(status, retry_after, setting).await;
        let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(status);
        assert_eq!(upstream.counts().received, 1, "{status} {setting}");
        assert_eq!(answer.header("retry-after"), retry_after.unwrap_or_default());
    }
}

#[tokio::test]
async fn the_clients_own_mistakes_are_not_tried_elsewhere() {
    let upstream = Upstream::start().await;
    let gateway =
        Gateway::start(&alias(&upstream, ("fake-openai", "fake-400"), "fake-openai/fake-chat")).await;
    let answer = gateway.client().post(CHAT, &ask("smart")).await.expect_status(400);
    assert!(answer.text().contains("fake upstream says 400"));
    assert_eq!(upstream.counts().received, 1);
}

#[tokio::test]
async fn credentials_take_turns_and_a_refused_one_rests() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace(
        "credentials: [ { secret: upstream-openai-secret } ]",
        "credentials: [ { secret: good-one, weight: 2 }, { secret: other-one }, { secret: tired-one } ]",
    );
    upstream.script(|request| {
        let tired = request.header("authorization") == "Bearer tired-one";
        tired.then(|| {
            Reply::json(429, &json!({ "error": { "message": "slow down" } })).header("retry-after", "3600")
        })
    });
    let gateway = Gateway::start(&config).await;
    for _ in 0..40 {
        gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
    }
    let used = |secret: &str| {
        let wanted = format!("Bearer {secret}");
        upstream.requests().iter().filter(|request| request.header("authorization") == wanted).count()
    };
    assert_eq!(used("tired-one"), 1);
    assert!(used("other-one") >= 8 && used("good-one") > used("other-one"));
}

/// Three credentials of equal weight; one of them is answered with `status` for the model `fake-chat`. Gives how often
/// that one was used in all for `fake-chat`, and for another model afterwards.
async fn uses_of_a_refused_credential(status: u16) -> (usize, usize) {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace(
        "credentials: [ { secret: upstream-openai-secret } ]",
        "credentials: [ { secret: good-one }, { secret: other-one }, { secret: tired-one } ]",
    );
    upstream.script(move |request| {
        let tired = request.header("authorization") == "Bearer tired-one" && request.model() == "fake-chat";
        tired.then(|| {
            Reply::json(status, &json!({ "error": { "message": "no" } })).header("retry-after", "3600")
        })
    });
    let gateway = Gateway::start(&config).await;
    for model in ["fake-openai/fake-chat", "fake-openai/another"] {
        for _ in 0..12 {
            gateway.client().post(CHAT, &ask(model)).await.expect_status(200);
        }
    }
    let used = |model: &str| {
        let requests = upstream.requests();
        let uses = requests.iter().filter(|request| request.header("authorization") == "Bearer tired-one");
        uses.filter(|request| request.model() == model).count()
    };
    (used("fake-chat"), used("another"))
}

#[tokio::test]
async fn a_refusal_for_one_model_does_not_rest_the_credential_for_others() {
    // A payment may fail for one request that asks for too much.
    for status in [402, 403, 429] {
        let (refused, others) = uses_of_a_refused_credential(status).await;
        assert_eq!(refused, 1, "{status}");
        assert!(others >= 2, "{status}: used {others} times of 12 for the other model");
    }
    assert_eq!(uses_of_a_refused_credential(401).await, (1, 0));
}

#[tokio::test]
async fn an_unknown_content_encoding_is_an_answer_that_cannot_be_read() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let strange = |reply: Reply| reply.header("content-encoding", "x-strange");
        match request.model().as_str() {
            "fake-slow" if request.json()["stream"] == true || request.path.contains("alt=sse") => {
                Some(strange(Reply::stream(["\u{1}\u{2}"])))
            }
            "fake-slow" => Some(strange(Reply::json(200, &json!({ "choices": [] })))),
            "fake-500" => Some(strange(Reply::json(418, &json!({ "error": { "message": "hidden" } })))),
            _ => None,
        }
    });
    let gateway = chains(&upstream, &["fake-slow"]).await;
    for (surface, provider) in combinations() {
        let model = format!("{provider}-fake-slow");
        let answer = surface.ask(&gateway.client(), &model, false).await.expect_status(200);
        assert_eq!(surface.text(&answer), TEXT, "{surface:?} {provider}");
        let answer = surface.ask(&gateway.client(), &model, true).await.expect_status(200);
        assert_eq!(surface.stream_text(&answer.events()), TEXT, "{surface:?} {provider}");
    }
    let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-slow")).await.expect_status(502);
    assert_eq!(yumen_tests::error_code(&answer), "upstream_invalid");
    assert!(answer.headers.get("content-encoding").is_none());
    // An error keeps its status, also when what it says cannot be read.
    gateway.client().post(CHAT, &ask("fake-openai/fake-500")).await.expect_status(418);
}

#[tokio::test]
async fn a_resting_credential_is_tried_before_giving_up() {
    let upstream = Upstream::start().await;
    let limited = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let first_limited = std::sync::Arc::clone(&limited);
    upstream.script(move |request| {
        let no = |status: u16| Reply::json(status, &json!({ "error": { "message": "no" } }));
        let is_limited = first_limited.load(std::sync::atomic::Ordering::Relaxed);
        (request.model() == "fake-chat" && is_limited).then(|| no(429).header("retry-after", "3600"))
    });
    let gateway =
        Gateway::start(&alias(&upstream, ("fake-openai", "fake-chat"), "fake-openai/fake-503")).await;
    gateway.client().post(CHAT, &ask("smart")).await.expect_status(503);
    limited.store(false, std::sync::atomic::Ordering::Relaxed);
    let answer = gateway.client().post(CHAT, &ask("smart")).await.expect_status(200);
    assert_eq!(whole_text(&answer), TEXT);
}

#[tokio::test]
async fn a_refused_payment_is_told_and_rests_for_its_model_only() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let unpaid = request.json()["max_tokens"] == 9_000;
        unpaid.then(|| Reply::json(402, &json!({ "error": { "message": "can only afford 10" } })))
    });
    let gateway = Gateway::before(&upstream).await;
    let mut dear = ask("fake-openai/fake-chat");
    dear["max_tokens"] = json!(9_000);
    let answer = gateway.client().post(CHAT, &dear).await.expect_status(402);
    assert!(answer.text().contains("can only afford 10"), "{}", answer.text());
    gateway.client().post(CHAT, &ask("fake-openai/fake-slow")).await.expect_status(200);
    // The only credential is tried after all.
    gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await.expect_status(200);
}

#[tokio::test]
async fn counting_goes_to_the_next_credential_and_rests_none_for_answers() {
    let upstream = Upstream::start().await;
    let config = standard_config(&upstream).replace(
        "credentials: [ { secret: upstream-anthropic-secret } ]",
        "credentials: [ { secret: good-one }, { secret: tired-one }, { secret: revoked-one } ]",
    );
    let error = |kind: &str| json!({ "type": "error", "error": { "type": kind, "message": "no" } });
    upstream.script(move |request| {
        let counts = request.path.ends_with("/count_tokens");
        match request.header("x-api-key") {
            "revoked-one" => Some(Reply::json(401, &error("authentication_error"))),
            "tired-one" if counts => Some(Reply::json(429, &error("rate_limit_error"))),
            _ => None,
        }
    });
    let gateway = Gateway::start(&config).await;
    for _ in 0..9 {
        let path = "/v1/messages/count_tokens";
        let answer =
            gateway.anthropic_client().post(path, &ask("fake-anthropic/fake-chat")).await.expect_status(200);
        assert_eq!(answer.json()["input_tokens"], 42);
    }
    for _ in 0..9 {
        gateway.client().post(MESSAGES, &ask("fake-anthropic/fake-chat")).await.expect_status(200);
    }
    let used = |secret: &str, path: &str| {
        let requests = upstream.requests();
        requests.iter().filter(|seen| seen.header("x-api-key") == secret && seen.path == path).count()
    };
    assert_eq!(used("revoked-one", "/v1/messages/count_tokens"), 1, "a revoked credential rests for all");
    assert_eq!(used("revoked-one", MESSAGES), 0);
    assert!(used("tired-one", MESSAGES) >= 3, "a limit of counting is none of answers");
}
