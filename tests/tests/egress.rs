//! Pictures and documents at addresses that a client gives, over sockets: fetched for upstreams that take only bytes, and
//! from nowhere else than may be asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use serde_json::{Value, json};
use yumen_testkit::{Answer, Counts, Gateway, Reply, Upstream, standard_config};
use yumen_tests::{CHAT, MESSAGES, PIXEL, SURFACES, Surface, TEXT, error_code, whole_text};

const PICTURE: &[u8] = b"GIF89a the gate";
const PICTURE_BASE64: &str = "R0lGODlhIHRoZSBnYXRl";
const DOCUMENT: &[u8] = b"%PDF-1.7 the gate";
const DOCUMENT_BASE64: &str = "JVBERi0xLjcgdGhlIGdhdGU=";

/// A gateway with this as `gateway.fetch` and, below its providers, `more`.
async fn gateway(upstream: &Upstream, fetch: &str, more: &str) -> Gateway {
    let config =
        standard_config(upstream).replace("gateway: {", &format!("gateway: {{ fetch: {{ {fetch} }},"));
    Gateway::start(&(config + more)).await
}

/// Settings with which files may be fetched from a server on loopback.
fn open(files: &Upstream) -> String {
    format!("allow_private: [127.0.0.0/8], ports: [{}]", files.address().port())
}

/// A web server with a picture, a document and a page, none of which says what it is.
async fn files() -> Upstream {
    let files = Upstream::start().await;
    files.script(|request| {
        Some(match request.path.as_str() {
            "/gate" => Reply::whole(200, "text/plain", PICTURE),
            "/gate.pdf" => Reply::whole(200, "text/plain", DOCUMENT),
            "/page.png" => Reply::whole(200, "image/png", "<html>"),
            "/moved" => Reply::whole(302, "text/plain", "").header("location", "http://10.0.0.1/secret"),
            _ => Reply::whole(404, "text/plain", ""),
        })
    });
    files
}

/// A question about a picture.
fn about(model: &str, address: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "system", "content": "Be brief." },
        { "role": "user", "content": [{ "type": "text", "text": "What is it?" },
            { "type": "image_url", "image_url": { "url": address } }] }] })
}

#[tokio::test]
async fn what_lies_at_an_address_reaches_those_who_take_only_bytes() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let gateway = gateway(&upstream, &open(&files), "").await;
    let address = format!("{}/gate", files.plain_base());
    for provider in ["fake-ollama", "fake-bedrock"] {
        let body = Surface::Messages.with_pictures(&format!("{provider}/fake-chat"), &address);
        let answer = gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
        assert_eq!((whole_text(&answer), answer.header("x-yumen-lossy")), (TEXT.to_owned(), ""));
        let said = &upstream.last().json()["messages"][0];
        if provider == "fake-ollama" {
            assert_eq!(said["images"], json!([PIXEL, PICTURE_BASE64]));
        } else {
            let image = json!({ "image": { "format": "gif", "source": { "bytes": PICTURE_BASE64 } } });
            assert_eq!(said["content"][1], image, "{said}");
        }
        let asked = files.last();
        assert_eq!((asked.method.as_str(), &*asked.path), ("GET", "/gate"));
        for name in ["x-api-key", "authorization", "anthropic-version", "cookie", "referer"] {
            assert_eq!(asked.header(name), "", "{name}");
        }
    }
    let document = json!({ "type": "document", "title": "gate",
        "source": { "type": "url", "url": format!("{}/gate.pdf", files.plain_base()) } });
    let body = json!({ "model": "fake-bedrock/fake-chat", "max_tokens": 64, "messages": [{ "role": "user",
        "content": [document, { "type": "text", "text": "What is it?" }] }] });
    gateway.anthropic_client().post(MESSAGES, &body).await.expect_status(200);
    let said = &upstream.last().json()["messages"][0]["content"][0]["document"];
    assert_eq!((&said["format"], &said["source"]), (&json!("pdf"), &json!({ "bytes": DOCUMENT_BASE64 })));
}

#[tokio::test]
async fn by_default_no_connection_is_made_to_loopback() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let port = files.address().port();
    for fetch in [String::new(), format!("ports: [{port}]")] {
        let gateway = gateway(&upstream, &fetch, "").await;
        for surface in SURFACES.into_iter().filter(|surface| *surface != Surface::Ollama) {
            for provider in ["fake-ollama", "fake-bedrock"] {
                let model = format!("{provider}/fake-chat");
                let body = surface.with_pictures(&model, &format!("http://127.0.0.1:{port}/gate"));
                let answer =
                    gateway.client().post(&surface.path(&model, false), &body).await.expect_status(400);
                let message = surface.error_message(&answer.json());
                assert!(message.contains("takes files only whole"), "{message}");
            }
        }
    }
    assert_eq!((files.counts(), upstream.counts()), (Counts::default(), Counts::default()));
}

#[tokio::test]
async fn a_refusal_names_the_address_and_not_what_lies_behind_it() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let port = files.address().port();
    let gateway = gateway(&upstream, &format!("ports: [{port}, 80]"), "").await;
    let refused = async |address: &str| -> String {
        let answer: Answer =
            gateway.client().post(CHAT, &about("fake-bedrock/fake-chat", address)).await.expect_status(400);
        assert_eq!(error_code(&answer), "file_not_fetched");
        let error = &answer.json()["error"];
        assert_eq!(error["param"], "messages[1].content[1].image_url.url");
        error["message"].as_str().unwrap().to_owned()
    };
    let expected = refused(&format!("http://127.0.0.1:{port}/gate")).await;
    for host in ["localhost", "127.0.0.2", "[::1]", "10.0.0.1", "169.254.169.254", "no-such-host.invalid"] {
        let message = refused(&format!("http://{host}:{port}/gate")).await;
        assert_eq!(message, expected, "{host}");
    }
    assert_ne!(refused(&format!("http://2130706433:{port}/")).await, expected);
    assert_eq!((files.counts(), upstream.counts()), (Counts::default(), Counts::default()));
}

#[tokio::test]
async fn what_is_no_picture_or_leads_into_the_private_network_is_refused() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let fetch = format!("allow_private: [127.0.0.0/8], ports: [{}, 80]", files.address().port());
    let gateway = gateway(&upstream, &fetch, "").await;
    for (path, why) in [
        ("/page.png", "neither a picture nor"),
        ("/moved", "none that files may be fetched from"),
        ("/missing", "status 404"),
    ] {
        let body = about("fake-ollama/fake-chat", &format!("{}{path}", files.plain_base()));
        let answer = gateway.client().post(CHAT, &body).await.expect_status(400);
        assert!(answer.text().contains(why), "{path}: {}", answer.text());
    }
    assert_eq!(upstream.counts(), Counts::default());
}

#[tokio::test]
async fn a_file_is_fetched_once_and_only_for_those_who_need_it() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let aliases = "models:
  both:
    deployments: [ { provider: fake-ollama, model: fake-500 } ]
    fallbacks: [ fake-bedrock/fake-chat ]
  either:
    deployments: [ { provider: fake-ollama, model: fake-chat } ]
    fallbacks: [ fake-openai/fake-chat ]
";
    let address = format!("{}/gate", files.plain_base());
    let closed = gateway(&upstream, "", aliases).await;
    closed.client().post(CHAT, &about("either", &address)).await.expect_status(200);
    assert!(upstream.last().json().to_string().contains(&address));
    assert_eq!(files.counts(), Counts::default());

    let open = gateway(&upstream, &open(&files), aliases).await;
    open.client().post(CHAT, &about("both", &address)).await.expect_status(200);
    assert!(upstream.last().json().to_string().contains(PICTURE_BASE64));
    assert_eq!(files.counts().received, 1);
    let body = about("fake-openai/fake-chat", &address);
    open.client().post(CHAT, &body).await.expect_status(200);
    assert_eq!(files.counts().received, 1);
}

#[tokio::test]
async fn without_fetching_a_picture_is_left_out_and_named() {
    let (upstream, files) = (Upstream::start().await, files().await);
    let gateway = gateway(&upstream, &format!("enabled: false, {}", open(&files)), "").await;
    for provider in ["fake-ollama", "fake-bedrock"] {
        let body = about(&format!("{provider}/fake-chat"), &format!("{}/gate", files.plain_base()));
        let answer = gateway.client().post(CHAT, &body).await.expect_status(200);
        assert_eq!(answer.header("x-yumen-lossy"), "messages.content.image", "{provider}");
    }
    assert_eq!(files.counts(), Counts::default());
}
