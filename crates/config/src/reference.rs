//! The reference page of the configuration, written from the schema.
//!
//! In: the schema of the `Spec`, whose descriptions are its doc comments. Out: Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use crate::schema::{INLINED, alternatives, choices, is_required, is_type};

/// What every field means: `docs/reference/configuration.md`.
pub fn reference_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    section(&mut page, "", &INLINED);
    page
}

const INTRODUCTION: &str = "\
# Configuration reference

This page is generated from the code by `cargo xtask gen`; `yumen schema` prints the same as a JSON Schema.

Every value may refer to the environment: `${NAME}` stands for the variable `NAME`, `${NAME:-default}` for
`default` when the variable is not set or empty, and `$$` for a plain `$`. A variable that is not set and has no
default is an error. Unknown fields are errors. `yumen check FILE` reports everything that is wrong at once.
";

/// One table for a record, then one section for each record below it.
fn section(page: &mut String, path: &str, schema: &Value) {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
    let mut below: Vec<(String, &Value)> = Vec::new();
    let title = if path.is_empty() { "Top level".to_owned() } else { format!("`{path}`") };
    let _ = write!(page, "\n## {title}\n\n");
    if let Some(text) = description(schema).filter(|_| !path.is_empty()) {
        let _ = write!(page, "{text}\n\n");
    }
    page.push_str("| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for (name, field) in fields {
        let (kind, default) = (type_of(field), default_of(schema, name, field));
        let meaning = description(field).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {meaning} |");
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        below.extend(record_below(path, field));
    }
    for (index, (path, record)) in below.iter().enumerate() {
        // All wire formats have the same fields: one section says it.
        let repeated = below.iter().take(index).any(|(_, earlier)| fields_of(earlier) == fields_of(record));
        if !repeated {
            section(page, path, record);
        }
    }
}

fn fields_of(schema: &Value) -> Option<&Value> {
    schema.get("properties")
}

/// The record that a field holds, in a list or under names of one's own or not.
fn record_below(path: String, field: &Value) -> Option<(String, &Value)> {
    let field = present(field);
    if field.get("properties").is_some() {
        return Some((path, field));
    }
    if let Some(value) = field.get("additionalProperties").filter(|value| value.is_object()) {
        return record_below(format!("{path}.<name>"), value);
    }
    field.get("items").and_then(|items| record_below(format!("{path}[]"), items))
}

/// The schema of a value that is there.
fn present(schema: &Value) -> &Value {
    alternatives(schema).find(|schema| !is_type(schema, "null")).unwrap_or(schema)
}

/// The description on one line.
fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn type_of(schema: &Value) -> String {
    let schema = present(schema);
    if let Some(choices) = choices(schema) {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", type_of(items));
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    match schema {
        _ if schema.get("additionalProperties").is_some_and(Value::is_object) => "mapping".to_owned(),
        _ if is_type(schema, "object") && is_type(schema, "string") => "mapping or text".to_owned(),
        _ if is_type(schema, "object") => "mapping".to_owned(),
        _ if is_type(schema, "boolean") => "`true`, `false`".to_owned(),
        _ if is_type(schema, "number") => "decimal".to_owned(),
        _ if is_type(schema, "integer") => match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("at least {least}"),
            _ => "whole number".to_owned(),
        },
        _ => "text".to_owned(),
    }
}

fn default_of(record: &Value, name: &str, field: &Value) -> String {
    if is_required(record, name) {
        return "required".to_owned();
    }
    match field.get("default") {
        None | Some(Value::Null | Value::Object(_)) => String::new(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_meaning() {
        let page = reference_markdown();
        for line in [
            "| `listen` | text | `127.0.0.1:8080` |",
            "## `providers.<name>.credentials[]`",
            "| `secret` | text | required |",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
        let empty = page.lines().find(|line| line.starts_with("| `") && line.ends_with("|  |"));
        assert_eq!(empty, None, "a field without a doc comment");
    }
}
