//! Schemas: Google's own subset of OpenAPI, read as JSON schema, and JSON schema made acceptable to Google.
//!
//! A schema that needs no change keeps its bytes.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::dialects::Losses;
use crate::dialects::read::camel_case;
use crate::ir::Json;

/// Members whose value is a schema.
const INNER: [&str; 6] =
    ["items", "additionalProperties", "not", "contains", "propertyNames", "unevaluatedItems"];
/// Members whose value is a list of schemas.
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
/// Members whose value is an object of schemas.
const MAPS: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];

/// Reads a schema of Google's subset as JSON schema; one that is none already is returned as it is.
pub(super) fn from_google(schema: &Json) -> Json {
    let Ok(mut value) = serde_json::from_str::<Value>(schema.get()) else { return schema.clone() };
    let before = value.clone();
    each(&mut value, &mut |node| {
        *node = std::mem::take(node)
            .into_iter()
            .map(|(name, value)| (camel_case(&name).unwrap_or(name), value))
            .collect();
        lower_type(node);
        plain_numbers(node);
        if node.shift_remove("nullable") == Some(Value::Bool(true)) {
            allow_null(node);
        }
    });
    if value == before {
        return schema.clone();
    }
    Json::parse(&value.to_string()).unwrap_or_else(|| schema.clone())
}

/// `STRING` and its like are written in small letters elsewhere.
fn lower_type(node: &mut Map<String, Value>) {
    let Some(Value::String(kind)) = node.get_mut("type") else { return };
    if kind == "TYPE_UNSPECIFIED" {
        node.shift_remove("type");
    } else {
        kind.make_ascii_lowercase();
    }
}

/// Protobuf's JSON writes 64-bit integers as strings.
fn plain_numbers(node: &mut Map<String, Value>) {
    for name in ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"] {
        if let Some(value) = node.get_mut(name)
            && let Some(number) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = Value::from(number);
        }
    }
}

/// What `nullable` says, in JSON schema's words.
fn allow_null(node: &mut Map<String, Value>) {
    if let Some(Value::Array(words)) = node.get_mut("enum")
        && !words.contains(&Value::Null)
    {
        words.push(Value::Null);
    }
    match node.get_mut("type") {
        Some(kind @ Value::String(_)) => {
            let word = std::mem::take(kind);
            *kind = Value::Array(vec![word, Value::from("null")]);
        }
        Some(_) => {}
        None => {
            if let Some(Value::Array(choices)) = node.get_mut("anyOf") {
                choices.push(Value::Object(Map::from_iter([("type".to_owned(), Value::from("null"))])));
            }
        }
    }
}

/// Makes a JSON schema acceptable to Google, which takes the members that it does not know and refuses these:
/// `$schema` is left out; `definitions`, the older name, becomes `$defs`; a `$ref` stands alone, so one with
/// neighbours becomes the only choice of an `anyOf`.
pub(super) fn to_google<'s>(schema: &'s Json, name: &str, losses: &mut Losses) -> Cow<'s, str> {
    let text = schema.get();
    if !["\"$schema\"", "\"$ref\"", "\"definitions\""].iter().any(|mark| text.contains(mark)) {
        return Cow::Borrowed(text);
    }
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return Cow::Borrowed(text) };
    let before = value.clone();
    each(&mut value, &mut |node| {
        if node.shift_remove("$schema").is_some() {
            losses.note(&format!("{name}.$schema"));
        }
        if let Some(Value::String(place)) = node.get_mut("$ref")
            && let Some(rest) = place.strip_prefix("#/definitions/")
        {
            *place = format!("#/$defs/{rest}");
        }
        lone_reference(node, name, losses);
    });
    if let Value::Object(root) = &mut value
        && let Some(definitions) = root.shift_remove("definitions")
    {
        root.entry("$defs").or_insert(definitions);
    }
    if value == before { Cow::Borrowed(text) } else { Cow::Owned(value.to_string()) }
}

fn lone_reference(node: &mut Map<String, Value>, name: &str, losses: &mut Losses) {
    if node.keys().all(|key| key.starts_with('$')) {
        return;
    }
    let Some(reference) = node.shift_remove("$ref") else { return };
    let choice = Value::Object(Map::from_iter([("$ref".to_owned(), reference)]));
    if node.insert("anyOf".to_owned(), Value::Array(vec![choice])).is_some() {
        losses.note(&format!("{name}.anyOf"));
    }
}

/// Calls `change` for every schema in a schema, the outer before the inner. The parser has bounded the nesting.
fn each(schema: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(node) = schema else { return };
    change(node);
    for (name, value) in node {
        match value {
            Value::Object(_) if INNER.contains(&name.as_str()) => each(value, change),
            Value::Array(list) if LISTS.contains(&name.as_str()) || name == "items" => {
                list.iter_mut().for_each(|schema| each(schema, change));
            }
            Value::Object(map) if MAPS.contains(&name.as_str()) => {
                map.values_mut().for_each(|schema| each(schema, change));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn googles_subset_is_read_as_json_schema() {
        for (google, expected) in [
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"nullable":{"type":"BOOLEAN"}},"property_ordering":["type"]}"#,
                r#"{"type":"object","properties":{"type":{"type":["string","null"]},"nullable":{"type":"boolean"}},"propertyOrdering":["type"]}"#,
            ),
            (
                r#"{"type":"ARRAY","minItems":"1","items":{"any_of":[{"type":"INTEGER"},{"type":"NUMBER"}],"nullable":true}}"#,
                r#"{"type":"array","minItems":1,"items":{"anyOf":[{"type":"integer"},{"type":"number"},{"type":"null"}]}}"#,
            ),
            (
                r#"{"type":"STRING","format":"enum","enum":["A","STRING"],"nullable":true,"example":"A"}"#,
                r#"{"type":["string","null"],"format":"enum","enum":["A","STRING",null],"example":"A"}"#,
            ),
            (r#"{"type":"TYPE_UNSPECIFIED","nullable":false}"#, "{}"),
        ] {
            assert_eq!(from_google(&json(google)).get(), expected);
        }
        let plain = r#"{ "type":"object", "properties":{"a":{"minimum":1.0}} }"#;
        assert_eq!(from_google(&json(plain)).get(), plain, "its bytes are kept");
    }

    #[test]
    fn json_schema_is_made_acceptable_to_google() {
        for (schema, expected, lost) in [
            (r#"{ "minimum" : 1.0 }"#, r#"{ "minimum" : 1.0 }"#, None),
            (
                r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}"#,
                r#"{"type":"object"}"#,
                Some("s.$schema"),
            ),
            (
                r##"{"properties":{"$ref":{"$ref":"#/definitions/A","description":"d"},"definitions":{"type":"string"}},"definitions":{"A":{"items":{"$ref":"#/definitions/A"}}}}"##,
                r##"{"properties":{"$ref":{"description":"d","anyOf":[{"$ref":"#/$defs/A"}]},"definitions":{"type":"string"}},"$defs":{"A":{"items":{"$ref":"#/$defs/A"}}}}"##,
                None,
            ),
            (
                r##"{"$ref":"#/$defs/A","$defs":{"A":{}}}"##,
                r##"{"$ref":"#/$defs/A","$defs":{"A":{}}}"##,
                None,
            ),
            (
                r##"{"items":{"$ref":"#/$defs/A","anyOf":[{}]}}"##,
                r##"{"items":{"anyOf":[{"$ref":"#/$defs/A"}]}}"##,
                Some("s.anyOf"),
            ),
        ] {
            let mut losses = Losses::default();
            assert_eq!(to_google(&json(schema), "s", &mut losses), expected);
            assert_eq!(losses.into_names().first().map(String::as_str), lost);
        }
    }
}
