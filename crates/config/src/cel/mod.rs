//! Conditions of rules: a typed part of the Common Expression Language, compiled once, evaluated in bounded time.
//!
//! In: the text of a condition, and while the gateway runs [`Facts`] that say what a request is. Out: a [`Program`], or what
//! is wrong with the text and where; then true, false or a [`Fault`]. Every type is known when a text is compiled, so that
//! what can be wrong with it is found then; what a request can still do is run out of [`STEPS_MOST`] or divide by zero.
//! It never looks at a request itself: facts are asked for one by one, when a condition reads them.

mod attributes;
mod check;
mod eval;
mod lex;
mod parse;
mod syntax;
mod value;

pub use attributes::{Attribute, Map};
pub use eval::{Facts, Fault, STEPS_MOST};
pub use value::{Items, Value};

/// Longest text of a condition.
const SOURCE_MOST: usize = 4096;

/// What is wrong with a condition: where in its text (in bytes), and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where in the text.
    pub at: usize,
    /// What.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Wrong {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A condition, compiled.
#[derive(Debug)]
pub struct Program {
    root: syntax::Expression,
    reads: Vec<Attribute>,
}

impl Program {
    /// Compiles a condition.
    pub fn compile(source: &str) -> Result<Self, Wrong> {
        if source.len() > SOURCE_MOST {
            return Err(Wrong::new(0, format!("it has more than {SOURCE_MOST} bytes")));
        }
        let tree = parse::parse(&lex::tokens(source)?, source.len())?;
        check::check(&tree)
    }

    /// Whether it reads an attribute.
    pub fn reads(&self, attribute: Attribute) -> bool {
        self.reads.contains(&attribute)
    }

    /// Whether it holds for a request.
    pub fn holds(&self, facts: &dyn Facts) -> Result<bool, Fault> {
        eval::holds(&self.root, facts)
    }
}

#[cfg(test)]
mod tests;
