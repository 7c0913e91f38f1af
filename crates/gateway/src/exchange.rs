//! One request with its answer: ids, times and the draft of its record.
//!
//! In: facts as the stages learn them. Out: exactly one record, when it closes. Dropping an open exchange
//! closes it as left by the client: that is the only way in which it ends without a stage saying so.

mod parts;

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use yumen_config::VirtualKey;
use yumen_llm::dialects::{Operation, Stopwatch, codec};
use yumen_llm::price::Price;
use yumen_llm::usage::{Units, Usage};
use yumen_telemetry::{
    AttemptRecord, ExchangeRecord, ObjectKind, Outcome, RouteRecord, TokenCounts, TokenSource, UnitCounts,
};

use crate::allowances::Sent;
use crate::clock::micros;
use crate::egress::Files;
use crate::limits::Permit;
use crate::rejection::Code;
use crate::route::{FilesPath, HttpRoute, LlmRoute, Task};
use crate::serving::Serving;
use crate::worker::Worker;
use parts::{bounded, cost_of, ended};

const GENERATION_ID: HeaderName = HeaderName::from_static("x-generation-id");
/// With it a client asks how its request was routed, and is told.
pub const EXPLAIN: HeaderName = HeaderName::from_static("x-yumen-explain");
const OVERHEAD_US: HeaderName = HeaderName::from_static("x-yumen-overhead-us");

/// The status recorded when the client left before one was sent.
pub const STATUS_CLIENT_GONE: u16 = 499;

/// No exchange has more tokens of a kind: a thousand times the largest context there is.
const TOKENS_MOST: u64 = 1_000_000_000;
/// No exchange costs more: ten thousand dollars.
const COST_NANOS_MOST: u64 = 10_000_000_000_000;

/// A try under way.
#[derive(Debug)]
pub struct Trying {
    /// What will be recorded of it.
    pub attempt: AttemptRecord,
    /// When it began.
    pub began: Instant,
    /// What the request that the upstream works on tells by itself.
    pub asked: Asked,
    /// The deployment's price.
    pub price: Option<Price>,
}

/// What a request tells by itself of what its answer uses.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The request as JSON, for an estimate until the upstream has counted; none where files and pictures are no ground
    /// for one.
    pub text: Option<Bytes>,
    /// What can be counted in the request.
    pub units: Units,
    /// The model that is asked, for the same estimate.
    pub model: Option<Arc<str>>,
}

/// One request with its answer.
#[derive(Debug)]
pub struct Exchange {
    worker: Arc<Worker>,
    /// When the request's head had been read.
    pub started: Instant,
    /// The draft of the record.
    pub record: ExchangeRecord,
    /// The place taken in the key's limits.
    pub permit: Option<Permit>,
    /// Time spent waiting until the response head: for the client's body and for upstreams.
    pub waited: Duration,
    /// Time spent working on the answer's body, once its head has been sent.
    pub worked: Duration,
    head_us: Option<u64>,
    /// The try under way, noted when the client leaves in the middle of it.
    pub trying: Option<Box<Trying>>,
    /// What was last sent for it with a credential.
    pub sent: Option<Sent>,
    /// Files that were fetched for it, until an answer begins.
    pub files: Option<Box<Files>>,
    /// The deployment that serves it.
    pub serving: Option<Serving>,
    /// Whether the client wants to be told how it was routed.
    pub explains: bool,
    /// Tokens of what broke off and was gone on with elsewhere.
    before: Option<Box<TokenCounts>>,
    /// Where tries beside its own are told; for such a try, where it tells.
    aside: Option<Arc<Mutex<Vec<AttemptRecord>>>>,
    /// Tries that it knew of when it began: those of the exchange beside which it is made.
    inherited: usize,
    open: bool,
}

impl Exchange {
    /// Opens an exchange: from here on it will leave a record unless it is `discard`ed.
    pub fn open(worker: &Arc<Worker>) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let gauges = &worker.gateway.gauges;
        gauges.in_flight.fetch_add(1, Ordering::Relaxed);
        let record = ExchangeRecord {
            id: worker.generation_id(since_epoch),
            started_at_us: i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX),
            status: STATUS_CLIENT_GONE,
            outcome: Outcome::ClientGone,
            ..ExchangeRecord::default()
        };
        let mut exchange = Self::drafted(worker, Instant::now(), record);
        exchange.open = true;
        exchange
    }

    /// Nothing but a draft, which nobody waits for yet.
    fn drafted(worker: &Arc<Worker>, started: Instant, record: ExchangeRecord) -> Self {
        Self {
            worker: Arc::clone(worker),
            started,
            record,
            permit: None,
            waited: Duration::ZERO,
            worked: Duration::ZERO,
            head_us: None,
            trying: None,
            sent: None,
            files: None,
            serving: None,
            explains: false,
            before: None,
            aside: None,
            inherited: 0,
            open: false,
        }
    }

    /// The worker that serves it.
    pub fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Unix seconds of its start.
    pub fn created(&self) -> i64 {
        self.record.started_at_us / 1_000_000
    }

    /// How long the client has been waiting, for dialects that say it.
    pub fn stopwatch(&self) -> Stopwatch {
        let waited = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Stopwatch::since(now_ns().saturating_sub(waited), now_ns)
    }

    /// Microseconds since its start.
    pub fn elapsed_us(&self) -> u64 {
        micros(self.started.elapsed())
    }

    /// Notes what is asked for.
    pub fn routed(&mut self, route: &LlmRoute) {
        let outline = codec(route.dialect).outline();
        outline.name.clone_into(&mut self.record.dialect);
        self.record.operation = match route.task {
            Task::Generate | Task::Converse => outline.operation.word().to_owned(),
            Task::CountTokens => "count_tokens".to_owned(),
            Task::Explain => "route".to_owned(),
        };
    }

    /// Notes a call that goes through as it is.
    pub fn routed_through(&mut self, route: &HttpRoute) {
        "http".clone_into(&mut self.record.dialect);
        let operation = match route {
            HttpRoute::Through { .. } => "passthrough",
            HttpRoute::Files(path) => match path.kind() {
                ObjectKind::File => "files",
                ObjectKind::Batch => "batches",
                ObjectKind::Video if matches!(path, FilesPath::Remix(_)) => Operation::Videos.word(),
                ObjectKind::Video => "videos",
                ObjectKind::Response => "responses",
                ObjectKind::Conversation | ObjectKind::Item => "conversations",
            },
            HttpRoute::Responses(_) => "responses",
        };
        operation.clone_into(&mut self.record.operation);
    }

    /// Notes who calls.
    pub fn identified(&mut self, consumer: &VirtualKey) {
        self.record.key_id = Some(consumer.id.to_string());
        self.record.key_name = Some(consumer.name.to_string());
    }

    /// Adds the headers that every response carries; from here on only work on the body counts as ours.
    pub fn stamp(&mut self, headers: &mut HeaderMap) {
        if self.explains
            && let Some(told) = explanation(&self.record)
        {
            headers.insert(EXPLAIN, told);
        }
        if let Ok(id) = HeaderValue::from_str(&self.record.id) {
            headers.insert(GENERATION_ID, id);
        }
        headers.insert(OVERHEAD_US, HeaderValue::from(self.head_sent()));
    }

    /// Notes what was used and what it costs; without `tokens` nobody has counted any. A figure that no exchange can have is
    /// cut off and marked as no count: sums over the ledger must stay right whatever a provider says.
    pub fn counted(&mut self, tokens: Option<(Usage, TokenSource)>, units: &Units, price: Option<&Price>) {
        let most = |count: Option<u64>| count.map(|count| count.min(TOKENS_MOST));
        let units = Units {
            images: most(units.images),
            audio_ms: most(units.audio_ms),
            characters: most(units.characters),
            searches: most(units.searches),
            video_ms: most(units.video_ms),
            ..*units
        };
        let Units { images, audio_ms, characters, searches, video_ms, .. } = units;
        self.record.units =
            UnitCounts { images, audio_ms, characters, searches, video_ms, web_searches: None };
        let usage = tokens.map(|(usage, source)| {
            let (usage, counts) = bounded(&usage, source);
            self.record.tokens = counts;
            usage
        });
        let searched = usage.map(|usage: Usage| usage.web_searches);
        self.record.units.web_searches = searched.filter(|searches| *searches > 0);
        self.record.cost_nanos = cost_of(usage.as_ref(), &units, price);
    }

    /// The same where what it costs has been told piece by piece.
    pub fn charged(&mut self, tokens: Option<(Usage, TokenSource)>, units: &Units, cost: Option<u64>) {
        self.counted(tokens, units, None);
        self.record.cost_nanos = cost.map(|cost| cost.min(COST_NANOS_MOST));
    }

    /// Notes how it was routed.
    pub fn chosen(&mut self, route: Option<RouteRecord>) {
        self.record.route = route.map(Box::new);
    }

    /// Appends one try.
    pub fn attempted(&mut self, attempt: AttemptRecord) {
        self.record.attempts.push(attempt);
    }

    /// Notes at the last try why its answer did not come to its end. One that had none has its cause.
    pub fn blame(&mut self, outcome: Outcome) {
        let code = self.record.error_code.clone();
        if let Some(attempt) = self.record.attempts.last_mut().filter(|attempt| attempt.cause.is_none()) {
            attempt.cause =
                code.or_else(|| (outcome == Outcome::ClientGone).then(|| "client_gone".to_owned()));
        }
    }

    /// The answer has broken off at the deployment that served it, and is to be gone on with elsewhere.
    pub fn broke_off(&mut self, code: &str) {
        if let Some(attempt) = self.record.attempts.last_mut() {
            attempt.cause = Some(code.to_owned());
        }
        if let Some(serving) = self.serving.take() {
            serving.end(&self.worker.gateway, &self.record, Outcome::Failed);
        }
    }

    /// Marks the first byte or content sent to the client; later calls change nothing.
    pub fn first_byte(&mut self) {
        if self.record.first_byte_us.is_none() {
            self.record.first_byte_us = Some(self.elapsed_us());
        }
    }

    /// The response head is made: from here on only work on the body counts as the gateway's time. Gives the
    /// microseconds spent in the gateway so far.
    fn head_sent(&mut self) -> u64 {
        let spent = micros(self.started.elapsed().saturating_sub(self.waited));
        *self.head_us.get_or_insert(spent)
    }

    /// Ends the exchange: settles the permit and appends its record, once.
    pub fn close(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let total = self.started.elapsed();
        self.record.outcome = outcome;
        self.record.total_us = micros(total);
        self.record.overhead_us = match self.head_us {
            Some(head_us) => head_us + micros(self.worked),
            None => micros(total.saturating_sub(self.waited)),
        };
        self.permit = None;
        self.sum_up();
        if let Some(serving) = self.serving.take() {
            serving.end(&self.worker.gateway, &self.record, outcome);
        }
        if let Some(sent) = self.sent.take() {
            let tokens = &self.record.tokens;
            self.worker.gateway.allowances.settle(&sent, tokens.input.saturating_add(tokens.output));
        }
        if let Some(shadow) = &self.record.shadow {
            self.worker.gateway.shadows.charge(&shadow.alias, self.record.cost_nanos);
        }
        if let Some(before) = self.before.take() {
            self.record.tokens.add(&before);
        }
        self.worker.append(&self.record);
        self.leave();
    }

    /// Whether its record is still to be written.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Ends an exchange of the gateway's own that came to nothing, maybe while an upstream worked.
    pub fn given_up(&mut self, status: u16, code: &str) {
        self.abandon(code);
        self.record.status = status;
        self.record.error_code = Some(code.to_owned());
        self.close(Outcome::Failed);
    }

    /// How an exchange has ended whose answer nobody takes any more: a process that stops cuts what is still open
    /// at the end of its drain limit, else it was the client who left.
    pub fn gone(&mut self) -> Outcome {
        if !self.worker.gateway.draining.load(Ordering::Relaxed) {
            return Outcome::ClientGone;
        }
        self.record.error_code = Some(Code::Draining.row().name.to_owned());
        Outcome::Failed
    }

    /// Ends an exchange that is not worth a record (health checks, the models list, look-ups).
    pub fn discard(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            self.permit = None;
            self.leave();
        }
    }

    /// The client has left (or the process stops) while an upstream worked: it will bill at least the input.
    fn abandon(&mut self, cause: &str) {
        let Some(trying) = self.trying.take() else { return };
        self.waited += trying.began.elapsed();
        self.record.provider = Some(trying.attempt.provider.clone());
        let tokens = self.estimated(&trying.asked);
        self.counted(tokens, &trying.asked.units, trying.price.as_ref());
        self.attempted(ended(trying.attempt, trying.began, cause));
    }

    fn leave(&self) {
        self.worker.gateway.gauges.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.open {
            self.abandon("client_gone");
            let outcome = self.gone();
            self.close(outcome);
        } else {
            self.tell_aside();
        }
    }
}

/// How an exchange was routed and who was tried, for a header; no longer than clients take.
fn explanation(record: &ExchangeRecord) -> Option<HeaderValue> {
    const BYTES_MOST: usize = 8192;
    let mut told = serde_json::json!({ "route": record.route, "attempts": record.attempts }).to_string();
    if told.len() > BYTES_MOST {
        told = serde_json::json!({ "attempts": record.attempts }).to_string();
    }
    HeaderValue::from_bytes(told.as_bytes()).ok().filter(|value| value.len() <= BYTES_MOST)
}

/// Nanoseconds of a clock that began long before every exchange of this process.
fn now_ns() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    const BEFORE: Duration = Duration::from_secs(1 << 30);
    u64::try_from((BEGAN.elapsed() + BEFORE).as_nanos()).unwrap_or(u64::MAX)
}
