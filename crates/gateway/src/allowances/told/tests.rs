use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// 2026-01-01T00:00:00Z.
const NOW_MS: u64 = 1_767_225_600_000;

fn read(lines: &[(&str, &str)]) -> Option<Told> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-request-id", HeaderValue::from_static("req_1"));
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    told(&headers, || NOW_MS)
}

fn window(limit: u64, left: u64, resets_ms: u64, steady: bool) -> Option<Window> {
    Some(Window { limit: Some(limit), left, resets: Duration::from_millis(resets_ms), steady })
}

#[test]
fn openai_groq_and_azure() {
    let told = read(&[
        ("x-ratelimit-limit-requests", "5000"),
        ("x-ratelimit-limit-tokens", "160000"),
        ("x-ratelimit-remaining-requests", "4999"),
        ("x-ratelimit-remaining-tokens", "159976"),
        ("x-ratelimit-reset-requests", "12ms"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ])
    .unwrap();
    assert_eq!(told.requests, window(5000, 4999, 12, true));
    assert_eq!(told.tokens, window(160_000, 159_976, 360_000, true));
    let groq = read(&[
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
    ]);
    assert_eq!(groq.unwrap().requests, window(14_400, 14_370, 179_560, true));
    let azure =
        read(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "10")]).unwrap();
    let ten = Duration::from_secs(10);
    assert_eq!(azure.requests, Some(Window { limit: None, left: 0, resets: ten, steady: false }));
    assert_eq!(azure.exhausted_for(), Some(ten));
}

#[test]
fn anthropic() {
    let told = read(&[
        ("anthropic-ratelimit-input-tokens-limit", "80000"),
        ("anthropic-ratelimit-input-tokens-remaining", "70000"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:00:08Z"),
        ("anthropic-ratelimit-output-tokens-limit", "16000"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-01-01T00:01:00Z"),
        ("anthropic-ratelimit-requests-limit", "1000"),
        ("anthropic-ratelimit-requests-remaining", "999"),
        ("anthropic-ratelimit-requests-reset", "2025-12-31T23:59:59Z"),
        ("anthropic-ratelimit-tokens-limit", "96000"),
        ("anthropic-ratelimit-tokens-remaining", "86000"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:08Z"),
        ("anthropic-ratelimit-unified-status", "allowed"),
        ("anthropic-ratelimit-unified-5h-reset", "1767225700"),
    ])
    .unwrap();
    assert_eq!(told.requests, window(1000, 999, 0, true));
    assert_eq!(told.tokens, window(80_000, 70_000, 8000, true), "the nearer to its end");
    assert_eq!(told.output, window(16_000, 0, 60_000, true));
    assert_eq!(told.exhausted_for(), Some(Duration::from_secs(60)));
}

#[test]
fn cerebras_mistral_together_and_fireworks() {
    let cerebras = read(&[
        ("x-ratelimit-limit-requests-day", "14400"),
        ("x-ratelimit-limit-tokens-minute", "60000"),
        ("x-ratelimit-remaining-requests-day", "14399"),
        ("x-ratelimit-remaining-tokens-minute", "59000"),
        ("x-ratelimit-reset-requests-day", "33011.382867097855"),
        ("x-ratelimit-reset-tokens-minute", "11.382867097854614"),
        ("x-ratelimit-remaining-requests-minute", "2"),
    ])
    .unwrap();
    assert_eq!(cerebras.tokens.unwrap().resets.as_millis(), 11_382);
    let minute = Window { limit: None, left: 2, resets: Duration::from_secs(60), steady: false };
    assert_eq!(cerebras.requests, Some(minute), "of several the one that ends first");
    let mistral = read(&[
        ("x-ratelimit-limit-req-minute", "60"),
        ("x-ratelimit-remaining-req-minute", "59"),
        ("x-ratelimit-limit-tokens-minute", "50000"),
        ("x-ratelimit-remaining-tokens-minute", "47196"),
        ("x-ratelimit-remaining-tokens-month", "3950246"),
        ("x-ratelimit-tokens-query-cost", "2804"),
    ])
    .unwrap();
    assert_eq!(mistral.requests, window(60, 59, 60_000, false));
    assert_eq!(mistral.tokens, window(50_000, 47_196, 60_000, false));
    let older = [
        ("ratelimitbysize-limit", "500000"),
        ("ratelimitbysize-remaining", "7"),
        ("ratelimitbysize-reset", "18"),
    ];
    assert_eq!(read(&older).unwrap().tokens, window(500_000, 7, 18_000, false));
    let together = read(&[
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "1"),
        ("x-tokenlimit-limit", "3000"),
        ("x-tokenlimit-remaining", "2900"),
    ])
    .unwrap();
    assert_eq!(together.requests, window(10, 9, 1000, false));
    assert_eq!(together.tokens, window(3000, 2900, 1000, false));
    let fireworks = read(&[
        ("x-ratelimit-limit-tokens-prompt", "60000"),
        ("x-ratelimit-remaining-tokens-prompt", "59000"),
        ("x-ratelimit-limit-tokens-generated", "6000"),
        ("x-ratelimit-remaining-tokens-generated", "0"),
        ("x-ratelimit-over-limit", "no"),
    ])
    .unwrap();
    assert_eq!(fireworks.tokens, window(60_000, 59_000, 60_000, false));
    assert_eq!(fireworks.output, window(6000, 0, 60_000, false));
}

#[test]
fn times_since_1970_and_drafts_of_the_ietf() {
    for reset in ["1767225630000", "1767225630", "30", "2026-01-01T00:00:30Z"] {
        let lines =
            [("x-ratelimit-limit", "20"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)];
        assert_eq!(read(&lines).unwrap().requests, window(20, 0, 30_000, false), "{reset}");
    }
    let of_another_clock = [
        ("date", "Wed, 31 Dec 2025 23:00:00 GMT"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "2025-12-31T23:00:07Z"),
    ];
    assert_eq!(read(&of_another_clock).unwrap().exhausted_for(), Some(Duration::from_secs(7)));
    let named =
        [("ratelimit", "\"a\";r=95;t=25"), ("ratelimit-policy", "\"b\";q=9;w=1, \"a\";q=100;w=60;pk=:x:")];
    assert_eq!(read(&named).unwrap().requests, window(100, 95, 25_000, false));
    let older = [("ratelimit", "limit=100, remaining=50, reset=30")];
    assert_eq!(read(&older).unwrap().requests, window(100, 50, 30_000, false));
    let oldest =
        [("ratelimit-limit", "100, 100;w=60"), ("ratelimit-remaining", "50"), ("ratelimit-reset", "30")];
    assert_eq!(read(&oldest).unwrap().requests, window(100, 50, 30_000, false));
    let of_bytes = [("ratelimit", "a;r=0;t=25"), ("ratelimit-policy", "a;q=100;qu=\"content-bytes\"")];
    assert_eq!(read(&of_bytes), None);
}

#[test]
fn what_is_no_limit_tells_nothing() {
    assert_eq!(read(&[]), None);
    for (name, value) in [
        ("x-ratelimit-remaining", "many"),
        ("x-ratelimit-remaining", "NaN"),
        ("x-ratelimit-remaining", "1e300"),
        ("x-ratelimit-remaining", ""),
        ("x-ratelimit-remaining-images", "3"),
        ("x-ratelimit-limit-requests", "3"),
        ("x-ratelimit", "1"),
        ("ratelimited", "1"),
        ("anthropic-ratelimit-remaining", "1"),
    ] {
        assert_eq!(read(&[(name, value)]), None, "{name}: {value}");
    }
    let odd = [
        ("x-ratelimit-remaining", "-5"),
        ("x-ratelimit-limit", "0"),
        ("x-ratelimit-reset", "999999999999999999999999"),
    ];
    let requests = read(&odd).unwrap().requests.unwrap();
    assert_eq!((requests.left, requests.limit, requests.resets), (0, None, RESET_MOST));
}

proptest! {
    #[test]
    fn nothing_makes_it_fail(
        values in prop::collection::vec((0_usize..14, "[ -~\u{80}-\u{ff}]{0,24}"), 0..24),
        numbers in prop::collection::vec((0_usize..14, "-?[0-9]{0,22}(\\.[0-9]{0,4})?[dhmsnu,;=Z]{0,3}"), 0..24),
    ) {
        const NAMES: [&str; 14] = [
            "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-reset-requests",
            "x-ratelimit-remaining-tokens", "x-ratelimit-remaining-tokens-minute", "anthropic-ratelimit-requests-reset",
            "anthropic-ratelimit-tokens-remaining", "ratelimit", "ratelimit-policy", "ratelimit-limit",
            "ratelimitbysize-remaining", "x-tokenlimit-remaining", "x-ratelimit-",
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in values.iter().chain(&numbers) {
            let Ok(value) = HeaderValue::from_str(value) else { continue };
            headers.append(NAMES[*name], value);
        }
        if let Some(told) = told(&headers, || NOW_MS) {
            for window in [told.requests, told.tokens, told.output].into_iter().flatten() {
                prop_assert!(window.resets <= RESET_MOST);
                prop_assert!(window.limit.is_none_or(|limit| limit >= window.left));
            }
        }
    }
}
