//! Records for tests.

use yumen_telemetry::{
    AnswerFacts, AttemptRecord, ComparedRecord, ConsideredRecord, ExchangeRecord, HealEdit, HealRecord,
    HealStatus, Outcome, RouteRecord, ShadowRecord, TokenCounts, TokenSource, UnitCounts,
};

/// A time in the middle of an hour, in Unix microseconds.
pub(crate) const NOON_US: i64 = 1_763_640_000_000_000 + 1_800_000_000;

/// The `number`th of many records that differ in model, key, provider, outcome and time.
pub(crate) fn record(number: u64) -> ExchangeRecord {
    let provider = format!("p{}", number % 3);
    let outcome = match number % 7 {
        5 => Outcome::Refused,
        6 => Outcome::Failed,
        _ => Outcome::Completed,
    };
    let answered = outcome == Outcome::Completed;
    let attempt = AttemptRecord {
        provider: provider.clone(),
        model: "native".into(),
        credential: "#1".into(),
        status: answered.then_some(200),
        cause: (!answered).then(|| "connect_timeout".into()),
        started_us: 12,
        duration_us: 900,
        ..AttemptRecord::default()
    };
    ExchangeRecord {
        id: format!("gen-{}-{number:020}", NOON_US / 1_000_000 + number as i64),
        started_at_us: NOON_US + number as i64 * 1_000_000,
        key_id: (!number.is_multiple_of(5)).then(|| format!("key-{}", number % 5)),
        key_name: (!number.is_multiple_of(5)).then(|| "ci".into()),
        dialect: "openai_chat".into(),
        operation: "chat".into(),
        model_requested: format!("asked-{}", number % 4),
        model_served: answered.then(|| format!("author/model-{}", number % 4)),
        provider: answered.then_some(provider),
        upstream_id: answered.then(|| format!("chatcmpl-{number}")),
        attempts: if outcome == Outcome::Refused { Vec::new() } else { vec![attempt] },
        status: if answered { 200 } else { 503 },
        outcome,
        error_code: (!answered).then(|| "upstream_unreachable".into()),
        finish_reason: answered.then(|| "stop".into()),
        streamed: number.is_multiple_of(2),
        tokens: TokenCounts {
            input: 100 + number,
            cached_input: number % 11,
            cache_write: number % 3,
            output: 40,
            reasoning: number % 5,
            source: if answered { TokenSource::Reported } else { TokenSource::None },
        },
        units: UnitCounts { images: number.is_multiple_of(4).then_some(number), ..UnitCounts::default() },
        cost_nanos: answered.then_some(1000 * number),
        first_byte_us: answered.then_some(5000),
        total_us: 9000,
        overhead_us: 40,
        lossy: if number.is_multiple_of(9) { vec!["seed".into()] } else { Vec::new() },
        route: number.is_multiple_of(6).then(|| Box::new(route())),
        heal: number.is_multiple_of(6).then(|| {
            Box::new(HealRecord {
                status: HealStatus::Healed,
                count: 1,
                edits: vec![HealEdit { position: number, kind: "missing_comma".into() }],
                schema_valid: Some(number.is_multiple_of(12)),
                ..HealRecord::default()
            })
        }),
        shadow: number.is_multiple_of(7).then(|| Box::new(shadow(number))),
    }
}

/// A choice between two deployments.
fn route() -> RouteRecord {
    let considered = |provider: &str, out: Option<&str>| ConsideredRecord {
        provider: provider.into(),
        model: "native".into(),
        out: out.map(Into::into),
        behind: None,
    };
    RouteRecord {
        strategy: "price".into(),
        sticky: true,
        considered: vec![considered("openai", None), considered("groq", Some("max_price"))],
        ..RouteRecord::default()
    }
}

/// A copy of another exchange.
fn shadow(number: u64) -> ShadowRecord {
    ShadowRecord {
        of: "gen-1".into(),
        alias: "smart".into(),
        output_tokens: number,
        cost_nanos: Some(number),
        compared: number.is_multiple_of(14).then(|| ComparedRecord {
            original: AnswerFacts { characters: number, tool_calls: 1, valid_json: Some(true) },
            same_tools: Some(false),
            ..ComparedRecord::default()
        }),
        ..ShadowRecord::default()
    }
}
