use proptest::prelude::*;

use super::*;

fn streamed(text: &str, sizes: &[usize]) -> (String, Report) {
    let mut healer = Healer::new(Purpose::Answer, 100);
    let mut out = String::new();
    let (mut rest, mut turn) = (text, 0);
    while !rest.is_empty() {
        let size = rest.ceil_char_boundary(sizes[turn % sizes.len()].max(1));
        let (piece, after) = rest.split_at(size);
        healer.push(piece, &mut out);
        (rest, turn) = (after, turn + 1);
    }
    let report = healer.finish(&mut out);
    (out, report)
}

fn check(text: &str, expected: &str) {
    let whole = heal(text, Purpose::Answer, 100);
    assert_eq!(whole.text, expected, "whole: {text} {:?}", whole.report);
    let (out, report) = streamed(text, &[1]);
    assert_eq!(out, expected, "streamed: {text} {report:?}");
}

#[test]
fn damage_of_every_kind_is_repaired() {
    for (text, expected) in [
        (r#"{"a":1,}"#, r#"{"a":1}"#),
        (r#"[1,2,]"#, "[1,2]"),
        ("{\"a\":1,\n}", "{\"a\":1\n}"),
        (r#"{"a":1 "b":2}"#, r#"{"a":1 ,"b":2}"#),
        (r#"[1 2 3]"#, "[1 ,2 ,3]"),
        (r#"[1,,2]"#, "[1,2]"),
        (r#"["a" "b"]"#, r#"["a" ,"b"]"#),
        (r#"{"a" 1}"#, r#"{"a" :1}"#),
        (r#"{"a" = 1, b => 2}"#, r#"{"a" : 1, "b": 2}"#),
        (r#"{'a': 'it's "x"', "b": 1}"#, r#"{"a": "it's \"x\"", "b": 1}"#),
        ("{“a”: “x”}", r#"{"a": "x"}"#),
        (r#"{a: 1, b-c: 2, first name: 3}"#, r#"{"a": 1, "b-c": 2, "first name": 3}"#),
        (r#"{"a": hello world, "b": 2}"#, r#"{"a": "hello world", "b": 2}"#),
        (r#"{"a": "hello, "b": 2}"#, r#"{"a": "hello", "b": 2}"#),
        (r#"{"a": "hello}"#, r#"{"a": "hello"}"#),
        (r#"{"a": hello", "b": 2}"#, r#"{"a": "hello", "b": 2}"#),
        (r#"{"a: 1, "b": 2}"#, r#"{"a": 1, "b": 2}"#),
        (r#"{a": 1, "b": 2}"#, r#"{"a": 1, "b": 2}"#),
        (r#"["a, "b", "c"]"#, r#"["a", "b", "c"]"#),
        (r#"["a", b", "c"]"#, r#"["a", "b", "c"]"#),
        (r#"{"a": "He said "hi" to me", "b": 2}"#, r#"{"a": "He said \"hi\" to me", "b": 2}"#),
        (r#"{"a": "He said "hi", and left", "b": 2}"#, r#"{"a": "He said \"hi\", and left", "b": 2}"#),
        (r#"{"a": ""hi"", "b": 2}"#, r#"{"a": "\"hi\"", "b": 2}"#),
        ("{\"a\": \"x\ny\tz\"}", r#"{"a": "x\ny\tz"}"#),
        (r#"{"a": "\d+ \x41 \u12 it\'s C:\dir"}"#, r#"{"a": "\\d+ \u0041 \\u12 it's C:\\dir"}"#),
        ("```json\n{\"a\":1}\n```", "{\"a\":1}\n"),
        ("Here you are: {\"a\":1} I hope it helps.", "{\"a\":1} "),
        ("<think>{\"no\": 1}</think>{\"a\":1}", "{\"a\":1}"),
        ("Use {this} or [1]: {\"a\":1}", "{\"a\":1}"),
        ("{\"a\":1, // one\n\"b\":2 /* two */}", "{\"a\":1, \n\"b\":2 }"),
        ("{\"a\":1 # one\n}", "{\"a\":1 \n}"),
        (
            r#"{"a": True, "b": None, "c": NaN, "d": undefined}"#,
            r#"{"a": true, "b": null, "c": null, "d": null}"#,
        ),
        (r#"{"a": .5, "b": 5., "c": +1, "d": 0x10}"#, r#"{"a": 0.5, "b": 5.0, "c": 1, "d": 16}"#),
        (r#"{"a": 5 kg, "b": 1,234, "c": 007}"#, r#"{"a": "5 kg", "b": "1,234", "c": "007"}"#),
        (r#"{"a":[1,2,{"b":3"#, r#"{"a":[1,2,{"b":3}]}"#),
        (r#"{"a":[1,2}"#, r#"{"a":[1,2]}"#),
        (r#"{"a":1}}"#, r#"{"a":1}"#),
        (r#"{"a":1}{"b":2}"#, r#"{"a":1}"#),
        (r#"{"a":1,"b":"trunc"#, r#"{"a":1,"b":"trunc"}"#),
        (r#"{"a":1,"b"#, r#"{"a":1}"#),
        (r#"{"a":1,"b":"#, r#"{"a":1}"#),
        (r#"{"a":1,"b":tr"#, r#"{"a":1}"#),
        (r#"{"a":, "b":1}"#, r#"{"a":null, "b":1}"#),
        (r#"{\"a\": \"x \\\"y\\\" z\", \"b\": [1]}"#, r#"{"a": "x \"y\" z", "b": [1]}"#),
        ("{\"a\": \"\"\"x \"y\"\nz\"\"\"}", r#"{"a": "x \"y\"\nz"}"#),
        ("{\"a\": `x\ny`}", r#"{"a": "x\ny"}"#),
        ("{\"a\": [1, 2, ...]}", "{\"a\": [1, 2 ]}"),
        ("{\"a\":1\n```\nDone.", "{\"a\":1\n}"),
        ("\u{feff}{\"a\":1}", "{\"a\":1}"),
        ("{\"a\"：1，\"b\"：2}", "{\"a\":1,\"b\":2}"),
        (r#"[{"a":1,{"a":2}]"#, r#"[{"a":1},{"a":2}]"#),
        (r#"{"a":1.5"b":true"c":2}"#, r#"{"a":1.5,"b":true,"c":2}"#),
        ("True", "true"),
        ("'x'", "\"x\""),
    ] {
        check(text, expected);
    }
}

#[test]
fn a_whole_text_tells_more_than_a_stream() {
    for (text, expected) in [
        (r#"{"a":[1,2},"b":3}"#, r#"{"a":[1,2],"b":3}"#),
        (r#"{"a":{"b":1}},"c":2}"#, r#"{"a":{"b":1},"c":2}"#),
        (r#"{"a":["x","y","b":3}"#, r#"{"a":["x","y"],"b":3}"#),
        (r#"["a":1,"b":2]"#, r#"{"a":1,"b":2}"#),
        (r#"[{"a":1}},{"b":2}]"#, r#"[{"a":1},{"b":2}]"#),
        ("The set {a: b} is\n```json\n{\"a\":1}\n```\nfine", "{\"a\":1}\n"),
    ] {
        let whole = heal(text, Purpose::Answer, 100);
        assert_eq!(whole.text, expected, "{text} {:?}", whole.report);
    }
}

#[test]
fn odd_white_space_before_a_document_is_not_let_through() {
    for text in ["\u{c}\"a\"", "\u{feff}\"a\"", "\u{a0} \"a\"", "\u{3000}[1]", "\u{feff}\n{}"] {
        let (out, report) = streamed(text, &[1]);
        assert!(is_json(&out), "{text:?} gives {out:?}");
        assert_eq!(report.status, Status::Healed);
        assert!(is_json(&heal(text, Purpose::Answer, 100).text), "{text:?}");
    }
}

#[test]
fn what_cannot_be_repaired_is_left_alone() {
    for text in ["I cannot answer that.", "", "  ", "hello {world}"] {
        let whole = heal(text, Purpose::Answer, 100);
        assert_eq!(whole.text, text);
        let (out, _) = streamed(text, &[1]);
        assert_eq!(out, text);
    }
    assert_eq!(heal("I cannot", Purpose::Answer, 100).report.status, Status::Failed);
    let deep = "[".repeat(200);
    assert_eq!(heal(&deep, Purpose::Answer, 100).report.status, Status::Failed);
    assert_eq!(streamed(&deep, &[7]).0, deep);
}

#[test]
fn a_lone_text_with_a_control_character_is_not_called_healed() {
    for control in 0..b' ' {
        let text = format!("'a{}'", char::from(control));
        let (out, report) = streamed(&text, &[1]);
        assert_eq!((report.status, &out), (Status::Failed, &text));
    }
    check("'a'", "\"a\"");
}

#[test]
fn arguments_that_were_cut_off_are_left_alone() {
    for text in [
        r#"{"path":"a.txt","content":"half of"#,
        r#"{"path":"a.txt","cont"#,
        r#"{"path":"a.txt","content":"#,
        r#"{"lines":[1,2"#,
        r#"{"a":tr"#,
        r#"{"a":1,"#,
    ] {
        let whole = heal(text, Purpose::Arguments, 100);
        assert_eq!((whole.report.status, &*whole.text), (Status::Failed, text), "{text}");
    }
    for (text, expected) in [(r#"{"a":"x""#, r#"{"a":"x"}"#), (r#"{"a":[1]"#, r#"{"a":[1]}"#), ("{", "{}")] {
        assert_eq!(heal(text, Purpose::Arguments, 100).text, expected);
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        any::<String>(),
        "[a-z \",:{}\\[\\]\\\\'\n`/#]{0,12}",
        Just("a, ".to_owned()),
        Just("```json\n{".to_owned())
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>()
            .prop_map(|n| serde_json::Number::from_f64(n).map_or(serde_json::Value::Null, Into::into)),
        text.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::vec((text.clone(), inner), 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn broken() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("\"".to_owned()),
        Just("\"a\"".to_owned()),
        Just("\"b\":".to_owned()),
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\\u12".to_owned()),
        Just("\\\"".to_owned()),
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just("1".to_owned()),
        Just("-".to_owned()),
        Just(".5".to_owned()),
        Just("true".to_owned()),
        Just("None".to_owned()),
        Just("tr".to_owned()),
        Just("word".to_owned()),
        Just("“".to_owned()),
        Just("’".to_owned()),
        Just("：".to_owned()),
        Just("```".to_owned()),
        Just("//".to_owned()),
        Just("/*".to_owned()),
        Just("*/".to_owned()),
        Just("#".to_owned()),
        Just("...".to_owned()),
        Just("\"\"\"".to_owned()),
        Just("=".to_owned()),
        Just(";".to_owned()),
        Just("<think>".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\u{c}".to_owned()),
        Just("玉".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    (prop::bool::ANY, prop::collection::vec(word, 0..40)).prop_map(|(begun, words)| {
        let text = words.concat();
        if begun { format!("{{\"k\":{text}") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn valid_json_passes_byte_for_byte_in_any_pieces(
        value in value(),
        pretty in any::<bool>(),
        sizes in prop::collection::vec(1usize..9, 1..6),
    ) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let whole = heal(&text, Purpose::Answer, 100);
        prop_assert_eq!(&*whole.text, &text);
        let (out, report) = streamed(&text, &sizes);
        prop_assert_eq!(&out, &text, "{:?}", report);
        prop_assert_eq!(report.status, Status::Valid);
        // The machine itself, without the look at the whole; lone texts never reach it.
        prop_assume!(!value.is_string());
        let mut healer = Healer::whole(Purpose::Answer, 100);
        let mut out = String::new();
        healer.push(&text, &mut out);
        let report = healer.finish(&mut out);
        prop_assert_eq!(&out, &text, "{:?}", report);
        prop_assert_eq!(report.status, Status::Valid);
    }

    #[test]
    fn what_is_called_healed_parses_and_pieces_change_nothing(
        text in broken(),
        sizes in prop::collection::vec(1usize..9, 1..6),
    ) {
        let whole = heal(&text, Purpose::Answer, 20);
        if whole.report.status == Status::Healed {
            prop_assert!(is_json(&whole.text), "{}", whole.text);
        }
        let mut healer = Healer::whole(Purpose::Answer, 20);
        let mut out = String::new();
        healer.push(&text, &mut out);
        let report = healer.finish(&mut out);
        prop_assert!(report.status == Status::Failed || is_json(&out) || text.trim_ascii().is_empty(), "whole {:?} gives {:?} {:?}", text, out, report);
        let one = streamed(&text, &[1]);
        prop_assert_eq!(&streamed(&text, &sizes), &one);
        prop_assert_eq!(&streamed(&text, &[usize::MAX]), &one);
        if one.1.status != Status::Failed && !text.trim_ascii().is_empty() {
            prop_assert!(is_json(&one.0), "{:?} gives {:?} {:?}", text, one.0, one.1);
        }
    }

    #[test]
    fn a_cut_document_begins_as_the_whole_one(value in value(), at in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let (cut, _) = text.split_at(text.floor_char_boundary(at.index(text.len() + 1)));
        let (out, report) = streamed(cut, &[3]);
        if report.status == Status::Healed {
            prop_assert!(is_json(&out), "{} gives {}", cut, out);
        }
    }
}

/// Texts that make a careless reader look at the same bytes again and again.
pub(crate) fn hostile(size: usize) -> Vec<(&'static str, String)> {
    let repeated = |begin: &str, unit: &str| format!("{begin}{}", unit.repeat(size / unit.len()));
    vec![
        ("brackets", repeated("", "[")),
        ("brackets in turn", repeated("", "[]")),
        ("wrong brackets", repeated("[[[[[[[[[[[[", "}")),
        ("closing brackets in a text", repeated("{\"a\":\"", "}")),
        ("quotes", repeated("{\"a\":", "\"")),
        ("quotes in a key", repeated("{", "\"a")),
        ("quotes and commas", repeated("{\"a\":\"", "\",")),
        ("half keys", repeated("{\"a\":\"", ",\"a")),
        ("words and quotes", repeated("{\"a\":\"", "\", \"x y\" z")),
        ("commas", repeated("[", ",")),
        ("colons", repeated("{", ":")),
        ("backslashes", repeated("{\"a\":\"", "\\")),
        ("half escapes", repeated("{\"a\":\"", "\\u")),
        ("white space", repeated("[1,", " ")),
        ("lines in a text", repeated("{\"a\":\"", "\n")),
        ("spaces behind quotes", repeated("{\"a\":\"", &format!("\"{}x", " ".repeat(500)))),
        ("digits", repeated("[", "1")),
        ("words", repeated("[", "a b ")),
        ("half comments", repeated("[", "/")),
        ("stars", repeated("[/*", "*")),
        ("prose brackets", repeated("see ", "{a ")),
        ("keys without quotes", repeated("{", &format!("{}=", "k".repeat(60)))),
        ("array colons", repeated("[", "\"a\":")),
        ("array keys", repeated("{\"a\":[", "1,\"a\":[")),
        ("escaped quotes", repeated("{\\\"a\\\":", "\\\"")),
    ]
}

#[test]
fn steps_grow_with_the_text_and_not_with_its_square() {
    for ((name, small), (_, large)) in hostile(20_000).into_iter().zip(hostile(200_000)) {
        for whole in [false, true] {
            let steps = |text: &str| {
                let mut healer = if whole {
                    Healer::whole(Purpose::Answer, 100)
                } else {
                    Healer::new(Purpose::Answer, 100)
                };
                let mut out = String::new();
                healer.push(text, &mut out);
                healer.finish(&mut out);
                healer.steps()
            };
            let (few, many) = (steps(&small), steps(&large));
            assert!(many <= 12 * few.max(1000), "{name}: {few} steps became {many}");
            assert!(many <= 16 * large.len() as u64, "{name}: {many} steps for {} bytes", large.len());
        }
    }
}
