use super::*;

fn words(text: &str) -> Vec<&str> {
    tokens(text).into_iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
}

#[test]
fn comments_and_literals_are_no_words() {
    let text = r####"a /* b /* c */ d */ e // f
        "g \" h" r#"i " j"# b"k" br"l\" 'm' '\'' '\u{1F}' 'n: &'static o r#type"####;
    assert_eq!(words(text), ["a", "e", "n", "static", "o", "r", "type"]);
}

#[test]
fn lines_are_counted_through_everything() {
    let text = "/* 1\n2 */ \"3\n4\" r\"5\n6\" last";
    assert_eq!(tokens(text).last().map(|token| (token.text, token.line)), Some(("last", 4)));
}

#[test]
fn unfinished_text_ends_quietly() {
    for text in
        ["\"abc", "/* abc", "r#\"abc", "'", "'\\", "b'", "fn f(", "use crate::{a", "#[cfg(test)]", "é'"]
    {
        let all = tokens(text);
        functions(&all);
        paths(&all, &["crate"]);
        without_tests(&all);
    }
}

#[test]
fn functions_have_their_whole_extent() {
    let text = "fn a(b: [u8; 4]) -> u8\nwhere\n  B: C,\n{\n  \"}\"\n}\ntrait T { fn d(); fn e() {} }\ntype F = fn(u8);";
    let all = tokens(text);
    let found: Vec<_> =
        functions(&all).into_iter().map(|found| (found.name, found.line, found.lines)).collect();
    assert_eq!(found, [("a", 1, 6), ("e", 7, 1)]);
}

#[test]
fn groups_of_paths_are_spelt_out() {
    let all = tokens(
        "use crate::{a::{self, b as c}, d::*}; mod m { fn f() { crate::e::g::<u8>(); } } pub(crate) fn h() {}",
    );
    let found: Vec<_> = paths(&all, &["crate"])
        .into_iter()
        .map(|path| (path.segments.join("::"), path.inline_depth))
        .collect();
    let expected = ["crate::a::self", "crate::a::b", "crate::d::*"].map(|path| (path.to_owned(), 0));
    assert_eq!(found.get(..3), Some(expected.as_slice()));
    assert_eq!(found.get(3).map(|(path, depth)| (path.starts_with("crate::e::g"), *depth)), Some((true, 1)));
    assert_eq!(found.len(), 4);
}

#[test]
fn what_is_for_tests_is_taken_out() {
    let text = "mod a; #[cfg(test)] mod b; #[cfg(test)] use x::{y, z}; #[cfg(test)] #[allow(c)] mod d { e } f \
                #[test] fn g() -> [u8; 1] { h } #[cfg(all(test, unix))] const I: J = K { l: 1 }; m";
    let all = tokens(text);
    let kept: Vec<_> = without_tests(&all)
        .into_iter()
        .filter(|token| token.kind == Kind::Word)
        .map(|token| token.text)
        .collect();
    assert_eq!(kept, ["mod", "a", "f", "m"]);
    assert_eq!(declared_modules(&all), ["a", "b", "d"]);
}
