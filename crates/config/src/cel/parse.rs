//! Words to a tree, by how strongly operators bind. Depth and size are bounded.

use super::Wrong;
use super::lex::{Token, Word};

/// Deepest nesting.
const DEPTH_MOST: usize = 48;
/// Most nodes of one condition.
const NODES_MOST: usize = 500;

/// A node of the tree, and where it begins in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Node>),
    Name(String),
    Member(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// A function, of a value or of none.
    Call(Option<Box<Node>>, String, Vec<Node>),
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Choose(Box<[Node; 3]>),
}

pub(super) fn parse(tokens: &[Token], end: usize) -> Result<Node, Wrong> {
    let mut parser = Parser { tokens, place: 0, end, depth: 0, nodes: 0 };
    let root = parser.expression()?;
    match parser.tokens.get(parser.place) {
        None => Ok(root),
        Some(_) => Err(parser.unexpected("an operator such as `&&`")),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    place: usize,
    /// Where the text ends.
    end: usize,
    depth: usize,
    nodes: usize,
}

/// How strongly a binary operator binds.
fn strength(word: &Word) -> Option<(&'static str, u8)> {
    let sign = match word {
        Word::Name(name) if name == "in" => return Some(("in", 3)),
        Word::Sign(sign) => *sign,
        _ => return None,
    };
    let strength = match sign {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" | "<" | "<=" | ">" | ">=" => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" => 5,
        _ => return None,
    };
    Some((sign, strength))
}

impl Parser<'_> {
    fn at(&self) -> usize {
        self.tokens.get(self.place).map_or(self.end, |token| token.at)
    }

    fn unexpected(&self, wanted: &str) -> Wrong {
        let found = match self.tokens.get(self.place).map(|token| &token.word) {
            None => "it ends".to_owned(),
            Some(Word::Name(name)) => format!("`{name}` stands"),
            Some(Word::Sign(sign)) => format!("`{sign}` stands"),
            Some(Word::Text(_)) => "a text stands".to_owned(),
            Some(Word::Int(_) | Word::Double(_)) => "a number stands".to_owned(),
        };
        Wrong::new(self.at(), format!("{found} where {wanted} should"))
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is = self
            .tokens
            .get(self.place)
            .is_some_and(|token| matches!(&token.word, Word::Sign(found) if *found == sign));
        self.place += usize::from(is);
        is
    }

    fn expects(&mut self, sign: &str) -> Result<(), Wrong> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn node(&mut self, at: usize, kind: Kind) -> Result<Node, Wrong> {
        self.nodes += 1;
        if self.nodes > NODES_MOST {
            return Err(Wrong::new(at, format!("it has more than {NODES_MOST} parts"))
                .hint("write several rules, or a list: `model in [\"a\", \"b\"]`"));
        }
        Ok(Node { at, kind })
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MOST {
            return Err(Wrong::new(self.at(), format!("it is nested more than {DEPTH_MOST} deep")));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn expression(&mut self) -> Result<Node, Wrong> {
        self.deeper(|parser| {
            let first = parser.binary(1)?;
            if !parser.takes("?") {
                return Ok(first);
            }
            let then = parser.expression()?;
            parser.expects(":")?;
            let or = parser.expression()?;
            let at = first.at;
            parser.node(at, Kind::Choose(Box::new([first, then, or])))
        })
    }

    /// Operators that bind at least this strongly. What evaluates a long chain walks down its left side: the number of all
    /// nodes bounds that.
    fn binary(&mut self, least: u8) -> Result<Node, Wrong> {
        let mut left = self.unary()?;
        while let Some((sign, strength)) = self
            .tokens
            .get(self.place)
            .and_then(|token| strength(&token.word))
            .filter(|(_, own)| *own >= least)
        {
            self.place += 1;
            let right = self.deeper(|parser| parser.binary(strength + 1))?;
            let at = left.at;
            left = self.node(at, Kind::Binary(sign, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, Wrong> {
        let at = self.at();
        if self.takes("!") {
            let of = self.deeper(Self::unary)?;
            return self.node(at, Kind::Not(Box::new(of)));
        }
        if self.takes("-") {
            let of = self.deeper(Self::unary)?;
            return self.node(at, Kind::Minus(Box::new(of)));
        }
        self.member()
    }

    fn member(&mut self) -> Result<Node, Wrong> {
        let mut node = self.primary()?;
        let mut links = 0;
        loop {
            let at = node.at;
            links += 1;
            if links > DEPTH_MOST {
                return Err(Wrong::new(self.at(), format!("it is nested more than {DEPTH_MOST} deep")));
            }
            if self.takes(".") {
                let Some(Token { word: Word::Name(name), .. }) = self.tokens.get(self.place) else {
                    return Err(self.unexpected("a name"));
                };
                let (name, name_at) = (name.clone(), self.at());
                self.place += 1;
                node = if self.takes("(") {
                    let arguments = self.list(")")?;
                    self.node(name_at, Kind::Call(Some(Box::new(node)), name, arguments))?
                } else {
                    self.node(at, Kind::Member(Box::new(node), name))?
                };
            } else if self.takes("[") {
                let index = self.expression()?;
                self.expects("]")?;
                node = self.node(at, Kind::Index(Box::new(node), Box::new(index)))?;
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Result<Node, Wrong> {
        let at = self.at();
        let Some(token) = self.tokens.get(self.place) else { return Err(self.unexpected("a value")) };
        let kind = match &token.word {
            Word::Int(number) => Kind::Int(*number),
            Word::Double(number) => Kind::Double(*number),
            Word::Text(text) => Kind::Text(text.clone()),
            Word::Name(name) if name != "in" => {
                self.place += 1;
                if self.takes("(") {
                    let arguments = self.list(")")?;
                    return self.node(at, Kind::Call(None, name.clone(), arguments));
                }
                return self.node(at, Kind::Name(name.clone()));
            }
            Word::Sign("(") => {
                self.place += 1;
                let within = self.expression()?;
                self.expects(")")?;
                return Ok(within);
            }
            Word::Sign("[") => {
                self.place += 1;
                let items = self.list("]")?;
                return self.node(at, Kind::List(items));
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.place += 1;
        self.node(at, kind)
    }

    /// What stands between brackets, up to the closing one.
    fn list(&mut self, close: &str) -> Result<Vec<Node>, Wrong> {
        let mut items = Vec::new();
        while !self.takes(close) {
            if !items.is_empty() {
                self.expects(",")?;
                if self.takes(close) {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }
}
