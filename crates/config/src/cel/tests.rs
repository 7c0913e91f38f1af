use super::*;
use proptest::prelude::*;
use std::borrow::Cow;

/// A request as the tests have it.
struct Request {
    tags: Vec<Value<'static>>,
    text: String,
}

impl Facts for Request {
    fn attribute(&self, attribute: Attribute) -> Result<Value<'_>, Fault> {
        Ok(match attribute {
            Attribute::Tokens => Value::Int(900),
            Attribute::Model => Value::Text(Cow::Borrowed("openai/gpt-4o")),
            Attribute::Stream => Value::Bool(true),
            Attribute::Random => Value::Double(42.5),
            // Saturday, the first of August 2026, 23:10.
            Attribute::Now => Value::Int(1_785_625_800),
            Attribute::Team => Value::Text(Cow::Borrowed("red")),
            Attribute::Tags | Attribute::ToolNames => Value::List(Items::Lent(&self.tags)),
            Attribute::MessagesText | Attribute::LastMessage => Value::Text(Cow::Borrowed(&self.text)),
            Attribute::Category => return Err(Fault::Unknown(Attribute::Category)),
            Attribute::Tools | Attribute::Images | Attribute::MaxTokens => Value::Int(0),
            _ => Value::Text(Cow::Borrowed("")),
        })
    }

    fn entry(&self, map: Map, name: &str) -> Option<Cow<'_, str>> {
        (map == Map::Header && name == "x-tier").then_some(Cow::Borrowed("gold"))
    }

    fn split(&self, name: &str, by: Option<&str>) -> f64 {
        (name.len() + by.map_or(0, str::len)) as f64
    }
}

fn request() -> Request {
    let tags = ["beta", "team:red", "7"].map(|tag| Value::Text(Cow::Borrowed(tag))).to_vec();
    Request { tags, text: "Write a Python function, please. 12 lines.".to_owned() }
}

fn holds(source: &str) -> Result<bool, Fault> {
    Program::compile(source).unwrap_or_else(|wrong| panic!("{source}: {wrong:?}")).holds(&request())
}

#[test]
fn conditions_hold_as_they_read() {
    for source in [
        "true",
        "tokens > 100 && tokens <= 900",
        "model == 'openai/gpt-4o' || false",
        "model.startsWith(\"openai/\") && !model.endsWith('mini')",
        "model in ['a', 'openai/gpt-4o']",
        "now.weekday in [6, 7] && now.hour >= 22 && now.minute == 10",
        "now.hour('Europe/Berlin') == 1 && now.weekday('Europe/Berlin') == 7",
        "now.minute('Asia/Kolkata') == 40 && now.hour('America/New_York') == 19 && now > 1700000000",
        "key.team == 'red'",
        "random < 43 && random > 42.25",
        "header['X-Tier'] == 'gold' && header.missing == ''",
        "'x-tier' in header && !('x-other' in header) && !has(metadata.team)",
        "last_message.lowerAscii().contains('python')",
        r"last_message.matches(r'\d+ lines') && last_message.matches('(?i)WRITE')",
        "size(tags) == 3 && tags[0] == 'beta' && tags.size() > 2",
        "tags.exists(t, t.startsWith('team:')) && tags.all(t, size(t) > 0)",
        "tags.filter(t, t != 'beta').map(t, size(t)) == [8, 1]",
        "tags.exists_one(t, t == '7') && tags.exists(t, t == '7' ? int(t) + 1 == 8 : false)",
        "tags.exists(a, tags.exists(b, a + b == 'beta7'))",
        "2 + 3 * 4 - 8 / 2 % 3 == 13 && -2 < 0 && (2 + 3) * 4 == 20",
        "1.5 * 2.0 == 3 && double(tokens) * 0.5 == 450.0",
        "string(tokens) + '!' == '900!' && int(2.9) == 2 && '  a '.trim() == 'a'",
        "stream ? tools == 0 : images > 0",
        "split('abc') == 3 && split('abc', header['x-tier']) == 7",
        "tool_names != [] && [] == []",
        "'\\u0041\\n' == 'A\n' && r'\\n' != '\\n'",
        // What is decided already needs no more.
        "tokens > 1 || tags[9] == 'code'",
        "tags[9] == 'code' || tokens > 1",
        "category == 'code' || tokens > 1",
        "tags.exists(t, int(t) == 7) && !tags.all(t, int(t) == 8)",
        "1 / 0 > 1 || true",
        "!(1 / 0 > 1 && false)",
    ] {
        assert_eq!(holds(source), Ok(true), "{source}");
    }
}

#[test]
fn what_a_request_makes_impossible_is_a_fault() {
    for (source, fault) in [
        ("tokens / tools > 1", Fault::Division),
        ("tokens % images == 0", Fault::Division),
        ("tags[3] == 'x'", Fault::NoItem),
        ("tags[-1] == 'x'", Fault::NoItem),
        ("int(model) > 1", Fault::NoNumber),
        ("9223372036854775807 + tokens > 1", Fault::Overflow),
        ("tags[9] == 'code' && tokens > 1", Fault::NoItem),
        ("category == 'code' && tokens > 1", Fault::Unknown(Attribute::Category)),
        ("tags.exists(t, int(t) == 8)", Fault::NoNumber),
    ] {
        assert_eq!(holds(source), Err(fault), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (source, at, said, hint) in [
        ("tokens >", 8, "it ends where a value should", ""),
        ("tokens = 5", 7, "`=` has no meaning here", "write `==` to compare"),
        ("tokens > 5 & stream", 11, "`&` has no meaning here", "write `&&` for and"),
        ("toknes > 5", 0, "`toknes` is no attribute", "write `tokens`"),
        ("key == 'x'", 0, "`key` is no attribute", "write `key.name` or `key.id` or `key.team`"),
        ("now.hour('Europe/Berln') > 5", 9, "`Europe/Berln` is no time zone", "write `Europe/Berlin`"),
        (
            "now.hour(model) > 5",
            9,
            "a time zone must be a text that stands here",
            "write for example `now.hour(\"Europe/Berlin\")`",
        ),
        ("now.hours > 5", 0, "`now.hours` is no attribute", "write `now.hour`"),
        ("stream && tokens", 10, "this must be true or false, but is a whole number", ""),
        (
            "tokens",
            0,
            "a condition must be true or false, but this is a whole number",
            "compare it with something, as in `tokens > 1000`",
        ),
        ("model > 5", 8, "`>` cannot compare these: a text and a whole number", ""),
        (
            "tokens * 0.5 > 3",
            9,
            "`*` cannot be used with these: a whole number and a decimal number",
            "write `double(…)` around the whole number",
        ),
        ("model.startWith('a')", 6, "`startWith` is no function", "write `startsWith`"),
        ("model.contains()", 6, "`contains` cannot be used like this, with 0 arguments", ""),
        (
            "'a' in model",
            7,
            "`in` looks for a value in a list of such: a text and a text",
            "write `text.contains(\"…\")`",
        ),
        (
            "model.matches('(')",
            14,
            "this pattern cannot be used: unclosed group",
            "write a backslash twice, or a raw text: `r\"\\d+\"`",
        ),
        ("model == 'x", 9, "the text that begins here has no end; ' is missing", ""),
        ("(stream", 7, "it ends where `)` should", ""),
        ("stream) ", 6, "`)` stands where an operator such as `&&` should", ""),
        ("header == 'x'", 0, "`header` holds many values", "write `header[\"a-name\"]`"),
        ("[1, 'a'] == []", 4, "the items of a list must be alike: a whole number and a text", ""),
        ("99999999999999999999 > 1", 0, "the number `99999999999999999999` is too large", ""),
    ] {
        let wrong = Program::compile(source).expect_err(source);
        let found = (wrong.at, wrong.message.as_str(), wrong.hint.as_deref().unwrap_or_default());
        assert_eq!(found, (at, said, hint), "{source}");
    }
}

#[test]
fn no_condition_takes_long() {
    // Four loops inside each other over sixty items: thirteen million turns, if nobody counted.
    let list = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let source =
        format!("[{list}].all(a, [{list}].all(b, [{list}].all(c, [{list}].all(d, a + b + c + d >= 0))))");
    assert_eq!(holds(&source), Err(Fault::Steps));
    // Doubling a text soon reaches its bound.
    let twice = (0..12).fold("messages_text".to_owned(), |inner, _| format!("({inner} + {inner})"));
    assert!(Program::compile(&twice).is_err(), "it has too many parts");
    for (source, said) in [
        ("(".repeat(2000), "deep"),
        ("!".repeat(2000), "deep"),
        ("-".repeat(2000), "deep"),
        (format!("tags{}", "[0]".repeat(500)), "deep"),
        (format!("true{}", " || true".repeat(400)), "more than 500 parts"),
        (format!("[{}] == []", "1,".repeat(1500)), "more than 500 parts"),
        ("x".repeat(5000), "more than 4096 bytes"),
        (format!("model.matches('{}')", "(a{1000}){1000}"), "size limit"),
    ] {
        let wrong = Program::compile(&source).expect_err(said);
        assert!(wrong.message.contains(said), "{said}: {}", wrong.message);
    }
    let chain = format!("stream{}", " && stream".repeat(240));
    assert_eq!(holds(&chain), Ok(true));
}

#[test]
fn a_condition_knows_what_it_reads() {
    let program = Program::compile("tokens > 5 && tags.exists(tokens, tokens == key.name)").unwrap();
    assert!(program.reads(Attribute::Tokens) && program.reads(Attribute::KeyName));
    assert!(!program.reads(Attribute::Random) && !program.reads(Attribute::MessagesText));
}

proptest! {
    #[test]
    fn any_text_ends_without_a_panic(source in r#"[a-z0-9 .,()\[\]!&|<>=+*/%?:'"\\-]{0,60}"#) {
        if let Ok(program) = Program::compile(&source) {
            let _ = program.holds(&request());
        }
    }

    #[test]
    fn any_row_of_words_ends_without_a_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "tokens", "model", "tags", "header", "key.name", "stream", "random", "(", ")", "[", "]", ",", ".", "+", "-",
            "*", "/", "%", "==", "<", "&&", "||", "!", "?", ":", "in", "size", "exists", "map", "t", "1", "2.5", "'x'",
        ]), 0..14)
    ) {
        if let Ok(program) = Program::compile(&words.join(" ")) {
            let _ = program.holds(&request());
        }
    }
}
