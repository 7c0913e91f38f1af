//! Each scheme of authentication over sockets, looked at from the far side: what arrives is checked as the provider would.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its ground gives way"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use yumen_testkit::{Gateway, KEY, Received, Reply, Upstream};
use yumen_tests::{CHAT, ask, ask_stream};

/// A gateway with one provider `one`, whose entry is an OpenAI-style server at the upstream and this.
async fn gateway(upstream: &Upstream, entry: &str) -> Gateway {
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  one:
    type: openai-compatible
    discovery: off
    base_url: \"{}\"
{entry}
keys:
  - {{ name: test, secret: \"{KEY}\" }}
",
        upstream.openai_base()
    );
    Gateway::start(&config).await
}

/// Asks once, and gives what arrived at the provider and at its token server, if there is one.
async fn arrived(entry: &str) -> (Received, Option<Received>) {
    let upstream = Upstream::start().await;
    upstream.script(tokens);
    let gateway = gateway(&upstream, &entry.replace("HOST", &upstream.address().to_string())).await;
    for body in [ask("one/fake-chat"), ask_stream("one/fake-chat")] {
        gateway.client().post(CHAT, &body).await.expect_status(200);
    }
    let requests = upstream.requests();
    let asked: Vec<&Received> =
        requests.iter().filter(|request| request.path.starts_with("/token")).collect();
    assert!(asked.len() <= 1, "the token is kept: {asked:?}");
    let served: Vec<&Received> = requests.iter().filter(|request| request.path.starts_with("/v1")).collect();
    assert_eq!(served.len(), 2);
    (served[0].clone(), asked.first().map(|request| (*request).clone()))
}

fn tokens(request: &Received) -> Option<Reply> {
    let token = json!({ "access_token": "tok/en+1", "expires_in": 3600, "token_type": "Bearer" });
    request.path.starts_with("/token").then(|| Reply::json(200, &token))
}

fn form(request: &Received) -> Vec<(String, String)> {
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    pairs(std::str::from_utf8(&request.body).unwrap())
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn of<'a>(form: &'a [(String, String)], name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The parts of `… Credential=A, SignedHeaders=B, Signature=C`.
fn signature(request: &Received, algorithm: &str) -> (String, String, String) {
    let value = request.header("authorization").strip_prefix(algorithm).expect(algorithm);
    let part = |name: &str| {
        let found = value.split(", ").find_map(|part| part.trim().strip_prefix(name));
        found.unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
    };
    (part("Credential="), part("SignedHeaders="), part("Signature="))
}

fn signed_lines(request: &Received, signed: &str) -> String {
    signed.split(';').map(|name| format!("{name}:{}\n", request.header(name))).collect()
}

#[tokio::test]
async fn a_header_with_a_prefix() {
    let auth = "    auth: { scheme: header, name: authorization, prefix: \"DeepL-Auth-Key \" }\n    credentials: [ { secret: \"my key\" } ]";
    let (seen, _) = arrived(auth).await;
    assert_eq!(seen.header("authorization"), "DeepL-Auth-Key my key");
}

#[tokio::test]
async fn a_parameter_of_the_query() {
    let auth = "    auth: { scheme: query, name: key }\n    credentials: [ { secret: \"my key&+\" } ]";
    let (seen, _) = arrived(auth).await;
    assert_eq!(
        (seen.path.as_str(), seen.header("authorization")),
        ("/v1/chat/completions?key=my%20key%26%2B", "")
    );
}

#[tokio::test]
async fn aws_signature_version_4() {
    let auth = "    auth: { scheme: aws_sigv4, service: bedrock }
    parameters: { region: eu-central-1 }
    dialects: { openai_chat: { path: \"/model/{model}/chat?b=2&a=1\" } }
    credentials: [ { secret: aws-secret, fields: { access_key_id: AKIA1, session_token: session-1 } } ]";
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, auth).await;
    upstream.script(|_| Some(Reply::json(200, &json!({ "choices": [], "object": "chat.completion" }))));
    gateway.client().post(CHAT, &ask("one/anthropic.claude:1")).await.expect_status(200);
    let seen = upstream.last();
    assert_eq!(seen.path, "/v1/model/anthropic.claude%3A1/chat?b=2&a=1");
    let (credential, signed, signature) = signature(&seen, "AWS4-HMAC-SHA256 ");
    let stamp = seen.header("x-amz-date");
    let (day, _) = stamp.split_once('T').unwrap();
    let scope = format!("{day}/eu-central-1/bedrock/aws4_request");
    assert_eq!(credential, format!("AKIA1/{scope}"));
    assert_eq!(signed, "content-type;host;x-amz-date;x-amz-security-token");
    assert_eq!(seen.header("x-amz-security-token"), "session-1");
    let canonical = format!(
        "POST\n/v1/model/anthropic.claude%253A1/chat\na=1&b=2\n{}\n{signed}\n{}",
        signed_lines(&seen, &signed),
        sha256(&seen.body)
    );
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let key = [day, "eu-central-1", "bedrock", "aws4_request"]
        .iter()
        .fold(b"AWS4aws-secret".to_vec(), |key, step| mac(&key, step));
    assert_eq!(signature, hex(&mac(&key, &to_sign)));
}

#[tokio::test]
async fn tencents_tc3() {
    let auth = "    auth: { scheme: tencent_tc3, service: hunyuan }
    parameters: { region: ap-guangzhou }
    headers: { x-tc-action: ChatCompletions, x-tc-version: \"2023-09-01\" }
    credentials: [ { secret: tc-secret, fields: { secret_id: AKID1 } } ]";
    let (seen, _) = arrived(auth).await;
    let (credential, signed, signature) = signature(&seen, "TC3-HMAC-SHA256 ");
    let (id, scope) = credential.split_once('/').unwrap();
    let (day, _) = scope.split_once('/').unwrap();
    assert_eq!((id, scope), ("AKID1", format!("{day}/hunyuan/tc3_request").as_str()));
    assert_eq!(
        (signed.as_str(), seen.header("x-tc-region")),
        ("content-type;host;x-tc-action", "ap-guangzhou")
    );
    let stamp = seen.header("x-tc-timestamp");
    assert!(now_s().abs_diff(stamp.parse().unwrap()) < 60, "{stamp}");
    let canonical = format!(
        "POST\n/v1/chat/completions\n\n{}\n{signed}\n{}",
        signed_lines(&seen, &signed).to_lowercase(),
        sha256(&seen.body)
    );
    let to_sign = format!("TC3-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let key =
        [day, "hunyuan", "tc3_request"].iter().fold(b"TC3tc-secret".to_vec(), |key, step| mac(&key, step));
    assert_eq!(signature, hex(&mac(&key, &to_sign)));
}

/// Header, claims, signed part and signature of a token.
fn jwt(token: &str) -> (Value, Value, String, Vec<u8>) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
    (json(header), json(claims), input.to_owned(), decode(signature))
}

#[tokio::test]
async fn zhipus_token() {
    let auth = "    auth: { scheme: zhipu_jwt }\n    credentials: [ { secret: key-id.key-secret } ]";
    let (seen, asked) = arrived(auth).await;
    assert!(asked.is_none());
    let (header, claims, input, signature) =
        jwt(seen.header("authorization").strip_prefix("Bearer ").unwrap());
    assert_eq!(header, json!({ "alg": "HS256", "sign_type": "SIGN" }));
    assert_eq!(claims["api_key"], "key-id");
    let (made, end) = (claims["timestamp"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
    assert!((now_s() * 1000).abs_diff(made) < 60_000 && end > made, "{claims}");
    assert_eq!(signature, mac(b"key-secret", &input));
}

#[tokio::test]
async fn a_google_service_account() {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pair.as_der().unwrap().as_ref())
    );
    let upstream = Upstream::start().await;
    upstream.script(tokens);
    let token_uri = format!("http://{}/token", upstream.address());
    let key = json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": pem,
        "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": token_uri,
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("google.json");
    std::fs::write(&file, key.to_string()).unwrap();
    let entry = format!(
        "    auth: {{ scheme: google_oauth }}\n    credentials: [ {{ secret_file: \"{}\" }} ]",
        file.display()
    );
    let gateway = gateway(&upstream, &entry).await;
    for _ in 0..3 {
        gateway.client().post(CHAT, &ask("one/fake-chat")).await.expect_status(200);
    }
    assert_eq!(upstream.last().header("authorization"), "Bearer tok/en+1");
    let requests = upstream.requests();
    assert_eq!(requests.len(), 4, "one token for three requests");
    let form = form(&requests[0]);
    assert_eq!(of(&form, "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (header, claims, input, signature) = jwt(of(&form, "assertion"));
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" }));
    assert_eq!(claims["iss"], "robot@p.iam.gserviceaccount.com");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["aud"].as_str(), Some(token_uri.as_str()));
    let issued = claims["iat"].as_u64().unwrap();
    assert!(now_s().abs_diff(issued) < 60 && claims["exp"].as_u64() == Some(issued + 3600), "{claims}");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(input.as_bytes(), &signature).expect("a good signature");
}

#[tokio::test]
async fn what_a_person_has_granted_to_google() {
    let auth = "    auth: { scheme: google_oauth }
    credentials:
      - secret: '{ \"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"s&\", \"refresh_token\": \"1//r\", \"token_uri\": \"http://HOST/token\" }'";
    let (seen, asked) = arrived(auth).await;
    assert_eq!(seen.header("authorization"), "Bearer tok/en+1");
    let form = form(&asked.unwrap());
    let names = ["grant_type", "client_id", "client_secret", "refresh_token"];
    assert_eq!(names.map(|name| of(&form, name)), ["refresh_token", "id", "s&", "1//r"]);
}

#[tokio::test]
async fn entra_id() {
    let auth = "    auth: { scheme: azure_entra, scope: \"https://x.test/.default\", token_url: \"http://HOST/token/{tenant_id}\" }
    credentials: [ { secret: \"entra secret\", fields: { tenant_id: tenant-1, client_id: client-1 } } ]";
    let (seen, asked) = arrived(auth).await;
    assert_eq!(seen.header("authorization"), "Bearer tok/en+1");
    let asked = asked.unwrap();
    assert_eq!((asked.path.as_str(), asked.method.as_str()), ("/token/tenant-1", "POST"));
    let form = form(&asked);
    let names = ["grant_type", "client_id", "client_secret", "scope"];
    let expected = ["client_credentials", "client-1", "entra secret", "https://x.test/.default"];
    assert_eq!(names.map(|name| of(&form, name)), expected);
}

#[tokio::test]
async fn client_credentials_of_oauth() {
    let auth = "    auth: { scheme: oauth_client_credentials, token_url: \"http://HOST/token\", scope: all }
    credentials: [ { secret: \"s:1\", fields: { client_id: \"c 1\" } } ]";
    let (seen, asked) = arrived(auth).await;
    assert_eq!(seen.header("authorization"), "Bearer tok/en+1");
    let asked = asked.unwrap();
    let basic = asked.header("authorization").strip_prefix("Basic ").unwrap();
    assert_eq!(STANDARD.decode(basic).unwrap(), b"c%201:s%3A1");
    let form = form(&asked);
    assert_eq!(["grant_type", "scope"].map(|name| of(&form, name)), ["client_credentials", "all"]);
}

#[tokio::test]
async fn baidus_token_goes_by_the_query() {
    let auth = "    auth: { scheme: baidu_token, token_url: \"http://HOST/token\" }
    credentials: [ { secret: \"b&s\", fields: { api_key: ak } } ]";
    let (seen, asked) = arrived(auth).await;
    assert_eq!(seen.path, "/v1/chat/completions?access_token=tok%2Fen%2B1");
    assert_eq!(seen.header("authorization"), "");
    let asked = asked.unwrap();
    let query = pairs(asked.path.strip_prefix("/token?").unwrap());
    let names = ["grant_type", "client_id", "client_secret"];
    assert_eq!(names.map(|name| of(&query, name)), ["client_credentials", "ak", "b&s"]);
    assert!(asked.body.is_empty());
}

#[tokio::test]
async fn parameters_stand_in_urls() {
    let upstream = Upstream::start().await;
    upstream.script(|request| {
        let answer = json!({ "candidates": [{ "content": { "parts": [{ "text": "Hi" }], "role": "model" }, "finishReason": "STOP" }] });
        tokens(request).or_else(|| Some(Reply::json(200, &answer)))
    });
    let config = format!(
        "gateway: {{ listen: \"127.0.0.1:0\" }}
admin: {{ listen: \"127.0.0.1:0\" }}
providers:
  vertex:
    base_url: \"http://{host}/{{region}}\"
    parameters: {{ project: my-project, region: europe-west1 }}
    credentials:
      - secret: '{{ \"type\": \"authorized_user\", \"client_id\": \"id\", \"client_secret\": \"s\", \"refresh_token\": \"r\", \"token_uri\": \"http://{host}/token\" }}'
keys:
  - {{ name: test, secret: \"{KEY}\" }}
",
        host = upstream.address()
    );
    let gateway = Gateway::start(&config).await;
    gateway.client().post(CHAT, &ask("vertex/gemini-2.5-pro")).await.expect_status(200);
    assert_eq!(
        upstream.last().path,
        "/europe-west1/v1/projects/my-project/locations/europe-west1/publishers/google/models/gemini-2.5-pro:generateContent"
    );
    assert_eq!(upstream.last().header("authorization"), "Bearer tok/en+1");
}
