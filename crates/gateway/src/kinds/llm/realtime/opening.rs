//! decode for sessions: head → Call. There is no body: the model stands in the query.

use http::{HeaderMap, HeaderValue, request};
use hyper::upgrade::OnUpgrade;
use yumen_config::KeyHash;
use yumen_llm::percent::percent_decode;

use crate::exchange::Exchange;
use crate::kinds::llm::call::Call;
use crate::kinds::llm::decode::named;
use crate::rejection::{Code, Rejection};
use crate::route::LlmRoute;
use crate::stages::{offered, presented_secret};
use crate::websocket::{self, Nonce};

/// The protocol in which the events of a session are said.
const REALTIME: &str = "realtime";
/// What a page in a browser offers where a program sends the header `OpenAI-Beta: realtime=v1`.
const BETA: &str = "openai-beta.realtime-v1";
/// What a session for transcripts alone says in the query.
const TRANSCRIPTION: &str = "transcription";

/// How a session is asked for.
#[derive(Debug)]
pub struct Opening {
    /// The client's connection, when it has been switched.
    pub upgrade: OnUpgrade,
    /// What the client wants to see answered.
    pub nonce: Nonce,
    /// Whether it offers the protocol of events by its name.
    pub offers_realtime: bool,
    /// Whether it offers the mark of the API's first version.
    pub offers_beta: bool,
    /// Whether nothing but transcripts is asked for.
    pub transcribes: bool,
    /// By which its key is found, as long as there is one.
    pub key: KeyHash,
}

/// Reads a request for a session.
pub fn open(exchange: &Exchange, route: LlmRoute, head: &request::Parts) -> Result<Box<Call>, Rejection> {
    let nonce = websocket::asks(head);
    let switched = nonce.zip(head.extensions.get::<OnUpgrade>().cloned());
    let (nonce, upgrade) = switched.ok_or_else(|| {
        let message = "This is a WebSocket: ask for it over HTTP/1.1 with `Upgrade: websocket`, version 13.";
        Rejection::new(Code::UpgradeRequired, message)
    })?;
    let asked = Asked::read(head.uri.query().unwrap_or_default())?;
    let secret = presented_secret(&head.headers, &head.uri).unwrap_or_default();
    let offers = |name| offered(&head.headers).any(|protocol| protocol == name);
    let opening = Opening {
        upgrade,
        nonce,
        offers_realtime: offers(REALTIME),
        offers_beta: offers(BETA),
        transcribes: asked.transcribes,
        key: exchange.worker().gateway.hasher.hash(&secret),
    };
    let LlmRoute { dialect, task, skin, .. } = route;
    let model = named(asked.model.map(Into::into))?;
    let mut call = Call::plain((dialect, task, skin), model, bytes::Bytes::new());
    (call.stream, call.opening) = (true, Some(Box::new(opening)));
    Ok(call)
}

/// What the query says.
#[derive(Default)]
struct Asked {
    model: Option<String>,
    transcribes: bool,
}

impl Asked {
    /// What is not known is refused: a provider could take it for the choice of another model, or of a call that is not
    /// this client's.
    fn read(query: &str) -> Result<Self, Rejection> {
        let mut asked = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (percent_decode(name), percent_decode(value));
            let wrong = |message: String| {
                let shown: String = name.chars().filter(|letter| !letter.is_control()).take(64).collect();
                Err(Rejection::new(Code::InvalidRequest, message).param(shown))
            };
            match name.as_str() {
                // Our own key, for clients that can send it nowhere else.
                "key" => {}
                "model" if asked.model.is_none() => asked.model = Some(value),
                "model" => return wrong("The query names the model twice.".to_owned()),
                "intent" if value == TRANSCRIPTION => asked.transcribes = true,
                "intent" => return wrong("`intent` can only be `transcription`.".to_owned()),
                "call_id" => {
                    return wrong("A call that was begun elsewhere cannot be joined here.".to_owned());
                }
                _ => {
                    return wrong(
                        "The query of a session names nothing but `model` and `intent`.".to_owned(),
                    );
                }
            }
        }
        Ok(asked)
    }
}

impl Opening {
    /// The protocols that are offered to a provider: the client's, without what holds its key.
    pub fn protocols(&self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match (self.offers_realtime, self.offers_beta) {
            (true, true) => "realtime, openai-beta.realtime-v1",
            (true, false) => REALTIME,
            (false, true) => BETA,
            (false, false) => return None,
        }))
    }

    /// Whether a provider may choose this protocol.
    pub fn has_offered(&self, protocol: &HeaderValue) -> bool {
        self.offers_realtime && protocol == REALTIME || self.offers_beta && protocol == BETA
    }

    /// The headers of the answer that switches the client's connection.
    pub fn confirm(&self, headers: &mut HeaderMap) {
        websocket::confirms(&self.nonce, headers);
        let chosen = match (self.offers_realtime, self.offers_beta) {
            (true, _) => REALTIME,
            (false, true) => BETA,
            (false, false) => return,
        };
        headers.insert(websocket::PROTOCOL, HeaderValue::from_static(chosen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_a_model_and_nothing_that_is_not_known() {
        let read = |query: &str| {
            Asked::read(query).map(|asked| (asked.model.unwrap_or_default(), asked.transcribes))
        };
        assert_eq!(read("model=openai%2Fgpt-realtime&key=x").unwrap(), ("openai/gpt-realtime".into(), false));
        assert_eq!(read("intent=transcription&model=t").unwrap(), ("t".into(), true));
        assert_eq!(read("").unwrap(), (String::new(), false));
        for query in
            ["model=a&model=b", "model=a&%6dodel=b", "call_id=rtc_1", "model=a&deployment=b", "intent=x"]
        {
            assert_eq!(read(query).unwrap_err().code, Code::InvalidRequest, "{query}");
        }
    }
}
