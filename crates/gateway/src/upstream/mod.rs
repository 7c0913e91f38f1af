//! Connections to providers: dialling, TLS, the pool, proving who asks, sending one request and reading its answer.
//!
//! In: an endpoint, a credential, headers and a body in pieces. Out: a response head and a body that gives its connection
//! back when it has ended. It never chooses where to send, never retries by its own will beyond a connection that
//! was closed while idle, and knows no dialect.

mod answer;
mod auth;
mod connect;
mod demo;
mod encoding;
mod pool;
mod resting;
mod switch;

pub use answer::{AnswerBody, AnswerError};
pub use auth::{AccessToken, AccessTokens, Door, Pass, TokenError};
pub use connect::connect_to;
pub use demo::answer as demo_answer;
pub use encoding::{Encoding, expand};
pub use pool::{Phase, Pool, RequestBody, SendError};
pub use resting::{REST_LIMITED, REST_REFUSED, REST_UNPAID, Resting};
pub use switch::{Switched, Tunnel};
