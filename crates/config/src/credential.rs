//! A credential as the data plane uses it: what each scheme of authentication needs, parsed once.
//!
//! In: what the check has read. Out: values that are ready to be put on a request or to sign one. Nothing here shows a
//! secret, and nothing signs: how a scheme is carried out stands in the gateway.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa;
use http::{HeaderName, HeaderValue};

use crate::endpoint::Endpoint;
use crate::secret::Secret;

/// What we hold to call a provider.
#[derive(Debug)]
pub struct Credential {
    /// The same for the same secret of the same provider entry, also after a reload: the key of its health and of its token.
    pub id: u64,
    /// What it is called in records: its configured name, else `#1`, `#2` …
    pub label: Arc<str>,
    /// How a request proves that it comes from whoever holds it.
    pub proof: Proof,
    /// What nobody may read in an upstream's error, in each form in which it is sent.
    pub secrets: Vec<Secret>,
    /// The limits that its provider has set for it, as far as the operator has written them.
    pub limits: Option<CredentialLimits>,
}

/// Limits of a credential for all models together; at least one of them is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CredentialLimits {
    pub requests_per_minute: Option<u64>,
    pub tokens_per_minute: Option<u64>,
}

/// How a request proves that it comes from whoever holds the credential.
#[derive(Debug)]
pub enum Proof {
    /// By a header, ready to be sent and marked sensitive.
    Header {
        /// `authorization` or one of the provider's own.
        name: HeaderName,
        /// The whole value.
        value: HeaderValue,
    },
    /// By a parameter of the query.
    Query {
        /// `name=value`, percent-encoded.
        pair: Secret,
    },
    /// By a signature of AWS.
    AwsSigv4(Box<AwsKey>),
    /// By a signature of Tencent Cloud.
    TencentTc3(Box<TencentKey>),
    /// By a token that has to be made or asked for first.
    Token(Box<TokenSource>),
}

/// What AWS Signature Version 4 signs with.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct AwsKey {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    /// For temporary credentials.
    pub session_token: Option<HeaderValue>,
    pub region: Arc<str>,
    pub service: Arc<str>,
}

/// What TC3-HMAC-SHA256 signs with.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct TencentKey {
    pub secret_id: Secret,
    pub secret_key: Secret,
    pub service: Arc<str>,
    /// Sent as `x-tc-region`, where there is one.
    pub region: Option<HeaderValue>,
}

/// Where a token comes from.
#[derive(Debug)]
pub enum TokenSource {
    /// It is made here and signed with a key of Zhipu.
    Zhipu {
        /// The part before the dot.
        id: Secret,
        /// The part after it.
        secret: Secret,
    },
    /// Google gives it for an assertion that a service account has signed.
    GoogleServiceAccount(GoogleServiceAccount),
    /// Google gives it for what a person has once granted (`gcloud auth application-default login`).
    GoogleUser(GoogleUser),
    /// The machine that we run on has it.
    GoogleMachine {
        /// The metadata server.
        endpoint: Endpoint,
    },
    /// Microsoft Entra ID gives it.
    Entra(OauthClient),
    /// An OAuth 2.0 server gives it.
    Oauth(OauthClient),
    /// Baidu gives it.
    Baidu(OauthClient),
}

/// A Google service account.
#[derive(Debug)]
pub struct GoogleServiceAccount {
    /// Its address.
    pub email: Arc<str>,
    /// Which of its keys this is.
    pub key_id: Option<Arc<str>>,
    /// The key.
    pub key: SigningKey,
    /// Where tokens are asked for.
    pub endpoint: Endpoint,
    /// The same as it is written: for whom the assertion is meant.
    pub audience: Arc<str>,
}

/// What a person has granted to a program of Google's.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct GoogleUser {
    pub client_id: Secret,
    pub client_secret: Secret,
    pub refresh_token: Secret,
    /// Where tokens are asked for.
    pub endpoint: Endpoint,
}

/// A client of an OAuth 2.0 server.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct OauthClient {
    pub id: Secret,
    pub secret: Secret,
    pub scope: Option<Arc<str>>,
    /// Where tokens are asked for.
    pub endpoint: Endpoint,
}

/// An RSA key that signs.
pub struct SigningKey(rsa::KeyPair);

impl SigningKey {
    /// Reads a private key in PKCS #8, as PEM has it.
    pub(crate) fn from_pem(text: &str) -> Option<Self> {
        use base64::Engine as _;
        let body = text.trim().strip_prefix("-----BEGIN PRIVATE KEY-----")?;
        let body = body.strip_suffix("-----END PRIVATE KEY-----")?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
        rsa::KeyPair::from_pkcs8(&der).ok().map(Self)
    }

    /// The key pair.
    pub fn pair(&self) -> &rsa::KeyPair {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use base64::Engine as _;

    #[test]
    fn a_private_key_is_read_and_not_shown() {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let der = pair.as_der().unwrap();
        let encoded = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let (first, rest) = encoded.split_at(64);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{first}\n{rest}\n-----END PRIVATE KEY-----\n");
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
        assert_eq!(key.pair().public_modulus_len(), 256);
        let cut = pem.replacen(first, "", 1);
        for bad in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", first, &cut] {
            assert!(SigningKey::from_pem(bad).is_none(), "{bad}");
        }
    }
}
