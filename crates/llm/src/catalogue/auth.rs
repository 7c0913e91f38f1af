//! How a provider wants its credential: the closed list of schemes, and the parts of a credential that each needs.
//!
//! In: the tables `auth` and `credential` of `provider.toml`. Out: what they say, or faults. It never sees a secret: how
//! each scheme is carried out stands in the gateway.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fields::Faults;

/// How a provider wants its credential.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer <secret>`.
    Bearer,
    /// A header of its own, such as `x-api-key`.
    Header {
        /// The header's name, lower case.
        name: String,
        /// What stands before the secret, such as `DeepL-Auth-Key `.
        #[serde(default)]
        prefix: String,
    },
    /// A parameter of the URL's query.
    Query {
        /// The parameter's name, such as `key`.
        name: String,
    },
    /// Each request is signed with AWS Signature Version 4. The region is the parameter `region`.
    AwsSigv4 {
        /// The service that is signed for, such as `bedrock`.
        service: String,
    },
    /// A token of Google, for the service account whose JSON key is the secret; without a secret, for the account that the
    /// machine has.
    GoogleOauth,
    /// A token of Microsoft Entra ID.
    AzureEntra {
        /// What it is for, such as `https://cognitiveservices.azure.com/.default`.
        scope: String,
        /// Where it is asked for; `{tenant_id}` stands for that part of the credential.
        #[serde(default = "entra_token_url")]
        token_url: String,
    },
    /// Each request is signed with Tencent Cloud's TC3-HMAC-SHA256. The region, if there is one, is the parameter `region`.
    TencentTc3 {
        /// The service that is signed for, such as `hunyuan`.
        service: String,
    },
    /// A token that is made and signed here from Zhipu's key of the form `id.secret`.
    ZhipuJwt,
    /// A token of Baidu, sent as `access_token` in the query.
    BaiduToken {
        /// Where it is asked for.
        token_url: String,
    },
    /// A token of an OAuth 2.0 server, for client credentials.
    OauthClientCredentials {
        /// Where it is asked for.
        token_url: String,
        /// What it is for, where the server wants to be told.
        #[serde(default)]
        scope: Option<String>,
    },
    /// No credential (self-hosted servers); one that is configured is sent as a bearer token.
    None,
}

/// Where Microsoft's public cloud gives its tokens.
pub const ENTRA_TOKEN_URL: &str = "https://login.microsoftonline.com/{tenant_id}/oauth2/v2.0/token";

fn entra_token_url() -> String {
    ENTRA_TOKEN_URL.to_owned()
}

/// A part of a credential beside its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its name under `fields`.
    pub name: &'static str,
    /// Whether the scheme can do without it.
    pub optional: bool,
}

const ACCESS_KEY_ID: Part = Part { name: "access_key_id", optional: false };
const SESSION_TOKEN: Part = Part { name: "session_token", optional: true };
const TENANT_ID: Part = Part { name: "tenant_id", optional: false };
const CLIENT_ID: Part = Part { name: "client_id", optional: false };
const SECRET_ID: Part = Part { name: "secret_id", optional: false };
const API_KEY: Part = Part { name: "api_key", optional: false };

impl Auth {
    /// The parts that a credential of this scheme has beside its secret.
    pub fn parts(&self) -> &'static [Part] {
        match self {
            Self::AwsSigv4 { .. } => &[ACCESS_KEY_ID, SESSION_TOKEN],
            Self::AzureEntra { .. } => &[TENANT_ID, CLIENT_ID],
            Self::TencentTc3 { .. } => &[SECRET_ID],
            Self::BaiduToken { .. } => &[API_KEY],
            Self::OauthClientCredentials { .. } => &[CLIENT_ID],
            Self::Bearer
            | Self::Header { .. }
            | Self::Query { .. }
            | Self::GoogleOauth
            | Self::ZhipuJwt
            | Self::None => &[],
        }
    }

    /// Whether the scheme reads the parameter `region`, and cannot do without it.
    pub fn region(&self) -> Option<Part> {
        match self {
            Self::AwsSigv4 { .. } => Some(Part { name: "region", optional: false }),
            Self::TencentTc3 { .. } => Some(Part { name: "region", optional: true }),
            _ => None,
        }
    }

    /// Where tokens are asked for, when that is a setting.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Self::AzureEntra { token_url, .. }
            | Self::BaiduToken { token_url }
            | Self::OauthClientCredentials { token_url, .. } => Some(token_url),
            _ => None,
        }
    }
}

/// A credential as the operator fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialField {
    /// What a person calls the secret.
    pub label: String,
    /// The environment variables in which it is usually found, in order.
    #[serde(default)]
    pub env: Vec<String>,
    /// The environment variables that usually name a file in which it stands, in order.
    #[serde(default)]
    pub file_env: Vec<String>,
    /// Its further parts.
    #[serde(default)]
    pub fields: BTreeMap<String, CredentialPart>,
}

/// A further part of a credential as the operator fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialPart {
    /// What a person calls it.
    pub label: String,
    /// The environment variables in which it is usually found, in order.
    #[serde(default)]
    pub env: Vec<String>,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
}

/// Checks that a credential is described as its scheme needs it.
pub(super) fn check(auth: Option<&Auth>, credential: Option<&CredentialField>, faults: &mut Faults<'_>) {
    if let Some(credential) = credential {
        check_label("credential", &credential.label, faults);
        check_names("credential.env", &credential.env, faults);
        check_names("credential.file_env", &credential.file_env, faults);
        for (name, part) in &credential.fields {
            check_label(&format!("credential.fields.{name}"), &part.label, faults);
            check_names(&format!("credential.fields.{name}.env"), &part.env, faults);
        }
    }
    let Some(auth) = auth else { return };
    if let Auth::Header { prefix, .. } = auth
        && !prefix.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        faults.add(String::from("`auth.prefix` must be printable ASCII"));
    }
    if let Auth::Query { name } = auth
        && !is_query_name(name)
    {
        faults
            .add(format!("`auth.name` {name:?} must be letters, digits, `-`, `_` and `.`, such as \"key\""));
    }
    let described = credential.map(|credential| &credential.fields);
    let described = || described.into_iter().flatten();
    for part in auth.parts() {
        match described().find(|(name, _)| *name == part.name) {
            Some((name, field)) if field.optional != part.optional => faults.add(format!(
                "`credential.fields.{name}.optional` must be {} for this scheme",
                part.optional
            )),
            None if !part.optional => faults.add(format!(
                "`credential.fields.{name}` is missing, which the scheme needs; write for example \
                 `{name} = {{ label = \"…\", env = [\"EXAMPLE_{upper}\"] }}`",
                name = part.name,
                upper = part.name.to_uppercase(),
            )),
            _ => {}
        }
    }
    for (name, _) in described().filter(|(name, _)| auth.parts().iter().all(|part| part.name != **name)) {
        faults
            .add(format!("`credential.fields.{name}` is no part of this scheme's credentials; leave it out"));
    }
}

/// Whether a text can be a parameter's name in a query without being encoded.
pub fn is_query_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

pub(super) fn check_label(place: &str, label: &str, faults: &mut Faults<'_>) {
    if label.trim().is_empty() {
        faults.add(format!("`{place}.label` is empty; write for example \"API key\""));
    }
}

/// Checks names of environment variables.
pub(super) fn check_names(place: &str, names: &[String], faults: &mut Faults<'_>) {
    for name in names {
        let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) || !name.bytes().all(upper) {
            faults.add(format!("`{place}` {name:?} must be upper case, such as \"EXAMPLE_API_KEY\""));
        }
    }
}
