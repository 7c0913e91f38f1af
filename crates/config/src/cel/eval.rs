//! A condition evaluated for a request, in bounded steps.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use super::attributes::{Attribute, Map};
use super::syntax::{Change, Comparison, Convert, Expression, Loop, Operation, Test};
use super::value::{Items, Value};

/// Steps that one evaluation may take: each part of the condition that is looked at is one, and so is each stretch of text
/// that is searched.
pub const STEPS_MOST: u32 = 10_000;
/// Bytes of a text that are searched in one step; a pattern takes more time than a word.
const SEARCHED_BYTES: usize = 16 * 1024;
const MATCHED_BYTES: usize = 1024;
/// Longest text that a condition may put together.
const JOINED_MOST: usize = 64 * 1024;
/// Items of a list that a condition may make.
const ITEMS_MOST: usize = 1024;

/// Says what a request is.
pub trait Facts {
    /// An attribute, of the type that [`Attribute`] names.
    fn attribute(&self, attribute: Attribute) -> Result<Value<'_>, Fault>;
    /// A header or a member of `metadata`.
    fn entry(&self, map: Map, name: &str) -> Option<Cow<'_, str>>;
    /// A number from 0 up to 100 that stays the same for a text, or else for a session or a key.
    fn split(&self, name: &str, by: Option<&str>) -> f64;
}

/// Why a condition could not be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Fault {
    #[error("it takes more than {STEPS_MOST} steps")]
    Steps,
    #[error("it divides by zero")]
    Division,
    #[error("a number is too large")]
    Overflow,
    #[error("a list has no such item")]
    NoItem,
    #[error("a text is no number")]
    NoNumber,
    #[error("it makes a text or a list that is too long")]
    TooLong,
    /// Whoever evaluates is to find an attribute out, and to evaluate again.
    #[error("an attribute is not known yet")]
    Unknown(Attribute),
}

pub(super) fn holds(root: &Expression, facts: &dyn Facts) -> Result<bool, Fault> {
    let evaluation = Evaluation { facts, steps: Cell::new(STEPS_MOST) };
    evaluation.truth(root, &mut Vec::new())
}

struct Evaluation<'v> {
    facts: &'v dyn Facts,
    steps: Cell<u32>,
}

type Locals<'v> = Vec<Value<'v>>;

impl<'v> Evaluation<'v> {
    fn spend(&self, steps: usize) -> Result<(), Fault> {
        let left = u32::try_from(steps).ok().and_then(|steps| self.steps.get().checked_sub(steps));
        self.steps.set(left.ok_or(Fault::Steps)?);
        Ok(())
    }

    /// Types were checked when the condition was compiled, so that what is asked for is what is there.
    fn truth(&self, expression: &'v Expression, locals: &mut Locals<'v>) -> Result<bool, Fault> {
        Ok(matches!(self.value(expression, locals)?, Value::Bool(true)))
    }

    fn text(&self, expression: &'v Expression, locals: &mut Locals<'v>) -> Result<Cow<'v, str>, Fault> {
        match self.value(expression, locals)? {
            Value::Text(text) => Ok(text),
            _ => Ok(Cow::Borrowed("")),
        }
    }

    fn list(&self, expression: &'v Expression, locals: &mut Locals<'v>) -> Result<Items<'v>, Fault> {
        match self.value(expression, locals)? {
            Value::List(items) => Ok(items),
            _ => Ok(Items::Lent(&[])),
        }
    }

    fn value(&self, expression: &'v Expression, locals: &mut Locals<'v>) -> Result<Value<'v>, Fault> {
        self.spend(1)?;
        Ok(match expression {
            Expression::Constant(value) => lent(value),
            Expression::Constants(items) => Value::List(Items::Lent(items)),
            Expression::List(items) => {
                let items: Result<Arc<[Value<'v>]>, Fault> =
                    items.iter().map(|item| self.value(item, locals)).collect();
                Value::List(Items::Own(items?))
            }
            Expression::Attribute(attribute) => self.facts.attribute(*attribute)?,
            Expression::Clock(clock, zone) => match self.facts.attribute(Attribute::Now)? {
                Value::Int(now) => Value::Int(clock.shows(now, zone).ok_or(Fault::Overflow)?),
                other => other,
            },
            Expression::Local(place) => locals.get(*place).cloned().unwrap_or(Value::Bool(false)),
            Expression::Entry(map, key) => {
                let key = self.text(key, locals)?;
                Value::Text(self.facts.entry(*map, &key).unwrap_or_default())
            }
            Expression::HasEntry(map, key) => {
                let key = self.text(key, locals)?;
                Value::Bool(self.facts.entry(*map, &key).is_some())
            }
            Expression::Element(parts) => self.element(parts, locals)?,
            Expression::Not(of) => Value::Bool(!self.truth(of, locals)?),
            Expression::Minus(of) => match self.value(of, locals)? {
                Value::Int(number) => Value::Int(number.checked_neg().ok_or(Fault::Overflow)?),
                other => Value::Double(-other.number().unwrap_or(0.0)),
            },
            Expression::And(both) => Value::Bool(self.decide(both, false, locals)?),
            Expression::Or(both) => Value::Bool(self.decide(both, true, locals)?),
            Expression::Compare(comparison, both) => {
                let [left, right] = &**both;
                let (left, right) = (self.value(left, locals)?, self.value(right, locals)?);
                Value::Bool(compares(*comparison, &left, &right))
            }
            Expression::In(both) => {
                let [item, list] = &**both;
                let (item, list) = (self.value(item, locals)?, self.list(list, locals)?);
                self.spend(list.as_slice().len() / 16)?;
                Value::Bool(list.as_slice().iter().any(|one| one.is(&item)))
            }
            Expression::Arithmetic(operation, both) => {
                let [left, right] = &**both;
                let (left, right) = (self.value(left, locals)?, self.value(right, locals)?);
                calculate(*operation, &left, &right)?
            }
            Expression::Choose(parts) => {
                let [condition, then, or] = &**parts;
                let chosen = if self.truth(condition, locals)? { then } else { or };
                self.value(chosen, locals)?
            }
            Expression::Size(_)
            | Expression::Test(..)
            | Expression::Matches(..)
            | Expression::Change(..)
            | Expression::Join(_) => self.of_texts(expression, locals)?,
            Expression::Convert(to, of) => convert(*to, self.value(of, locals)?)?,
            Expression::Split(name, by) => {
                let by = by.as_ref().map(|by| self.text(by, locals)).transpose()?;
                Value::Double(self.facts.split(name, by.as_deref()))
            }
            Expression::Loop(kind, parts) => self.repeat(*kind, parts, locals)?,
        })
    }

    /// What looks through whole texts, and takes steps by their length.
    fn of_texts(&self, expression: &'v Expression, locals: &mut Locals<'v>) -> Result<Value<'v>, Fault> {
        Ok(match expression {
            Expression::Size(of) => {
                let size = match self.value(of, locals)? {
                    Value::Text(text) => {
                        self.spend(text.len() / SEARCHED_BYTES)?;
                        text.chars().count()
                    }
                    Value::List(items) => items.as_slice().len(),
                    _ => 0,
                };
                Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
            }
            Expression::Test(test, both) => {
                let [text, what] = &**both;
                let (text, what) = (self.text(text, locals)?, self.text(what, locals)?);
                Value::Bool(match test {
                    Test::Contains => {
                        self.spend(text.len() / SEARCHED_BYTES)?;
                        memchr::memmem::find(text.as_bytes(), what.as_bytes()).is_some()
                    }
                    Test::StartsWith => text.starts_with(&*what),
                    Test::EndsWith => text.ends_with(&*what),
                })
            }
            Expression::Matches(of, regex) => {
                let text = self.text(of, locals)?;
                self.spend(text.len() / MATCHED_BYTES)?;
                Value::Bool(regex.is_match(&text))
            }
            Expression::Change(change, of) => {
                let text = self.text(of, locals)?;
                self.spend(text.len() / MATCHED_BYTES)?;
                Value::Text(match change {
                    Change::Lower => Cow::Owned(text.to_ascii_lowercase()),
                    Change::Upper => Cow::Owned(text.to_ascii_uppercase()),
                    Change::Trim => match text {
                        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
                    },
                })
            }
            Expression::Join(both) => {
                let [left, right] = &**both;
                let (mut left, right) = (self.text(left, locals)?, self.text(right, locals)?);
                if left.len() + right.len() > JOINED_MOST {
                    return Err(Fault::TooLong);
                }
                left.to_mut().push_str(&right);
                Value::Text(left)
            }
            _ => Value::Bool(false),
        })
    }

    /// `&&` and `||`: as soon as one side decides it does not matter whether the other one can be evaluated.
    fn decide(
        &self,
        both: &'v [Expression; 2],
        decisive: bool,
        locals: &mut Locals<'v>,
    ) -> Result<bool, Fault> {
        let [left, right] = both;
        let first = self.truth(left, locals);
        if first == Ok(decisive) {
            return Ok(decisive);
        }
        let second = self.truth(right, locals)?;
        if second == decisive { Ok(decisive) } else { first }
    }

    fn element(&self, parts: &'v [Expression; 2], locals: &mut Locals<'v>) -> Result<Value<'v>, Fault> {
        let [list, index] = parts;
        let list = self.list(list, locals)?;
        let Value::Int(index) = self.value(index, locals)? else { return Err(Fault::NoItem) };
        let item = usize::try_from(index).ok().and_then(|index| list.as_slice().get(index));
        item.cloned().ok_or(Fault::NoItem)
    }

    fn repeat(
        &self,
        kind: Loop,
        parts: &'v [Expression; 2],
        locals: &mut Locals<'v>,
    ) -> Result<Value<'v>, Fault> {
        let [list, body] = parts;
        let list = self.list(list, locals)?;
        let mut kept = Vec::new();
        let mut count = 0_usize;
        let mut fault = None;
        for item in list.as_slice() {
            locals.push(item.clone());
            let found = self.value(body, locals);
            locals.pop();
            let holds = match (kind, found) {
                (Loop::Map, found) => {
                    kept.push(found?);
                    false
                }
                // Another item may still decide.
                (Loop::All | Loop::Exists, Err(error)) if error != Fault::Steps => {
                    fault.get_or_insert(error);
                    continue;
                }
                (_, found) => matches!(found?, Value::Bool(true)),
            };
            match kind {
                Loop::All if !holds => return Ok(Value::Bool(false)),
                Loop::Exists if holds => return Ok(Value::Bool(true)),
                Loop::Filter if holds => kept.push(item.clone()),
                _ => count += usize::from(holds),
            }
            if kept.len() > ITEMS_MOST {
                return Err(Fault::TooLong);
            }
        }
        match (kind, fault) {
            (Loop::All | Loop::Exists, Some(fault)) => Err(fault),
            (Loop::All, None) => Ok(Value::Bool(true)),
            (Loop::Exists, None) => Ok(Value::Bool(false)),
            (Loop::ExistsOne, _) => Ok(Value::Bool(count == 1)),
            (Loop::Filter | Loop::Map, _) => Ok(Value::List(Items::Own(kept.into()))),
        }
    }
}

/// The same value without a copy of its text.
fn lent<'v>(value: &'v Value<'static>) -> Value<'v> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        other => other.clone(),
    }
}

fn compares(comparison: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    use std::cmp::Ordering::{Greater, Less};
    match comparison {
        Comparison::Same => left.is(right),
        Comparison::Other => !left.is(right),
        Comparison::Less => left.order(right) == Some(Less),
        Comparison::LessOrSame => left.order(right).is_some_and(|order| order != Greater),
        Comparison::More => left.order(right) == Some(Greater),
        Comparison::MoreOrSame => left.order(right).is_some_and(|order| order != Less),
    }
}

fn calculate(operation: Operation, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'static>, Fault> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        if *right == 0 && matches!(operation, Operation::Divide | Operation::Remainder) {
            return Err(Fault::Division);
        }
        let result = match operation {
            Operation::Add => left.checked_add(*right),
            Operation::Subtract => left.checked_sub(*right),
            Operation::Multiply => left.checked_mul(*right),
            Operation::Divide => left.checked_div(*right),
            Operation::Remainder => left.checked_rem(*right),
        };
        return result.map(Value::Int).ok_or(Fault::Overflow);
    }
    let (left, right) = (left.number().unwrap_or(0.0), right.number().unwrap_or(0.0));
    Ok(Value::Double(match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
        Operation::Remainder => left % right,
    }))
}

fn convert(to: Convert, value: Value<'_>) -> Result<Value<'_>, Fault> {
    Ok(match (to, value) {
        (Convert::Int, Value::Double(number)) if number.is_finite() && number.abs() < i64::MAX as f64 => {
            Value::Int(number.trunc() as i64)
        }
        (Convert::Int, Value::Double(_)) => return Err(Fault::Overflow),
        (Convert::Int, Value::Text(text)) => Value::Int(text.trim().parse().map_err(|_| Fault::NoNumber)?),
        (Convert::Double, Value::Text(text)) => {
            Value::Double(text.trim().parse().map_err(|_| Fault::NoNumber)?)
        }
        (Convert::Double, other) => Value::Double(other.number().unwrap_or(0.0)),
        (Convert::Text, Value::Int(number)) => Value::Text(number.to_string().into()),
        (Convert::Text, Value::Double(number)) => Value::Text(number.to_string().into()),
        (_, other) => other,
    })
}
