//! All deployments of a provider fail at once under many calls: what is tried stays bounded, others serve, and whoever comes
//! back serves again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Reply, Upstream, eventually};
use yumen_tests::{CHAT, MESSAGES, ask, record_of};

/// Calls that are open at the same time.
const CALLS: usize = 500;

/// Two servers, `one` and `two`, with a model each of two; `one` fails while it is told to, and counts what it is asked.
struct World {
    _upstream: Upstream,
    gateway: Gateway,
    fails: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl World {
    async fn new() -> Self {
        let upstream = Upstream::start().await;
        let (fails, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (failing, asking) = (Arc::clone(&fails), Arc::clone(&asked));
        upstream.script(move |request| {
            let server = request.path.split('/').nth(1)?.to_owned();
            if server == "one" {
                asking.fetch_add(1, Ordering::SeqCst);
                if failing.load(Ordering::SeqCst) {
                    return Some(Reply::json(503, &json!({ "error": { "message": "away" } })));
                }
            }
            Some(Reply::json(
                200,
                &json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m",
                    "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": server } }],
                    "usage": { "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 } }),
            ))
        });
        let base = upstream.plain_base();
        let config = format!(
            "gateway: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  \
             one: {{ type: openai-compatible, base_url: \"{base}/one/v1\", discovery: off, models: {{ a: {{}}, b: {{}} }} }}\n  \
             two: {{ type: openai-compatible, base_url: \"{base}/two/v1\", discovery: off, models: {{ a: {{}} }} }}\n\
             models:\n  \
             alone: {{ deployments: [ {{ provider: one, model: a }}, {{ provider: one, model: b }} ] }}\n  \
             backed: {{ deployments: [ {{ provider: one, model: a }}, {{ provider: one, model: b }} ], fallbacks: [ two/a ] }}\n\
             keys:\n  - {{ name: tests, secret: \"{KEY}\" }}\n"
        );
        let gateway = Gateway::start(&config).await;
        Self { _upstream: upstream, gateway, fails, asked }
    }

    /// Many calls at once, on both surfaces; gives status and generation id of each.
    async fn many(&self, model: &str) -> Vec<(u16, String)> {
        let calls = (0..CALLS).map(|number| {
            let (client, body) = (self.gateway.client(), ask(model));
            let path = if number % 2 == 0 { CHAT } else { MESSAGES };
            tokio::spawn(async move {
                let answer = client.post(path, &body).await;
                (answer.status, answer.header("x-generation-id").to_owned())
            })
        });
        let calls: Vec<_> = calls.collect();
        let mut answers = Vec::with_capacity(CALLS);
        for call in calls {
            answers.push(call.await.unwrap());
        }
        answers
    }

    async fn attempts(&self, id: &str) -> Vec<Value> {
        record_of(&self.gateway.client(), id).await["provider_responses"].as_array().unwrap().clone()
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn each_call_is_tried_little_more_than_once_and_the_first_after_it_returns_is_answered() {
    let world = World::new().await;
    world.fails.store(true, Ordering::SeqCst);
    let answers = world.many("alone").await;
    assert!(answers.iter().all(|(status, _)| *status == 503), "every client is told");
    let mut tries = 0;
    for (_, id) in &answers {
        tries += world.attempts(id).await.len();
    }
    assert_eq!(tries, world.asked(), "each try is recorded, and no other was made");
    assert!(tries <= 2 * CALLS, "{tries} tries of {CALLS} calls");
    world.fails.store(false, Ordering::SeqCst);
    world.gateway.client().post(CHAT, &ask("alone")).await.expect_status(200);
    let answers = world.many("alone").await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
}

#[tokio::test]
async fn others_serve_meanwhile_and_whoever_comes_back_is_found_by_single_probes() {
    let world = World::new().await;
    assert!(world.many("backed").await.iter().all(|(status, _)| *status == 200));
    world.fails.store(true, Ordering::SeqCst);
    let answers = world.many("backed").await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "no caller notices");
    world.asked();
    let answers = world.many("backed").await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
    let probes = world.asked();
    assert!(probes <= 20, "{probes} tries at two deployments that are known to fail");
    world.fails.store(false, Ordering::SeqCst);
    eventually("it serves again", async || {
        let answer = world.gateway.client().post(CHAT, &ask("backed")).await.expect_status(200);
        let provider = world.attempts(answer.header("x-generation-id")).await.last()?["provider"].clone();
        (provider == "one").then_some(())
    })
    .await;
    world.asked();
    assert!(world.many("backed").await.iter().all(|(status, _)| *status == 200));
    assert!(world.asked() >= CALLS / 2, "traffic has come back");
}

#[tokio::test]
async fn where_a_third_fails_tries_anew_stay_within_their_budget() {
    let upstream = Upstream::start().await;
    let asked = AtomicUsize::new(0);
    upstream.script(move |_| {
        let fails = asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(3);
        fails.then(|| Reply::json(503, &json!({ "error": { "message": "not this time" } })))
    });
    let config =
        yumen_testkit::standard_config(&upstream).replace("gateway: {", "gateway: { retry_percent: 0,");
    let gateway = Gateway::start(&config).await;
    let (mut answered, mut anew) = (0, 0);
    for _ in 0..90 {
        let answer = gateway.client().post(CHAT, &ask("fake-openai/fake-chat")).await;
        answered += usize::from(answer.status == 200);
        let record = record_of(&gateway.client(), answer.header("x-generation-id")).await;
        anew += record["provider_responses"].as_array().unwrap().len() - 1;
    }
    // Some thirty would be tried anew. Ten always may be in half a minute, and this takes no two of these.
    assert!((10..=20).contains(&anew), "{anew} tries were made anew");
    assert!(answered < 90, "and then the client is told");
}
