//! Values of conditions, and their types.

use std::borrow::Cow;
use std::sync::Arc;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    Text,
    Ints,
    Doubles,
    Texts,
    /// A list of nothing, which is a list of everything.
    Nothing,
}

impl Type {
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a decimal number",
            Self::Text => "a text",
            Self::Ints => "a list of whole numbers",
            Self::Doubles => "a list of decimal numbers",
            Self::Texts => "a list of texts",
            Self::Nothing => "an empty list",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double)
    }

    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Ints | Self::Doubles | Self::Texts | Self::Nothing)
    }

    /// What a list of this type holds.
    pub(super) fn item(self) -> Option<Self> {
        match self {
            Self::Ints => Some(Self::Int),
            Self::Doubles => Some(Self::Double),
            Self::Texts => Some(Self::Text),
            _ => None,
        }
    }

    /// A list of this.
    pub(super) fn list(self) -> Option<Self> {
        match self {
            Self::Int => Some(Self::Ints),
            Self::Double => Some(Self::Doubles),
            Self::Text => Some(Self::Texts),
            _ => None,
        }
    }

    /// Whether both can be compared for being the same.
    pub(super) fn meets(self, other: Self) -> bool {
        self == other
            || self.is_number() && other.is_number()
            || self == Self::Nothing && other.is_list()
            || other == Self::Nothing && self.is_list()
    }
}

/// What a condition works with.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Value<'v> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'v, str>),
    List(Items<'v>),
}

/// The items of a list, somebody else's or its own.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Items<'v> {
    Lent(&'v [Value<'v>]),
    Own(Arc<[Value<'v>]>),
}

impl<'v> Items<'v> {
    pub(super) fn as_slice(&self) -> &[Value<'v>] {
        match self {
            Self::Lent(items) => items,
            Self::Own(items) => items,
        }
    }
}

impl Value<'_> {
    /// Whether both are the same; whole and decimal numbers are compared by what they are worth.
    pub(super) fn is(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Bool(left), Value::Bool(right)) => left == right,
            (Self::Text(left), Value::Text(right)) => left == right,
            (Self::List(left), Value::List(right)) => {
                let (left, right) = (left.as_slice(), right.as_slice());
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.is(right))
            }
            _ => self.order(other) == Some(std::cmp::Ordering::Equal),
        }
    }

    /// Which is more, of numbers and texts.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(left), Value::Int(right)) => Some(left.cmp(right)),
            (Self::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }
}
