//! Reading JSON that others wrote: objects field by field, with the path in every complaint.
//!
//! In: a body or a value inside it. Out: its fields, borrowed; what no one took stays as "the rest". `null` is
//! read as absent, a repeated name as its last value. Nothing here panics or recurses over its input.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::DecodeError;
use crate::ir::{Json, Part};
use crate::json::{ScanError, Walk, whole_number};

/// A place in the body, written as `messages[2].content`.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    Body,
    Key(&'p str),
    Index(usize),
}

impl<'p> At<'p> {
    /// The body itself.
    pub(super) const BODY: At<'static> = At { parent: None, step: Step::Body };

    pub(super) fn key(&'p self, key: &'p str) -> At<'p> {
        At { parent: Some(self), step: Step::Key(key) }
    }

    pub(super) fn index(&'p self, index: usize) -> At<'p> {
        At { parent: Some(self), step: Step::Index(index) }
    }

    /// The complaint that something else stands here.
    pub(super) fn expected(&self, what: &str) -> DecodeError {
        self.fault(&format!("expected {what}"))
    }

    /// A complaint about what stands here.
    pub(super) fn fault(&self, sentence: &str) -> DecodeError {
        match self.step {
            Step::Body => DecodeError { message: format!("request body: {sentence}"), param: None },
            _ => DecodeError { message: format!("{self}: {sentence}"), param: Some(self.to_string()) },
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(out)?;
        }
        match self.step {
            Step::Body => Ok(()),
            Step::Key(key) if self.parent.is_some_and(|parent| !matches!(parent.step, Step::Body)) => {
                write!(out, ".{key}")
            }
            Step::Key(key) => out.write_str(key),
            Step::Index(index) => write!(out, "[{index}]"),
        }
    }
}

/// A string that is borrowed when it holds no escapes.
#[derive(Debug, Clone, Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object whose fields are taken one by one.
#[derive(Debug)]
pub(super) struct Object<'a, 'p> {
    /// Where it stands.
    pub(super) at: At<'p>,
    fields: SmallVec<[(Cow<'a, str>, &'a RawValue); 12]>,
}

impl<'a> Object<'a, 'static> {
    /// Reads a whole body.
    pub(super) fn body(body: &'a [u8]) -> Result<Self, DecodeError> {
        let Members(fields) = serde_json::from_slice(body).map_err(|_| At::BODY.expected("a JSON object"))?;
        Ok(Self { at: At::BODY, fields })
    }
}

impl<'a, 'p> Object<'a, 'p> {
    pub(super) fn read(raw: &'a RawValue, at: At<'p>) -> Result<Self, DecodeError> {
        let Members(fields) = serde_json::from_str(raw.get()).map_err(|_| at.expected("an object"))?;
        Ok(Self { at, fields })
    }

    /// The same with every name in camelCase: protobuf's JSON also takes a field under its snake_case name.
    pub(super) fn in_camel_case(mut self) -> Self {
        for (name, _) in &mut self.fields {
            if let Some(camel) = camel_case(name) {
                *name = Cow::Owned(camel);
            }
        }
        self
    }

    /// Takes a field's value; `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = None;
        self.fields.retain(|(key, value)| {
            let here = key.as_ref() == name;
            if here {
                found = Some(*value);
            }
            !here
        });
        found.filter(|value| value.get() != "null")
    }

    fn take_as<T>(
        &mut self,
        name: &str,
        read: impl Fn(&'a RawValue, &At<'_>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        let value = self.take(name);
        value.map(|raw| read(raw, &self.at.key(name))).transpose()
    }

    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        self.take_as(name, string)
    }

    pub(super) fn need_string(&mut self, name: &str) -> Result<String, DecodeError> {
        self.string(name)?.ok_or_else(|| self.at.key(name).fault("is required"))
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, DecodeError> {
        self.take_as(name, |raw, at| match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(at.expected("true or false")),
        })
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, DecodeError> {
        self.take_as(name, |raw, at| {
            raw.get()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .ok_or_else(|| at.expected("a number"))
        })
    }

    pub(super) fn unsigned(&mut self, name: &str) -> Result<Option<u64>, DecodeError> {
        self.take_as(name, |raw, at| {
            whole_number(raw.get().as_bytes())
                .ok_or_else(|| at.expected("a whole number that is not negative"))
        })
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, DecodeError> {
        self.take_as(name, |raw, at| raw.get().parse().map_err(|_| at.expected("a whole number")))
    }

    pub(super) fn json(&mut self, name: &str) -> Option<Json> {
        self.take(name).map(Json::copied)
    }

    /// A field that must be an object, kept verbatim.
    pub(super) fn json_object(&mut self, name: &str) -> Result<Option<Json>, DecodeError> {
        self.take_as(name, |raw, at| {
            if raw.get().starts_with('{') { Ok(Json::copied(raw)) } else { Err(at.expected("an object")) }
        })
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Option<Vec<&'a RawValue>>, DecodeError> {
        self.take_as(name, list)
    }

    /// Drops what no one took.
    pub(super) fn forget(&mut self) {
        self.fields.clear();
    }

    /// The names and values that no one took.
    pub(super) fn rest(self) -> Vec<(String, Json)> {
        self.fields.into_iter().map(|(name, value)| (name.into_owned(), Json::copied(value))).collect()
    }
}

/// `name` in camelCase, when it is not so already. An underscore at the beginning is part of the name.
pub(super) fn camel_case(name: &str) -> Option<String> {
    let inner = name.trim_start_matches('_');
    if !inner.contains('_') {
        return None;
    }
    let mut camel = name.strip_suffix(inner).unwrap_or_default().to_owned();
    let mut raise = false;
    for letter in inner.chars() {
        match letter {
            '_' => raise = true,
            letter if std::mem::take(&mut raise) => camel.extend(letter.to_uppercase()),
            letter => camel.push(letter),
        }
    }
    Some(camel)
}

/// Whether `text` is one JSON object that every reader takes: numbers beyond what a double holds are JSON, too, but
/// most refuse them.
pub(super) fn is_object(text: &str) -> bool {
    let walk = || -> Result<bool, ScanError> {
        let mut walk = Walk::object(text.as_bytes(), usize::MAX)?;
        while walk.key()?.is_some() {
            walk.value()?;
        }
        Ok(walk.is_at_end())
    };
    walk().unwrap_or(false)
}

pub(super) fn string(raw: &RawValue, at: &At<'_>) -> Result<String, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| at.expected("a string"))
}

pub(super) fn list<'a>(raw: &'a RawValue, at: &At<'_>) -> Result<Vec<&'a RawValue>, DecodeError> {
    serde_json::from_str(raw.get()).map_err(|_| at.expected("a list"))
}

pub(super) fn strings(raw: &RawValue, at: &At<'_>) -> Result<Vec<String>, DecodeError> {
    list(raw, at)?.into_iter().enumerate().map(|(index, item)| string(item, &at.index(index))).collect()
}

/// Content: a string, or a list of which `item` reads each; `wanted` says what such a list is one of.
pub(super) fn content(
    raw: &RawValue,
    at: &At<'_>,
    wanted: &str,
    item: impl Fn(&RawValue, At<'_>) -> Result<Part, DecodeError>,
) -> Result<Vec<Part>, DecodeError> {
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(vec![Part::text(string(raw, at)?)]),
        Some(b'[') => {
            list(raw, at)?.into_iter().enumerate().map(|(index, raw)| item(raw, at.index(index))).collect()
        }
        _ => Err(at.expected(&format!("a string or a list of {wanted}"))),
    }
}

/// An object's members in order, values unread.
struct Members<'a>(SmallVec<[(Cow<'a, str>, &'a RawValue); 12]>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = SmallVec::new();
                while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// A value that should be a string but that some servers write otherwise. Reading it never fails.
#[derive(Debug, Default)]
pub(super) enum Loose<'a> {
    /// Absent, `null`, or something without text.
    #[default]
    Nothing,
    /// A string.
    Text(Cow<'a, str>),
    /// A whole number.
    Number(u64),
    /// A list or an object.
    Nested(serde_json::Value),
}

impl<'a> Loose<'a> {
    /// The string, when it is one and not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Loose::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// As [`Loose::text`], owned.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Loose::Text(text) if !text.is_empty() => Some(text.into_owned()),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Loose::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(std::marker::PhantomData))
    }
}

struct LooseVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for LooseVisitor<'a> {
    type Value = Loose<'a>;
    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Loose::Number(number))
    }
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(if number.fract() == 0.0 && (0.0..9e15).contains(&number) {
            Loose::Number(number as u64)
        } else {
            Loose::Nothing
        })
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        serde_json::Value::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Loose::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        serde_json::Value::deserialize(de::value::MapAccessDeserializer::new(map)).map(Loose::Nested)
    }
}
