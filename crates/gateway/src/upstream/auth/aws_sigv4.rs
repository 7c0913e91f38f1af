//! AWS Signature Version 4, in the `Authorization` header.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! In: a key and a whole request. Out: the request with `x-amz-date`, for temporary credentials `x-amz-security-token`, and
//! its signature. Signed are host, content type, what begins with `x-amz-`, and the body.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use yumen_config::{AwsKey, push_encoded};
use yumen_llm::json::Pieces;

use super::digest::{derived, hex, hmac_sha256, sha256_hex};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Signs a request.
pub(super) fn sign<B>(key: &AwsKey, request: &mut Request<B>, body: &Pieces, now: SystemTime) {
    let Ok(time) = jiff::Timestamp::try_from(now) else { return };
    let (stamp, day) = (time.strftime("%Y%m%dT%H%M%SZ").to_string(), time.strftime("%Y%m%d").to_string());
    let payload = sha256_hex(body.iter().map(|piece| &piece[..]));
    // The storage service takes paths as they are, and wants to be told the body's digest.
    let storage = &*key.service == "s3";
    let headers = request.headers_mut();
    insert(headers, DATE, &stamp);
    if let Some(token) = &key.session_token {
        headers.insert(TOKEN, token.clone());
    }
    if storage {
        insert(headers, CONTENT, &payload);
    }
    let (signed, canonical_headers) = canonical_headers(request.headers());
    let uri = request.uri();
    let canonical = format!(
        "{}\n{}\n{}\n{canonical_headers}\n{signed}\n{payload}",
        request.method(),
        if storage { uri.path().to_owned() } else { canonical_path(uri.path()) },
        canonical_query(uri.query().unwrap_or_default()),
    );
    let scope = format!("{day}/{}/{}/aws4_request", key.region, key.service);
    let to_sign = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", sha256_hex([canonical.as_bytes()]));
    let secret = format!("AWS4{}", key.secret_access_key.expose());
    let signing_key = derived(&secret, &[&day, &key.region, &key.service, "aws4_request"]);
    let signature = hex(hmac_sha256(signing_key.as_ref(), to_sign.as_bytes()).as_ref());
    let id = key.access_key_id.expose();
    let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    insert(request.headers_mut(), header::AUTHORIZATION, &value);
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(name == header::AUTHORIZATION);
        headers.insert(name, value);
    }
}

/// The names of the signed headers, and those headers with their values, both in order.
fn canonical_headers(headers: &HeaderMap) -> (String, String) {
    let mut names: Vec<&str> =
        headers.keys().map(HeaderName::as_str).filter(|name| is_signed(name)).collect();
    names.sort_unstable();
    let lines = names.iter().map(|name| {
        let values = headers.get_all(*name).iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
        format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
    });
    (names.join(";"), lines.collect())
}

fn is_signed(name: &str) -> bool {
    name == "host" || name == "content-type" || name.starts_with("x-amz-")
}

/// The path without empty and dotted steps, encoded once more than it is sent.
fn canonical_path(path: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    let mut canonical = String::with_capacity(path.len() + 8);
    for step in &steps {
        canonical.push('/');
        push_encoded(&mut canonical, step.as_bytes());
    }
    if steps.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// The query's parameters in order, each with a value.
fn canonical_query(query: &str) -> String {
    let spelt = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        push_encoded(&mut encoded, &decoded(text));
        encoded
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (spelt(name), spelt(value))
        })
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The bytes that a percent-encoded text stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;
    use yumen_config::Secret;

    fn key(service: &str, secret: &str, token: Option<&str>) -> AwsKey {
        AwsKey {
            access_key_id: Secret::new("AKIDEXAMPLE"),
            secret_access_key: Secret::new(secret),
            session_token: token.map(|token| HeaderValue::from_str(token).unwrap()),
            region: "us-east-1".into(),
            service: service.into(),
        }
    }

    fn signed(
        key: &AwsKey,
        (method, path, host): (&str, &str, &str),
        kind: &str,
        body: &str,
        at: u64,
    ) -> String {
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let mut request = request.header("accept", "*/*").body(()).unwrap();
        // In two pieces, as a spliced body is.
        let (first, second) = body.split_at(body.len() / 2);
        let body = Pieces::from_iter([Bytes::from(first.to_owned()), Bytes::from(second.to_owned())]);
        sign(key, &mut request, &body, SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let value = request.headers()[header::AUTHORIZATION].to_str().unwrap();
        let (scope, signature) = value.split_once(", SignedHeaders=").unwrap();
        assert!(scope.starts_with("AWS4-HMAC-SHA256 Credential=AK"), "{scope}");
        signature.replace(", Signature=", " ")
    }

    /// 2015-08-30T12:36:00Z, and the secret, of AWS's test suite.
    const SUITE: (u64, &str) = (1_440_938_160, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");

    fn suite(method: &str, path: &str, kind: &str, body: &str) -> String {
        let key = key("service", SUITE.1, None);
        signed(&key, (method, path, "example.amazonaws.com"), kind, body, SUITE.0)
    }

    #[test]
    fn the_suites_requests_are_signed_as_published() {
        const VANILLA: &str =
            "host;x-amz-date 5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        for (path, expected) in [
            ("/", VANILLA),
            ("//", VANILLA),
            ("/./", VANILLA),
            ("/example1/example2/../..", VANILLA),
            (
                "/?Param2=value2&Param1=value1",
                "host;x-amz-date b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("/ሴ", "host;x-amz-date 8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
            (
                "/?%E1%88%B4=bar",
                "host;x-amz-date 2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
        ] {
            assert_eq!(suite("GET", path, "", ""), expected, "{path}");
        }
        let post = "host;x-amz-date 5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        assert_eq!(suite("POST", "/", "", ""), post);
        let form =
            "content-type;host;x-amz-date ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        assert_eq!(suite("POST", "/", "application/x-www-form-urlencoded", "Param1=value1"), form);
    }

    #[test]
    fn what_is_sent_encoded_is_signed_encoded_twice() {
        for (sent, canonical) in [
            ("/model/anthropic.claude-v2%3A1/converse", "/model/anthropic.claude-v2%253A1/converse"),
            ("/%E1%88%B4/", "/%25E1%2588%25B4/"),
            ("/a//b/./c/../d", "/a/b/d"),
            ("/..", "/"),
        ] {
            assert_eq!(canonical_path(sent), canonical, "{sent}");
        }
        for (sent, canonical) in
            [("b=2&a=1&a=%20&c", "a=%20&a=1&b=2&c="), ("%7e=%2F%zz&=", "=&~=%2F%25zz"), ("", "")]
        {
            assert_eq!(canonical_query(sent), canonical, "{sent}");
        }
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let key = key("service", SUITE.1, Some(token));
        let found = signed(&key, ("GET", "/", "example.amazonaws.com"), "", "", SUITE.0);
        assert_eq!(
            found,
            "host;x-amz-date;x-amz-security-token 07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
    }

    /// The example "GET bucket lifecycle" of S3's own reference.
    #[test]
    fn the_storage_service_is_told_the_digest_of_the_body() {
        let mut key = key("s3", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None);
        key.access_key_id = Secret::new("AKIAIOSFODNN7EXAMPLE");
        let bucket = ("GET", "/?lifecycle", "examplebucket.s3.amazonaws.com");
        assert_eq!(
            signed(&key, bucket, "", "", 1_369_353_600),
            "host;x-amz-content-sha256;x-amz-date fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
    }
}
