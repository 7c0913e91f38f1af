//! Fake upstreams: one server on a free port that speaks the dialects of OpenAI (both), Anthropic, Google, Ollama,
//! Amazon and Cohere, and those that are spoken with providers only.
//!
//! In: requests. Out: realistic answers, faults included, chosen by the model's name (see [`SCENARIOS`]) or by a
//! script. It keeps what it received and counts what its peers broke off, so that a test can look from the far side.

mod agents;
mod anthropic;
mod bedrock;
mod cohere;
mod content;
mod dashscope;
mod errand;
mod gemini;
mod media;
mod ollama;
mod openai;
mod plain;
mod realtime;
mod reply;
mod responses;
mod scenario;
mod serve;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use media::form;
pub use reply::{Reply, Step};
pub use scenario::SCENARIOS;

use crate::patience::eventually;

/// Requests kept for assertions; older ones are forgotten.
const KEPT_REQUESTS: usize = 4_096;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Received {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The model that is asked for, in the body or (as Google and Amazon do) in the path; empty when there is none.
    /// Amazon's names are known without their maker. An agent, or a language, stands for the model where there is none; an
    /// app is not named at all, so that a test's configuration puts it into the query.
    pub fn model(&self) -> String {
        let in_path = self.path.strip_prefix("/v1beta/models/").and_then(|rest| rest.split_once(':'));
        let amazons = || {
            let model = self.path.strip_prefix("/model/")?;
            model.strip_prefix(bedrock::MAKER).unwrap_or(model).split_once('/')
        };
        let tritons = || self.path.strip_prefix("/v2/models/")?.split_once('/');
        let replicates = || self.path.strip_prefix("/v1/models/")?.split_once("/predictions");
        let app = || Some((self.path.split_once("/chat-messages?app=")?.1, ""));
        let in_path = in_path.or_else(amazons).or_else(tritons).or_else(replicates).or_else(app);
        if let Some((model, _)) = in_path {
            return model.to_owned();
        }
        if let Some(model) = self.in_query("model") {
            return model.to_owned();
        }
        if let Some(model) = self.part("model") {
            return String::from_utf8_lossy(&model).into_owned();
        }
        let body = self.json();
        let named = body["model"].as_str().or(body["bot_id"].as_str()).map(str::to_owned);
        named.or(body["target_lang"].as_str().map(str::to_lowercase)).unwrap_or_default()
    }

    /// The value of a part of a form, read by the letter: the boundary that the head names, and names in quotes.
    pub fn part(&self, name: &str) -> Option<Bytes> {
        let boundary = self.header("content-type").strip_prefix("multipart/form-data; boundary=")?;
        let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
        let body = [b"\r\n".as_slice(), &self.body].concat();
        let finder = memchr::memmem::Finder::new(&delimiter);
        let places: Vec<usize> = finder.find_iter(&body).collect();
        places.windows(2).find_map(|place| {
            let part = &body[place[0] + delimiter.len()..place[1]];
            let head = memchr::memmem::find(part, b"\r\n\r\n")?;
            let is_named = String::from_utf8_lossy(&part[..head]).contains(&format!(" name=\"{name}\""));
            is_named.then(|| Bytes::copy_from_slice(&part[head + 4..]))
        })
    }

    /// A parameter of the query, as it stands there.
    pub fn in_query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// A header's value, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or_default())
    }
}

/// How many things an upstream saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections open now.
    pub connections: usize,
    /// Requests received so far.
    pub received: usize,
    /// Answers being made or sent now.
    pub open: usize,
    /// Answers sent to their end.
    pub completed: usize,
    /// Answers broken off, by the peer or by the scenario.
    pub aborted: usize,
}

type Script = Arc<dyn Fn(&Received) -> Option<Reply> + Send + Sync>;

/// A fake upstream; it stops when this value is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    tls: Option<PathBuf>,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    requests: Mutex<VecDeque<Received>>,
    messages: Mutex<Vec<String>>,
    script: Mutex<Option<Script>>,
    gate: watch::Sender<bool>,
    connections: AtomicUsize,
    received: AtomicUsize,
    open: AtomicUsize,
    completed: AtomicUsize,
    aborted: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Upstream {
    /// Starts an upstream on a free port.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same over TLS, with a certificate for `localhost` of an authority that nobody knows yet.
    pub async fn start_tls() -> Self {
        Self::start_with(Some(tls::Identity::new())).await
    }

    async fn start_with(identity: Option<tls::Identity>) -> Self {
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            messages: Mutex::default(),
            script: Mutex::default(),
            gate: watch::Sender::new(false),
            connections: AtomicUsize::new(0),
            received: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            completed: AtomicUsize::new(0),
            aborted: AtomicUsize::new(0),
        });
        let tls = identity.as_ref().map(tls::Identity::authority_file);
        let (address, server) = serve::start(Arc::clone(&shared), identity).await;
        Self { address, tls, shared, server }
    }

    /// The certificate, in PEM, of the authority that has signed its own; there is one when it speaks TLS.
    pub fn authority(&self) -> Option<&Path> {
        self.tls.as_deref()
    }

    fn origin(&self) -> String {
        match &self.tls {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL as OpenAI-style SDKs take it.
    pub fn openai_base(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The base URL without a version, as the SDKs of Anthropic and Google take it.
    pub fn plain_base(&self) -> String {
        self.origin()
    }

    /// Answers by this from now on; where it gives `None`, by the model's name as before.
    pub fn script(&self, script: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) {
        *self.shared.script.lock().expect("the script") = Some(Arc::new(script));
    }

    /// Lets every answer that waits at the gate go on, now and later.
    pub fn open_gate(&self) {
        self.shared.gate.send_replace(true);
    }

    /// Answers wait at the gate again.
    pub fn close_gate(&self) {
        self.shared.gate.send_replace(false);
    }

    /// The requests received so far, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().expect("the requests").iter().cloned().collect()
    }

    /// The newest request.
    pub fn last(&self) -> Received {
        let requests = self.shared.requests.lock().expect("the requests");
        requests.back().cloned().expect("a request at the upstream")
    }

    /// What sessions have received so far, oldest first: texts as they came, `ping …`, `pong …`, `close …` with its code,
    /// and `gone` where a session ended without a word.
    pub fn messages(&self) -> Vec<String> {
        self.shared.messages.lock().expect("the messages").clone()
    }

    /// Forgets the requests received so far.
    pub fn forget(&self) {
        self.shared.requests.lock().expect("the requests").clear();
    }

    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        Counts {
            connections: read(&self.shared.connections),
            received: read(&self.shared.received),
            open: read(&self.shared.open),
            completed: read(&self.shared.completed),
            aborted: read(&self.shared.aborted),
        }
    }

    /// Waits until the counts are as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(Counts) -> bool) -> Counts {
        eventually(what, async || Some(self.counts()).filter(|counts| wanted(*counts))).await
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn receive(&self, request: Received) {
        self.received.fetch_add(1, Ordering::SeqCst);
        let mut requests = self.requests.lock().expect("the requests");
        if requests.len() == KEPT_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// For clients in other processes: `GET /_seen/last` is the newest request, `GET /_seen/counts` the counts.
    fn seen(&self, what: &str) -> Value {
        if what == "counts" {
            let read = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
            // The asker's own answer is open, too.
            return json!({ "received": read(&self.received), "open": read(&self.open) - 1,
                           "aborted": read(&self.aborted) });
        }
        let requests = self.requests.lock().expect("the requests");
        let Some(last) = requests.back() else { return Value::Null };
        let headers = last.headers.keys().map(|name| (name.to_string(), json!(last.header(name.as_str()))));
        json!({ "path": last.path, "headers": headers.collect::<serde_json::Map<_, _>>(), "body": last.json() })
    }

    /// A message that a session has received.
    fn hear(&self, message: impl Into<String>) {
        self.messages.lock().expect("the messages").push(message.into());
    }

    fn answer(&self, request: &Received) -> Reply {
        let script = self.script.lock().expect("the script").clone();
        script.and_then(|script| script(request)).unwrap_or_else(|| scenario::answer(request))
    }
}

/// An address at which nothing listens.
pub fn closed_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}
