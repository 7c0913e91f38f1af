use super::*;
use proptest::prelude::*;

fn rules(texts: &[&str]) -> PathRules {
    let mut rules = PathRules::default();
    texts.iter().for_each(|text| rules.add(text).unwrap());
    rules
}

#[test]
fn a_path_that_could_be_read_in_two_ways_is_none() {
    use PathFault::{Character, Dots, Empty, Encoded, NoSlash, NotUtf8, Percent};
    for (path, fault) in [
        ("", NoSlash),
        ("files", NoSlash),
        ("*", NoSlash),
        ("/", Empty),
        ("//files", Empty),
        ("/files/", Empty),
        ("/a//b", Empty),
        ("/.", Dots),
        ("/a/..", Dots),
        ("/../a", Dots),
        ("/a/./b", Dots),
        ("/a/.../b", Dots),
        ("/a\\b", Character),
        ("/a;x/b", Character),
        ("/chat/completions;x=1", Character),
        ("/a b", Character),
        ("/a\tb", Character),
        ("/a\0b", Character),
        ("/a?b", Character),
        ("/a#b", Character),
        ("/a|b", Character),
        ("/a\"b", Character),
        ("/玉", Character),
        ("/a%", Percent),
        ("/a%2", Percent),
        ("/a%zz", Percent),
        ("/a%2/b", Percent),
        ("/a%2Fb", Encoded),
        ("/a%2fb", Encoded),
        ("/a%5Cb", Encoded),
        ("/a%5cb", Encoded),
        ("/%2e%2e/b", Encoded),
        ("/.%2E/b", Encoded),
        ("/%2e", Encoded),
        ("/a%252Fb", Encoded),
        ("/a%25b", Encoded),
        ("/a%3Bb", Encoded),
        ("/a%3Fb", Encoded),
        ("/a%23b", Encoded),
        ("/a%00", Encoded),
        ("/a%0Ab", Encoded),
        ("/a%7F", Encoded),
        ("/%63hat/completions", Encoded),
        ("/ch%41t", Encoded),
        ("/a%2Db", Encoded),
        ("/a%C2%85b", Encoded),
        ("/a%C0%AFb", NotUtf8),
        ("/%C0%AE%C0%AE/b", NotUtf8),
        ("/a%E0%80%AFb", NotUtf8),
        ("/a%FF", NotUtf8),
    ] {
        assert_eq!(PlainPath::parse(path), Err(fault), "{path}");
    }
    for path in [
        "/x",
        "/fine_tuning/jobs",
        "/a/.hidden/b..c/...d",
        "/models/gemini:embed",
        "/a@b/(c)/~d,e=f+g&h!",
        "/a%20b/%E7%8E%89%E9%97%A8",
        "/models/ft%3Agpt%22x",
    ] {
        assert_eq!(PlainPath::parse(path).map(PlainPath::as_str), Ok(path));
    }
}

#[test]
fn rules_match_whole_segments() {
    for (rule, method, path, expected) in [
        ("/x", "GET", "/x", true),
        ("/x", "PATCH", "/x", true),
        ("/x", "GET", "/X", false),
        ("/x", "GET", "/x/y", false),
        ("/x", "GET", "/xy", false),
        ("/x", "TRACE", "/x", false),
        ("/x", "CONNECT", "/x", false),
        ("/x", "get", "/x", false),
        ("/x", "PURGE", "/x", false),
        ("GET /x", "GET", "/x", true),
        ("GET /x", "HEAD", "/x", false),
        ("GET /x", "POST", "/x", false),
        ("POST,DELETE /a/*", "DELETE", "/a/1", true),
        ("POST,DELETE /a/*", "GET", "/a/1", false),
        ("POST,DELETE /a/*", "POST", "/a", false),
        ("POST,DELETE /a/*", "POST", "/a/1/2", false),
        ("GET /a/*/c", "GET", "/a/b/c", true),
        ("GET /a/*/c", "GET", "/a/b/d", false),
        ("GET /f/**", "GET", "/f", false),
        ("GET /f/**", "GET", "/f/a", true),
        ("GET /f/**", "GET", "/f/a/b/c", true),
        ("GET /f/**", "GET", "/fx/a", false),
        ("/**", "GET", "/anything/at/all", true),
        ("/a/*/**", "GET", "/a/b", false),
        ("/a/*/**", "GET", "/a/b/c", true),
    ] {
        let path = PlainPath::parse(path).unwrap();
        assert_eq!(rules(&[rule]).allows(method, path), expected, "{rule}: {method} {path:?}");
    }
    let several = rules(&["GET /a", "POST /b"]);
    let path = |path| PlainPath::parse(path).unwrap();
    assert!(several.allows("GET", path("/a")) && several.allows("POST", path("/b")));
    assert!(!several.allows("GET", path("/b")) && !PathRules::default().allows("GET", path("/a")));
}

#[test]
fn what_is_no_rule_is_said() {
    for (text, fault) in [
        ("", RuleFault::Words),
        ("GET /a /b", RuleFault::Words),
        ("GET, POST /a", RuleFault::Words),
        ("GET,, /a", RuleFault::Method(String::new())),
        ("get /a", RuleFault::Method("get".into())),
        ("TRACE /a", RuleFault::Method("TRACE".into())),
        ("fine_tuning", RuleFault::Path(PathFault::NoSlash)),
        ("/", RuleFault::Path(PathFault::Empty)),
        ("/a/", RuleFault::Path(PathFault::Empty)),
        ("/a/../b", RuleFault::Path(PathFault::Dots)),
        ("/a%2Fb", RuleFault::Path(PathFault::Encoded)),
        ("/a?x=1", RuleFault::Path(PathFault::Character)),
        ("/a*", RuleFault::Star),
        ("/a/***", RuleFault::Star),
        ("/**/a", RuleFault::Rest),
        ("/**/**", RuleFault::Rest),
    ] {
        assert_eq!(PathRules::default().add(text), Err(fault), "{text}");
    }
}

/// What a lenient server might make of a path: decoded again and again, dots resolved, parameters dropped.
fn resolved(path: &str) -> Vec<String> {
    let mut text = path.as_bytes().to_vec();
    for _ in 0..3 {
        let mut decoded = Vec::new();
        let mut rest = text.as_slice();
        while let [first, after @ ..] = rest {
            let byte = match after {
                [high, low, ..] if *first == b'%' => {
                    std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
                }
                _ => None,
            };
            decoded.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { &after[2..] } else { after };
        }
        text = decoded;
    }
    let text = String::from_utf8_lossy(&text).replace('\\', "/");
    let text = text.split(['?', '#', '\0']).next().unwrap_or_default();
    let mut steps: Vec<String> = Vec::new();
    for step in text.split('/') {
        match step.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step.to_owned()),
        }
    }
    steps
}

proptest! {
    #[test]
    fn an_allowed_path_stays_below_its_rule_whoever_reads_it(path in "(/(open|secret|\\.|%2e|%2F|%5c|%25|;|%3[bBfF]|a|%C0%AF|\\\\){0,4}){1,4}") {
        if let Ok(path) = PlainPath::parse(&path)
            && rules(&["/open/**"]).allows("GET", path)
        {
            let resolved = resolved(path.as_str());
            prop_assert_eq!(resolved.first().map(String::as_str), Some("open"));
        }
    }

    #[test]
    fn nothing_panics_and_what_is_plain_is_kept(path in ".{0,24}", rule in "[A-Z,]{0,6} ?/?[a-z*/%.]{0,12}") {
        let mut rules = PathRules::default();
        let _ = rules.add(&rule);
        if let Ok(plain) = PlainPath::parse(&path) {
            prop_assert_eq!(plain.as_str(), &path);
            let _ = rules.allows("GET", plain);
        }
    }
}
