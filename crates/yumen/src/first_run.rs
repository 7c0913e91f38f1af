//! The first start: one virtual key, shown once, and a request that works.

use std::fmt::Write as _;
use std::net::SocketAddr;

use yumen_config::{Snapshot, TargetKind};
use yumen_store::{KeySpec, Store};

/// The name of the key that the first start makes.
const FIRST_KEY: &str = "first";

/// What is said once the gateway serves.
pub struct Greeting {
    /// The secret that was made just now.
    secret: Option<String>,
    /// Whether the key of the first start is still there.
    has_first: bool,
}

/// Makes the first key when nobody could get in otherwise.
pub async fn greet(store: &Store, settings: &Snapshot) -> anyhow::Result<Greeting> {
    let stored = store.keys().list().await?;
    if !stored.is_empty() || !settings.keys.is_empty() {
        return Ok(Greeting { secret: None, has_first: stored.iter().any(|key| key.name == FIRST_KEY) });
    }
    let made = store.keys().create(FIRST_KEY, &KeySpec::default()).await?;
    Ok(Greeting { secret: Some(made.secret.expose().to_owned()), has_first: true })
}

impl Greeting {
    /// Whether it shows a secret, which nothing else will ever show again.
    pub fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// Says where the gateway is, the key, and a request to copy. This is the only place where the secret ever stands.
    pub fn text(&self, address: SocketAddr, settings: &Snapshot) -> String {
        let url = format!("http://{}", reachable(address));
        let mut text = format!("\nYumen is at {url}/v1\n");
        // Writing to a string cannot fail.
        let _ = match &self.secret {
            Some(secret) => writeln!(text, "Your virtual key (shown only now): {secret}"),
            None if self.has_first => writeln!(
                text,
                "Your virtual key is the one shown at the first start; `yumen keys rotate first` gives it a new secret."
            ),
            None => Ok(()),
        };
        let Some(model) = first_model(settings) else {
            text.push_str(
                "No model is known yet: set OPENAI_API_KEY, ANTHROPIC_API_KEY … or write a yumen.yaml, or try --demo.\n\n",
            );
            return text;
        };
        let key = self.secret.as_deref().unwrap_or("$YUMEN_KEY");
        let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello!"}}]}}"#);
        let _ = writeln!(
            text,
            "Try it:\n\n  curl {url}/v1/chat/completions -H 'Content-Type: application/json' -H \"Authorization: Bearer {key}\" -d '{body}'\n"
        );
        text
    }
}

/// The address at which people on this machine reach a listener.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("127.0.0.1:{}", address.port()) } else { address.to_string() }
}

/// The model that a first request can ask for: one that answers without any network, else the first by name of those
/// that people know best.
fn first_model(settings: &Snapshot) -> Option<String> {
    if let Some(demo) = settings.models.keys().find(|name| &***name == "demo/echo") {
        return Some(demo.to_string());
    }
    let rank = |kind| match kind {
        TargetKind::Alias | TargetKind::Canonical => 0,
        TargetKind::Qualified | TargetKind::Native => 1,
    };
    let first = settings.models.values().min_by_key(|target| (rank(target.kind), &target.name))?;
    Some(first.name.to_string())
}
