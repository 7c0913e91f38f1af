//! How a request proves to a provider whom it comes from: one file for each scheme of authentication.
//!
//! In: a credential, and a request that is ready but for its proof. Out: the request with a header more, or a parameter of
//! the query, or a signature of all of it. Only tokens are asked for, and only those take time; it never says what became
//! of a request.

mod access_tokens;
mod aws_sigv4;
mod digest;
mod exchange;
mod google;
mod oauth;
mod query;
mod tencent_tc3;
mod zhipu_jwt;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{Request, header};
use yumen_config::{Credential, Proof};
use yumen_llm::json::Pieces;

pub use access_tokens::{AccessToken, AccessTokens};
pub use exchange::{Door, TokenError};

use access_tokens::Carried;

/// What a request proves itself with.
pub enum Pass<'a> {
    /// Nothing: none is needed.
    None,
    /// What the credential itself has.
    Own(&'a Proof),
    /// A token.
    Token {
        /// The token.
        token: Arc<AccessToken>,
        /// Whether it was there before this request: the provider may have given it up since.
        cached: bool,
    },
}

impl<'a> Pass<'a> {
    /// The pass that is there without asking anyone; `None` when a token has to be taken first.
    pub fn at_once(credential: Option<&'a Credential>, tokens: &AccessTokens) -> Option<Self> {
        let Some(credential) = credential else { return Some(Self::None) };
        match &credential.proof {
            Proof::Token(_) => {
                let token = tokens.cached(credential.id, Instant::now())?;
                Some(Self::Token { token, cached: true })
            }
            proof => Some(Self::Own(proof)),
        }
    }

    /// The token that it is, if it is one.
    pub fn token(&self) -> Option<&Arc<AccessToken>> {
        match self {
            Self::Token { token, .. } => Some(token),
            Self::None | Self::Own(_) => None,
        }
    }

    /// Puts it on a request, whose method, URL and headers are complete; `body` is what will be sent with it.
    pub fn put_on<B>(&self, request: &mut Request<B>, body: &Pieces, now: impl FnOnce() -> SystemTime) {
        match self {
            Self::None | Self::Own(Proof::Token(_)) => {}
            Self::Own(Proof::Header { name, value }) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Self::Own(Proof::Query { pair }) => query::add(request.uri_mut(), pair.expose()),
            Self::Own(Proof::AwsSigv4(key)) => aws_sigv4::sign(key, request, body, now()),
            Self::Own(Proof::TencentTc3(key)) => tencent_tc3::sign(key, request, body, now()),
            Self::Token { token, .. } => match token.carried() {
                Carried::Header(value) => {
                    request.headers_mut().insert(header::AUTHORIZATION, value.clone());
                }
                Carried::Query(pair) => query::add(request.uri_mut(), pair.expose()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
