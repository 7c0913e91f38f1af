//! Metrics counted from records.
//!
//! In: records. Out: counters and histograms with the names of OpenTelemetry's GenAI conventions where there are any.
//! A record costs one look-up: the handles of a label set are found once and kept.

use std::collections::HashMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::bounded::{Bounded, OTHER};
use crate::{ExchangeRecord, RecordObserver, RouteRecord, TokenSource};

/// Most distinct models, providers or error codes that are told apart.
pub(super) const MOST_VALUES: usize = 500;
/// Most distinct label sets of one process: beyond them model and provider are "other".
pub(super) const MOST_SERIES: usize = 4000;

/// Powers of four, as the GenAI conventions ask for token counts.
const TOKEN_BUCKETS: [f64; 14] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// Doublings from 10 ms, as the GenAI conventions ask for durations.
const DURATION_BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// As the GenAI conventions ask for the time to the first token.
const FIRST_TOKEN_BUCKETS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Our own time is counted in microseconds.
const OVERHEAD_BUCKETS: [f64; 13] =
    [0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 1.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: String,
    provider: String,
    model: String,
    status_class: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    code: String,
    provider: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    gen_ai_operation_name: String,
    gen_ai_provider_name: String,
    gen_ai_response_model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    gen_ai_operation_name: String,
    gen_ai_provider_name: String,
    gen_ai_response_model: String,
    gen_ai_token_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CostLabels {
    provider: String,
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
    outcome: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The families; a clone counts into the same ones.
#[derive(Debug, Clone)]
pub(super) struct Exchanges {
    requests: Family<RequestLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    cost: Family<CostLabels, Counter>,
    rules: Family<RuleLabels, Counter>,
    tokens: Histograms<TokenLabels>,
    duration: Histograms<ModelLabels>,
    first_token: Histograms<ModelLabels>,
    overhead: Histograms<OperationLabels>,
}

impl Exchanges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self {
            requests: Family::default(),
            errors: Family::default(),
            cost: Family::default(),
            rules: Family::default(),
            tokens: Family::new_with_constructor(|| Histogram::new(TOKEN_BUCKETS)),
            duration: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            first_token: Family::new_with_constructor(|| Histogram::new(FIRST_TOKEN_BUCKETS)),
            overhead: Family::new_with_constructor(|| Histogram::new(OVERHEAD_BUCKETS)),
        };
        registry.register("yumen_requests", "Exchanges by how they ended", all.requests.clone());
        registry.register("yumen_errors", "Exchanges that ended with an error, by code", all.errors.clone());
        registry.register("yumen_cost_nano_usd", "Cost in nano-dollars", all.cost.clone());
        registry.register("yumen_rules", "Rules that decided or failed", all.rules.clone());
        registry.register("gen_ai_client_token_usage", "Tokens of an exchange", all.tokens.clone());
        registry.register_with_unit(
            "gen_ai_client_operation_duration",
            "Time from a request's arrival to the end of its answer",
            Unit::Seconds,
            all.duration.clone(),
        );
        registry.register_with_unit(
            "gen_ai_server_time_to_first_token",
            "Time from a request's arrival to the first content of a streamed answer",
            Unit::Seconds,
            all.first_token.clone(),
        );
        registry.register_with_unit(
            "yumen_gateway_overhead",
            "Time spent in the gateway itself",
            Unit::Seconds,
            all.overhead.clone(),
        );
        all
    }
}

/// The handles of one label set.
#[derive(Debug)]
struct Series {
    labels: ModelLabels,
    requests: Counter,
    duration: Histogram,
    overhead: Histogram,
    first_token: Option<Histogram>,
    tokens: Option<(Histogram, Histogram)>,
    cost: Option<Counter>,
}

/// Counts records into [`super::Metrics`].
#[derive(Debug)]
pub struct MetricsObserver {
    families: Exchanges,
    series: HashMap<Box<str>, Series>,
    /// Reused to build the key of a label set.
    key: String,
    operations: Bounded,
    providers: Bounded,
    models: Bounded,
    codes: Bounded,
    rules: Bounded,
}

impl MetricsObserver {
    pub(super) fn new(families: Exchanges) -> Self {
        Self {
            families,
            series: HashMap::new(),
            key: String::new(),
            operations: Bounded::new(MOST_VALUES),
            providers: Bounded::new(MOST_VALUES),
            models: Bounded::new(MOST_VALUES),
            codes: Bounded::new(MOST_VALUES),
            rules: Bounded::new(MOST_VALUES),
        }
    }

    fn count_rules(&mut self, route: &RouteRecord) {
        let decided = route.rule.iter().map(|rule| (rule, "decided"));
        let failed = route.failed_rules.iter().map(|rule| (rule, "failed"));
        for (rule, outcome) in decided.chain(failed) {
            let rule = self.rules.admit(Some(rule)).to_owned();
            self.families.rules.get_or_create(&RuleLabels { rule, outcome }).inc();
        }
    }

    fn count_error(&mut self, code: &str, provider: &str) {
        let code = self.codes.admit(Some(code)).to_owned();
        self.families.errors.get_or_create(&ErrorLabels { code, provider: provider.to_owned() }).inc();
    }
}

impl RecordObserver for MetricsObserver {
    fn observe(&mut self, record: &ExchangeRecord) {
        if let Some(route) = &record.route {
            self.count_rules(route);
        }
        let operation = self.operations.admit(Some(&record.operation));
        let mut provider = self.providers.admit(record.counted_provider());
        let mut model = self.models.admit(record.counted_model());
        if let Some(code) = &record.error_code {
            self.count_error(code, provider);
        }
        let status_class = status_class(record.status);
        let outcome = record.outcome.as_str();
        write_key(&mut self.key, [operation, provider, model, status_class, outcome]);
        if self.series.len() >= MOST_SERIES && !self.series.contains_key(self.key.as_str()) {
            (provider, model) = (OTHER, OTHER);
            write_key(&mut self.key, [operation, provider, model, status_class, outcome]);
        }
        if !self.series.contains_key(self.key.as_str()) {
            let labels = RequestLabels {
                operation: operation.to_owned(),
                provider: provider.to_owned(),
                model: model.to_owned(),
                status_class,
                outcome,
            };
            self.series.insert(self.key.as_str().into(), Series::find(&self.families, &labels));
        }
        if let Some(series) = self.series.get_mut(self.key.as_str()) {
            series.count(&self.families, record);
        }
    }
}

impl Series {
    fn find(families: &Exchanges, labels: &RequestLabels) -> Self {
        let operation = OperationLabels { operation: labels.operation.clone() };
        let model = ModelLabels {
            gen_ai_operation_name: labels.operation.clone(),
            gen_ai_provider_name: labels.provider.clone(),
            gen_ai_response_model: labels.model.clone(),
        };
        Self {
            requests: families.requests.get_or_create_owned(labels),
            duration: families.duration.get_or_create_owned(&model),
            overhead: families.overhead.get_or_create_owned(&operation),
            first_token: None,
            tokens: None,
            cost: None,
            labels: model,
        }
    }

    fn count(&mut self, families: &Exchanges, record: &ExchangeRecord) {
        self.requests.inc();
        self.duration.observe(seconds(record.total_us));
        self.overhead.observe(seconds(record.overhead_us));
        if let (true, Some(first_byte_us)) = (record.streamed, record.first_byte_us) {
            let find = || families.first_token.get_or_create_owned(&self.labels);
            self.first_token.get_or_insert_with(find).observe(seconds(first_byte_us));
        }
        if record.tokens.source != TokenSource::None {
            let find = || (self.labels.tokens(families, "input"), self.labels.tokens(families, "output"));
            let (input, output) = self.tokens.get_or_insert_with(find);
            input.observe(record.tokens.input as f64);
            output.observe(record.tokens.output as f64);
        }
        if let Some(nanos) = record.cost_nanos {
            let find = || families.cost.get_or_create_owned(&self.labels.cost());
            self.cost.get_or_insert_with(find).inc_by(nanos);
        }
    }
}

impl ModelLabels {
    fn tokens(&self, families: &Exchanges, token_type: &'static str) -> Histogram {
        families.tokens.get_or_create_owned(&TokenLabels {
            gen_ai_operation_name: self.gen_ai_operation_name.clone(),
            gen_ai_provider_name: self.gen_ai_provider_name.clone(),
            gen_ai_response_model: self.gen_ai_response_model.clone(),
            gen_ai_token_type: token_type,
        })
    }

    fn cost(&self) -> CostLabels {
        CostLabels { provider: self.gen_ai_provider_name.clone(), model: self.gen_ai_response_model.clone() }
    }
}

/// A byte that no label holds parts the key, so two label sets never share one.
fn write_key(key: &mut String, parts: [&str; 5]) {
    key.clear();
    for part in parts {
        key.push_str(part);
        key.push('\u{0}');
    }
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "none",
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
