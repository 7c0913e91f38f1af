//! Zhipu's token: a JSON Web Token (HS256) that is made here from the key `id.secret`.
//! <https://open.bigmodel.cn/dev/api/http-call/http-auth>
//!
//! In: both halves of the key and the time. Out: the token. Its times are in milliseconds, which is Zhipu's own way.

use std::time::{Duration, SystemTime};

use serde_json::json;
use yumen_config::Secret;

use super::digest::{hmac_sha256, jwt, jwt_input};
use super::exchange::Grant;

/// How long a token is good.
const LIFETIME: Duration = Duration::from_secs(600);

/// Makes a token.
pub(super) fn grant(id: &Secret, secret: &Secret, now: SystemTime) -> Grant {
    let milliseconds = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    };
    let header = json!({ "alg": "HS256", "sign_type": "SIGN" });
    let claims = json!({
        "api_key": id.expose(), "exp": milliseconds(now + LIFETIME), "timestamp": milliseconds(now),
    });
    let input = jwt_input(&header, &claims);
    let signature = hmac_sha256(secret.expose().as_bytes(), input.as_bytes());
    Grant { token: jwt(&input, signature.as_ref()), lifetime: LIFETIME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_of_the_key_and_the_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let grant = grant(&Secret::new("my-id"), &Secret::new("my-secret"), now);
        // Computed with Python's hmac over the same header and claims.
        assert_eq!(
            grant.token,
            "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ.eyJhcGlfa2V5IjoibXktaWQiLCJleHAiOjE3MDAwMDA2MDAxMjMsInRpbWVzdGFtcCI6MTcwMDAwMDAwMDEyM30.61ogKJimeLHztm7gWLb_0bqUPomybyPnmaUEMDHA3ko"
        );
        assert_eq!(grant.lifetime, LIFETIME);
    }
}
