//! Custom tools: they take free text where functions take JSON. As a function, the text is its one argument.

use serde::Deserialize;

use crate::dialects::write;

/// The arguments of a function call that stand for free text.
pub(in crate::dialects) fn custom_arguments(input: &str) -> String {
    let mut arguments = Vec::with_capacity(input.len() + 16);
    write::object(&mut arguments, |object| object.text("input", input));
    String::from_utf8(arguments).unwrap_or_default()
}

/// The free text that such arguments stand for; arguments of another form are the text themselves.
pub(in crate::dialects) fn custom_input(arguments: &str) -> String {
    #[derive(Deserialize)]
    struct Arguments {
        input: String,
    }
    serde_json::from_str::<Arguments>(arguments)
        .map_or_else(|_| arguments.to_owned(), |arguments| arguments.input)
}
