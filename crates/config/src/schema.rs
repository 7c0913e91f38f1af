//! The JSON Schema of the configuration, and the same as [`Shape`]s for the reader.
//!
//! In: the `Spec` structs, through schemars. Out: the schema that editors use, and the shapes by which a file
//! is checked, so that what the schema says and what is accepted cannot differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::spec::Spec;

/// The JSON Schema (2020-12) of `yumen.yaml`.
pub fn json_schema() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>().to_value();
    allow_environment(&mut schema);
    schema
}

/// The schema with every definition written out in its place.
pub(crate) static INLINED: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Spec>().to_value()
});

/// What the whole file must look like.
pub(crate) static SHAPE: LazyLock<Shape> = LazyLock::new(|| Shape::of(&INLINED));

/// What a value must look like: the part of JSON Schema that the `Spec` uses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Text {
        length: Bounds,
    },
    Decimal,
    Integer {
        range: Bounds,
    },
    Boolean,
    Choice(Vec<String>),
    List {
        item: Box<Shape>,
        length: Bounds,
    },
    Mapping(Box<Shape>),
    Record(BTreeMap<String, Field>),
    /// A record of a provider and a model, or the same in short: `provider/model`.
    Deployment(BTreeMap<String, Field>),
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// Least and most, both allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Bounds {
    fn of(schema: &Value, least: &str, most: &str) -> Self {
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        Self { least: bound(least).unwrap_or(0), most: bound(most).unwrap_or(u64::MAX) }
    }

    pub(crate) fn contains(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

impl Shape {
    /// What a field of the whole file must look like; of a mapping from names, what an entry must.
    pub(crate) fn section(name: &str) -> Option<&'static Self> {
        let Self::Record(fields) = &*SHAPE else { return None };
        Some(match &fields.get(name)?.shape {
            Self::Mapping(entry) => entry,
            other => other,
        })
    }

    /// Reads a schema. What the `Spec` does not use is taken as text; a test sees to it that nothing is.
    pub(crate) fn of(schema: &Value) -> Self {
        if let Some(choices) = choices(schema) {
            return Self::Choice(choices);
        }
        if let Some(schema) = alternatives(schema).find(|schema| !is_type(schema, "null")) {
            return Self::of(schema);
        }
        if is_type(schema, "object") {
            return match schema.get("additionalProperties") {
                Some(value) if value.is_object() => Self::Mapping(Box::new(Self::of(value))),
                _ if is_type(schema, "string") => Self::Deployment(fields(schema)),
                _ => Self::Record(fields(schema)),
            };
        }
        if let Some(item) = schema.get("items").filter(|_| is_type(schema, "array")) {
            let length = Bounds::of(schema, "minItems", "maxItems");
            return Self::List { item: Box::new(Self::of(item)), length };
        }
        match schema {
            _ if is_type(schema, "integer") => {
                Self::Integer { range: Bounds::of(schema, "minimum", "maximum") }
            }
            _ if is_type(schema, "boolean") => Self::Boolean,
            _ if is_type(schema, "number") => Self::Decimal,
            _ => Self::Text { length: Bounds::of(schema, "minLength", "maxLength") },
        }
    }
}

/// Whether a schema's `type` is or includes this one.
pub(crate) fn is_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    }
}

/// The branches of `anyOf`.
pub(crate) fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    schema.get("anyOf").and_then(Value::as_array).into_iter().flatten()
}

/// The allowed words, when only certain words are.
pub(crate) fn choices(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(text).collect());
    }
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    Some(branches.iter().filter_map(|branch| branch.get("const").and_then(text)).collect())
}

fn fields(schema: &Value) -> BTreeMap<String, Field> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |(name, schema_of_field): (&String, &Value)| {
        let required = is_required(schema, name);
        (name.clone(), Field { shape: Shape::of(schema_of_field), required })
    };
    properties.into_iter().flatten().map(field).collect()
}

/// Whether a record's schema requires this field.
pub(crate) fn is_required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name))
}

/// An editor must not complain where `${NAME}` stands for a number, or where an entry is left empty.
fn allow_environment(schema: &mut Value) {
    const REFERENCE: &str = r"^\$\{.+\}$";
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_environment),
        Value::Object(object) => {
            if let Some(branches) = object.get_mut("oneOf").and_then(Value::as_array_mut) {
                branches.push(json!({ "type": "string", "pattern": REFERENCE }));
            }
            let mut types: Vec<Value> = match object.get("type") {
                Some(Value::String(only)) => vec![json!(only)],
                Some(Value::Array(several)) => several.clone(),
                _ => Vec::new(),
            };
            if types.contains(&json!("integer")) || types.contains(&json!("boolean")) {
                types.push(json!("string"));
                object.insert("pattern".to_owned(), json!(REFERENCE));
            } else if types == [json!("object")] {
                types.push(json!("null"));
            }
            widen(object, types);
            object.values_mut().for_each(allow_environment);
        }
        _ => {}
    }
}

fn widen(object: &mut Map<String, Value>, types: Vec<Value>) {
    if let (Some(slot), true) = (object.get_mut("type"), types.len() > 1) {
        *slot = Value::Array(types);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Shape {
        let mut shape = &*SHAPE;
        for step in path.split('.') {
            shape = match (shape, step) {
                (Shape::Mapping(inner), "*") => inner,
                (Shape::List { item, .. }, "*") => item,
                (Shape::Record(fields), name) => &fields[name].shape,
                (other, name) => panic!("{path}: {name} in {other:?}"),
            };
        }
        shape.clone()
    }

    #[test]
    fn every_kind_of_field_is_understood() {
        assert!(matches!(
            at("gateway.max_json_depth"),
            Shape::Integer { range: Bounds { least: 8, most: 128 } }
        ));
        assert!(matches!(at("providers.*.type"), Shape::Text { .. }));
        assert!(matches!(at("providers.*.credentials.*.secret"), Shape::Text { .. }));
        assert!(matches!(at("providers.*.models.*.price.input"), Shape::Decimal));
        assert!(matches!(
            at("keys.*.requests_per_minute"),
            Shape::Integer { range: Bounds { least: 1, .. } }
        ));
        assert!(matches!(at("keys.*.disabled"), Shape::Boolean));
        assert_eq!(at("log.format"), Shape::Choice(vec!["text".into(), "json".into()]));
        assert!(
            matches!(at("providers.*.auth.scheme"), Shape::Choice(words) if words.contains(&"bearer".into()))
        );
        assert!(matches!(at("providers.*.credentials.*.fields.*"), Shape::Text { .. }));
        assert!(matches!(at("providers.*.parameters.*"), Shape::Text { .. }));
        assert!(matches!(at("providers.*.quirks.*"), Shape::Choice(words) if words.len() >= 5));
        assert!(matches!(at("providers.*.dialects.openai_chat.path"), Shape::Text { .. }));
        assert!(matches!(
            at("models.*.deployments"),
            Shape::List { length: Bounds { least: 1, most: 256 }, item } if matches!(*item, Shape::Deployment(_))
        ));
        let Shape::Record(fields) = &*SHAPE else { panic!("{:?}", *SHAPE) };
        assert!(fields.values().all(|field| !field.required));
    }

    #[test]
    fn the_published_schema_describes_every_field_and_holds_no_secret() {
        let schema = json_schema();
        for path in
            ["/properties/gateway", "/$defs/KeySpec/properties/secret", "/$defs/PriceSpec/properties/input"]
        {
            let description = schema.pointer(path).and_then(|field| field.get("description"));
            assert!(description.is_some_and(Value::is_string), "{path}");
        }
        assert_eq!(schema.pointer("/$defs/KeySpec/properties/secret/writeOnly"), Some(&json!(true)));
        assert_eq!(schema.pointer("/additionalProperties"), Some(&json!(false)));
        let port = schema.pointer("/$defs/GatewaySpec/properties/max_attempts/type");
        assert_eq!(port, Some(&json!(["integer", "string"])));
    }
}
