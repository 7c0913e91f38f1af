//! A condition as it is evaluated: names looked up, patterns compiled.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;

use super::attributes::{Attribute, Map};
use super::value::Value;

/// An expression whose type is known.
#[derive(Debug)]
pub(super) enum Expression {
    Constant(Value<'static>),
    /// A list of constants.
    Constants(Box<[Value<'static>]>),
    List(Box<[Expression]>),
    Attribute(Attribute),
    /// The time as a clock shows it somewhere.
    Clock(Clock, Box<TimeZone>),
    /// The variable of a loop, counted from the outermost.
    Local(usize),
    Entry(Map, Box<Expression>),
    HasEntry(Map, Box<Expression>),
    Element(Box<[Expression; 2]>),
    Not(Box<Expression>),
    Minus(Box<Expression>),
    And(Box<[Expression; 2]>),
    Or(Box<[Expression; 2]>),
    Compare(Comparison, Box<[Expression; 2]>),
    In(Box<[Expression; 2]>),
    Arithmetic(Operation, Box<[Expression; 2]>),
    Join(Box<[Expression; 2]>),
    Choose(Box<[Expression; 3]>),
    Size(Box<Expression>),
    Test(Test, Box<[Expression; 2]>),
    Matches(Box<Expression>, Box<Regex>),
    Change(Change, Box<Expression>),
    Convert(Convert, Box<Expression>),
    /// A share of a hundred that stays, by a name of its own, and by a text or else by session and key.
    Split(Box<str>, Option<Box<Expression>>),
    Loop(Loop, Box<[Expression; 2]>),
}

/// What is read of a clock and a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 1 (Monday) to 7.
    Weekday,
}

impl Clock {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("now.hour", Self::Hour), ("now.minute", Self::Minute), ("now.weekday", Self::Weekday)];

    /// What it shows at a time in seconds since 1970; none so far away that no calendar has it.
    pub(super) fn shows(self, seconds: i64, zone: &TimeZone) -> Option<i64> {
        let there = Timestamp::from_second(seconds).ok()?.to_zoned(zone.clone());
        Some(i64::from(match self {
            Self::Hour => there.hour(),
            Self::Minute => there.minute(),
            Self::Weekday => there.weekday().to_monday_one_offset(),
        }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Same,
    Other,
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Lower,
    Upper,
    Trim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Convert {
    Int,
    Double,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}
