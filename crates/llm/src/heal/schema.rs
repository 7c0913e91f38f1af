//! Whether a value follows a JSON schema, as far as that can be told within a bound.
//!
//! In: a schema that a client has sent and a value that a model has written; neither is to be trusted. Out: yes, no, or
//! that it cannot be told: a keyword that is not known here, a reference that leads elsewhere, or more steps than a bound.
//! Validators at large have no such bound, and a schema that refers to itself in several branches takes them for ever.

use serde_json::{Map, Value};

/// So many schemas are applied at most.
const STEPS_MOST: usize = 100_000;
/// So deep may applications be nested, references included.
const DEEPEST: usize = 200;

/// What is known: `None` is neither.
type Truth = Option<bool>;

/// Whether `value` follows `schema`; nothing where that cannot be told.
pub fn follows(schema: &Value, value: &Value) -> Option<bool> {
    Judge { root: schema, steps: 0 }.judge(schema, value, 0)
}

/// All must hold: one that does not is enough.
fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
    let mut known = Some(true);
    for truth in truths {
        match truth {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = None,
        }
    }
    known
}

struct Judge<'s> {
    root: &'s Value,
    steps: usize,
}

impl<'s> Judge<'s> {
    fn judge(&mut self, schema: &'s Value, value: &Value, depth: usize) -> Truth {
        if self.steps >= STEPS_MOST || depth > DEEPEST {
            return None;
        }
        self.steps += 1;
        let keywords = match schema {
            Value::Bool(truth) => return Some(*truth),
            Value::Object(keywords) => keywords,
            _ => return None,
        };
        if value.is_null() && keywords.get("nullable") == Some(&Value::Bool(true)) {
            return Some(true);
        }
        let mut known = Some(true);
        for (name, keyword) in keywords {
            if self.steps >= STEPS_MOST {
                return None;
            }
            match self.keyword(name, keyword, keywords, value, depth + 1) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => known = None,
            }
        }
        known
    }

    fn keyword(
        &mut self,
        name: &str,
        keyword: &'s Value,
        beside: &'s Map<String, Value>,
        value: &Value,
        depth: usize,
    ) -> Truth {
        match name {
            "$ref" => {
                let target = self.target(keyword.as_str()?)?;
                self.judge(target, value, depth)
            }
            "type" => is_type(keyword, value),
            "enum" => Some(keyword.as_array()?.contains(value)),
            "const" => Some(keyword == value),
            "allOf" => {
                let schemas = keyword.as_array()?;
                all(schemas.iter().map(|schema| self.judge(schema, value, depth)))
            }
            "anyOf" => self.any(keyword.as_array()?, value, depth),
            "oneOf" => {
                let truths: Vec<Truth> =
                    keyword.as_array()?.iter().map(|schema| self.judge(schema, value, depth)).collect();
                let yes = truths.iter().filter(|truth| **truth == Some(true)).count();
                if yes > 1 {
                    return Some(false);
                }
                if truths.contains(&None) { None } else { Some(yes == 1) }
            }
            "not" => self.judge(keyword, value, depth).map(|truth| !truth),
            "if" => {
                let branch = if self.judge(keyword, value, depth)? { "then" } else { "else" };
                beside.get(branch).map_or(Some(true), |schema| self.judge(schema, value, depth))
            }
            "then" | "else" => Some(true),
            "properties"
            | "required"
            | "additionalProperties"
            | "propertyNames"
            | "minProperties"
            | "maxProperties" => value
                .as_object()
                .map_or(Some(true), |members| self.of_object(name, keyword, beside, members, depth)),
            "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" => value
                .as_array()
                .map_or(Some(true), |items| self.of_array(name, keyword, beside, items, depth)),
            "minLength" | "maxLength" => value.as_str().map_or(Some(true), |text| {
                let (length, bound) = (text.chars().count() as f64, keyword.as_f64()?);
                Some(if name == "minLength" { length >= bound } else { length <= bound })
            }),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                value.as_f64().map_or(Some(true), |number| of_number(name, keyword, number))
            }
            "$schema" | "$id" | "$comment" | "$defs" | "definitions" | "title" | "description"
            | "default" | "examples" | "example" | "deprecated" | "readOnly" | "writeOnly" | "format"
            | "nullable" | "propertyOrdering" => Some(true),
            _ => None,
        }
    }

    fn any(&mut self, schemas: &'s [Value], value: &Value, depth: usize) -> Truth {
        let mut known = Some(false);
        for schema in schemas {
            if self.steps >= STEPS_MOST {
                return None;
            }
            match self.judge(schema, value, depth) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = None,
            }
        }
        known
    }

    fn of_object(
        &mut self,
        name: &str,
        keyword: &'s Value,
        beside: &'s Map<String, Value>,
        members: &Map<String, Value>,
        depth: usize,
    ) -> Truth {
        let bound = || keyword.as_u64().map(|bound| bound as usize);
        match name {
            "properties" => {
                let properties = keyword.as_object()?;
                let known = members.iter().filter_map(|(key, value)| Some((properties.get(key)?, value)));
                all(known.map(|(schema, value)| self.judge(schema, value, depth)).collect::<Vec<_>>())
            }
            "required" => Some(
                keyword.as_array()?.iter().filter_map(Value::as_str).all(|key| members.contains_key(key)),
            ),
            "additionalProperties" => {
                if beside.contains_key("patternProperties") {
                    return None;
                }
                let listed = beside.get("properties").and_then(Value::as_object);
                let others =
                    members.iter().filter(|(key, _)| listed.is_none_or(|listed| !listed.contains_key(*key)));
                all(others.map(|(_, value)| self.judge(keyword, value, depth)).collect::<Vec<_>>())
            }
            "propertyNames" => {
                let names: Vec<Value> = members.keys().map(|key| Value::from(key.as_str())).collect();
                all(names.iter().map(|name| self.judge(keyword, name, depth)).collect::<Vec<_>>())
            }
            "minProperties" => Some(members.len() >= bound()?),
            _ => Some(members.len() <= bound()?),
        }
    }

    fn of_array(
        &mut self,
        name: &str,
        keyword: &'s Value,
        beside: &'s Map<String, Value>,
        items: &[Value],
        depth: usize,
    ) -> Truth {
        let bound = || keyword.as_u64().map(|bound| bound as usize);
        let mut each = |schemas: &'s [Value]| {
            all(schemas
                .iter()
                .zip(items)
                .map(|(schema, item)| self.judge(schema, item, depth))
                .collect::<Vec<_>>())
        };
        match (name, keyword) {
            // As older versions spell what is `prefixItems` now.
            ("items", Value::Array(schemas)) => each(schemas),
            ("prefixItems", _) => each(keyword.as_array()?),
            ("items", schema) => {
                let before = beside.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                let rest: Vec<Truth> =
                    items.iter().skip(before).map(|item| self.judge(schema, item, depth)).collect();
                all(rest)
            }
            ("minItems", _) => Some(items.len() >= bound()?),
            ("maxItems", _) => Some(items.len() <= bound()?),
            _ if keyword == &Value::Bool(false) => Some(true),
            // Each is compared with all: only where that is few.
            _ if items.len() <= 64 => {
                let repeated = |(at, item): (usize, &Value)| items.iter().take(at).any(|other| other == item);
                Some(!items.iter().enumerate().any(repeated))
            }
            _ => None,
        }
    }

    /// What a reference within the schema leads to.
    fn target(&self, reference: &str) -> Option<&'s Value> {
        let pointer = reference.strip_prefix('#')?;
        if pointer.contains('%') { None } else { self.root.pointer(pointer) }
    }
}

fn is_type(keyword: &Value, value: &Value) -> Truth {
    let is = |name: &str| {
        // Google's schemas spell types in capitals.
        Some(match name.to_ascii_lowercase().as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "number" => value.is_number(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            _ => return None,
        })
    };
    match keyword {
        Value::String(name) => is(name),
        Value::Array(names) => {
            let truths: Vec<Truth> = names.iter().map(|name| is(name.as_str()?)).collect();
            if truths.contains(&Some(true)) { Some(true) } else { all(truths) }
        }
        _ => None,
    }
}

fn of_number(name: &str, keyword: &Value, number: f64) -> Truth {
    let bound = keyword.as_f64()?;
    match name {
        "minimum" => Some(number >= bound),
        "maximum" => Some(number <= bound),
        "exclusiveMinimum" => Some(number > bound),
        "exclusiveMaximum" => Some(number < bound),
        // Of fractions it cannot be told exactly.
        _ if bound.fract() == 0.0 && bound > 0.0 => Some(number % bound == 0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_judged_by_what_is_known() {
        let place = json!({ "type": "object", "properties": { "city": { "type": "string", "minLength": 1 },
            "degrees": { "type": ["integer", "null"], "minimum": -90, "maximum": 60 } },
            "required": ["city"], "additionalProperties": false });
        let tree = json!({ "$ref": "#/$defs/node", "$defs": { "node": { "type": "object",
            "properties": { "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] } }, "required": ["next"] } } });
        for (schema, value, expected) in [
            (&place, json!({ "city": "x", "degrees": 21 }), Some(true)),
            (&place, json!({ "city": "x", "degrees": null }), Some(true)),
            (&place, json!({ "city": "" }), Some(false)),
            (&place, json!({ "degrees": 21 }), Some(false)),
            (&place, json!({ "city": "x", "degrees": 21.5 }), Some(false)),
            (&place, json!({ "city": "x", "more": 1 }), Some(false)),
            (&place, json!([]), Some(false)),
            (&tree, json!({ "next": { "next": null } }), Some(true)),
            (&tree, json!({ "next": { "next": 1 } }), Some(false)),
            (&json!({ "enum": ["a", 1] }), json!(1), Some(true)),
            (&json!({ "oneOf": [{ "type": "integer" }, { "minimum": 2 }] }), json!(3), Some(false)),
            (&json!({ "oneOf": [{ "type": "integer" }, { "minimum": 2 }] }), json!(1), Some(true)),
            (&json!({ "not": { "const": 1 } }), json!(1), Some(false)),
            (
                &json!({ "if": { "type": "string" }, "then": { "maxLength": 1 }, "else": false }),
                json!("ab"),
                Some(false),
            ),
            (&json!({ "items": { "type": "string" }, "maxItems": 2 }), json!(["a", "b"]), Some(true)),
            (&json!({ "items": { "type": "string" } }), json!(["a", 1]), Some(false)),
            (&json!({ "prefixItems": [{ "type": "string" }], "items": false }), json!(["a", 1]), Some(false)),
            (&json!({ "type": "OBJECT", "nullable": true }), json!(null), Some(true)),
            (&json!({ "type": "string", "pattern": "^a" }), json!("b"), None),
            (&json!({ "type": "string", "pattern": "^a" }), json!(1), Some(false)),
            (&json!({ "$ref": "https://example.com/schema" }), json!(1), None),
            (&json!({ "anyOf": [{ "pattern": "x" }, { "type": "string" }] }), json!("a"), Some(true)),
        ] {
            assert_eq!(follows(schema, &value), expected, "{schema} {value}");
        }
    }

    #[test]
    fn a_schema_that_branches_into_itself_ends_at_the_bound() {
        let branch = json!({ "properties": { "x": { "$ref": "#" } }, "required": ["no"] });
        let schema = json!({ "anyOf": [branch, branch] });
        let mut value = json!({});
        for _ in 0..60 {
            value = json!({ "x": value });
        }
        let mut judge = Judge { root: &schema, steps: 0 };
        judge.judge(&schema, &value, 0);
        assert!(judge.steps <= STEPS_MOST + 1000, "{}", judge.steps);
        assert_eq!(follows(&json!({ "$ref": "#" }), &json!(1)), None, "a reference to itself");
    }
}
