//! Tencent Cloud's signature v3, TC3-HMAC-SHA256.
//! <https://cloud.tencent.com/document/api/213/30654>
//!
//! In: a key and a whole request; which action of which version is asked for stands in its headers. Out: the request with
//! `x-tc-timestamp`, where there is a region `x-tc-region`, and its signature. Signed are content type, host, action, body.

use std::time::SystemTime;

use http::{HeaderName, HeaderValue, Request, header};
use yumen_config::TencentKey;
use yumen_llm::json::Pieces;

use super::digest::{derived, hex, hmac_sha256, sha256_hex};

const ACTION: HeaderName = HeaderName::from_static("x-tc-action");
const REGION: HeaderName = HeaderName::from_static("x-tc-region");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-tc-timestamp");
const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// Signs a request.
pub(super) fn sign<B>(key: &TencentKey, request: &mut Request<B>, body: &Pieces, now: SystemTime) {
    let Ok(time) = jiff::Timestamp::try_from(now) else { return };
    let (seconds, day) = (time.as_second(), time.strftime("%Y-%m-%d").to_string());
    let (mut names, mut lines) = (Vec::new(), String::new());
    for name in [header::CONTENT_TYPE, header::HOST, ACTION] {
        if let Some(value) = request.headers().get(&name) {
            let value = String::from_utf8_lossy(value.as_bytes()).trim().to_lowercase();
            lines.push_str(&format!("{name}:{value}\n"));
            names.push(name);
        }
    }
    let signed = names.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(";");
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{signed}\n{}",
        request.method(),
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
        sha256_hex(body.iter().map(|piece| &piece[..])),
    );
    let scope = format!("{day}/{}/tc3_request", key.service);
    let to_sign = format!("{ALGORITHM}\n{seconds}\n{scope}\n{}", sha256_hex([canonical.as_bytes()]));
    let secret = format!("TC3{}", key.secret_key.expose());
    let signing_key = derived(&secret, &[&day, &key.service, "tc3_request"]);
    let signature = hex(hmac_sha256(signing_key.as_ref(), to_sign.as_bytes()).as_ref());
    let id = key.secret_id.expose();
    let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let headers = request.headers_mut();
    headers.insert(TIMESTAMP, HeaderValue::from(seconds));
    if let Some(region) = &key.region {
        headers.insert(REGION, region.clone());
    }
    if let Ok(mut value) = HeaderValue::from_str(&value) {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Duration;
    use yumen_config::Secret;

    /// The body of Tencent's example, escapes as they are written there.
    const BODY: &str =
        r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;

    fn signed(id: &str, secret: &str, action: Option<&str>) -> (String, Request<()>) {
        let key = TencentKey {
            secret_id: Secret::new(id),
            secret_key: Secret::new(secret),
            service: "cvm".into(),
            region: Some(HeaderValue::from_static("ap-guangzhou")),
        };
        let mut request = Request::builder()
            .method("POST")
            .uri("/")
            .header("host", "cvm.tencentcloudapi.com")
            .header("content-type", "application/json; charset=utf-8");
        if let Some(action) = action {
            request = request.header("x-tc-action", action);
        }
        let mut request = request.body(()).unwrap();
        let body = Pieces::from_iter([Bytes::from_static(BODY.as_bytes())]);
        sign(&key, &mut request, &body, SystemTime::UNIX_EPOCH + Duration::from_secs(1_551_113_065));
        let value = request.headers()[header::AUTHORIZATION].to_str().unwrap().to_owned();
        (value, request)
    }

    #[test]
    fn the_published_examples_are_signed_as_published() {
        let asterisks = "*".repeat(32);
        let (newer, request) = signed(&format!("AKID{asterisks}"), &asterisks, Some("DescribeInstances"));
        assert_eq!(
            newer,
            format!(
                "TC3-HMAC-SHA256 Credential=AKID{asterisks}/2019-02-25/cvm/tc3_request, \
                 SignedHeaders=content-type;host;x-tc-action, \
                 Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
            )
        );
        assert_eq!(request.headers()["x-tc-timestamp"], "1551113065");
        assert_eq!(request.headers()["x-tc-region"], "ap-guangzhou");

        let (older, _) =
            signed("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", None);
        assert_eq!(
            older,
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, \
             SignedHeaders=content-type;host, \
             Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
        );
    }
}
