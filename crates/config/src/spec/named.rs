//! Closed lists of names that other crates own (dialects, quirks, operations, ways to think), asked from their own serde
//! implementation, so that no list is kept twice.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::json;
use yumen_llm::catalogue::Word as _;
use yumen_llm::dialects::Dialect;

use super::DialectSpec;
use crate::routing::{FailureClass, Reaction};

/// The names of an enum's variants as they are written.
pub(super) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    // The outcome is always an error: nothing is read, only the list of variants is heard.
    let _ = T::deserialize(Listener(&mut found));
    found
}

/// Schema of a list of such names that may be left out.
pub(super) fn optional_list<T: DeserializeOwned>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["array", "null"], "items": { "type": "string", "enum": names::<T>() } })
}

/// Schema of one such name that may be left out.
pub(super) fn optional<T: DeserializeOwned>(_: &mut SchemaGenerator) -> Schema {
    let names = names::<T>().iter().map(|name| serde_json::Value::from(*name));
    let names: Vec<_> = names.chain([serde_json::Value::Null]).collect();
    json_schema!({ "type": ["string", "null"], "enum": names })
}

/// Schema of a mapping from classes of failures to reactions that may be left out.
pub(super) fn on_failure(_: &mut SchemaGenerator) -> Schema {
    let reactions = names::<Reaction>();
    let field = |class: &FailureClass| {
        let usual = class.usual().word();
        let told =
            json!({ "type": "string", "enum": reactions, "default": usual, "description": class.sentence() });
        (class.word().to_owned(), told)
    };
    let fields: serde_json::Map<String, serde_json::Value> = FailureClass::ALL.iter().map(field).collect();
    json_schema!({ "type": ["object", "null"], "properties": fields, "additionalProperties": false })
}

/// Schema of a mapping from dialects to where they are spoken.
pub(super) fn dialects(generator: &mut SchemaGenerator) -> Schema {
    let place = DialectSpec::json_schema(generator);
    let fields: serde_json::Map<String, serde_json::Value> =
        names::<Dialect>().iter().map(|name| ((*name).to_owned(), place.clone().to_value())).collect();
    json_schema!({ "type": ["object", "null"], "properties": fields, "additionalProperties": false })
}

/// A deserializer that only listens to which variants are expected.
struct Listener<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("this is no enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = variants;
        Err(serde::de::Error::custom("only listening"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_llm::catalogue::{Operation, Quirk};

    #[test]
    fn lists_come_from_their_owners() {
        assert!(names::<Dialect>().contains(&"openai_chat"));
        assert!(names::<Quirk>().contains(&"no_stream_options"));
        assert_eq!(names::<Operation>().first(), Some(&"chat"));
        assert!(names::<String>().is_empty());
    }
}
