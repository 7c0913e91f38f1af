//! The tree to an expression whose names are known and whose types fit.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use regex::RegexBuilder;

use super::attributes::{Attribute, Map};
use super::parse::{Kind, Node};
use super::syntax::{Change, Clock, Comparison, Convert, Expression, Loop, Operation, Test};
use super::value::{Type, Value};
use super::{Program, Wrong};
use crate::near::nearest;

/// Bytes that one compiled pattern may take.
const PATTERN_BYTES_MOST: usize = 1 << 20;
/// Patterns of one condition.
const PATTERNS_MOST: usize = 16;

const FUNCTIONS: [&str; 18] = [
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "lowerAscii",
    "upperAscii",
    "trim",
    "int",
    "double",
    "string",
    "split",
    "all",
    "exists",
    "exists_one",
    "filter",
    "map",
    "has",
];

pub(super) fn check(tree: &Node) -> Result<Program, Wrong> {
    let mut checker = Checker { locals: Vec::new(), reads: Vec::new(), patterns: 0 };
    let (root, of) = checker.expression(tree)?;
    if of != Type::Bool {
        return Err(Wrong::new(
            tree.at,
            format!("a condition must be true or false, but this is {}", of.noun()),
        )
        .hint("compare it with something, as in `tokens > 1000`"));
    }
    Ok(Program { root, reads: checker.reads })
}

type Typed = (Expression, Type);

struct Checker<'t> {
    /// Variables of the loops around, the outermost first.
    locals: Vec<(&'t str, Type)>,
    reads: Vec<Attribute>,
    patterns: usize,
}

fn pair(left: Expression, right: Expression) -> Box<[Expression; 2]> {
    Box::new([left, right])
}

impl<'t> Checker<'t> {
    fn expression(&mut self, node: &'t Node) -> Result<Typed, Wrong> {
        Ok(match &node.kind {
            Kind::Int(number) => (Expression::Constant(Value::Int(*number)), Type::Int),
            Kind::Double(number) => (Expression::Constant(Value::Double(*number)), Type::Double),
            Kind::Text(text) => (Expression::Constant(Value::Text(text.clone().into())), Type::Text),
            Kind::List(items) => self.list(items)?,
            Kind::Name(name) => self.name(node.at, name)?,
            Kind::Member(of, name) => self.member(node.at, of, name)?,
            Kind::Index(of, index) => self.index(of, index)?,
            Kind::Call(None, name, arguments) => self.function(node.at, name, arguments)?,
            Kind::Call(Some(of), name, arguments) => self.method(node.at, of, name, arguments)?,
            Kind::Not(of) => (Expression::Not(Box::new(self.wanted(of, Type::Bool)?)), Type::Bool),
            Kind::Minus(of) => match self.expression(of)? {
                (of, kind) if kind.is_number() => (Expression::Minus(Box::new(of)), kind),
                (_, kind) => return Err(Wrong::new(node.at, format!("{} has no minus", kind.noun()))),
            },
            Kind::Binary(sign, left, right) => self.binary(sign, left, right)?,
            Kind::Choose(parts) => {
                let [condition, then, or] = &**parts;
                let condition = self.wanted(condition, Type::Bool)?;
                let ((then, kind), (other, other_kind)) = (self.expression(then)?, self.expression(or)?);
                if kind != other_kind {
                    return Err(differs(or.at, "both branches of `? :` must be alike", kind, other_kind));
                }
                (Expression::Choose(Box::new([condition, then, other])), kind)
            }
        })
    }

    /// An expression that must be of a type.
    fn wanted(&mut self, node: &'t Node, wanted: Type) -> Result<Expression, Wrong> {
        let (expression, kind) = self.expression(node)?;
        if kind == wanted {
            return Ok(expression);
        }
        Err(Wrong::new(node.at, format!("this must be {}, but is {}", wanted.noun(), kind.noun())))
    }

    fn list(&mut self, items: &'t [Node]) -> Result<Typed, Wrong> {
        let mut kind = None;
        let mut checked = Vec::with_capacity(items.len());
        for item in items {
            let (expression, of) = self.expression(item)?;
            let first = *kind.get_or_insert(of);
            if first != of {
                return Err(differs(item.at, "the items of a list must be alike", first, of));
            }
            checked.push(expression);
        }
        let kind = match kind {
            None => Type::Nothing,
            Some(kind) => {
                let at = items.first().map_or(0, |item| item.at);
                kind.list().ok_or_else(|| Wrong::new(at, format!("there are no lists of {}", kind.noun())))?
            }
        };
        let constants: Option<Box<[Value<'static>]>> = checked
            .iter()
            .map(|one| match one {
                Expression::Constant(value) => Some(value.clone()),
                _ => None,
            })
            .collect();
        Ok((constants.map_or_else(|| Expression::List(checked.into()), Expression::Constants), kind))
    }

    fn name(&mut self, at: usize, name: &'t str) -> Result<Typed, Wrong> {
        match name {
            "true" => return Ok((Expression::Constant(Value::Bool(true)), Type::Bool)),
            "false" => return Ok((Expression::Constant(Value::Bool(false)), Type::Bool)),
            _ => {}
        }
        if let Some((place, (_, kind))) =
            self.locals.iter().enumerate().rev().find(|(_, (local, _))| *local == name)
        {
            return Ok((Expression::Local(place), *kind));
        }
        self.attribute(at, name)
    }

    fn attribute(&mut self, at: usize, name: &str) -> Result<Typed, Wrong> {
        if let Some(attribute) = Attribute::ALL.iter().find(|attribute| attribute.name() == name) {
            self.read(*attribute);
            return Ok((Expression::Attribute(*attribute), attribute.of()));
        }
        if let Some((_, clock)) = Clock::ALL.iter().find(|(word, _)| *word == name) {
            return Ok(self.clock(*clock, TimeZone::UTC));
        }
        if Map::ALL.iter().any(|(map, _)| *map == name) {
            let hint = format!("write `{name}[\"a-name\"]`");
            return Err(Wrong::new(at, format!("`{name}` holds many values")).hint(hint));
        }
        let begins = format!("{name}.");
        let attributes =
            || Attribute::ALL.iter().map(|one| one.name()).chain(Clock::ALL.map(|(word, _)| word));
        let members = attributes().filter(|one| one.starts_with(&begins));
        let members: Vec<String> = members.map(|one| format!("`{one}`")).collect();
        let wrong = Wrong::new(at, format!("`{name}` is no attribute"));
        if !members.is_empty() {
            return Err(wrong.hint(format!("write {}", members.join(" or "))));
        }
        let known = || attributes().chain(Map::ALL.iter().map(|(map, _)| *map));
        Err(match nearest(name, known(), 1).first() {
            Some(near) => wrong.hint(format!("write `{near}`")),
            None => {
                let known: Vec<String> = known().map(|one| format!("`{one}`")).collect();
                wrong.hint(format!("known are {}; a text stands in quotes", known.join(", ")))
            }
        })
    }

    fn read(&mut self, attribute: Attribute) {
        if !self.reads.contains(&attribute) {
            self.reads.push(attribute);
        }
    }

    fn clock(&mut self, clock: Clock, zone: TimeZone) -> Typed {
        self.read(Attribute::Now);
        (Expression::Clock(clock, Box::new(zone)), Type::Int)
    }

    /// A clock that hangs somewhere, as in `now.hour("Europe/Berlin")`.
    fn clock_in(&mut self, clock: Clock, zone: &'t Node) -> Result<Typed, Wrong> {
        let Kind::Text(name) = &zone.kind else {
            return Err(Wrong::new(zone.at, "a time zone must be a text that stands here")
                .hint("write for example `now.hour(\"Europe/Berlin\")`"));
        };
        let known = jiff::tz::db();
        known.get(name).map(|zone| self.clock(clock, zone)).map_err(|_| no_zone(zone.at, name, known))
    }

    fn member(&mut self, at: usize, of: &'t Node, name: &'t str) -> Result<Typed, Wrong> {
        let Kind::Name(owner) = &of.kind else {
            return Err(Wrong::new(at, format!("nothing here has a member `{name}`")));
        };
        match map_of(of) {
            Some(map) => {
                let key = Expression::Constant(Value::Text(name.to_owned().into()));
                Ok((Expression::Entry(map, Box::new(key)), Type::Text))
            }
            None => self.attribute(at, &format!("{owner}.{name}")),
        }
    }

    fn index(&mut self, of: &'t Node, index: &'t Node) -> Result<Typed, Wrong> {
        if let Some(map) = map_of(of) {
            let key = self.key(map, index)?;
            return Ok((Expression::Entry(map, Box::new(key)), Type::Text));
        }
        let (list, kind) = self.expression(of)?;
        let Some(item) = kind.item() else {
            return Err(Wrong::new(of.at, format!("{} has no items", kind.noun())));
        };
        let index = self.wanted(index, Type::Int)?;
        Ok((Expression::Element(pair(list, index)), item))
    }

    /// A header's name is small letters, however it is written.
    fn key(&mut self, map: Map, node: &'t Node) -> Result<Expression, Wrong> {
        Ok(match self.wanted(node, Type::Text)? {
            Expression::Constant(Value::Text(name)) if map == Map::Header => {
                Expression::Constant(Value::Text(name.to_ascii_lowercase().into()))
            }
            other => other,
        })
    }

    fn binary(&mut self, sign: &str, left: &'t Node, right: &'t Node) -> Result<Typed, Wrong> {
        match sign {
            "&&" | "||" => {
                let both = pair(self.wanted(left, Type::Bool)?, self.wanted(right, Type::Bool)?);
                let make = if sign == "&&" { Expression::And } else { Expression::Or };
                return Ok((make(both), Type::Bool));
            }
            "in" => return self.within(left, right),
            _ => {}
        }
        let ((one, kind), (other, other_kind)) = (self.expression(left)?, self.expression(right)?);
        let comparison = match sign {
            "==" => Some(Comparison::Same),
            "!=" => Some(Comparison::Other),
            "<" => Some(Comparison::Less),
            "<=" => Some(Comparison::LessOrSame),
            ">" => Some(Comparison::More),
            ">=" => Some(Comparison::MoreOrSame),
            _ => None,
        };
        if let Some(comparison) = comparison {
            let ordered = !matches!(comparison, Comparison::Same | Comparison::Other);
            if !kind.meets(other_kind) || ordered && !(kind.is_number() || kind == Type::Text) {
                return Err(differs(right.at, &format!("`{sign}` cannot compare these"), kind, other_kind));
            }
            return Ok((Expression::Compare(comparison, pair(one, other)), Type::Bool));
        }
        if sign == "+" && kind == Type::Text && other_kind == Type::Text {
            return Ok((Expression::Join(pair(one, other)), Type::Text));
        }
        if kind != other_kind || !kind.is_number() {
            let wrong = differs(right.at, &format!("`{sign}` cannot be used with these"), kind, other_kind);
            let mixed = kind.is_number() && other_kind.is_number();
            return Err(if mixed {
                wrong.hint("write `double(…)` around the whole number")
            } else {
                wrong
            });
        }
        let operation = match sign {
            "+" => Operation::Add,
            "-" => Operation::Subtract,
            "*" => Operation::Multiply,
            "/" => Operation::Divide,
            _ if kind == Type::Double => {
                return Err(Wrong::new(left.at, "`%` is only for whole numbers"));
            }
            _ => Operation::Remainder,
        };
        Ok((Expression::Arithmetic(operation, pair(one, other)), kind))
    }

    fn within(&mut self, item: &'t Node, list: &'t Node) -> Result<Typed, Wrong> {
        if let Some(map) = map_of(list) {
            let key = self.key(map, item)?;
            return Ok((Expression::HasEntry(map, Box::new(key)), Type::Bool));
        }
        let ((one, kind), (all, of)) = (self.expression(item)?, self.expression(list)?);
        let fits = of == Type::Nothing || of.item().is_some_and(|item| item.meets(kind));
        if !fits {
            let wrong = differs(list.at, "`in` looks for a value in a list of such", kind, of);
            let texts = kind == Type::Text && of == Type::Text;
            return Err(if texts { wrong.hint("write `text.contains(\"…\")`") } else { wrong });
        }
        Ok((Expression::In(pair(one, all)), Type::Bool))
    }

    fn function(&mut self, at: usize, name: &str, arguments: &'t [Node]) -> Result<Typed, Wrong> {
        match (name, arguments) {
            ("size", [of]) => self.size(of),
            ("int", [of]) => self.convert(of, Convert::Int, Type::Int),
            ("double", [of]) => self.convert(of, Convert::Double, Type::Double),
            ("string", [of]) => self.convert(of, Convert::Text, Type::Text),
            ("has", [of]) => match &of.kind {
                Kind::Member(owner, key) if map_of(owner).is_some() => {
                    let map = map_of(owner).unwrap_or(Map::Header);
                    let key = Expression::Constant(Value::Text(key.clone().into()));
                    Ok((Expression::HasEntry(map, Box::new(key)), Type::Bool))
                }
                _ => Err(Wrong::new(of.at, "`has` asks for a member of `header` or `metadata`")
                    .hint("write `\"x-name\" in header`")),
            },
            ("split", [name]) => self.split(name, None),
            ("split", [name, by]) => self.split(name, Some(by)),
            _ => Err(unknown(at, name, arguments.len())),
        }
    }

    fn split(&mut self, name: &'t Node, by: Option<&'t Node>) -> Result<Typed, Wrong> {
        let Kind::Text(text) = &name.kind else {
            return Err(
                Wrong::new(name.at, "a split is called by a text").hint("write `split(\"new-model\")`")
            );
        };
        let by = by.map(|by| self.wanted(by, Type::Text)).transpose()?.map(Box::new);
        Ok((Expression::Split(text.as_str().into(), by), Type::Double))
    }

    fn size(&mut self, of: &'t Node) -> Result<Typed, Wrong> {
        match self.expression(of)? {
            (one, kind) if kind.is_list() || kind == Type::Text => {
                Ok((Expression::Size(Box::new(one)), Type::Int))
            }
            (_, kind) => Err(Wrong::new(of.at, format!("{} has no size", kind.noun()))),
        }
    }

    fn convert(&mut self, of: &'t Node, to: Convert, kind: Type) -> Result<Typed, Wrong> {
        match self.expression(of)? {
            (one, from) if from.is_number() || from == Type::Text => {
                Ok((Expression::Convert(to, Box::new(one)), kind))
            }
            (_, from) => Err(Wrong::new(of.at, format!("{} cannot be made {}", from.noun(), kind.noun()))),
        }
    }

    fn method(&mut self, at: usize, of: &'t Node, name: &str, arguments: &'t [Node]) -> Result<Typed, Wrong> {
        if let (Kind::Name(owner), [zone]) = (&of.kind, arguments)
            && let Some((_, clock)) =
                Clock::ALL.iter().find(|(word, _)| word.split_once('.') == Some((owner, name)))
        {
            return self.clock_in(*clock, zone);
        }
        let test = match name {
            "contains" => Some(Test::Contains),
            "startsWith" => Some(Test::StartsWith),
            "endsWith" => Some(Test::EndsWith),
            _ => None,
        };
        let change = match name {
            "lowerAscii" => Some(Change::Lower),
            "upperAscii" => Some(Change::Upper),
            "trim" => Some(Change::Trim),
            _ => None,
        };
        match (name, arguments) {
            (_, [what]) if test.is_some() => {
                let both = pair(self.wanted(of, Type::Text)?, self.wanted(what, Type::Text)?);
                Ok((Expression::Test(test.unwrap_or(Test::Contains), both), Type::Bool))
            }
            (_, []) if change.is_some() => {
                let of = Box::new(self.wanted(of, Type::Text)?);
                Ok((Expression::Change(change.unwrap_or(Change::Trim), of), Type::Text))
            }
            ("matches", [pattern]) => self.matches(of, pattern),
            ("size", []) => self.size(of),
            ("all", [name, body]) => self.repeat(of, Loop::All, name, body),
            ("exists", [name, body]) => self.repeat(of, Loop::Exists, name, body),
            ("exists_one", [name, body]) => self.repeat(of, Loop::ExistsOne, name, body),
            ("filter", [name, body]) => self.repeat(of, Loop::Filter, name, body),
            ("map", [name, body]) => self.repeat(of, Loop::Map, name, body),
            _ => Err(unknown(at, name, arguments.len())),
        }
    }

    fn matches(&mut self, of: &'t Node, pattern: &'t Node) -> Result<Typed, Wrong> {
        let of = self.wanted(of, Type::Text)?;
        let Kind::Text(text) = &pattern.kind else {
            return Err(Wrong::new(pattern.at, "the pattern of `matches` must be a text that stands here"));
        };
        self.patterns += 1;
        if self.patterns > PATTERNS_MOST {
            return Err(Wrong::new(pattern.at, format!("it has more than {PATTERNS_MOST} patterns")));
        }
        let built =
            RegexBuilder::new(text).size_limit(PATTERN_BYTES_MOST).dfa_size_limit(PATTERN_BYTES_MOST).build();
        let regex = built.map_err(|error| {
            let said = error.to_string();
            let said = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Wrong::new(pattern.at, format!("this pattern cannot be used: {said}"))
                .hint("write a backslash twice, or a raw text: `r\"\\d+\"`")
        })?;
        Ok((Expression::Matches(Box::new(of), Box::new(regex)), Type::Bool))
    }

    fn repeat(&mut self, of: &'t Node, kind: Loop, name: &'t Node, body: &'t Node) -> Result<Typed, Wrong> {
        let (list, of_list) = self.expression(of)?;
        let item = match of_list {
            Type::Nothing => Type::Text,
            list => list.item().ok_or_else(|| Wrong::new(of.at, format!("{} has no items", list.noun())))?,
        };
        let Kind::Name(variable) = &name.kind else {
            return Err(Wrong::new(name.at, "a name for each item must stand here")
                .hint("write for example `tags.exists(t, t == \"beta\")`"));
        };
        self.locals.push((variable, item));
        let checked = self.expression(body);
        self.locals.pop();
        let (expression, found) = checked?;
        let gives = match kind {
            Loop::Map => found
                .list()
                .ok_or_else(|| Wrong::new(body.at, format!("there are no lists of {}", found.noun())))?,
            _ if found != Type::Bool => {
                return Err(Wrong::new(
                    body.at,
                    format!("this must be true or false, but is {}", found.noun()),
                ));
            }
            Loop::Filter => of_list,
            Loop::All | Loop::Exists | Loop::ExistsOne => Type::Bool,
        };
        Ok((Expression::Loop(kind, pair(list, expression)), gives))
    }
}

fn map_of(node: &Node) -> Option<Map> {
    let Kind::Name(name) = &node.kind else { return None };
    Map::ALL.iter().find(|(word, _)| word == name).map(|(_, map)| *map)
}

fn differs(at: usize, what: &str, left: Type, right: Type) -> Wrong {
    Wrong::new(at, format!("{what}: {} and {}", left.noun(), right.noun()))
}

fn no_zone(at: usize, name: &str, known: &TimeZoneDatabase) -> Wrong {
    let wrong = Wrong::new(at, format!("`{name}` is no time zone"));
    let names: Vec<String> = known.available().map(|zone| zone.to_string()).collect();
    match nearest(name, names.iter().map(String::as_str), 1).first() {
        Some(near) => wrong.hint(format!("write `{near}`")),
        None => wrong.hint("write for example `Europe/Berlin`, as the IANA list has it"),
    }
}

fn unknown(at: usize, name: &str, arguments: usize) -> Wrong {
    if FUNCTIONS.contains(&name) {
        return Wrong::new(at, format!("`{name}` cannot be used like this, with {arguments} arguments"));
    }
    let wrong = Wrong::new(at, format!("`{name}` is no function"));
    match nearest(name, FUNCTIONS, 1).first() {
        Some(near) => wrong.hint(format!("write `{near}`")),
        None => wrong.hint(format!("known are {}", FUNCTIONS.join(", "))),
    }
}
