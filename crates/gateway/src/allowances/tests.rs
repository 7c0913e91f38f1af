use http::HeaderValue;
use yumen_config::Proof;

use super::*;

fn credential(id: u64, limits: Option<CredentialLimits>) -> Credential {
    let proof = Proof::Header { name: http::header::AUTHORIZATION, value: HeaderValue::from_static("x") };
    Credential { id, label: "#1".into(), proof, secrets: Vec::new(), limits }
}

fn headers(left: u64, limit: u64, reset: &str) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).unwrap();
    HeaderMap::from_iter([
        (http::HeaderName::from_static("x-ratelimit-remaining"), value(&left.to_string())),
        (http::HeaderName::from_static("x-ratelimit-limit"), value(&limit.to_string())),
        (http::HeaderName::from_static("x-ratelimit-reset"), value(reset)),
    ])
}

#[test]
fn nothing_is_looked_at_until_something_is_told() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    let sent = allowances.send(&one, 7, 10);
    allowances.tell(&sent, (7, "m"), &HeaderMap::new());
    assert!(allowances.is_empty() && allowances.reports().is_empty());
    assert_eq!(allowances.room(&one, 7, 10), Room::Free);
}

#[test]
fn what_was_sent_since_is_taken_off() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    allowances.tell(&allowances.send(&one, 7, 0), (7, "m"), &headers(3, 10, "60"));
    assert_eq!(allowances.room(&one, 7, 0), Room::Free);
    assert_eq!(allowances.room(&one, 8, 0), Room::Free, "another model");
    allowances.send(&one, 7, 0);
    assert_eq!(allowances.room(&one, 7, 0), Room::Free);
    allowances.send(&one, 7, 0);
    assert_eq!(allowances.room(&one, 7, 0), Room::Low(0.5));
    allowances.send(&one, 7, 0);
    assert_eq!(allowances.room(&one, 7, 0), Room::None);
    let report = &allowances.reports()[&1][0];
    let requests = report.requests.unwrap();
    assert_eq!((&*report.model, requests.left, requests.limit), ("m", 0, Some(10)));
}

#[test]
fn it_is_known_when_there_is_room_again() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    assert_eq!(allowances.returns_in(&one, 7, 0), None);
    allowances.tell(&allowances.send(&one, 7, 0), (7, "m"), &headers(1, 10, "60"));
    assert_eq!(allowances.returns_in(&one, 7, 0), None);
    allowances.send(&one, 7, 0);
    let most = Duration::from_secs(60);
    let wait = allowances.returns_in(&one, 7, 0).unwrap();
    assert!(wait <= most && wait > most / 2, "{wait:?}");
    assert_eq!(allowances.returns_in(&one, 8, 0), None, "another model");
    // What fills up bit by bit is waited for as long as the bit takes that is lacking.
    let steady = Window { left: 0, limit: Some(10), resets: Duration::from_secs(60), steady: true };
    assert_eq!((steady.has_in_ms(0, 0, 1), steady.has_in_ms(2_000, 1, 1)), (Some(6_000), Some(10_000)));
    assert_eq!((steady.has_in_ms(6_000, 0, 1), steady.has_in_ms(0, 0, 99)), (None, Some(60_000)));
    // Of limits that the operator has written, when the first of what was sent is forgotten.
    let limits = CredentialLimits { requests_per_minute: Some(1), tokens_per_minute: None };
    let two = credential(2, Some(limits));
    allowances.send(&two, 7, 0);
    assert!(allowances.returns_in(&two, 7, 0).unwrap() <= Duration::from_secs(65));
}

#[test]
fn answers_that_overtake_one_another_do_not_give_room_back() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    let together: Vec<Sent> = (0..3).map(|_| allowances.send(&one, 7, 0)).collect();
    for (sent, left) in together.iter().zip([9, 7, 8]) {
        allowances.tell(sent, (7, "m"), &headers(left, 10, "60"));
    }
    let left = |allowances: &Allowances| allowances.reports()[&1][0].requests.unwrap().left;
    assert_eq!(left(&allowances), 7);
    let (early, late) = (allowances.send(&one, 7, 0), allowances.send(&one, 7, 0));
    assert_eq!(left(&allowances), 5);
    allowances.tell(&late, (7, "m"), &headers(5, 10, "60"));
    allowances.tell(&early, (7, "m"), &headers(6, 10, "60"));
    assert_eq!(left(&allowances), 5);
    // What the first of two told leaves out the second, which was sent after it.
    let (early, _open) = (allowances.send(&one, 7, 0), allowances.send(&one, 7, 0));
    allowances.tell(&early, (7, "m"), &headers(4, 10, "60"));
    assert_eq!(left(&allowances), 3);
}

#[test]
fn what_resets_at_once_is_free_again_and_what_fills_up_is_so_bit_by_bit() {
    let window = |steady| Window { limit: Some(100), left: 10, resets: Duration::from_secs(9), steady };
    assert_eq!(window(false).left_after(8_999, 3), Some(7));
    assert_eq!(window(false).left_after(9_000, 3), None);
    assert_eq!(window(true).left_after(1_000, 3), Some(17));
    assert_eq!(window(true).left_after(9_000, 0), None);
    assert_eq!(window(true).left_after(1_000, 500), Some(0));
    let (allowances, one) = (Allowances::default(), credential(1, None));
    allowances.tell(&allowances.send(&one, 7, 0), (7, "m"), &headers(0, 10, "0"));
    assert_eq!(allowances.room(&one, 7, 0), Room::Free);
    assert!(allowances.reports().is_empty(), "nothing that is over is told");
}

#[test]
fn a_request_needs_room_for_all_of_its_tokens() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    let told = [
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "500"),
        ("x-ratelimit-reset-tokens", "60"),
    ];
    let told =
        told.map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
    allowances.tell(&allowances.send(&one, 7, 100), (7, "m"), &HeaderMap::from_iter(told));
    assert_eq!(allowances.room(&one, 7, 500), Room::Free);
    assert_eq!(allowances.room(&one, 7, 501), Room::None);
    allowances.send(&one, 7, 400);
    assert_eq!(allowances.room(&one, 7, 101), Room::None);
    assert_eq!(allowances.room(&one, 7, 100), Room::Low(0.5));
}

#[test]
fn limits_of_the_operator_are_counted_here() {
    let allowances = Allowances::default();
    let limits = CredentialLimits { requests_per_minute: Some(4), tokens_per_minute: Some(1000) };
    let one = credential(1, Some(limits));
    assert_eq!(allowances.room(&one, 7, 0), Room::Free);
    let sent = allowances.send(&one, 7, 100);
    allowances.send(&one, 8, 100);
    assert_eq!(allowances.room(&one, 9, 800), Room::Free, "of all models together");
    assert_eq!(allowances.room(&one, 9, 801), Room::None);
    allowances.settle(&sent, 900);
    assert_eq!(allowances.room(&one, 9, 1), Room::None, "its answer was long");
    let report = &allowances.reports()[&1][0];
    assert_eq!((report.requests.unwrap().left, report.tokens.unwrap().left), (2, 0));
    let other = credential(2, Some(CredentialLimits { tokens_per_minute: None, ..limits }));
    for _ in 0..4 {
        allowances.send(&other, 7, 1_000_000);
    }
    assert_eq!(allowances.room(&other, 7, 0), Room::None);
}

#[test]
fn invented_models_take_no_room() {
    let (allowances, one) = (Allowances::default(), credential(1, None));
    for model in 0..4 * ENTRIES_MOST as u64 {
        allowances.tell(&allowances.send(&one, model, 0), (model, "m"), &headers(3, 10, "60"));
    }
    assert_eq!(allowances.reports()[&1].len(), ENTRIES_MOST);
    assert_eq!(allowances.known.load(Ordering::Relaxed), ENTRIES_MOST);
}
