//! Google's access tokens.
//!
//! - <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>: a service account signs an assertion
//!   (RS256) and gets a token for it.
//! - <https://developers.google.com/identity/protocols/oauth2/web-server#offline>: what a person has granted is renewed.
//! - <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>: a machine of Google's asks the
//!   metadata server, whose answer says that it is one.
//!
//! In: an account. Out: what is to be asked for its token.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;
use yumen_config::{Endpoint, GoogleServiceAccount, GoogleUser};

use super::digest::{jwt, jwt_input};
use super::exchange::{Ask, Form, TokenError};

/// What the token is for: all of the cloud that the account itself may use.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The longest that Google allows.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(3600);
const FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

/// Asks with an assertion that the account has signed.
pub(super) fn ask_for_account(
    account: &GoogleServiceAccount,
    now: SystemTime,
) -> Result<Ask<'_>, TokenError> {
    let seconds =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let (Some(key_id), Some(header)) = (&account.key_id, header.as_object_mut()) {
        header.insert("kid".to_owned(), (**key_id).into());
    }
    let claims = json!({
        "iss": &*account.email, "scope": SCOPE, "aud": &*account.audience,
        "iat": seconds(now), "exp": seconds(now + ASSERTION_LIFETIME),
    });
    let input = jwt_input(&header, &claims);
    let pair = account.key.pair();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
        .map_err(|_| TokenError::unsigned())?;
    let form = Form::default()
        .with("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .with("assertion", &jwt(&input, &signature));
    Ok(Ask::form(&account.endpoint, form))
}

/// Asks with what a person has granted.
pub(super) fn ask_for_user(user: &GoogleUser) -> Ask<'_> {
    let form = Form::default()
        .with("grant_type", "refresh_token")
        .with("client_id", user.client_id.expose())
        .with("client_secret", user.client_secret.expose())
        .with("refresh_token", user.refresh_token.expose());
    Ask::form(&user.endpoint, form)
}

/// Asks the metadata server of the machine.
pub(super) fn ask_the_machine(endpoint: &Endpoint) -> Ask<'_> {
    let flavor = HeaderValue::from_static("Google");
    let mut ask = Ask::form(endpoint, Form::default());
    ask.method = Method::GET;
    ask.headers.push((FLAVOR, flavor.clone()));
    ask.answers_with = Some((FLAVOR, flavor));
    ask
}
