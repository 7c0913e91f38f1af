//! Broken documents written by hand after what models are known to do, several things wrong at once. They are not recorded
//! answers.

use serde_json::Value;

use super::Case;

/// What a model said, and what it meant.
const REAL: [(&str, &str); 24] = [
    (
        "```json\n{\n  \"name\": \"Ada\",\n  \"tags\": [\"a\", \"b\",],\n}\n```",
        r#"{"name":"Ada","tags":["a","b"]}"#,
    ),
    ("{'name': 'Ada', 'ok': True, 'next': None}", r#"{"name":"Ada","ok":true,"next":null}"#),
    ("Sure, here you go:\n{name: \"Ada\", age: 36}\nAnything else?", r#"{"name":"Ada","age":36}"#),
    (
        "{\"quote\": \"He said \"hello, world\" twice\", \"n\": 2}",
        r#"{"quote":"He said \"hello, world\" twice","n":2}"#,
    ),
    ("{\"code\": \"print('hi')\\nprint(\\'bye\\')\"}", r#"{"code":"print('hi')\nprint('bye')"}"#),
    ("{\"regex\": \"^\\d{3}-\\w+$\"}", r#"{"regex":"^\\d{3}-\\w+$"}"#),
    ("{\"path\": \"C:\\Program Files\\x\"}", r#"{"path":"C:\\Program Files\\x"}"#),
    ("{\"poem\": \"roses\nviolets\", \"lines\": 2}", r#"{"poem":"roses\nviolets","lines":2}"#),
    ("{\\\"a\\\": \\\"b\\\", \\\"c\\\": [1, 2]}", r#"{"a":"b","c":[1,2]}"#),
    ("{\"a\": 1, \"b\": [1, 2, ...]}", r#"{"a":1,"b":[1,2]}"#),
    ("<think>\nI should answer in JSON.\n</think>\n\n{\"ok\": true}", r#"{"ok":true}"#),
    ("{\"a\": 1}\n{\"a\": 1}", r#"{"a":1}"#),
    ("[{\"q\": \"one\"}\n{\"q\": \"two\"}]", r#"[{"q":"one"},{"q":"two"}]"#),
    ("{\"a\": \"x\", // first\n \"b\": \"y\" # second\n}", r#"{"a":"x","b":"y"}"#),
    ("{“title”: “A “good” day”}", r#"{"title":"A “good” day"}"#),
    ("{\"temperature\": 21 °C, \"city\": \"Bern\"}", r#"{"temperature":"21 °C","city":"Bern"}"#),
    ("{\"date\": 2024-05-01, \"n\": .5}", r#"{"date":"2024-05-01","n":0.5}"#),
    ("{\"list\": [\"a\", \"b\", \"c\"}", r#"{"list":["a","b","c"]}"#),
    ("{\"a\": {\"b\": [1, 2, {\"c\": \"d\"", r#"{"a":{"b":[1,2,{"c":"d"}]}}"#),
    (
        "{\"sql\": \"SELECT * FROM \"users\" WHERE id = 1\"}",
        r#"{"sql":"SELECT * FROM \"users\" WHERE id = 1"}"#,
    ),
    ("{\"text\": \"\"\"two\nlines\"\"\"}", r#"{"text":"two\nlines"}"#),
    ("{\"a\":1,\"b\":2,}, ", r#"{"a":1,"b":2}"#),
    (
        "{\"html\": \"<a href=\"x.html\">x</a>\", \"ok\": true}",
        r#"{"html":"<a href=\"x.html\">x</a>","ok":true}"#,
    ),
    ("json\n{\"a\": [1,2,3]}", r#"{"a":[1,2,3]}"#),
];

/// All of them.
pub(super) fn cases() -> Vec<Case> {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    REAL.iter()
        .map(|(text, meant)| Case {
            kind: "several at once, by hand",
            text: (*text).to_owned(),
            expected: value(meant),
        })
        .collect()
}
