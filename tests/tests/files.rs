//! Files and batches: at the provider, with the account that made them, and each key's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Gateway, KEY, Upstream};
use yumen_tests::{FakeFiles, error_code, form, record_of};

const OTHER: &str = "sk-yu-other-0123456789abcdefghijklmnop";
const NARROW: &str = "sk-yu-narrow-0123456789abcdefghijklmn";
const BARE: &str = "sk-yu-bare-0123456789abcdefghijklmnopq";
const LINES: &str = "{\"custom_id\":\"1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{}}";

fn config(upstream: &Upstream, credentials: &str) -> String {
    format!(
        r#"gateway: {{ listen: "127.0.0.1:0" }}
admin: {{ listen: "127.0.0.1:0" }}
providers:
  up: {{ type: openai-compatible, discovery: off, base_url: "{}", credentials: [ {credentials} ] }}
files: {{ provider: up }}
keys:
  - {{ name: test, secret: "{KEY}", access: [files] }}
  - {{ name: other, secret: "{OTHER}", access: ["*"] }}
  - {{ name: narrow, secret: "{NARROW}", models: [up/fake-chat], access: [files] }}
  - {{ name: bare, secret: "{BARE}", access: ["providers/*"] }}
"#,
        upstream.openai_base()
    )
}

async fn provider() -> (Upstream, FakeFiles) {
    let (upstream, files) = (Upstream::start().await, FakeFiles::default());
    let answering = files.clone();
    upstream.script(move |request| answering.answer(request));
    (upstream, files)
}

async fn start(upstream: &Upstream) -> Gateway {
    Gateway::start(&config(upstream, "{ secret: first-secret }")).await
}

async fn upload(client: &Client) -> Answer {
    let (kind, body) = form("batch", LINES);
    client.clone().header("content-type", kind).send(Method::POST, "/v1/files", body).await
}

async fn uploaded(client: &Client) -> String {
    upload(client).await.expect_status(200).json()["id"].as_str().unwrap().to_owned()
}

fn batch_of(file: &str) -> Value {
    json!({ "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h" })
}

fn ids(list: &Answer) -> Vec<String> {
    let list = list.json();
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|element| element["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_route_wants_a_key_with_access() {
    let (upstream, _files) = provider().await;
    let gateway = start(&upstream).await;
    let owner = gateway.client();
    let file = uploaded(&owner).await;
    let batch = owner.post("/v1/batches", &batch_of(&file)).await.expect_status(200).json();
    let batch = batch["id"].as_str().unwrap();
    let before = upstream.counts().received;
    let (_, body) = form("batch", LINES);
    let routes = [
        (Method::GET, "/v1/files".to_owned(), String::new()),
        (Method::GET, format!("/v1/files/{file}"), String::new()),
        (Method::GET, format!("/v1/files/{file}/content"), String::new()),
        (Method::GET, "/v1/batches".to_owned(), String::new()),
        (Method::GET, format!("/v1/batches/{batch}"), String::new()),
        (Method::POST, format!("/v1/batches/{batch}/cancel"), String::new()),
        (Method::POST, "/v1/batches".to_owned(), batch_of(&file).to_string()),
        (Method::POST, "/v1/files".to_owned(), body),
        (Method::DELETE, format!("/v1/files/{file}"), String::new()),
    ];
    for (method, path, body) in &routes {
        let ask = async |client: Client| client.send(method.clone(), path, body.clone()).await;
        let shown = format!("{method} {path}");
        assert_eq!(ask(gateway.anonymous()).await.status, 401, "{shown}");
        let refused = ask(gateway.anonymous().key(BARE)).await;
        assert_eq!((refused.status, error_code(&refused).as_str()), (403, "access_denied"), "{shown}");
        assert!(refused.text().contains("access: [files]"));
        if path.contains(&file) || path.contains(batch) {
            let unknown = ask(gateway.anonymous().key(OTHER)).await;
            assert_eq!((unknown.status, error_code(&unknown).as_str()), (404, "object_not_found"), "{shown}");
        }
    }
    let refused = gateway.anonymous().key(NARROW).post("/v1/batches", &batch_of(&file)).await;
    assert_eq!((refused.status, error_code(&refused).as_str()), (403, "model_not_allowed"));
    // Another key's file is no input either; that there is one is not told.
    let unknown =
        gateway.anonymous().key(OTHER).post("/v1/batches", &batch_of(&file)).await.expect_status(404);
    let nothing = gateway.anonymous().key(OTHER).post("/v1/batches", &batch_of("file-none")).await;
    assert_eq!(unknown.text().replace(&file, "file-none").len(), nothing.expect_status(404).text().len());
    assert_eq!(upstream.counts().received, before, "none of these reached the provider");
    for (method, path, body) in routes {
        let owner = if path == "/v1/files" && method == Method::POST {
            owner.clone().header("content-type", "multipart/form-data; boundary=b")
        } else {
            owner.clone()
        };
        owner.send(method, &path, body).await.expect_status(200);
    }
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), "Bearer first-secret");
        assert!(!format!("{request:?}").contains("sk-yu-"));
    }
}

#[tokio::test]
async fn each_key_sees_its_own_alone_and_as_the_provider_said_it() {
    let (upstream, files) = provider().await;
    let gateway = start(&upstream).await;
    let (mine, theirs) = (gateway.client(), gateway.anonymous().key(OTHER));
    let empty = mine.get("/v1/files?limit=3").await.expect_status(200).json();
    assert_eq!((&empty["data"], &empty["has_more"]), (&json!([]), &json!(false)));
    assert_eq!(upstream.counts().received, 0, "who owns nothing need not ask");
    let first = uploaded(&mine).await;
    for _ in 0..7 {
        uploaded(&theirs).await;
    }
    let last = uploaded(&mine).await;
    let all = mine.get("/v1/files").await.expect_status(200);
    let texts = files.texts("files");
    let own = format!(
        "{{ \"object\":\"list\", \"data\": [{},{}], \"first_id\":\"{first}\", \"last_id\":\"{last}\",\"has_more\": false, \
         \"extra\":1.0}}",
        texts[0], texts[8]
    );
    assert_eq!(all.text(), own);
    // Pages on which there is nothing of the key's are passed over, and a page ends where the provider's does.
    let page = mine.get("/v1/files?limit=2").await.expect_status(200);
    assert_eq!((ids(&page), page.json()["has_more"].clone()), (vec![first.clone()], json!(true)));
    let page =
        mine.get(&format!("/v1/files?limit=2&after={first}&%61fter=file-005")).await.expect_status(200);
    assert_eq!((ids(&page), page.json()["has_more"].clone()), (vec![last.clone()], json!(false)));
    let page = mine.get(&format!("/v1/files?limit=2&after={last}")).await.expect_status(200).json();
    assert_eq!(
        (&page["data"], &page["has_more"], &page["last_id"]),
        (&json!([]), &json!(false), &json!(null))
    );
    let foreign = mine.get("/v1/files?after=file-002").await.expect_status(404);
    assert_eq!(error_code(&foreign), "object_not_found");
    assert_eq!(ids(&theirs.get("/v1/files").await).len(), 7);
    let one = mine.get(&format!("/v1/files/{first}")).await.expect_status(200);
    assert_eq!(one.text(), texts[0]);
    assert_eq!(mine.get(&format!("/v1/files/{first}/content")).await.expect_status(200).text(), LINES);
    for id in ["..", "%2e%2e", "a%2Fb", "file-002/..", &"x".repeat(300)] {
        assert_eq!(mine.get(&format!("/v1/files/{id}")).await.status, 404, "{id}");
    }
    let path = format!("/v1/files/{first}");
    mine.send(Method::DELETE, &path, Bytes::new()).await.expect_status(200);
    let received = upstream.counts().received;
    assert_eq!(error_code(&mine.get(&path).await.expect_status(404)), "object_not_found");
    assert_eq!(upstream.counts().received, received, "it is forgotten");
}

#[tokio::test]
async fn the_results_of_a_batch_become_its_keys_own() {
    let (upstream, _files) = provider().await;
    let gateway = start(&upstream).await;
    let (mine, theirs) = (gateway.client(), gateway.anonymous().key(OTHER));
    let file = uploaded(&mine).await;
    let made = mine.post("/v1/batches", &batch_of(&file)).await.expect_status(200).json();
    let path = format!("/v1/batches/{}", made["id"].as_str().unwrap());
    theirs.get(&path).await.expect_status(404);
    let done = mine.get(&path).await.expect_status(200).json();
    for name in ["output_file_id", "error_file_id"] {
        let content = format!("/v1/files/{}/content", done[name].as_str().unwrap());
        assert!(mine.get(&content).await.expect_status(200).text().starts_with("{\""));
        theirs.get(&content).await.expect_status(404);
    }
    assert_eq!(ids(&mine.get("/v1/files").await).len(), 3);
    assert_eq!(ids(&mine.get("/v1/batches").await.expect_status(200)).len(), 1);
    assert_eq!(ids(&theirs.get("/v1/batches").await.expect_status(200)).len(), 0);
    let cancelled = mine.send(Method::POST, &format!("{path}/cancel"), Bytes::new()).await.expect_status(200);
    assert_eq!(cancelled.json()["status"], "cancelling");
    let record = record_of(&mine, cancelled.header("x-generation-id")).await;
    assert_eq!((&record["api_type"], &record["provider_name"]), (&json!("batches"), &json!("up")));
    for body in [json!({}), json!({ "input_file_id": 7 }), json!([])] {
        mine.post("/v1/batches", &body).await.expect_status(400);
    }
    let twice = format!("{{\"input_file_id\":\"{file}\",\"input_file_id\":\"file-x\"}}");
    let answer = mine.send(Method::POST, "/v1/batches", twice).await.expect_status(400);
    assert_eq!(error_code(&answer), "ambiguous_field");
}

#[tokio::test]
async fn ids_outlive_a_restart_and_stay_with_their_account() {
    let (upstream, _files) = provider().await;
    let gateway =
        Gateway::start(&config(&upstream, "{ secret: first-secret }, { secret: second-secret, name: b }"))
            .await;
    let client = gateway.client();
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(uploaded(&client).await);
    }
    let accounts: Vec<String> =
        upstream.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert!(
        accounts.contains(&"Bearer first-secret".into()) && accounts.contains(&"Bearer second-secret".into())
    );
    // In turn: each file is asked for where it is, not where the turn would go, also after a restart in another order.
    let builder = gateway.kill();
    let swapped = config(&upstream, "{ secret: second-secret, name: b }, { secret: first-secret }");
    std::fs::write(builder.folder().join("yumen.yaml"), swapped).unwrap();
    let gateway = builder.start().await;
    let client = gateway.client();
    upstream.forget();
    for id in &made {
        client.get(&format!("/v1/files/{id}")).await.expect_status(200);
    }
    let now: Vec<String> =
        upstream.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert_eq!(now, accounts);
    // A batch is made where its input is.
    upstream.forget();
    for id in &made {
        client.post("/v1/batches", &batch_of(id)).await.expect_status(200);
    }
    let now: Vec<String> =
        upstream.requests().iter().map(|request| request.header("authorization").to_owned()).collect();
    assert_eq!(now, accounts);
    // A list goes through all accounts, one after another.
    let mut found = Vec::new();
    let mut path = "/v1/files?limit=1".to_owned();
    loop {
        let page = client.get(&path).await.expect_status(200);
        found.extend(ids(&page));
        if page.json()["has_more"] == json!(false) {
            break;
        }
        path = format!("/v1/files?limit=1&after={}", found.last().unwrap());
    }
    found.sort();
    assert_eq!(found, made);

    // The account without a name is gone, that with a name has a new secret.
    let builder = gateway.kill();
    std::fs::write(
        builder.folder().join("yumen.yaml"),
        config(&upstream, "{ secret: third-secret, name: b }"),
    )
    .unwrap();
    let gateway = builder.start().await;
    upstream.forget();
    for (id, account) in made.iter().zip(&accounts) {
        let answer = gateway.client().get(&format!("/v1/files/{id}")).await;
        if account.ends_with("first-secret") {
            assert_eq!((answer.status, error_code(&answer).as_str()), (409, "credential_gone"));
            assert!(answer.text().contains("`#1`"), "{}", answer.text());
        } else {
            // The provider knows the account by its secret alone.
            answer.expect_status(404);
            assert_eq!(upstream.last().header("authorization"), "Bearer third-secret");
        }
    }
    assert!(
        upstream.requests().iter().all(|request| request.header("authorization") == "Bearer third-secret")
    );
}

#[tokio::test]
async fn without_a_provider_of_files_that_is_said() {
    let (upstream, _files) = provider().await;
    let config = config(&upstream, "{ secret: first-secret }").replace("files: { provider: up }\n", "");
    let gateway = Gateway::start(&config).await;
    for path in ["/v1/files", "/v1/batches", "/v1/files/file-1"] {
        let answer = gateway.client().get(path).await.expect_status(404);
        assert_eq!(error_code(&answer), "files_not_configured");
        assert!(answer.text().contains("files: { provider"), "{}", answer.text());
    }
}

#[tokio::test]
async fn keys_of_the_store_have_access_too() {
    let (upstream, _files) = provider().await;
    let gateway = start(&upstream).await;
    let made = gateway.run(&["keys", "create", "job", "--access", "files", "--json"]).await;
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let client = gateway.anonymous().key(made["secret"].as_str().unwrap());
    yumen_testkit::eventually("the new key", async || (upload(&client).await.status == 200).then_some(()))
        .await;
    let listed = gateway.run(&["keys", "list"]).await.stdout;
    assert!(listed.contains("access") && listed.contains("files"), "{listed}");
    let wrong = gateway.run(&["keys", "create", "bad", "--access", "provider/up"]).await;
    assert!(wrong.code != 0 && wrong.stderr.contains("providers/NAME"), "{}", wrong.stderr);
}
