//! Whatever a file holds, checking it ends, does not panic and shows no secret.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own functions")]

mod catalogue;

use catalogue::{SECRETS, catalogue, environment, files, hasher};
use proptest::prelude::*;
use yumen_config::{Checked, parse_and_check};

const FILES: [&str; 5] = [
    include_str!("check/authentication.yaml"),
    include_str!("check/good.yaml"),
    include_str!("check/aliases.yaml"),
    include_str!("check/overrides.yaml"),
    include_str!("check/keys.yaml"),
];

fn check(text: &str) -> Checked {
    let checked = parse_and_check(text, "f", &environment, &files, &catalogue(), &hasher(), None);
    // YAML ends a line at each of them.
    let lines = text.split(['\n', '\r']).count();
    for diagnostic in &checked.diagnostics {
        assert!(diagnostic.position.line <= lines + 1, "{diagnostic}");
        assert!(!diagnostic.message.contains("does not fit its schema"), "{diagnostic}\n{text}");
        let said = diagnostic.to_string();
        assert!(!said.contains('\n') && said.len() < 2000, "{said}");
        assert!(!said.contains(SECRETS[0]), "what comes from the environment is shown: {said}");
    }
    assert!(checked.snapshot.is_some() || checked.has_errors());
    checked
}

/// Fields and values that fit somewhere, put together at random.
fn value() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "openai",
        "my-vllm",
        "type",
        "base_url",
        "credentials",
        "secret",
        "secret_file",
        "/run/secrets/key",
        "fields",
        "client_id",
        "parameters",
        "region",
        "models",
        "deployments",
        "provider",
        "model",
        "fallbacks",
        "weight",
        "name",
        "${KEY_1}",
        "${NOT_THERE:-x}",
        "http://h/v1",
        "1",
        "-1",
        "true",
        "null",
        "smart",
        "a",
        "b",
        "auth",
        "scheme",
        "header",
        "google_oauth",
        "azure_entra",
        "aws_sigv4",
        "price",
        "input",
        "timeouts",
        "total_ms",
        "quirks",
        "max_tokens_only",
        "dialects",
        "openai_chat",
        "path",
        "expires",
        "",
    ]);
    let leaf = word.clone().prop_map(|word| format!("{word:?}"));
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|entries| {
                let entries: Vec<_> =
                    entries.iter().map(|(key, value)| format!("{key:?}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_bytes_taken_as_text(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn files_with_a_piece_taken_out_or_put_in(
        file in prop::sample::select(&FILES[..]),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        piece in prop::sample::select(vec!["", "{", "}", "[", "]", ":", "- ", "\n", "&a ", "*a", "\"", "$", "${", "#", "null", "\t", "é"]),
    ) {
        let letters: Vec<char> = file.chars().collect();
        let at = at.index(letters.len());
        let mut text: String = letters[..at].iter().collect();
        text.push_str(piece);
        text.extend(&letters[(at + length).min(letters.len())..]);
        check(&text);
    }

    #[test]
    fn any_value_in_any_section(providers in value(), models in value(), keys in value(), gateway in value()) {
        check(&format!("providers: {providers}\nmodels: {models}\nkeys: {keys}\ngateway: {gateway}\n"));
    }

    #[test]
    fn any_resource(provider in value(), alias in value(), key in value()) {
        check(&format!("providers: {{openai: {provider}}}\nmodels: {{smart: {alias}}}\nkeys: [{key}]\n"));
    }
}

#[test]
fn a_very_long_chain_of_aliases_is_followed() {
    let mut text = String::from("providers: { openai: }\nmodels:\n");
    for number in 0..20_000 {
        let next = (number + 1) % 20_000;
        text += &format!(
            "  a{number}: {{ deployments: [{{ provider: openai, model: gpt-4o }}], fallbacks: [a{next}] }}\n"
        );
    }
    let checked = check(&text);
    assert_eq!(checked.snapshot.unwrap().withheld.len(), 1, "one link is enough to break the circle");
}

#[test]
fn very_many_faults_are_answered_at_once() {
    let mut models = String::new();
    let mut aliases = String::new();
    for number in 0..6_000 {
        models += &format!("    m{number}: {{ canonical: none }}\n");
        aliases += &format!(
            "  a{number}: {{ deployments: [{{ provider: oops, model: x }}], fallbacks: [nobody{number}] }}\n"
        );
    }
    let checked = check(&format!("providers:\n  openai:\n   models:\n{models}models:\n{aliases}"));
    assert_eq!(checked.diagnostics.last().unwrap().message, "17800 more faults are not shown");
}
