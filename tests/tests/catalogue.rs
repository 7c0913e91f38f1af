//! OpenRouter's catalogue and account at `/api/v1`: what each key sees of models, deployments and providers, and what it has
//! cost. The command line shows the same models.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Client, Gateway, KEY, Upstream, run_program};
use yumen_tests::{CHAT, ask, error_code, pair};

const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";

/// Everything that can be looked up, with a model that every key of these tests may use.
const PATHS: [&str; 10] = [
    "/api/v1/embeddings/models",
    "/api/v1/models",
    "/api/v1/models/user",
    "/api/v1/models/count",
    "/api/v1/model/acme/seer",
    "/api/v1/models/acme/seer/endpoints",
    "/api/v1/endpoints/zdr",
    "/api/v1/providers",
    "/api/v1/key",
    "/api/v1/credits",
];

/// Two providers of one model, one of which keeps nothing, and a key for that model alone.
fn config(upstream: &Upstream, public: bool) -> String {
    let base = upstream.openai_base();
    format!(
        r#"
gateway: {{ listen: "127.0.0.1:0", public_models: {public} }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  quiet:
    type: openai-compatible
    name: Quiet
    base_url: "{base}"
    credentials: [ {{ secret: upstream-secret }} ]
    data_policy: {{ trains: false, retention_days: 0 }}
    models:
      fake-chat:
        canonical: acme/seer
        name: Acme Seer
        context: 32000
        max_output: 4000
        input: [text, image]
        supports: [tools, structured]
        price: {{ input: 1.5, output: 6, cache_read: 0.15, long: {{ above: 16000, input: 3, output: 9 }} }}
  loud:
    type: anthropic-compatible
    base_url: "{}"
    credentials: [ {{ secret: upstream-secret }} ]
    models:
      fake-chat-fp8: {{ canonical: acme/seer, context: 64000, price: {{ input: 2, output: 8 }} }}
      riddle: {{}}
      vectors: {{ operations: [embeddings], price: {{ input: 0.01 }} }}
models:
  smart: {{ deployments: [ {{ provider: quiet, model: fake-chat }} ] }}
keys:
  - {{ name: test, secret: "{KEY}", models: ["*"] }}
  - {{ name: narrow, secret: "{NARROW}", models: ["acme/*"], requests_per_minute: 60 }}
"#,
        upstream.plain_base()
    )
}

async fn catalogue(public: bool) -> (Upstream, Gateway) {
    let upstream = Upstream::start().await;
    let gateway = Gateway::start(&config(&upstream, public)).await;
    (upstream, gateway)
}

async fn data(client: &Client, path: &str) -> Value {
    client.get(&format!("/api/v1{path}")).await.expect_status(200).json()["data"].clone()
}

fn ids(data: &Value) -> Vec<&str> {
    data.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_path_wants_a_key_unless_lists_are_public() {
    for public in [false, true] {
        let (_upstream, gateway) = catalogue(public).await;
        let stranger = Client::new(gateway.address()).key("sk-yu-wrong");
        for path in PATHS {
            gateway.client().get(path).await.expect_status(200);
            let open = public && !["/user", "/key", "/credits"].iter().any(|own| path.ends_with(own));
            let answer = gateway.anonymous().get(path).await;
            assert_eq!(answer.status, if open { 200 } else { 401 }, "{path} {public}");
            if !open {
                assert_eq!(answer.json()["error"]["code"], 401, "{path}");
                assert_eq!(answer.json()["error"]["metadata"]["error_type"], "authentication", "{path}");
            }
            stranger.get(path).await.expect_status(401);
            gateway.client().post(path, &Value::Null).await.expect_status(405);
        }
    }
}

#[tokio::test]
async fn a_key_sees_its_own_models_and_their_providers_alone() {
    let (_upstream, gateway) = catalogue(false).await;
    let (all, narrow) = (gateway.client(), Client::new(gateway.address()).key(NARROW));
    assert_eq!(ids(&data(&all, "/models").await), ["acme/seer", "loud/riddle", "smart"]);
    for path in ["/models", "/models/user", "/models?output_modalities=all"] {
        assert_eq!(ids(&data(&narrow, path).await), ["acme/seer"], "{path}");
    }
    assert_eq!(ids(&data(&all, "/embeddings/models?output_modalities=text").await), ["loud/vectors"]);
    assert_eq!(data(&all, "/models/count?output_modalities=all").await["count"], 4);
    assert_eq!(data(&narrow, "/models/count").await["count"], 1);
    for path in ["/models/smart/endpoints", "/model/loud/riddle", "/models/no/such/endpoints"] {
        let refused = narrow.get(&format!("/api/v1{path}")).await.expect_status(404).json();
        assert_eq!(refused["error"]["metadata"]["error_type"], "not_found", "{path}");
        let near = refused["error"]["availability"]["fallback_models"].as_array().unwrap();
        assert!(near.iter().all(|name| *name == "acme/seer"), "a name that the key may not use: {refused}");
    }
    // The deployment's own name leads to the model that the key may use.
    assert_eq!(data(&narrow, "/model/quiet/fake-chat").await["canonical_slug"], "acme/seer");
    let slugs = |data: &Value| -> Vec<String> {
        data.as_array().unwrap().iter().map(|entry| entry["slug"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(slugs(&data(&all, "/providers").await), ["loud", "quiet"]);
    assert_eq!(slugs(&data(&narrow, "/providers").await), ["loud", "quiet"], "both serve its model");
}

#[tokio::test]
async fn a_model_and_its_deployments_are_told_with_all_that_is_known() {
    let (_upstream, gateway) = catalogue(false).await;
    let model = data(&gateway.client(), "/model/acme/seer").await;
    let list = data(&gateway.client(), "/models").await;
    assert_eq!(list[0], model, "the same in the list and by itself");
    assert_eq!((&model["name"], &model["context_length"]), (&json!("Acme Seer"), &json!(64_000)));
    assert_eq!(model["architecture"]["modality"], "text+image->text");
    assert_eq!(model["pricing"]["prompt"], "0.0000015", "the cheapest deployment's");
    assert_eq!(model["pricing"]["overrides"][0]["min_prompt_tokens"], 16_000);
    let top = json!({ "context_length": 32_000, "max_completion_tokens": 4000, "is_moderated": false });
    assert_eq!(model["top_provider"], top);
    let details = model["links"]["details"].as_str().unwrap();
    let told = gateway.client().get(details).await.expect_status(200).json()["data"].clone();
    let endpoints = told["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 2);
    let of = |tag: &str| endpoints.iter().find(|endpoint| endpoint["tag"] == tag).unwrap();
    let (quiet, loud) = (of("quiet"), of("loud"));
    assert_eq!((&quiet["name"], &quiet["provider_name"]), (&json!("Quiet | acme/seer"), &json!("Quiet")));
    assert_eq!(
        (&quiet["pricing"]["completion"], &loud["pricing"]["completion"]),
        (&json!("0.000006"), &json!("0.000008"))
    );
    assert_eq!((&quiet["quantization"], &loud["quantization"]), (&Value::Null, &json!("fp8")));
    let takes = |endpoint: &Value, name: &str| {
        endpoint["supported_parameters"].as_array().unwrap().contains(&json!(name))
    };
    assert!(takes(quiet, "tools") && !takes(loud, "tools"), "only what is known is claimed");
    assert!(takes(quiet, "seed") && !takes(loud, "seed"), "the Messages API has no seed");
    assert_eq!(quiet["uptime_last_30m"], Value::Null);
    let kept_nowhere = data(&gateway.client(), "/endpoints/zdr").await;
    assert_eq!(kept_nowhere.as_array().unwrap(), std::slice::from_ref(quiet));

    let smart = data(&gateway.client(), "/model/smart").await;
    assert_eq!(smart["alias_target"], json!({ "slug": "acme/seer", "name": "Acme Seer" }));
    let riddle = data(&gateway.client(), "/model/loud/riddle").await;
    assert_eq!(riddle["pricing"], json!({ "prompt": "-1", "completion": "-1" }), "unknown is not free");
    assert_eq!(riddle["context_length"], Value::Null);
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged_as_asked() {
    let (_upstream, gateway) = catalogue(false).await;
    let client = gateway.client();
    for (query, expected) in [
        ("supported_parameters=tools", &["acme/seer", "smart"][..]),
        ("q=Acme+Seer", &["acme/seer"]),
        ("providers=Quiet", &["acme/seer", "smart"]),
        ("output_modalities=embeddings", &["loud/vectors"]),
        ("sort=context-high-to-low", &["acme/seer", "smart", "loud/riddle"]),
        ("sort=pricing-low-to-high&output_modalities=all&max_price=1", &["loud/vectors"]),
        ("client_version=1", &["acme/seer", "loud/riddle", "smart"]),
    ] {
        assert_eq!(ids(&data(&client, &format!("/models?{query}")).await), expected, "{query}");
    }
    let first = client.get("/api/v1/models?limit=2&sort=newest").await.expect_status(200).json();
    assert_eq!((&first["total_count"], ids(&first["data"]).len()), (&json!(3), 2));
    let next = first["links"]["next"].as_str().unwrap();
    let last = client.get(next).await.expect_status(200).json();
    assert_eq!((ids(&last["data"]).len(), &last["links"]["next"]), (1, &Value::Null));
    for (query, name) in [
        ("sort=best", "sort"),
        ("supported_parameters=tols", "supported_parameters"),
        ("output_modalities=smell", "output_modalities"),
        ("max_price=cheap", "max_price"),
        ("category=programming", "category"),
        ("limit=0", "limit"),
    ] {
        for path in ["/api/v1/models", "/api/v1/models/user", "/api/v1/models/count"] {
            let refused = client.get(&format!("{path}?{query}")).await.expect_status(400).json();
            assert!(
                refused["error"]["message"].as_str().unwrap().contains(&format!("`{name}`")),
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_is_told_what_it_has_cost_to_the_last_digit() {
    let (_upstream, gateway) = catalogue(false).await;
    let narrow = Client::new(gateway.address()).key(NARROW);
    let before = data(&narrow, "/key").await;
    assert_eq!((&before["usage"], &before["limit"]), (&json!(0.0), &Value::Null));
    assert_eq!((&before["label"], &before["rate_limit"]["requests"]), (&json!("narrow"), &json!(60)));
    for _ in 0..3 {
        narrow.post(CHAT, &ask("quiet/fake-chat")).await.expect_status(200);
    }
    // 21 and 7 tokens at 1.5 and 6 dollars for a million; what just ended counts at once.
    let spent = json!(0.000_220_5);
    let after = data(&narrow, "/auth/key").await;
    for name in ["usage", "usage_weekly", "usage_monthly", "usage_daily"] {
        assert_eq!(after[name], spent, "{name}");
    }
    assert_eq!(data(&narrow, "/credits").await, json!({ "total_credits": spent, "total_usage": spent }));
    let other = data(&gateway.client(), "/key").await;
    assert_eq!(other["usage"], 0.0, "another key's exchanges are not its own");
}

#[tokio::test]
async fn other_clients_find_their_own_shape_at_the_same_path() {
    let (_upstream, gateway) = pair().await;
    let anthropic = gateway.anthropic_client().get("/api/v1/models").await.expect_status(200).json();
    assert_eq!(anthropic["data"][0]["type"], "model");
    let openai = gateway.client().get("/v1/models").await.expect_status(200).json();
    assert_eq!(openai["object"], "list");
    // Below `/v1` these are names of models, if anybody's.
    let count = gateway.client().get("/v1/models/count").await.expect_status(404);
    assert_eq!(error_code(&count), "model_not_found");
}

/// Providers that most people have.
const COMMON: [&str; 12] = [
    "openai",
    "anthropic",
    "gemini",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "together",
    "xai",
    "fireworks",
    "deepinfra",
    "vercel",
];

#[tokio::test]
async fn the_command_line_lists_the_same_and_a_thousand_for_common_providers() {
    let (upstream, gateway) = catalogue(false).await;
    let path = gateway.config_path().display().to_string();
    let list = async |more: &[&str]| {
        let arguments: Vec<&str> =
            ["models", "--config", &path, "--json"].iter().chain(more).copied().collect();
        let output = run_program(&arguments).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // One row for each deployment.
    assert_eq!(list(&[]).await, ["acme/seer", "acme/seer", "loud/riddle", "loud/vectors", "smart"]);
    assert_eq!(
        list(&["--supported-parameters", "tools", "--providers", "loud"]).await,
        ["acme/seer", "acme/seer"]
    );
    assert_eq!(list(&["seer", "--limit", "1"]).await.len(), 2);
    let refused = run_program(&["models", "--config", &path, "--sort", "best"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("--sort"), "{}", refused.stderr);
    let table = run_program(&["models", "--config", &path, "riddle"]).await;
    assert!(table.stdout.contains("loud/riddle") && !table.stdout.contains("acme"), "{}", table.stdout);

    let providers: String =
        COMMON.iter().map(|id| format!("  {id}: {{ credentials: [ {{ secret: dummy }} ] }}\n")).collect();
    let config = config(&upstream, false).replace("providers:\n", &format!("providers:\n{providers}"));
    let common = Gateway::start(&config).await;
    let path = common.config_path().display().to_string();
    let output = run_program(&["models", "--config", &path, "--json"]).await;
    let rows: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    assert!(rows.len() >= 1000, "{}", rows.len());
    let names: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    let count =
        common.client().get("/api/v1/models/count?output_modalities=all").await.expect_status(200).json();
    assert_eq!(count["data"]["count"], names.len(), "the gateway counts the same");
    let whole = common.client().get("/api/v1/models?output_modalities=all").await.expect_status(200).json();
    assert_eq!(ids(&whole["data"]).len(), names.len());

    let known: Vec<Value> =
        serde_json::from_str(&run_program(&["providers", "--json"]).await.stdout).unwrap();
    assert!(known.len() >= 75, "{}", known.len());
}
