//! A located tree to the `Spec`, resource by resource.
//!
//! In: the tree and the shapes. Out: every resource that could be read and a diagnostic for everything that
//! could not: names, kinds of values, bounds and references to the environment. What a value means is not
//! looked at here.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::diagnostic::{Diagnostics, shown};
use crate::environment::{Environment, expand};
use crate::near::nearest;
use crate::place::Place;
use crate::schema::{Bounds, Field, SHAPE, Shape};
use crate::spec::{AliasSpec, KeySpec, ProviderSpec, Spec};
use crate::yaml::{Content, Entry, Node};

/// A provider, an alias or a key, and where it stands. `None` when it could not be read.
#[derive(Debug)]
pub(crate) struct Resource<'n, T> {
    pub(crate) place: Place<'n>,
    pub(crate) spec: Option<T>,
}

/// The file, read.
#[derive(Debug)]
pub(crate) struct Document<'n> {
    pub(crate) root: Place<'n>,
    /// The server's own sections; its resources are empty. `None` when the top level could not be read.
    pub(crate) server: Option<Spec>,
    pub(crate) providers: BTreeMap<String, Resource<'n, ProviderSpec>>,
    pub(crate) models: BTreeMap<String, Resource<'n, AliasSpec>>,
    pub(crate) keys: Vec<Resource<'n, KeySpec>>,
}

/// Reads a whole file.
pub(crate) fn document<'n>(node: &'n Node, env: Environment<'_>, found: &mut Diagnostics) -> Document<'n> {
    let mut reader = Reader { found, env };
    let root = Place::root(node);
    let mut document = Document {
        root: root.clone(),
        server: None,
        providers: BTreeMap::new(),
        models: BTreeMap::new(),
        keys: Vec::new(),
    };
    let mut server = Map::new();
    let Some((fields, mut whole)) = reader.fields(&root, &SHAPE) else { return document };
    for (name, place, field) in fields {
        let read = match (name, &field.shape) {
            ("providers", Shape::Mapping(shape)) => {
                reader.resources(&place, shape).map(|read| document.providers = read)
            }
            ("models", Shape::Mapping(shape)) => reader.resources(&place, shape).map(|read| document.models = read),
            ("keys", Shape::List { item, .. }) => reader.resource_list(&place, item).map(|read| document.keys = read),
            (_, shape) => reader.value(&place, shape).map(|value| {
                server.insert(name.to_owned(), value);
            }),
        };
        whole &= read.is_some();
    }
    document.server = reader.convert(whole.then_some(Value::Object(server)), &root);
    document
}

struct Reader<'r> {
    found: &'r mut Diagnostics,
    env: Environment<'r>,
}

/// A record's fields that stand in the file and are known, and whether that is all there is.
type Fields<'n, 's> = (Vec<(&'s str, Place<'n>, &'s Field)>, bool);

impl Reader<'_> {
    /// Reads a value; `None` when anything in it was wrong, all of which has been reported.
    fn value(&mut self, place: &Place<'_>, shape: &Shape) -> Option<Value> {
        match shape {
            Shape::Record(_) => self.record(place, shape),
            Shape::Mapping(inner) => {
                let (entries, mut whole) = self.entries(place)?;
                let mut read = Map::new();
                for entry in entries {
                    match self.value(&place.entry(&entry.key, entry.key_position, &entry.value), inner) {
                        Some(value) => drop(read.insert(entry.key.to_string(), value)),
                        None => whole = false,
                    }
                }
                whole.then_some(Value::Object(read))
            }
            Shape::List { item, length } => {
                let items = self.items(place)?;
                let mut whole = self.bounded(place, items.len() as u64, *length, "items");
                let mut read = Vec::with_capacity(items.len());
                for index in 0..items.len() {
                    match self.value(&place.item(index), item) {
                        Some(value) => read.push(value),
                        None => whole = false,
                    }
                }
                whole.then_some(Value::Array(read))
            }
            _ => self.scalar(place, shape),
        }
    }

    fn record(&mut self, place: &Place<'_>, shape: &Shape) -> Option<Value> {
        let (fields, mut whole) = self.fields(place, shape)?;
        let mut read = Map::new();
        for (name, place, field) in fields {
            match self.value(&place, &field.shape) {
                Some(value) => drop(read.insert(name.to_owned(), value)),
                None => whole = false,
            }
        }
        whole.then_some(Value::Object(read))
    }

    /// The known fields of a record. Fields without a value count as left out.
    fn fields<'n, 's>(&mut self, place: &Place<'n>, shape: &'s Shape) -> Option<Fields<'n, 's>> {
        let Shape::Record(known) = shape else { return None };
        let (entries, mut whole) = self.entries(place)?;
        let mut fields = Vec::new();
        for entry in entries {
            let here = place.entry(&entry.key, entry.key_position, &entry.value);
            match known.get_key_value(&*entry.key) {
                Some((_, field)) if matches!(entry.value.content, Content::Empty) && !field.required => {}
                Some((name, field)) => fields.push((name.as_str(), here, field)),
                None => {
                    self.unknown_field(place, entry, known);
                    whole = false;
                }
            }
        }
        for (name, _) in known.iter().filter(|(_, field)| field.required) {
            if !entries.iter().any(|entry| *entry.key == **name) {
                let message = format!("{} lacks the field `{name}`", subject(place));
                place.error(self.found, message, None);
                whole = false;
            }
        }
        Some((fields, whole))
    }

    fn unknown_field(&mut self, place: &Place<'_>, entry: &Entry, known: &BTreeMap<String, Field>) {
        let near = nearest(&entry.key, known.keys().map(String::as_str), 1);
        let hint = match near.first() {
            Some(near) => format!("write `{near}`"),
            None => format!("known are {}", words(known.keys().map(String::as_str))),
        };
        let mut here = place.entry(&entry.key, entry.key_position, &entry.value);
        here.position = entry.key_position;
        let message = match place.path.as_str() {
            "" => format!("unknown field {}", shown(&entry.key)),
            path => format!("unknown field {} in {path}", shown(&entry.key)),
        };
        here.error(self.found, message, Some(hint));
    }

    /// The entries of a mapping, of which none may repeat another.
    fn entries<'n>(&mut self, place: &Place<'n>) -> Option<(&'n [Entry], bool)> {
        let entries = match place.node.map(|node| &node.content) {
            Some(Content::Mapping(entries)) => &**entries,
            Some(Content::Empty) | None => &[],
            Some(other) => {
                let message = format!("{} must be a mapping, but is {}", subject(place), other.noun());
                place.error(self.found, message, Some("write `field: value` lines below it".to_owned()));
                return None;
            }
        };
        let mut whole = true;
        for entry in entries {
            if let Some(first) = entry.repeats {
                let mut here = place.entry(&entry.key, entry.key_position, &entry.value);
                here.position = entry.key_position;
                let message = format!("{} stands here for the second time", here.path);
                here.error(self.found, message, Some(format!("the first is in line {}; keep one", first.line)));
                whole = false;
            }
        }
        Some((entries, whole))
    }

    fn items<'n>(&mut self, place: &Place<'n>) -> Option<&'n [Node]> {
        match place.node.map(|node| &node.content) {
            Some(Content::List(items)) => Some(items),
            Some(other) => {
                let message = format!("{} must be a list, but is {}", subject(place), other.noun());
                place.error(self.found, message, Some("write `[ … ]`, or lines that begin with `- `".to_owned()));
                None
            }
            None => Some(&[]),
        }
    }

    /// A single value: its references are put in, then it is read as what its field holds.
    fn scalar(&mut self, place: &Place<'_>, shape: &Shape) -> Option<Value> {
        let text = match place.node.map(|node| &node.content) {
            Some(Content::Scalar(text)) => text,
            other => {
                let noun = other.map_or("nothing", Content::noun);
                place.error(self.found, format!("{} must be {}, but is {noun}", place.path, expected(shape)), None);
                return None;
            }
        };
        let text = match expand(text, self.env) {
            Ok(text) => text,
            Err(error) => {
                place.error(self.found, format!("{}: {error}", place.path), Some(error.hint()));
                return None;
            }
        };
        let read = match shape {
            Shape::Integer { range } => match text.parse::<u64>() {
                Ok(number) if !self.bounded(place, number, *range, "") => return None,
                number => number.ok().map(Value::from),
            },
            Shape::Boolean => text.parse::<bool>().ok().map(Value::from),
            Shape::Choice(choices) => choices.iter().any(|choice| *choice == *text).then(|| Value::from(&*text)),
            Shape::Text { length } if !self.bounded(place, text.chars().count() as u64, *length, "characters") => {
                return None;
            }
            _ => Some(Value::from(&*text)),
        };
        if read.is_none() {
            let hint = match shape {
                Shape::Choice(choices) => nearest(&text, choices.iter().map(String::as_str), 1).first().copied(),
                _ => None,
            };
            let message = format!("{} must be {}", place.with_value(), expected(shape));
            place.error(self.found, message, hint.map(|near| format!("write `{near}`")));
        }
        read
    }

    fn bounded(&mut self, place: &Place<'_>, number: u64, bounds: Bounds, unit: &str) -> bool {
        if bounds.contains(number) {
            return true;
        }
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        let (least, most) = (bounds.least, bounds.most);
        let range = match (least, most) {
            (_, u64::MAX) => format!("at least {least}{unit}"),
            (0, _) => format!("at most {most}{unit}"),
            _ => format!("from {least} to {most}{unit}"),
        };
        let verb = if unit.is_empty() { "be" } else { "have" };
        place.error(self.found, format!("{} must {verb} {range}", place.path), None);
        false
    }

    /// The entries of a section, each read alone: one that is wrong leaves the others as they are.
    fn resources<'n, T: DeserializeOwned>(
        &mut self,
        place: &Place<'n>,
        shape: &Shape,
    ) -> Option<BTreeMap<String, Resource<'n, T>>> {
        let (entries, _) = self.entries(place)?;
        let mut read = BTreeMap::new();
        for entry in entries {
            let place = place.entry(&entry.key, entry.key_position, &entry.value);
            let value = self.value(&place, shape);
            // Which of two entries of the same name is meant cannot be known, so neither is taken.
            let value = value.filter(|_| entry.repeats.is_none());
            let spec = self.convert(value, &place);
            let slot = read.entry(entry.key.to_string()).or_insert(Resource { place, spec });
            if entry.repeats.is_some() {
                slot.spec = None;
            }
        }
        Some(read)
    }

    fn resource_list<'n, T: DeserializeOwned>(
        &mut self,
        place: &Place<'n>,
        shape: &Shape,
    ) -> Option<Vec<Resource<'n, T>>> {
        let items = self.items(place)?;
        let mut read = Vec::with_capacity(items.len());
        for index in 0..items.len() {
            let place = place.item(index);
            let value = self.value(&place, shape);
            read.push(Resource { spec: self.convert(value, &place), place });
        }
        Some(read)
    }

    /// The typed form. The shapes come from the same structs, so a value that fits them can be converted; a
    /// disagreement is reported without the value.
    fn convert<T: DeserializeOwned>(&mut self, value: Option<Value>, place: &Place<'_>) -> Option<T> {
        let converted = serde_json::from_value(value?);
        if converted.is_err() {
            place.error(self.found, format!("{} does not fit its schema", subject(place)), None);
        }
        converted.ok()
    }
}

fn subject(place: &Place<'_>) -> &str {
    if place.path.is_empty() { "the file" } else { &place.path }
}

fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Text { .. } => "a text".to_owned(),
        Shape::Decimal => "a decimal number".to_owned(),
        Shape::Integer { .. } => "a whole number".to_owned(),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Choice(choices) => format!("one of {}", words(choices.iter().map(String::as_str))),
        Shape::List { .. } => "a list".to_owned(),
        Shape::Mapping(_) | Shape::Record(_) => "a mapping".to_owned(),
    }
}

/// Words in a row, each quoted.
pub(crate) fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
