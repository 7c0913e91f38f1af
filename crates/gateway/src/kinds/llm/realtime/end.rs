//! How a session ends: who ended it, what each side is told, and what the record says.

use yumen_telemetry::Outcome;

use crate::rejection::Code;
use crate::websocket::{Close, Fault};

/// The two sides of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The client's.
    Client,
    /// The provider's.
    Provider,
}

/// Why no more frames go from one side to the other.
#[derive(Debug)]
pub enum End {
    /// A side has said that it closes.
    Closed(Whose, Close),
    /// A side is gone, or says what cannot be passed on.
    Broken(Whose, Fault),
    /// The gateway ends it.
    Ours {
        /// What the client is told.
        close: Close,
        /// Why, where that is a failure.
        code: Option<Code>,
    },
}

/// What follows of an end.
pub struct Verdict {
    /// What the client is told; nothing where it is gone.
    pub to_client: Option<Close>,
    /// The same for the provider.
    pub to_provider: Option<Close>,
    /// How the exchange ended.
    pub outcome: Outcome,
    /// The error's code.
    pub code: Option<Code>,
}

impl End {
    /// What follows of it. `answering` says whether an answer was under way at the very end.
    pub fn verdict(&self, answering: bool) -> Verdict {
        let leaves = || Some(Close::with(Close::GOING_AWAY, ""));
        match self {
            Self::Closed(Whose::Client, close) => {
                let outcome = if answering { Outcome::ClientGone } else { Outcome::Completed };
                Verdict { to_client: None, to_provider: Some(close.clone()), outcome, code: None }
            }
            Self::Closed(Whose::Provider, close) => {
                let failed = (!close.is_normal()).then_some(Code::UpstreamError);
                let failed = failed.or_else(|| answering.then_some(Code::UpstreamBroken));
                Verdict { to_client: Some(close.clone()), to_provider: None, ..Verdict::of(failed) }
            }
            Self::Broken(Whose::Client, Fault::Gone(_)) => {
                Verdict { to_client: None, to_provider: leaves(), outcome: Outcome::ClientGone, code: None }
            }
            Self::Broken(whose, fault) => {
                let (told, code) = match (whose, fault) {
                    (Whose::Client, Fault::TooLarge(_)) => (Close::TOO_LARGE, Code::BodyTooLarge),
                    (Whose::Client, _) => (Close::PROTOCOL, Code::BodyUnreadable),
                    (Whose::Provider, Fault::Gone(_)) => (Close::FAILED, Code::UpstreamBroken),
                    (Whose::Provider, Fault::TooLarge(_)) => (Close::TOO_LARGE, Code::UpstreamTooLarge),
                    (Whose::Provider, Fault::Protocol(_)) => (Close::PROTOCOL, Code::UpstreamInvalid),
                };
                let verdict = Verdict::of(Some(code));
                let guilty = Some(Close::with(told, fault.to_string()));
                let reason = "The provider's connection broke, or could not be read.";
                match (whose, fault) {
                    (Whose::Client, _) => Verdict { to_client: guilty, to_provider: leaves(), ..verdict },
                    (Whose::Provider, Fault::Gone(_)) => {
                        Verdict { to_client: Some(Close::with(Close::FAILED, reason)), ..verdict }
                    }
                    (Whose::Provider, _) => {
                        let to_client = Some(Close::with(Close::FAILED, reason));
                        Verdict { to_client, to_provider: guilty, ..verdict }
                    }
                }
            }
            Self::Ours { close, code } => {
                Verdict { to_client: Some(close.clone()), to_provider: leaves(), ..Verdict::of(*code) }
            }
        }
    }
}

impl Verdict {
    /// A failure with this code, or a good end.
    fn of(code: Option<Code>) -> Self {
        let outcome = if code.is_some() { Outcome::Failed } else { Outcome::Completed };
        Self { to_client: None, to_provider: None, outcome, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_ends_it_the_other_side_hears_why() {
        let gone = || Fault::Gone(std::io::ErrorKind::UnexpectedEof.into());
        let code = |close: Option<Close>| close.and_then(|close| close.code);
        let closed = |whose, code| End::Closed(whose, Close::with(code, ""));
        let ours = End::Ours { close: Close::with(Close::POLICY, ""), code: Some(Code::InvalidKey) };
        use Outcome::{ClientGone, Completed, Failed};
        for (end, answering, to_client, to_provider, outcome) in [
            (closed(Whose::Client, 1000), false, None, Some(1000), Completed),
            (closed(Whose::Client, 1000), true, None, Some(1000), ClientGone),
            (closed(Whose::Provider, 1000), false, Some(1000), None, Completed),
            (closed(Whose::Provider, 1001), true, Some(1001), None, Failed),
            (closed(Whose::Provider, 4001), false, Some(4001), None, Failed),
            (End::Broken(Whose::Client, gone()), false, None, Some(1001), ClientGone),
            (End::Broken(Whose::Client, Fault::TooLarge(9)), false, Some(1009), Some(1001), Failed),
            (End::Broken(Whose::Client, Fault::Protocol("x")), false, Some(1002), Some(1001), Failed),
            (End::Broken(Whose::Provider, gone()), false, Some(1011), None, Failed),
            (End::Broken(Whose::Provider, Fault::TooLarge(9)), false, Some(1011), Some(1009), Failed),
            (End::Broken(Whose::Provider, Fault::Protocol("x")), true, Some(1011), Some(1002), Failed),
            (ours, false, Some(1008), Some(1001), Failed),
        ] {
            let verdict = end.verdict(answering);
            let told = (code(verdict.to_client), code(verdict.to_provider), verdict.outcome);
            assert_eq!(told, (to_client, to_provider, outcome), "{end:?}");
        }
    }
}
