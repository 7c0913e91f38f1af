use super::*;

#[test]
fn the_corpus_is_large_varied_and_the_same_at_every_run() {
    let cases = corpus(SEED);
    let kinds: std::collections::BTreeSet<_> = cases.iter().map(|case| case.kind).collect();
    assert_eq!(kinds.len(), 21);
    assert!(cases.len() >= 800);
    let texts: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.text).collect();
    assert!(texts.len() > cases.len() * 9 / 10, "{} of {} differ", texts.len(), cases.len());
    assert!(cases.iter().all(|case| serde_json::from_str::<Value>(&case.text).is_err()));
    assert!(corpus(SEED).iter().zip(&cases).all(|(again, case)| again.text == case.text));
}

#[test]
fn repaired_documents_equal_the_originals() {
    // One with which the repairer was written, and two that it has not seen.
    let cases = [SEED, 5_000, 9_000].map(corpus);
    for (name, floor, least, repair) in
        [("whole", 98.0, 85.0, &mut ours as Repair<'_>), ("streamed", 93.0, 50.0, &mut ours_streamed)]
    {
        for cases in &cases {
            let rates = rates(cases, repair);
            let (good, all) = rates.iter().fold((0, 0), |(good, all), (_, more, of)| (good + more, all + of));
            let share = 100.0 * good as f64 / all as f64;
            assert!(share >= floor, "{name}: {good} of {all}, {share:.1} %: {rates:?}");
            for (kind, good, all) in rates {
                assert!(100.0 * good as f64 / all as f64 >= least, "{name}: {kind}: {good} of {all}");
            }
        }
    }
}

#[test]
fn valid_documents_pass_byte_for_byte() {
    for text in valid() {
        assert_eq!(heal(&text, Purpose::Answer, DEPTH).text, text);
        assert_eq!(streamed(&text), text);
    }
}
