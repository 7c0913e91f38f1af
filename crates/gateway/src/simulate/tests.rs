use std::sync::LazyLock;

use proptest::prelude::{ProptestConfig, Strategy as _, any, prop_assert, proptest};
use yumen_config::{Catalogue, KeyHasher, parse_and_check};
use yumen_telemetry::{HealRecord, RouteRecord, TokenSource};

use super::*;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::builtin().expect("the catalogue"));

const PROVIDERS: &str = r#"
providers:
  cheap: { type: openai-compatible, base_url: "http://127.0.0.1:1/v1", discovery: off,
           models: { m: { canonical: a/m, price: { input: 1, output: 2, cache_read: 0.5 } } } }
  dear:  { type: openai-compatible, base_url: "http://127.0.0.1:2/v1", discovery: off,
           models: { m: { canonical: a/m, price: { input: 3, output: 6 } } } }
  other: { type: openai-compatible, base_url: "http://127.0.0.1:3/v1", discovery: off,
           models: { n: { canonical: b/n, price: { input: 10, output: 10 } } } }
keys:
  - { name: ci, secret: sk-0123456789abcdef }
  - { name: narrow, secret: sk-1123456789abcdef, models: [ "b/*" ] }
"#;

fn settings(more: &str) -> Snapshot {
    let text = format!("{PROVIDERS}{more}");
    let files = |_: &str| Err(String::new());
    let hasher = KeyHasher::new([0; 32]);
    let checked = parse_and_check(&text, "yumen.yaml", &|_| None, &files, &CATALOGUE, &hasher, None);
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
    checked.snapshot.expect("a Snapshot")
}

/// An alias whose deployments are tried as they are listed.
fn alias(providers: &[&str]) -> String {
    let listed: Vec<String> =
        providers.iter().map(|provider| format!("{{ provider: {provider}, model: m }}")).collect();
    format!(
        "models: {{ smart: {{ deployments: [ {} ], routing: {{ strategy: priority }} }} }}",
        listed.join(", ")
    )
}

fn attempt(provider: &str, cause: Option<&str>) -> AttemptRecord {
    AttemptRecord {
        provider: provider.into(),
        model: "m".into(),
        credential: String::new(),
        status: Some(if cause.is_some() { 500 } else { 200 }),
        cause: cause.map(Into::into),
        started_us: 1_000,
        duration_us: 90_000,
        ..AttemptRecord::default()
    }
}

/// The `number`th exchange: a minute after the one before, asked of `smart`, served by these providers in turn.
fn record(number: u64, tries: &[(&str, Option<&str>)]) -> ExchangeRecord {
    let mut attempts: Vec<AttemptRecord> =
        tries.iter().map(|(provider, cause)| attempt(provider, *cause)).collect();
    for (place, attempt) in attempts.iter_mut().enumerate() {
        attempt.started_us += place as u64 * 90_000;
    }
    let waited = attempts.last().map_or(0, |last| last.started_us);
    let is_served = tries.last().is_some_and(|(_, cause)| cause.is_none());
    let (input, output) = (1000 + number % 7, 100 + number % 5);
    let price = |provider: &str| if provider == "cheap" { (1000, 2000) } else { (3000, 6000) };
    let cost =
        attempts.last().map(|last| price(&last.provider)).map(|price| input * price.0 + output * price.1);
    ExchangeRecord {
        id: format!("gen-{:010}-{number:020}", 1_790_000_000 + number * 60),
        started_at_us: (1_790_000_000 + number as i64 * 60) * 1_000_000,
        key_id: Some("file:ci".into()),
        key_name: Some("ci".into()),
        dialect: "openai_chat".into(),
        operation: "chat".into(),
        model_requested: "smart".into(),
        model_served: is_served.then(|| "a/m".into()),
        provider: attempts.last().map(|last| last.provider.clone()),
        attempts,
        status: if is_served { 200 } else { 500 },
        outcome: if is_served { Outcome::Completed } else { Outcome::Failed },
        error_code: None,
        streamed: number.is_multiple_of(2),
        tokens: if is_served {
            TokenCounts { input, output, source: TokenSource::Reported, ..TokenCounts::default() }
        } else {
            TokenCounts::default()
        },
        cost_nanos: cost.filter(|_| is_served),
        first_byte_us: is_served.then_some(waited + 200_000 + number % 100 * 1000),
        total_us: waited + 900_000 + number % 100 * 2000,
        ..ExchangeRecord::default()
    }
}

fn seen(records: &[ExchangeRecord]) -> Seen {
    let last = records.last().map_or(0, |record| record.started_at_us);
    let mut seen = Seen::new(records.first().map_or(0, |record| record.started_at_us), last, 1);
    records.iter().for_each(|record| seen.observe(record));
    seen
}

fn simulated(settings: &Snapshot, records: &[ExchangeRecord]) -> Report {
    let seen = seen(records);
    let mut simulation = Simulation::new(settings, &seen, 1);
    records.iter().for_each(|record| simulation.replay(record));
    simulation.report(None)
}

fn concerns(report: &Report, id: &str) -> u64 {
    report.assumptions.iter().find(|one| one.id == id).map_or(0, |one| one.exchanges.expect("a count"))
}

fn share<'r>(report: &'r Report, provider: &str) -> &'r Share {
    report.deployments.iter().find(|share| share.provider == provider).expect("a share")
}

#[test]
fn the_same_settings_tell_what_was_recorded() {
    let records: Vec<_> = (0..500)
        .map(|number| match number % 10 {
            0 => record(number, &[("dear", Some("server_error")), ("cheap", None)]),
            _ => record(number, &[("dear", None)]),
        })
        .collect();
    let report = simulated(&settings(&alias(&["dear", "cheap"])), &records);
    assert_eq!(report.before, report.after);
    assert_eq!((report.after.served, report.after.tries, report.records), (500, 550, 500));
    assert_eq!(report.change.cost_nanos, 0);
    assert_eq!(share(&report, "cheap").after, share(&report, "cheap").before);
    assert_eq!(concerns(&report, "drawn_outcomes"), 0);
    // Whoever fails half of the time is left alone for a while, so not everything can be as it was.
    let half: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(number, _)| match number % 2 {
            0 => record(number as u64, &[("dear", Some("server_error")), ("cheap", None)]),
            _ => record(number as u64, &[("dear", None)]),
        })
        .collect();
    let report = simulated(&settings(&alias(&["dear", "cheap"])), &half);
    assert_eq!(report.after.served, 500);
}

#[test]
fn a_cheaper_provider_costs_exactly_less() {
    let records: Vec<_> = (0..200).map(|number| record(number, &[("dear", None)])).collect();
    let settings = settings(&alias(&["cheap"]));
    let report = simulated(&settings, &records);
    assert_eq!(report.before.cost_nanos, report.after.cost_nanos * 3);
    assert_eq!(report.change.cost_percent.map(|percent| percent.round()), Some(-67.0));
    assert_eq!(report.after.cost_per_1000_nanos, report.after.cost_nanos * 5);
    assert_eq!(
        (share(&report, "cheap").after_percent, share(&report, "dear").before_percent),
        (100.0, 100.0)
    );
    // Nothing is recorded of it, so it does as the same model elsewhere does.
    let figures = share(&report, "cheap").figures.expect("figures");
    assert_eq!((figures.tries, figures.failures, figures.streams), (0, Ground::SameModel, Ground::SameModel));
    assert_eq!([concerns(&report, "unseen_deployments"), concerns(&report, "tokens_elsewhere")], [200, 200]);
    let (before, after) = (report.before.total_us.expect("times"), report.after.total_us.expect("times"));
    assert!(after.p50 * 10 > before.p50 * 9 && after.p50 * 10 < before.p50 * 11, "{before:?} {after:?}");
    assert!(report.after.first_token_us.is_some());
    // A baseline of the same settings leaves nothing to differ.
    let seen = seen(&records);
    let [mut one, mut other] = [1, 1].map(|seed| Simulation::new(&settings, &seen, seed));
    for record in &records {
        one.replay(record);
        other.replay(record);
    }
    let report = one.report(Some(other));
    assert_eq!((report.baseline, &report.before), ("simulated", &report.after));
}

#[test]
fn cached_tokens_are_told_apart() {
    let mut records = vec![record(0, &[("dear", None)])];
    records[0].tokens.cached_input = 600;
    let report = simulated(&settings(&alias(&["cheap"])), &records);
    assert_eq!(report.after.cost_nanos, 400 * 1000 + 600 * 500 + 100 * 2000);
    assert_eq!(concerns(&report, "cache_elsewhere"), 1);
    let cached = report.assumptions.iter().find(|one| one.id == "cache_elsewhere").expect("it");
    assert!(cached.text.contains("0.0003 dollars more"), "{}", cached.text);
}

#[test]
fn a_provider_that_always_failed_fails_again() {
    let records: Vec<_> = (0..300)
        .map(|number| record(number, &[("dear", Some("upstream_timeout")), ("cheap", None)]))
        .collect();
    let with_fallback = simulated(&settings(&alias(&["dear", "cheap"])), &records);
    assert_eq!((with_fallback.after.served, share(&with_fallback, "cheap").after_percent), (300, 100.0));
    let alone = simulated(&settings(&alias(&["dear"])), &records);
    assert_eq!((alone.after.failed, alone.change.failed, alone.after.cost_nanos), (300, 300, 0));
    // Exchanges that did not try it draw: every try fails.
    let mut mixed = records;
    mixed.extend((300..400).map(|number| record(number, &[("cheap", None)])));
    let alone = simulated(&settings(&alias(&["dear"])), &mixed);
    assert_eq!((alone.after.failed, concerns(&alone, "drawn_outcomes")), (400, 100));
}

#[test]
fn failures_fall_into_their_time() {
    // An outage of two hours in two days.
    let records: Vec<_> = (0..2880)
        .map(|number| match number {
            1000..1120 => record(number, &[("dear", Some("upstream_timeout"))]),
            _ => record(number, &[("cheap", None), ("dear", None)]),
        })
        .collect();
    let mut asked: Vec<_> = records.clone();
    // The same exchanges as if they had gone to somebody else, so that all is drawn.
    asked
        .iter_mut()
        .for_each(|record| record.attempts.iter_mut().for_each(|one| one.provider = "gone".into()));
    asked.iter_mut().for_each(|record| record.attempts.truncate(1));
    let (seen, settings) = (seen(&records), settings(&alias(&["dear"])));
    let mut simulation = Simulation::new(&settings, &seen, 1);
    let mut at_night = 0;
    for (number, record) in asked.iter().enumerate() {
        let before = simulation.simulated_failures();
        simulation.replay(record);
        at_night += u64::from((1000..1120).contains(&number)) * (simulation.simulated_failures() - before);
    }
    let report = simulation.report(None);
    assert!((80..=150).contains(&report.after.failed), "{}", report.after.failed);
    assert!(at_night * 10 >= report.after.failed * 8, "{at_night} of {}", report.after.failed);
}

#[test]
fn what_is_not_known_is_counted() {
    let mut records: Vec<_> = (0..4).map(|number| record(number, &[("dear", None)])).collect();
    records[0].key_id = Some("vk-gone".into());
    records[1].model_requested = "gone".into();
    records[2].key_id = Some("file:narrow".into());
    records[3].operation = "image_generation".into();
    let mut refused = record(4, &[]);
    (refused.outcome, refused.error_code) = (Outcome::Refused, Some("invalid_api_key".into()));
    records.push(refused);
    let mut unknown = record(5, &[]);
    (unknown.outcome, unknown.error_code) = (Outcome::Refused, Some("model_not_found".into()));
    records.push(unknown);
    let report = simulated(&settings(&alias(&["dear"])), &records);
    assert_eq!((report.after.served, report.after.refused, report.before.refused), (2, 2, 1));
    let reasons: Vec<_> = report.after.refusals.iter().map(|one| (&*one.code, &*one.model)).collect();
    assert_eq!(reasons, [("model_not_allowed", "smart"), ("model_not_found", "gone")]);
    assert!(report.after.refusals[1].message.contains("`gone`"));
    assert_eq!([concerns(&report, "unknown_keys"), concerns(&report, "usual_tokens")], [1, 1]);
    assert_eq!(report.left_out.len(), 2, "{:?}", report.left_out);
    assert!(report.left_out.contains_key("image_generation"));
}

#[test]
fn rules_read_what_is_recorded_and_say_what_is_not() {
    let rules = |when: &str| {
        format!("{}\nrules: [ {{ name: big, when: '{when}', then: {{ model: b/n }} }} ]", alias(&["dear"]))
    };
    let records: Vec<_> = (0..70).map(|number| record(number, &[("dear", None)])).collect();
    let by_tokens = simulated(&settings(&rules("tokens > 1003 && key.name == \"ci\"")), &records);
    assert_eq!((share(&by_tokens, "other").after.exchanges, concerns(&by_tokens, "rules_guessed")), (30, 0));
    assert_eq!(share(&by_tokens, "other").figures.map(|figures| figures.failures), Some(Ground::All));
    let by_hour = simulated(&settings(&rules("now.hour < 24 && now.minute >= 0")), &records);
    assert_eq!(share(&by_hour, "other").after.exchanges, 70);
    // What comes first decides whether the rest is read at all.
    let by_text = simulated(&settings(&rules("tokens > 1003 && last_message.contains(\"poem\")")), &records);
    assert_eq!((share(&by_text, "dear").after.exchanges, concerns(&by_text, "rules_guessed")), (70, 30));
    for blind in ["header[\"x-tier\"] == \"gold\"", "split(\"new\") < 0.0", "session != \"\"", "tools > 0"] {
        let report = simulated(&settings(&rules(blind)), &records);
        assert_eq!(
            (share(&report, "dear").after.exchanges, concerns(&report, "rules_guessed")),
            (70, 70),
            "{blind}"
        );
    }
    let denied =
        alias(&["dear"]) + "\nrules: [ { name: no, when: stream, then: { deny: \"No streams.\" } } ]";
    let denied = simulated(&settings(&denied), &records);
    assert_eq!((denied.after.refused, &*denied.after.refusals[0].code), (35, "denied_by_rule"));
}

#[test]
fn a_preset_is_put_on_again() {
    let preset = "presets: { gold: { models: [ other/n ], routing: { only: [ other ] } } }";
    let mut records = vec![record(0, &[("dear", None)]), record(1, &[("dear", None)])];
    let route = |preset: &str| RouteRecord { preset: Some(preset.into()), ..RouteRecord::default() };
    records[0].route = Some(Box::new(route("gold@1")));
    records[1].route = Some(Box::new(route("gone@1")));
    let report = simulated(&settings(&format!("{}\n{preset}", alias(&["dear"]))), &records);
    let refusals: Vec<_> = report.after.refusals.iter().map(|one| &*one.code).collect();
    assert_eq!((report.after.refused, refusals), (2, vec!["model_not_found", "no_endpoints"]));
}

#[test]
fn clients_that_left_and_refusals_of_providers_stay() {
    let mut records: Vec<_> = (0..3).map(|number| record(number, &[("dear", Some("client_gone"))])).collect();
    for record in &mut records {
        record.outcome = Outcome::ClientGone;
        (record.tokens.input, record.cost_nanos) = (1000, Some(3_000_000));
    }
    records.push(record(3, &[("dear", Some("bad_request"))]));
    records.push(record(4, &[("dear", None)]));
    let report = simulated(&settings(&alias(&["cheap"])), &records);
    let Side { served, failed, client_gone, .. } = report.after;
    assert_eq!((served, failed, client_gone), (1, 1, 3));
    assert_eq!([concerns(&report, "client_gone"), concerns(&report, "refused_by_provider")], [3, 1]);
    assert_eq!(report.after.cost_nanos, 3 * 1000 * 1000 + 1004 * 1000 + 104 * 2000);
}

#[test]
fn shares_follow_weights_and_the_seed_repeats_them() {
    let split = "models: { smart: { deployments: [ { provider: cheap, model: m, weight: 3 }, { provider: dear, model: m } ] } }";
    let records: Vec<_> = (0..400)
        .map(|number| match number % 20 {
            0 => record(number, &[("dear", Some("overloaded")), ("cheap", None)]),
            even if even % 2 == 0 => record(number, &[("dear", None)]),
            _ => record(number, &[("cheap", None)]),
        })
        .collect();
    let told = || serde_json::to_string(&simulated(&settings(split), &records)).expect("JSON");
    assert_eq!(told(), told());
    let report = simulated(&settings(split), &records);
    let cheap = share(&report, "cheap").after_percent;
    assert!((70.0..82.0).contains(&cheap), "{cheap}");
    assert_eq!(report.after.failed, 0);
    // By price all goes to the cheap one; by latency nobody is left out for ever.
    for (strategy, least) in [("price", 99.0), ("latency", 1.0), ("balanced", 60.0), ("least_busy", 1.0)] {
        let by = split.replace("] }", &format!("], routing: {{ strategy: {strategy} }} }}"));
        let report = simulated(&settings(&by), &records);
        assert!(share(&report, "cheap").after_percent >= least, "{strategy}: {:?}", report.deployments);
    }
}

#[test]
fn failures_lead_to_what_the_settings_say() {
    let asked = |more: &str| {
        let alias =
            alias(&["dear", "cheap"]).replace("strategy: priority", &format!("strategy: priority, {more}"));
        let records: Vec<_> = (0..40)
            .map(|number| match number % 4 {
                0 => record(number, &[("dear", Some("rate_limited")), ("cheap", None)]),
                1 => record(number, &[("dear", Some("content_policy"))]),
                2 => record(number, &[("dear", Some("not_convertible")), ("cheap", None)]),
                _ => record(number, &[("dear", Some("hedged")), ("cheap", None)]),
            })
            .collect();
        simulated(&settings(&alias), &records)
    };
    let usual = asked("sticky: off").after;
    assert_eq!((usual.served, usual.failed), (40, 0), "each is a provider of its own");
    let stopped = asked("on_failure: { rate_limited: stop, content_policy: next }").after;
    // What was given up in truth is drawn, and there was nothing but rate limits.
    assert_eq!((stopped.served, stopped.failed), (20, 20));
    let narrow = asked("on_failure: { content_policy: stop }").after;
    assert_eq!((narrow.served, narrow.failed), (30, 10));
    let hedged = asked("hedge: { after_ms: 100 }");
    assert_eq!(concerns(&hedged, "hedged"), 40);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn absurd_records_neither_overflow_nor_get_lost(
        figures in proptest::collection::vec(proptest::array::uniform8(any::<u64>().prop_map(|number| number >> (number % 64))), 1..40),
        causes in proptest::collection::vec(0_usize..7, 1..40),
    ) {
        let kinds = [None, Some("server_error"), Some("rate_limited"), Some("bad_request"), Some("client_gone"),
            Some("not_convertible"), Some("odd")];
        let outcomes = [Outcome::Completed, Outcome::Failed, Outcome::ClientGone, Outcome::Refused];
        let mut records = Vec::new();
        for (number, ([a, b, c, d, e, f, g, h], cause)) in figures.iter().zip(causes.iter().cycle()).enumerate() {
            let mut one = record(number as u64, &[("dear", kinds[*cause]), ("cheap", kinds[*a as usize % 7])]);
            one.started_at_us = *a as i64;
            (one.total_us, one.first_byte_us, one.cost_nanos) = (*b, Some(*c), Some(*d));
            one.tokens = TokenCounts { input: *e, cached_input: *f, cache_write: *g, output: *h, reasoning: *a, source: TokenSource::Reported };
            one.attempts.iter_mut().for_each(|attempt| (attempt.started_us, attempt.duration_us) = (*f, *g));
            one.outcome = outcomes[*b as usize % 4];
            one.model_requested = if h % 5 == 0 { "x".repeat(300) } else { "smart".into() };
            records.push(one);
        }
        for providers in [&["dear", "cheap"][..], &["cheap"]] {
            let report = simulated(&settings(&alias(providers)), &records);
            let left_out: u64 = report.left_out.values().sum();
            prop_assert!(report.before.exchanges == report.after.exchanges);
            prop_assert!(report.after.exchanges + left_out == records.len() as u64);
        }
    }
}

#[test]
fn who_went_on_with_an_answer_has_not_begun_it_in_no_time() {
    let mut rescued = record(2, &[("dear", Some("upstream_broken")), ("cheap", None)]);
    rescued.attempts[1].started_us = rescued.first_byte_us.unwrap() + 1;
    rescued.attempts[1].rescue = true;
    let seen = seen(&[rescued]);
    let found = seen.find("cheap", "m").and_then(|place| seen.all().get(place));
    assert_eq!(found.map_or(0, |found| found.streamed.all()), 0, "{found:?}");
}

#[test]
fn an_answer_that_does_not_fit_its_schema_is_no_failure_where_nobody_answers_better() {
    let unfit = |number| record(number, &[("dear", Some("schema_unmet")), ("cheap", None)]);
    let records: Vec<_> = (0..10).map(unfit).collect();
    let served = |providers: &[&str], more: &str| {
        let alias = alias(providers).replace("strategy: priority", &format!("strategy: priority, {more}"));
        let report = simulated(&settings(&alias), &records);
        let of = |provider: &str| {
            let share = report.deployments.iter().find(|share| share.provider == provider);
            share.map_or(0, |share| share.after.exchanges)
        };
        assert_eq!((report.after.served, report.after.failed), (10, 0), "{providers:?} {more}");
        (of("dear"), of("cheap"))
    };
    assert_eq!(served(&["dear", "cheap"], "sticky: off"), (10, 0), "it is sent on as it is");
    assert_eq!(served(&["dear", "cheap"], "on_failure: { schema_unmet: next }"), (0, 10));
    assert_eq!(served(&["dear"], "on_failure: { schema_unmet: next }"), (10, 0), "there is no other one");
}

fn used(input: u64, output: u64) -> TokenCounts {
    TokenCounts { input, output, source: TokenSource::Reported, ..TokenCounts::default() }
}

/// An exchange of which another try has used this much, too, at its provider's price; an answer of it is in the tokens.
fn with_part(mut record: ExchangeRecord, place: usize, tokens: TokenCounts) -> ExchangeRecord {
    let attempt = &mut record.attempts[place];
    let price = if attempt.provider == "cheap" { (1000, 2000) } else { (3000, 6000) };
    let cost = tokens.input * price.0 + tokens.output * price.1;
    (attempt.tokens, attempt.cost_nanos) = (Some(tokens), Some(cost));
    if attempt.cause.as_deref() == Some("schema_unmet") {
        record.tokens.add(&tokens);
    }
    record.cost_nanos = record.cost_nanos.map(|own| own + cost);
    record
}

fn with_alias(more: &str) -> Snapshot {
    let more = format!("strategy: priority, {more}");
    settings(&alias(&["dear", "cheap"]).replace("strategy: priority", &more))
}

#[test]
fn what_second_tries_cost_that_were_made_is_in_the_cost() {
    let second_wins =
        |number| with_part(record(number, &[("dear", Some("hedged")), ("cheap", None)]), 0, used(700, 0));
    let first_wins = |number| {
        let mut one = record(number, &[("cheap", Some("hedged")), ("dear", None)]);
        // Who answered stands last, though it was asked first.
        (one.attempts[0].started_us, one.attempts[1].started_us) = (91_000, 1_000);
        with_part(one, 0, used(700, 0))
    };
    for records in [(0..10).map(second_wins).collect::<Vec<_>>(), (0..10).map(first_wins).collect::<Vec<_>>()]
    {
        let same = simulated(&with_alias("hedge: { after_ms: 100 }"), &records);
        assert_eq!((same.after.cost_nanos, same.after.tries), (same.before.cost_nanos, 20));
        assert_eq!(same.after, same.before);
        assert_eq!((concerns(&same, "hedged"), concerns(&same, "several_answers")), (10, 10));
        let without = simulated(&with_alias("sticky: off"), &records);
        let own: u64 = (0..10).map(|number| 1000 + number % 7).sum();
        let output: u64 = (0..10).map(|number| 100 + number % 5).sum();
        assert_eq!(without.after.cost_nanos, own * 3000 + output * 6000, "the first one is waited for");
    }
}

#[test]
fn what_answers_cost_that_were_put_aside_is_in_the_cost() {
    let records: Vec<_> = (0..10)
        .map(|number| {
            with_part(record(number, &[("dear", Some("schema_unmet")), ("cheap", None)]), 0, used(900, 50))
        })
        .collect();
    let same = simulated(&with_alias("on_failure: { schema_unmet: next }"), &records);
    assert_eq!(same.after, same.before);
    let sent_on = simulated(&with_alias("sticky: off"), &records).after;
    assert_eq!((sent_on.cost_nanos, sent_on.tries), (10 * (900 * 3000 + 50 * 6000), 10));

    // The one that is the answer after all stands last.
    let records: Vec<_> = (0..10)
        .map(|number| {
            let mut one = record(number, &[("cheap", Some("schema_unmet")), ("dear", None)]);
            one.heal = Some(Box::new(HealRecord { schema_valid: Some(false), ..HealRecord::default() }));
            with_part(one, 0, used(900, 50))
        })
        .collect();
    let same = simulated(&with_alias("on_failure: { schema_unmet: next }"), &records);
    assert_eq!((same.after.cost_nanos, same.after.tries), (same.before.cost_nanos, 20));
    assert_eq!(share(&same, "dear").after.exchanges, 10);
}
