//! The scan and the splice against `serde_json`.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// The deepest nesting that `serde_json` reads.
const SERDE_DEPTH: usize = 127;

fn fault(body: impl AsRef<[u8]>) -> (ScanReason, usize) {
    let error = scan_object(body.as_ref(), 128).expect_err("the body must be refused");
    (error.reason, error.position)
}

fn apply(body: &str, edits: &[Edit]) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let object = scan_object(&body, 128).unwrap();
    String::from_utf8(splice(&body, &object, edits).concat()).unwrap()
}

fn set(name: &'static str, value: &'static str) -> Edit {
    Edit::Set { name, value: Bytes::from_static(value.as_bytes()) }
}

/// What must hold between the scan and `serde_json` for any bytes at all.
fn agrees_with_serde(body: &[u8]) {
    let scanned = scan_object(body, SERDE_DEPTH);
    let object = match (&scanned, serde_json::from_slice::<Value>(body)) {
        (Ok(object), Ok(Value::Object(value))) => {
            let names: std::collections::HashSet<_> = object.fields.iter().map(|f| f.key(body)).collect();
            assert_eq!(names.len(), value.len());
            for (name, member) in &value {
                let span = object.get(body, name).expect("the scan has the member").value(body);
                assert_eq!(&serde_json::from_slice::<Value>(span).unwrap(), member);
            }
            object
        }
        (Err(error), Ok(Value::Object(value))) => {
            panic!("the scan refuses {value:?}: {error:?}")
        }
        (Ok(_), other) => panic!("the scan accepts what serde_json reads as {other:?}: {body:?}"),
        (Err(error), _) => return assert!(error.position <= body.len(), "{error:?}"),
    };
    for field in &object.fields {
        let kind = match serde_json::from_slice::<Value>(field.value(body)).unwrap() {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        };
        assert_eq!(field.kind, kind);
    }
}

#[test]
fn members_are_found_in_order_with_exact_spans() {
    let body = br#" { "model" : "m-1" ,"n":-1.5e3,"a":[{"model":2},[]],"t":true,"z":null,"o":{} } "#;
    let object = scan_object(body, 128).unwrap();
    let found: Vec<_> = object
        .fields
        .iter()
        .map(|f| (f.key(body).into_owned(), std::str::from_utf8(f.value(body)).unwrap(), f.kind))
        .collect();
    let expected = [
        ("model", "\"m-1\"", Kind::String),
        ("n", "-1.5e3", Kind::Number),
        ("a", "[{\"model\":2},[]]", Kind::Array),
        ("t", "true", Kind::Bool),
        ("z", "null", Kind::Null),
        ("o", "{}", Kind::Object),
    ];
    assert_eq!(found, expected.map(|(key, value, kind)| (key.to_owned(), value, kind)));
    assert_eq!((object.open, object.close as usize), (1, body.len() - 2));
    assert_eq!(scan_object(b"{}", 1).unwrap(), Object { open: 0, close: 1, ..Object::default() });
}

#[test]
fn faults_are_named_with_their_exact_offset() {
    use ScanReason as R;
    for (body, reason, position) in [
        ("", R::Empty, 0),
        (" \n", R::Empty, 2),
        ("[1]", R::NotAnObject, 0),
        (" \"a\"", R::NotAnObject, 1),
        ("model=x", R::UnexpectedByte, 0),
        ("\u{feff}{}", R::UnexpectedByte, 0),
        ("{", R::UnexpectedEnd, 1),
        ("{\"a\"", R::UnexpectedEnd, 4),
        ("{\"a\":", R::UnexpectedEnd, 5),
        ("{\"a\":1", R::UnexpectedEnd, 6),
        ("{\"a\":-", R::UnexpectedEnd, 6),
        ("{\"a\":\"b", R::UnexpectedEnd, 7),
        ("{\"a\":\"\\", R::UnexpectedEnd, 7),
        ("{\"a\":\"\\u12", R::UnexpectedEnd, 10),
        ("{\"a\":tru", R::UnexpectedEnd, 8),
        ("{a:1}", R::UnexpectedByte, 1),
        ("{\"a\" 1}", R::UnexpectedByte, 5),
        ("{\"a\":1,}", R::UnexpectedByte, 7),
        ("{,}", R::UnexpectedByte, 1),
        ("{\"a\":[1,]}", R::UnexpectedByte, 8),
        ("{\"a\":[,]}", R::UnexpectedByte, 6),
        ("{\"a\":[1}]", R::UnexpectedByte, 7),
        ("{\"a\":{\"b\":1]}", R::UnexpectedByte, 11),
        ("{\"a\":{\"b\"}}", R::UnexpectedByte, 9),
        ("{\"a\":trux}", R::UnexpectedByte, 8),
        ("{\"a\":truex}", R::UnexpectedByte, 9),
        ("{\"a\":'b'}", R::UnexpectedByte, 5),
        ("{\"a\":NaN}", R::UnexpectedByte, 5),
        ("{\"a\":1 2}", R::UnexpectedByte, 7),
        ("{\"a\":+1}", R::UnexpectedByte, 5),
        ("{\"a\":01}", R::BadNumber, 6),
        ("{\"a\":1.}", R::BadNumber, 7),
        ("{\"a\":.5}", R::UnexpectedByte, 5),
        ("{\"a\":1e}", R::BadNumber, 7),
        ("{\"a\":-a}", R::BadNumber, 6),
        ("{\"a\":1e999}", R::BadNumber, 5),
        ("{\"a\":\"\n\"}", R::ControlInString, 6),
        ("{\"a\tb\":1}", R::ControlInString, 3),
        ("{\"a\":\"\\x\"}", R::BadEscape, 6),
        ("{\"a\":\"\\u12g4\"}", R::BadEscape, 6),
        ("{\"a\":\"\\ud800\"}", R::BadEscape, 6),
        ("{\"a\":\"\\ud800\\n\"}", R::BadEscape, 6),
        ("{\"a\":\"\\ud800\\ud800\"}", R::BadEscape, 6),
        ("{\"a\":\"\\udc00\"}", R::BadEscape, 6),
        ("{} x", R::TrailingBytes, 3),
        ("{}{}", R::TrailingBytes, 2),
    ] {
        assert_eq!(fault(body), (reason, position), "{body:?}");
        agrees_with_serde(body.as_bytes());
    }
    assert_eq!(fault(b"{\"a\":\"b\xff\"}"), (R::InvalidUtf8, 7));
    assert_eq!(fault(b"{\"a\":\"\xe7\x8e\"}"), (R::InvalidUtf8, 6));
    assert_eq!(fault(b"{\"a\":\"\xed\xa0\x80\"}"), (R::InvalidUtf8, 6), "an encoded surrogate");
    assert_eq!(fault(b"{\"a\":\"\xc0\xaf \x01\"}"), (R::InvalidUtf8, 6), "the earlier fault is told");
    assert_eq!(fault(b"{\"a\":\"\x01 \xff\"}"), (R::ControlInString, 6), "the earlier fault is told");
    assert_eq!(fault(b"{\"a\":\xff}"), (R::UnexpectedByte, 5));
}

#[test]
fn faults_read_as_sentences() {
    let error = scan_object(b"{\"a\":\"\n\"}", 128).unwrap_err();
    assert_eq!(error.to_string(), "the string has an unescaped control character (at byte 6)");
}

#[test]
fn depth_is_bounded_exactly() {
    for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", open.repeat(levels), close.repeat(levels));
        for max in [1, 2, 63, 64, 65, 127, 128, 129, 1000, 100_000] {
            assert!(scan_object(nested(max - 1).as_bytes(), max).is_ok(), "{max}");
            let error = scan_object(nested(max).as_bytes(), max).unwrap_err();
            assert_eq!((error.reason, error.position), (ScanReason::TooDeep, 5 + (max - 1) * open.len()));
        }
        agrees_with_serde(nested(SERDE_DEPTH - 1).as_bytes());
        agrees_with_serde(nested(SERDE_DEPTH - 1).replace('1', "[]").replace("[]", "0").as_bytes());
    }
    assert_eq!(scan_object(b"{}", 0).unwrap_err().reason, ScanReason::TooDeep);
    // Mixed containers across the words of the stack: each must be closed by its own kind.
    let openers: String = (0..300).map(|i| if i % 3 == 0 { "[" } else { "{\"k\":" }).collect();
    let closers: String = (0..300).rev().map(|i| if i % 3 == 0 { "]" } else { "}" }).collect();
    let body = format!("{{\"a\":{openers}0{closers}}}");
    assert!(scan_object(body.as_bytes(), 1000).is_ok());
    for at in (body.len() - 301)..body.len() - 1 {
        let mut wrong = body.clone().into_bytes();
        wrong[at] = if wrong[at] == b']' { b'}' } else { b']' };
        assert_eq!(scan_object(&wrong, 1000).unwrap_err().position, at);
    }
}

#[test]
fn the_number_of_members_is_bounded() {
    let body = |count: usize| {
        let members: Vec<_> = (0..count).map(|i| format!("\"k{i}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(scan_object(body(MAX_FIELDS).as_bytes(), 128).unwrap().fields.len(), MAX_FIELDS);
    assert_eq!(fault(body(MAX_FIELDS + 1)).0, ScanReason::TooManyFields);
}

#[test]
fn strings_are_checked_at_every_length_and_offset() {
    // A stop, a non-ASCII character or a broken one at each place of strings that span words and blocks.
    for length in 0..200 {
        for at in 0..length {
            for piece in [&b"\\n"[..], b"\\\"", b"\xe7\x8e\x89", b"\xff", b"\x1f", b"\x7f", b"\xc2\x80"] {
                let mut body = b"{\"a\":\"".to_vec();
                body.extend(std::iter::repeat_n(b'x', at));
                body.extend_from_slice(piece);
                body.extend(std::iter::repeat_n(b'y', length - at));
                body.extend_from_slice(b"\",\"b\":1}");
                let refused = piece == b"\xff" || piece == b"\x1f";
                match scan_object(&body, 4) {
                    Ok(object) => {
                        assert!(!refused);
                        assert_eq!(object.fields.len(), 2);
                        assert_eq!(object.fields[0].value_end as usize, body.len() - 7);
                    }
                    Err(error) => assert!(refused && error.position == 6 + at, "{error:?}"),
                }
            }
        }
    }
}

#[test]
fn numbers_beyond_an_f64_are_refused_where_serde_refuses_them() {
    let mut numbers: Vec<String> =
        ["1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "-1e309"]
            .map(String::from)
            .to_vec();
    numbers
        .extend(["0e999", "0.0e99999999999", "1e-999", "1e99999999999", "1e-99999999999"].map(String::from));
    numbers.extend((300..320).map(|digits| "9".repeat(digits)));
    numbers.extend((280..320).map(|digits| format!("{}e20", "9".repeat(digits))));
    numbers.push(format!("0.{}1e+400", "0".repeat(400)));
    numbers.push(format!("{}e99", "9".repeat(199)));
    for number in numbers {
        agrees_with_serde(format!("{{\"n\":{number}}}").as_bytes());
    }
}

#[test]
fn the_last_of_repeated_members_is_read() {
    let body = br#"{"model":"a","x":1,"mod\u0065l":"b"}"#;
    let object = scan_object(body, 128).unwrap();
    assert_eq!(object.string(body, "model"), Read::Is("b".into()));
    assert!(object.get(body, "y").is_none());
}

#[test]
fn typed_reads_tell_missing_null_and_wrong_apart() {
    let body = r#"{"s":"tab\t\ud83d\ude00 é","e":"","t":true,"f":false,"n":18446744073709551615,"big":18446744073709551616,
        "neg":-1,"frac":1.0,"z":null,"o":{"include_usage":true,"in":{"n":7}}}"#
        .as_bytes();
    let object = scan_object(body, 128).unwrap();
    assert_eq!(object.string(body, "s"), Read::Is("tab\t😀 é".into()));
    assert_eq!(object.string(body, "e"), Read::Is("".into()));
    assert_eq!(object.string(body, "t"), Read::Wrong(Kind::Bool));
    assert_eq!(object.string(body, "z"), Read::Null);
    assert_eq!(object.string(body, "none"), Read::Missing);
    assert_eq!((object.bool(body, "t"), object.bool(body, "f")), (Read::Is(true), Read::Is(false)));
    assert_eq!(object.bool(body, "n"), Read::Wrong(Kind::Number));
    assert_eq!(object.u64(body, "n"), Read::Is(u64::MAX));
    for name in ["big", "neg", "frac"] {
        assert_eq!(object.u64(body, name), Read::Wrong(Kind::Number), "{name}");
    }
    let inner = object.object(body, "o").value().unwrap();
    assert_eq!(inner.bool(body, "include_usage").value(), Some(true));
    assert_eq!(inner.object(body, "in").value().unwrap().u64(body, "n").value(), Some(7));
    assert_eq!(object.object(body, "s"), Read::Wrong(Kind::String));
}

#[test]
fn members_another_reader_takes_for_ours_are_found() {
    let names = ["model", "stream", "max_tokens"];
    for (body, expected) in [
        (r#"{"model":1,"stream":2,"Other":3,"other":4}"#, None),
        (r#"{"model":1,"a":0,"model":2}"#, Some(("model", 18))),
        (r#"{"Model":1}"#, Some(("model", 2))),
        (r#"{"model":1,"MODEL":1}"#, Some(("model", 12))),
        (r#"{"mod\u0065l":1}"#, Some(("model", 2))),
        (r#"{"\u004dodel":1}"#, Some(("model", 2))),
        ("{\"\u{17f}tream\":1}", Some(("stream", 2))),
        (r#"{"\u017Ftream":1}"#, Some(("stream", 2))),
        ("{\"max_to\u{212a}ens\":1}", Some(("max_tokens", 2))),
        ("{\"模型\":1,\"models\":2,\"mode\\u006c_\":3}", None),
        (r#"{"a":{"model":1,"model":2}}"#, None),
        ("{}", None),
    ] {
        let object = scan_object(body.as_bytes(), 128).unwrap();
        assert_eq!(object.ambiguous(body.as_bytes(), &names), expected, "{body}");
    }
}

#[test]
fn splices_touch_nothing_else() {
    let body = "{ \"model\" : \"a\",\n  \"seed\": 1.0, \"x\":[1e5] }";
    assert_eq!(apply(body, &[set("model", "\"b\"")]), body.replace("\"a\"", "\"b\""));
    assert_eq!(apply(body, &[]), body);
    assert_eq!(apply(body, &[set("n", "1")]), "{ \"model\" : \"a\",\n  \"seed\": 1.0, \"x\":[1e5] ,\"n\":1}");
    assert_eq!(apply("{ }", &[set("n", "1"), set("m", "2")]), "{ \"n\":1,\"m\":2}");
}

#[test]
fn a_removed_member_takes_one_comma_with_it() {
    let remove = |names: &[&'static str]| {
        let edits: Vec<_> = names.iter().map(|name| Edit::Remove { name }).collect();
        apply("{\"a\":1, \"b\":2 ,\"c\":3 }", &edits)
    };
    assert_eq!(remove(&["a"]), "{\"b\":2 ,\"c\":3 }");
    assert_eq!(remove(&["b"]), "{\"a\":1 ,\"c\":3 }");
    assert_eq!(remove(&["c"]), "{\"a\":1, \"b\":2 }");
    assert_eq!(remove(&["a", "b"]), "{\"c\":3 }");
    assert_eq!(remove(&["b", "c"]), "{\"a\":1 }");
    assert_eq!(remove(&["a", "c"]), "{\"b\":2 }");
    assert_eq!(remove(&["a", "b", "c"]), "{ }");
    assert_eq!(remove(&["d"]), "{\"a\":1, \"b\":2 ,\"c\":3 }");
    let edits = [Edit::Remove { name: "a" }, set("b", "9")];
    assert_eq!(apply("{\"a\":1}", &edits), "{\"b\":9}");
    assert_eq!(apply("{\"a\":1,\"a\":2}", &[set("a", "3")]), "{\"a\":3,\"a\":3}");
}

#[test]
fn unedited_bytes_are_not_copied() {
    let body = Bytes::from(r#"{"model":"a","messages":[]}"#);
    let object = scan_object(&body, 128).unwrap();
    let pieces = splice(&body, &object, &[set("model", "\"b\"")]);
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[0].as_ptr(), body.as_ptr());
    assert_eq!(pieces[2].as_ptr(), body[12..].as_ptr());
}

#[test]
fn a_member_further_in_can_be_edited() {
    let body = Bytes::from(r#"{"stream_options": {"include_obfuscation":false} ,"n":1}"#);
    let object = scan_object(&body, 128).unwrap();
    let edit = set("include_usage", "true");
    let field = object.get(&body, "stream_options").unwrap();
    let value = edit_value(&body, field, std::slice::from_ref(&edit)).unwrap();
    assert_eq!(value, r#"{"include_obfuscation":false,"include_usage":true}"#);
    let inner = object.object(&body, "stream_options").value().unwrap();
    assert_eq!(
        splice(&body, &inner, &[edit]).concat(),
        br#"{"stream_options": {"include_obfuscation":false,"include_usage":true} ,"n":1}"#
    );
    assert!(edit_value(&body, object.get(&body, "n").unwrap(), &[]).is_none());
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z]{0,12}", "\\PC{0,80}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Quarters, because serde_json reads other fractions only to within a bit.
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["model", "stream", "n", "a\"b", "é"])
}

fn objects() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop_oneof![names().prop_map(String::from), any::<String>()];
    prop::collection::vec((name, values()), 0..8).prop_map(|members| members.into_iter().collect())
}

fn written(object: &Map<String, Value>, pretty: bool) -> Vec<u8> {
    if pretty { serde_json::to_vec_pretty(object) } else { serde_json::to_vec(object) }.unwrap()
}

proptest! {
    #[test]
    fn every_valid_object_is_accepted(object in objects(), pretty: bool) {
        agrees_with_serde(&written(&object, pretty));
    }

    #[test]
    fn mutated_objects_are_judged_as_serde_judges_them(
        object in objects(),
        pretty: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut body = written(&object, pretty);
        for (index, byte, what) in edits {
            let at = index.index(body.len().max(1));
            let syntax = b"\"\\{}[]:,0-.eE+ \x00\x1f\x80\xed\xa0utfn";
            let byte = if byte < 128 { syntax[byte as usize % syntax.len()] } else { byte };
            match what {
                0 if at < body.len() => body[at] = byte,
                1 if at < body.len() => drop(body.remove(at)),
                2 => body.insert(at.min(body.len()), byte),
                _ => body.truncate(at),
            }
        }
        agrees_with_serde(&body);
    }

    #[test]
    fn syntax_soup_is_judged_as_serde_judges_it(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\\u", "d83d", "\\ude00", "\\", "1", "-0", "1e4",
                ".5", "true", "null", " ", "\n", "é", "{}", "\"a\":", "[]",
            ]),
            0..12,
        ),
    ) {
        agrees_with_serde(format!("{{{}}}", pieces.concat()).as_bytes());
        agrees_with_serde(format!("{{\"a\":{}}}", pieces.concat()).as_bytes());
        agrees_with_serde(format!("{{\"a\":\"{}\"}}", pieces.concat()).as_bytes());
    }

    #[test]
    fn a_splice_is_the_edit_of_the_value(
        object in objects(),
        pretty: bool,
        edits in prop::collection::vec((names(), prop::option::of(values())), 0..5),
    ) {
        let body = Bytes::from(written(&object, pretty));
        let mut expected = object;
        let mut list = Vec::new();
        for (name, value) in edits {
            match value {
                Some(value) => {
                    list.push(Edit::Set { name, value: value.to_string().into() });
                    expected.insert(name.into(), value);
                }
                None => {
                    list.push(Edit::Remove { name });
                    expected.remove(name);
                }
            }
        }
        let scanned = scan_object(&body, 128).unwrap();
        let result = splice(&body, &scanned, &list).concat();
        let reread: Value = serde_json::from_slice(&result).unwrap();
        prop_assert_eq!(reread, Value::from(expected));
        agrees_with_serde(&result);
    }
}

#[test]
fn agreement_is_tested_on_real_shapes() {
    let body = json!({"model": "gpt", "messages": [{"role": "user", "content": "玉门 \"quoted\"\n\u{1f600}"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "temperature": 0.7, "stream": true, "stream_options": {"include_usage": true}});
    agrees_with_serde(body.to_string().as_bytes());
    agrees_with_serde(serde_json::to_string_pretty(&body).unwrap().as_bytes());
    for end in 0..body.to_string().len() {
        agrees_with_serde(&body.to_string().as_bytes()[..end]);
    }
}
