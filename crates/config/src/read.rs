//! A located tree to the `Spec`, resource by resource.
//!
//! In: the tree and the shapes. Out: every resource that could be read and a diagnostic for everything that
//! could not: names, kinds of values, bounds and references to the environment. What a value means is not
//! looked at here.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostics, shown};
use crate::environment::{Environment, expand};
use crate::near::nearest;
use crate::place::Place;
use crate::schema::{Bounds, Field, SHAPE, Shape};
use crate::spec::{AliasSpec, KeySpec, PresetSpec, ProviderSpec, RuleSpec, Spec};
use crate::yaml::{Content, Entry, Node};

/// A provider, an alias or a key, and where it stands.
#[derive(Debug)]
pub(crate) struct Resource<'n, T> {
    pub(crate) place: Place<'n>,
    /// What could be read of it; `None` when too little could.
    pub(crate) spec: Option<T>,
    /// Whether all of it could be read. What could not is still checked, to report all faults at once.
    pub(crate) whole: bool,
}

/// The file, read.
#[derive(Debug)]
pub(crate) struct Document<'n> {
    pub(crate) root: Place<'n>,
    /// The server's own sections; its resources are empty.
    pub(crate) server: Spec,
    /// Whether everything but the resources could be read.
    pub(crate) whole: bool,
    pub(crate) providers: BTreeMap<String, Resource<'n, ProviderSpec>>,
    pub(crate) models: BTreeMap<String, Resource<'n, AliasSpec>>,
    pub(crate) keys: Vec<Resource<'n, KeySpec>>,
    pub(crate) presets: BTreeMap<String, Resource<'n, PresetSpec>>,
    pub(crate) rules: Vec<Resource<'n, RuleSpec>>,
}

/// Reads a whole file.
pub(crate) fn document<'n>(node: &'n Node, env: Environment<'_>, found: &mut Diagnostics) -> Document<'n> {
    let mut reader = Reader { found, env };
    let root = Place::root(node);
    let (mut providers, mut models, mut keys) =
        (Some(BTreeMap::new()), Some(BTreeMap::new()), Some(Vec::new()));
    let (mut presets, mut rules) = (Some(BTreeMap::new()), Some(Vec::new()));
    let mut server = Map::new();
    let mut errors_in_resources = 0;
    for (name, place, field) in reader.fields(&root, &SHAPE).unwrap_or_default() {
        let errors_before = reader.found.errors();
        match (name, &field.shape) {
            ("providers", Shape::Mapping(shape)) => providers = reader.resources(&place, shape),
            ("models", Shape::Mapping(shape)) => models = reader.resources(&place, shape),
            ("presets", Shape::Mapping(shape)) => presets = reader.resources(&place, shape),
            ("keys", Shape::List { item, length }) => keys = reader.resource_list(&place, item, *length),
            ("rules", Shape::List { item, length }) => rules = reader.resource_list(&place, item, *length),
            (_, shape) => {
                server.extend(reader.value(&place, shape).map(|value| (name.to_owned(), value)));
                continue;
            }
        }
        errors_in_resources += reader.found.errors() - errors_before;
    }
    let sections = providers.is_some() && models.is_some() && keys.is_some();
    let sections = sections && presets.is_some() && rules.is_some();
    let server = reader.convert(Value::Object(server), &root);
    let whole = sections && server.is_some() && reader.found.errors() == errors_in_resources;
    Document {
        root,
        server: server.unwrap_or_default(),
        whole,
        providers: providers.unwrap_or_default(),
        models: models.unwrap_or_default(),
        keys: keys.unwrap_or_default(),
        presets: presets.unwrap_or_default(),
        rules: rules.unwrap_or_default(),
    }
}

/// Reads one resource that stands in a file of its own: as JSON that needs no environment any more, and typed. With any
/// error there is nothing.
pub(crate) fn part<T: DeserializeOwned>(
    place: &Place<'_>,
    shape: &Shape,
    env: Environment<'_>,
    found: &mut Diagnostics,
) -> Option<(Value, T)> {
    let errors_before = found.errors();
    let mut reader = Reader { found, env };
    let value = reader.value(place, shape)?;
    if reader.found.errors() > errors_before {
        return None;
    }
    let typed = reader.convert(value.clone(), place)?;
    Some((value, typed))
}

struct Reader<'r> {
    found: &'r mut Diagnostics,
    env: Environment<'r>,
}

/// A record's fields that stand in the file and are known.
type Fields<'n, 's> = Vec<(&'s str, Place<'n>, &'s Field)>;

impl Reader<'_> {
    /// Reads a value. Everything that is wrong in it is reported; what is right is given, as far as it makes
    /// sense without the rest.
    fn value(&mut self, place: &Place<'_>, shape: &Shape) -> Option<Value> {
        match shape {
            Shape::Deployment(_) if place.is_scalar() => self.short_deployment(place),
            Shape::Record(_) | Shape::Deployment(_) => {
                let fields = self.fields(place, shape)?;
                let read = |(name, place, field): (&str, Place<'_>, &Field)| {
                    self.value(&place, &field.shape).map(|value| (name.to_owned(), value))
                };
                Some(Value::Object(fields.into_iter().filter_map(read).collect()))
            }
            Shape::Mapping(inner) => {
                let entries = self.entries(place)?;
                let read = |entry: &Entry| {
                    let here = place.entry(&entry.key, entry.key_position, &entry.value);
                    self.value(&here, inner).map(|value| (entry.key.to_string(), value))
                };
                Some(Value::Object(entries.iter().filter_map(read).collect()))
            }
            Shape::List { item, length } => {
                let items = self.items(place)?;
                let good = self.bounded(place, items.len() as u64, *length, "items");
                let read: Vec<_> =
                    (0..items.len()).filter_map(|index| self.value(&place.item(index), item)).collect();
                // Without one of its items the places of the others would no longer be right.
                (good && read.len() == items.len()).then_some(Value::Array(read))
            }
            _ => self.scalar(place, shape),
        }
    }

    /// A deployment that is written as one text.
    fn short_deployment(&mut self, place: &Place<'_>) -> Option<Value> {
        let text = self.scalar(place, &Shape::Text { length: Bounds { least: 0, most: u64::MAX } })?;
        let Some((provider, model)) = text.as_str().and_then(|text| text.split_once('/')) else {
            let hint = "write `provider/model`, or `{ provider: …, model: … }`".to_owned();
            place.error(self.found, format!("{} names no provider", place.with_value()), Some(hint));
            return None;
        };
        Some(json!({ "provider": provider, "model": model }))
    }

    /// The known fields of a record. Fields without a value count as left out.
    fn fields<'n, 's>(&mut self, place: &Place<'n>, shape: &'s Shape) -> Option<Fields<'n, 's>> {
        let (Shape::Record(known) | Shape::Deployment(known)) = shape else { return None };
        let entries = self.entries(place)?;
        let mut fields = Vec::new();
        for entry in entries {
            let here = place.entry(&entry.key, entry.key_position, &entry.value);
            match known.get_key_value(&*entry.key) {
                Some((_, field)) if matches!(entry.value.content, Content::Empty) && !field.required => {}
                Some((name, field)) => fields.push((name.as_str(), here, field)),
                None => self.unknown_field(place, entry, known),
            }
        }
        for (name, _) in known.iter().filter(|(_, field)| field.required) {
            if !entries.iter().any(|entry| *entry.key == **name) {
                let message = format!("{} lacks the field `{name}`", subject(place));
                place.error(self.found, message, None);
            }
        }
        Some(fields)
    }

    fn unknown_field(&mut self, place: &Place<'_>, entry: &Entry, known: &BTreeMap<String, Field>) {
        let known = || known.keys().map(String::as_str);
        let near = if self.found.is_full() { Vec::new() } else { nearest(&entry.key, known(), 1) };
        let hint = match near.first() {
            Some(near) => format!("write `{near}`"),
            None => format!("known are {}", words(known())),
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
    fn entries<'n>(&mut self, place: &Place<'n>) -> Option<&'n [Entry]> {
        let entries = match place.node.map(|node| &node.content) {
            Some(Content::Mapping(mapping)) => mapping.entries.as_slice(),
            Some(Content::Empty) | None => &[],
            Some(other) => {
                let message = format!("{} must be a mapping, but is {}", subject(place), other.noun());
                place.error(self.found, message, Some("write `field: value` lines below it".to_owned()));
                return None;
            }
        };
        for entry in entries {
            if let Some(first) = entry.repeats {
                let mut here = place.entry(&entry.key, entry.key_position, &entry.value);
                here.position = entry.key_position;
                let message = format!("{} stands here for the second time", here.path);
                here.error(
                    self.found,
                    message,
                    Some(format!("the first is in line {}; keep one", first.line)),
                );
            }
        }
        Some(entries)
    }

    fn items<'n>(&mut self, place: &Place<'n>) -> Option<&'n [Node]> {
        match place.node.map(|node| &node.content) {
            Some(Content::List(items)) => Some(items),
            Some(other) => {
                let message = format!("{} must be a list, but is {}", subject(place), other.noun());
                place.error(
                    self.found,
                    message,
                    Some("write `[ … ]`, or lines that begin with `- `".to_owned()),
                );
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
                place.error(
                    self.found,
                    format!("{} must be {}, but is {noun}", place.path, expected(shape)),
                    None,
                );
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
            Shape::Choice(choices) => {
                choices.iter().any(|choice| *choice == *text).then(|| Value::from(&*text))
            }
            Shape::Text { length }
                if !self.bounded(place, text.chars().count() as u64, *length, "characters") =>
            {
                return None;
            }
            _ => Some(Value::from(&*text)),
        };
        if read.is_none() {
            let hint = match shape {
                Shape::Choice(choices) => {
                    nearest(&text, choices.iter().map(String::as_str), 1).first().copied()
                }
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
        let mut read = BTreeMap::new();
        for entry in self.entries(place)? {
            let resource = self.resource(place.entry(&entry.key, entry.key_position, &entry.value), shape);
            // Which of two entries of the same name is meant cannot be known, so neither is taken.
            read.entry(entry.key.to_string()).or_insert(resource).whole &= entry.repeats.is_none();
        }
        Some(read)
    }

    fn resource_list<'n, T: DeserializeOwned>(
        &mut self,
        place: &Place<'n>,
        shape: &Shape,
        length: Bounds,
    ) -> Option<Vec<Resource<'n, T>>> {
        let items = self.items(place)?;
        if !self.bounded(place, items.len() as u64, length, "items") {
            return None;
        }
        Some((0..items.len()).map(|index| self.resource(place.item(index), shape)).collect())
    }

    fn resource<'n, T: DeserializeOwned>(&mut self, place: Place<'n>, shape: &Shape) -> Resource<'n, T> {
        let errors_before = self.found.errors();
        let value = self.value(&place, shape);
        let whole = self.found.errors() == errors_before;
        let spec = value.and_then(|value| match whole {
            true => self.convert(value, &place),
            false => serde_json::from_value(value).ok(),
        });
        Resource { place, whole: whole && spec.is_some(), spec }
    }

    /// The typed form. The shapes come from the same structs, so a value that fits them can be converted; a
    /// disagreement is reported without the value.
    fn convert<T: DeserializeOwned>(&mut self, value: Value, place: &Place<'_>) -> Option<T> {
        let converted = serde_json::from_value(value);
        if converted.is_err() {
            place.error(self.found, format!("{} does not fit its schema", subject(place)), None);
        }
        converted.ok()
    }
}

fn subject<'p>(place: &'p Place<'_>) -> &'p str {
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
        Shape::Mapping(_) | Shape::Record(_) | Shape::Deployment(_) => "a mapping".to_owned(),
    }
}

/// Words in a row, each quoted.
pub(crate) fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
