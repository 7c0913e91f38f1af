//! One request with its answer: ids, times and the draft of its record.
//!
//! In: facts as the stages learn them. Out: exactly one record, when it closes. Dropping an open exchange
//! closes it as left by the client: that is the only way in which it ends without a stage saying so.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
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
    pub trying: Option<Trying>,
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
        Self {
            started: Instant::now(),
            record: ExchangeRecord {
                id: worker.generation_id(since_epoch),
                started_at_us: i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX),
                status: STATUS_CLIENT_GONE,
                outcome: Outcome::ClientGone,
                ..ExchangeRecord::default()
            },
            worker: Arc::clone(worker),
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
            open: true,
        }
    }

    /// Another side of the same exchange, for a try beside its own. It leaves no record: what it comes to is taken by
    /// [`Exchange::join`], and what it gives up is told to this one.
    pub fn beside(&mut self) -> Self {
        let Self { worker, started, record, aside, .. } = self;
        let draft = ExchangeRecord {
            id: record.id.clone(),
            started_at_us: record.started_at_us,
            key_id: record.key_id.clone(),
            attempts: record.attempts.clone(),
            route: record.route.clone(),
            ..ExchangeRecord::default()
        };
        Self {
            worker: Arc::clone(worker),
            started: *started,
            inherited: draft.attempts.len(),
            record: draft,
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
            aside: Some(Arc::clone(aside.get_or_insert_default())),
            open: false,
        }
    }

    /// Takes what another side of it has come to.
    pub fn join(&mut self, mut other: Self) {
        let own = other.record.attempts.drain(other.inherited.min(other.record.attempts.len())..);
        self.record.attempts.extend(own);
        if other.serving.is_some() {
            (self.serving, self.sent) = (other.serving.take(), other.sent.take());
        }
    }

    /// Gives up the try under way for another one. It is counted as far as its provider will bill it: its input.
    pub fn give_up(&mut self, cause: &str) {
        let Some(trying) = self.trying.take() else { return };
        let (tokens, units) = (self.estimated(&trying.asked), trying.asked.units);
        let mut attempt = ended(trying.attempt, trying.began, cause);
        if let Some((usage, source)) = tokens {
            attempt.tokens = Some(counts(&usage, source));
        }
        let usage = tokens.map(|(usage, _)| usage);
        attempt.cost_nanos = trying.price.and_then(|price| price.cost_of(usage.as_ref(), &units));
        self.attempted(attempt);
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
        self.record.units = UnitCounts { images, audio_ms, characters, searches, video_ms };
        let usage = tokens.map(|(usage, source)| {
            let (usage, counts) = bounded(&usage, source);
            self.record.tokens = counts;
            usage
        });
        self.record.cost_nanos = cost_of(usage.as_ref(), &units, price);
    }

    /// Notes what a try has used whose answer does not end the exchange: one that broke off and was gone on with elsewhere,
    /// or one that was not taken. It stands with the try, which is the `index`th, and in what the exchange has used
    /// altogether when that closes.
    pub fn part(
        &mut self,
        index: usize,
        tokens: Option<(Usage, TokenSource)>,
        units: &Units,
        price: Option<&Price>,
    ) {
        let (usage, counts) = tokens.map(|(usage, source)| bounded(&usage, source)).unzip();
        if let Some(attempt) = self.record.attempts.get_mut(index) {
            (attempt.tokens, attempt.cost_nanos) = (counts, cost_of(usage.as_ref(), units, price));
        }
        self.before.get_or_insert_default().add(&counts.unwrap_or_default());
    }

    /// What those of its tries cost so far that it has used a part of; nothing where that is not known of one.
    pub fn cost_before(&self) -> Option<u64> {
        self.parts().unwrap_or(Some(0))
    }

    /// The same; none at all where there is no such try.
    fn parts(&self) -> Option<Option<u64>> {
        let used = |attempt: &&AttemptRecord| attempt.tokens.is_some() || attempt.cost_nanos.is_some();
        let costs = self.record.attempts.iter().filter(used).map(|attempt| attempt.cost_nanos);
        costs.reduce(|sum, cost| sum.zip(cost).map(|(sum, cost)| sum.saturating_add(cost)))
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

    /// The input of a request of which nothing was counted yet.
    fn estimated(&self, asked: &Asked) -> Option<(Usage, TokenSource)> {
        let estimates = &self.worker.gateway.estimates;
        let input = estimates.estimate(asked.model.as_deref(), asked.text.as_ref()?);
        Some((Usage { input, ..Usage::default() }, TokenSource::Estimated))
    }

    /// Adds what was tried beside it, and what that cost. The try that answered stays the last one.
    fn sum_up(&mut self) {
        if let Some(aside) = self.aside.take() {
            let last = self.record.attempts.pop();
            self.record.attempts.append(&mut aside.lock().unwrap_or_else(PoisonError::into_inner));
            self.record.attempts.extend(last);
        }
        if let Some(parts) = self.parts() {
            // Where nothing was counted there is no other cost; where a price is not known, neither is the sum.
            let nothing = self.record.tokens.source == TokenSource::None && self.record.units.is_empty();
            let own = self.record.cost_nanos.or_else(|| nothing.then_some(0));
            let sum = own.zip(parts).map(|(own, parts)| own.saturating_add(parts));
            self.record.cost_nanos = sum.map(|sum| sum.min(COST_NANOS_MOST));
        }
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
        } else if let Some(aside) = self.aside.take() {
            self.give_up("client_gone");
            let own = self.record.attempts.drain(self.inherited.min(self.record.attempts.len())..);
            aside.lock().unwrap_or_else(PoisonError::into_inner).extend(own);
        }
    }
}

/// A try that was given up.
fn ended(mut attempt: AttemptRecord, began: Instant, cause: &str) -> AttemptRecord {
    attempt.duration_us = micros(began.elapsed());
    attempt.cause = Some(cause.to_owned());
    attempt
}

fn counts(usage: &Usage, source: TokenSource) -> TokenCounts {
    let Usage { input, cached_input, cache_write, cache_write_1h, output, reasoning } = *usage;
    TokenCounts {
        input,
        cached_input,
        cache_write: cache_write.saturating_add(cache_write_1h),
        output,
        reasoning,
        source,
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

/// Tokens as far as an exchange can have so many.
fn bounded(usage: &Usage, source: TokenSource) -> (Usage, TokenCounts) {
    let figures = [
        usage.input,
        usage.cached_input,
        usage.cache_write,
        usage.cache_write_1h,
        usage.output,
        usage.reasoning,
    ];
    let absurd = figures.iter().any(|figure| *figure > TOKENS_MOST);
    let [input, cached_input, cache_write, cache_write_1h, output, reasoning] =
        figures.map(|figure| figure.min(TOKENS_MOST));
    let usage = Usage { input, cached_input, cache_write, cache_write_1h, output, reasoning };
    let counts = counts(&usage, if absurd { TokenSource::Estimated } else { source });
    (usage, counts)
}

/// What it costs, as far as anything can cost so much.
fn cost_of(usage: Option<&Usage>, units: &Units, price: Option<&Price>) -> Option<u64> {
    price.and_then(|price| price.cost_of(usage, units)).map(|cost| cost.min(COST_NANOS_MOST))
}

/// Nanoseconds of a clock that began long before every exchange of this process.
fn now_ns() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    const BEFORE: Duration = Duration::from_secs(1 << 30);
    u64::try_from((BEGAN.elapsed() + BEFORE).as_nanos()).unwrap_or(u64::MAX)
}
