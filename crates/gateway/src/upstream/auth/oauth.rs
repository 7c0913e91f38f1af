//! Access tokens for client credentials: OAuth 2.0, Microsoft Entra ID, Baidu.
//!
//! - <https://datatracker.ietf.org/doc/html/rfc6749#section-4.4>: the client's id and secret go by HTTP Basic, which every
//!   server must know (section 2.3.1).
//! - <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>: they go in the form.
//! - <https://cloud.baidu.com/doc/WENXINWORKSHOP/s/Ilkkrb0i5>: they go in the query.
//!
//! In: a client. Out: what is to be asked for its token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use yumen_config::{OauthClient, encoded};

use super::exchange::{Ask, Form};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Asks a server of OAuth 2.0.
pub(super) fn ask(client: &OauthClient) -> Ask<'_> {
    let mut form = Form::default().with(GRANT.0, GRANT.1);
    if let Some(scope) = &client.scope {
        form = form.with("scope", scope);
    }
    let (id, secret) = (encoded(client.id.expose()), encoded(client.secret.expose()));
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mut ask = Ask::form(&client.endpoint, form);
    if let Ok(mut value) = HeaderValue::from_str(&basic) {
        value.set_sensitive(true);
        ask.headers.push((header::AUTHORIZATION, value));
    }
    ask
}

/// Asks Microsoft Entra ID.
pub(super) fn ask_entra(client: &OauthClient) -> Ask<'_> {
    let form = Form::default()
        .with(GRANT.0, GRANT.1)
        .with("client_id", client.id.expose())
        .with("client_secret", client.secret.expose());
    let form = match &client.scope {
        Some(scope) => form.with("scope", scope),
        None => form,
    };
    Ask::form(&client.endpoint, form)
}

/// Asks Baidu.
pub(super) fn ask_baidu(client: &OauthClient) -> Ask<'_> {
    let query = Form::default()
        .with(GRANT.0, GRANT.1)
        .with("client_id", client.id.expose())
        .with("client_secret", client.secret.expose());
    let mut ask = Ask::form(&client.endpoint, Form::default());
    ask.query = Some(query);
    ask
}
