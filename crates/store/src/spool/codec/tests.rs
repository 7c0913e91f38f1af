use proptest::option;
use proptest::prelude::*;

use super::super::frame::MAX_PAYLOAD_BYTES;
use super::*;
use yumen_telemetry::{AnswerFacts, ComparedRecord, ShadowRecord, TokenCounts, TokenSource, UnitCounts};

fn attempts() -> impl Strategy<Value = Vec<AttemptRecord>> {
    let part = (option::of(any::<[u64; 5]>()), option::of(any::<u64>()), any::<bool>());
    let facts =
        (any::<[String; 3]>(), option::of(any::<u16>()), option::of(any::<String>()), any::<[u64; 2]>());
    let attempt = (facts, part).prop_map(|((texts, status, cause, times), (tokens, cost_nanos, rescue))| {
        let ([provider, model, credential], [started_us, duration_us]) = (texts, times);
        let source = TokenSource::Estimated;
        let tokens = tokens.map(|[input, cached_input, cache_write, output, reasoning]| TokenCounts {
            input,
            cached_input,
            cache_write,
            output,
            reasoning,
            source,
        });
        AttemptRecord {
            provider,
            model,
            credential,
            status,
            cause,
            started_us,
            duration_us,
            tokens,
            cost_nanos,
            rescue,
        }
    });
    proptest::collection::vec(attempt, 0..4)
}

fn routes() -> impl Strategy<Value = Box<RouteRecord>> {
    let considered = (any::<[String; 2]>(), any::<[Option<String>; 2]>())
        .prop_map(|([provider, model], [out, behind])| ConsideredRecord { provider, model, out, behind });
    let failed = proptest::collection::vec("[a-z]{1,9}", 0..3);
    let texts = (any::<String>(), any::<[Option<String>; 3]>());
    (texts, failed, any::<bool>(), proptest::collection::vec(considered, 0..4)).prop_map(
        |((strategy, [rule, preset, category]), failed_rules, sticky, considered)| {
            Box::new(RouteRecord { strategy, rule, failed_rules, preset, category, sticky, considered })
        },
    )
}

fn heals() -> impl Strategy<Value = Option<Box<HealRecord>>> {
    let edit = (any::<u64>(), "[a-z_]{1,20}").prop_map(|(position, kind)| HealEdit { position, kind });
    let edits = proptest::collection::vec(edit, 0..4);
    let status = proptest::sample::select(vec![HealStatus::Skipped, HealStatus::Healed, HealStatus::Failed]);
    let heal = (status, any::<bool>(), option::of(any::<bool>()), any::<u64>(), edits).prop_map(
        |(status, cut_off, schema_valid, count, edits)| HealRecord {
            status,
            cut_off,
            schema_valid,
            count,
            edits,
        },
    );
    option::of(heal.prop_map(Box::new))
}

fn shadows() -> impl Strategy<Value = Box<ShadowRecord>> {
    let facts = || {
        let facts = (any::<[u64; 2]>(), option::of(any::<bool>()));
        facts.prop_map(|([characters, tool_calls], valid_json)| AnswerFacts {
            characters,
            tool_calls,
            valid_json,
        })
    };
    let compared = (facts(), facts(), any::<bool>(), any::<[Option<bool>; 2]>(), option::of(any::<u16>()));
    let compared =
        compared.prop_map(|(original, copy, same_finish, [same_tools, same_arguments], common_words)| {
            ComparedRecord { original, copy, same_finish, same_tools, same_arguments, common_words }
        });
    let texts = (any::<[String; 2]>(), any::<[Option<String>; 2]>(), any::<bool>());
    let numbers = (any::<[u64; 2]>(), any::<[Option<u64>; 2]>());
    (texts, numbers, option::of(compared)).prop_map(|(texts, numbers, compared)| {
        let ([of, alias], [provider, model], streamed) = texts;
        let ([output_tokens, total_us], [cost_nanos, first_byte_us]) = numbers;
        Box::new(ShadowRecord {
            of,
            alias,
            provider,
            model,
            streamed,
            output_tokens,
            cost_nanos,
            first_byte_us,
            total_us,
            compared,
        })
    })
}

prop_compose! {
    fn records()(
        id in "gen-[0-9]{1,12}-[a-z]{1,20}",
        started_at_us in any::<i64>(),
        [dialect, operation, model_requested] in any::<[String; 3]>(),
        [key_id, key_name, model_served, provider, upstream_id, error_code, finish_reason] in any::<[Option<String>; 7]>(),
        attempts in attempts(),
        (status, outcome, source, streamed) in (any::<u16>(), 0..4u64, 0..3u64, any::<bool>()),
        [input, cached_input, cache_write, output, reasoning, total_us, overhead_us] in any::<[u64; 7]>(),
        [cost_nanos, first_byte_us] in any::<[Option<u64>; 2]>(),
        [images, audio_ms, characters, searches, video_ms, web_searches] in any::<[Option<u64>; 6]>(),
        lossy in proptest::collection::vec(any::<String>(), 0..4),
        route in option::of(routes()),
        heal in heals(),
        shadow in option::of(shadows()),
    ) -> ExchangeRecord {
        ExchangeRecord {
            id, started_at_us, key_id, key_name, dialect, operation, model_requested, model_served, provider,
            upstream_id, attempts, status, error_code, finish_reason, streamed, cost_nanos, first_byte_us, total_us,
            overhead_us, lossy, route, heal, shadow,
            units: UnitCounts { images, audio_ms, characters, searches, video_ms, web_searches },
            outcome: outcome_of(outcome).unwrap(),
            tokens: TokenCounts {
                input, cached_input, cache_write, output, reasoning, source: source_of(source).unwrap(),
            },
        }
    }
}

fn encoded(record: &ExchangeRecord) -> Vec<u8> {
    let mut out = Vec::new();
    encode(record, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn records_come_back(record in records()) {
        prop_assert_eq!(decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_survived(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        if let Some(first) = bytes.first_mut() {
            *first = VERSION;
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn fields_of_a_later_version_are_stepped_over() {
    let record = ExchangeRecord { id: "gen-1".into(), ..ExchangeRecord::default() };
    let mut bytes = encoded(&record);
    optional_text(&mut bytes, 100, Some("later"));
    optional_number(&mut bytes, 101, Some(u64::MAX));
    nested(&mut bytes, 102, |out| text(out, 1, "deep"));
    assert_eq!(decode(&bytes), Ok(record));
    bytes[0] = VERSION + 1;
    assert_eq!(decode(&bytes), Err(Unreadable));
}

#[test]
fn the_largest_record_fits_into_a_frame() {
    let long = "é".repeat(MAX_TEXT_BYTES);
    let attempt = AttemptRecord {
        provider: long.clone(),
        model: long.clone(),
        credential: long.clone(),
        status: Some(200),
        cause: Some(long.clone()),
        started_us: u64::MAX,
        duration_us: u64::MAX,
        tokens: Some(TokenCounts { input: u64::MAX, output: u64::MAX, ..TokenCounts::default() }),
        cost_nanos: Some(u64::MAX),
        rescue: true,
    };
    let record = ExchangeRecord {
        id: "gen-1".into(),
        model_requested: format!("x{long}"),
        attempts: vec![attempt; 2 * MAX_ITEMS],
        lossy: vec![long.clone(); 2 * MAX_ITEMS],
        upstream_id: Some(long),
        ..ExchangeRecord::default()
    };
    let bytes = encoded(&record);
    assert!(bytes.len() < MAX_PAYLOAD_BYTES, "{}", bytes.len());
    let back = decode(&bytes).unwrap();
    assert_eq!((back.attempts.len(), back.lossy.len()), (MAX_ITEMS, MAX_ITEMS));
    assert_eq!(back.model_requested.len(), MAX_TEXT_BYTES - 1, "texts are cut between characters");
}
