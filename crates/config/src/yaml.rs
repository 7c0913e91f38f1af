//! YAML text to a tree in which every node knows its place. The only room that knows the YAML parser.
//!
//! In: text. Out: a [`Node`] tree of bounded size and depth, or the one syntax error that stopped it. Scalars
//! stay text: what they mean is decided by the field they are in, so `no` is never a boolean by surprise.
//! Tags, merge keys and several documents are refused: a configuration has no use for them.

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span};

use crate::diagnostic::Position;

/// Largest file that is read.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 32;
/// Most nodes once all aliases are written out: an alias bomb ends here.
const MAX_NODES: usize = 1_000_000;

/// A node of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) position: Position,
    /// Where a scalar's text begins.
    pub(crate) text: Position,
    pub(crate) content: Content,
}

/// What a node holds. Children are shared with the aliases that repeat them.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Nothing, `null` or `~`.
    Empty,
    /// Any other scalar.
    Scalar(Arc<str>),
    List(Arc<[Node]>),
    Mapping(Arc<Mapping>),
}

/// Entries in the order of the file, and where each key stands first.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) entries: Vec<Entry>,
    index: HashMap<Arc<str>, usize>,
}

impl Mapping {
    /// The first entry with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(*self.index.get(key)?)
    }

    fn push(&mut self, key: Arc<str>, key_position: Position, value: Node) {
        let repeats = self.get(&key).map(|first| first.key_position);
        self.index.entry(Arc::clone(&key)).or_insert(self.entries.len());
        self.entries.push(Entry { key, key_position, value, repeats });
    }
}

/// An entry of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) key_position: Position,
    pub(crate) value: Node,
    /// Where the same key stands earlier in the same mapping.
    pub(crate) repeats: Option<Position>,
}

/// Why a text is no usable document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) message: String,
    pub(crate) hint: Option<&'static str>,
}

impl Content {
    /// What it is, for "expected …, found …".
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// Reads one document.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(SyntaxError { position: Position::default(), message, hint: None });
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder { lines: text.lines().collect(), ..Builder::default() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let position = position(error.marker());
            let line = text.lines().nth(position.line.saturating_sub(1)).unwrap_or_default();
            let hint = if line.contains("${") {
                "put values that contain `${…}` in quotes"
            } else {
                "look at the brackets, quotes and indentation here and in the lines before"
            };
            refused(position, &format!("this is not YAML: {}", error.info()), hint)
        })?;
        builder.take(event, &span)?;
    }
    Ok(builder.root.unwrap_or(Node::new(Position { line: 1, column: 1 }, Content::Empty)))
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// A collection that has begun and not ended.
struct Open {
    position: Position,
    anchor: usize,
    extent: Extent,
    kind: OpenKind,
}

/// How large a node is once its aliases are written out.
#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    depth: usize,
}

impl Extent {
    const ONE: Self = Self { nodes: 1, depth: 1 };
}

enum OpenKind {
    List(Vec<Node>),
    Mapping { mapping: Mapping, key: Option<(Arc<str>, Position)> },
}

/// Builds the tree from events, on a stack of its own.
#[derive(Default)]
struct Builder<'t> {
    lines: Vec<&'t str>,
    open: Vec<Open>,
    /// Finished nodes with an anchor.
    anchors: HashMap<usize, (Node, Extent)>,
    root: Option<Node>,
}

impl Node {
    fn new(position: Position, content: Content) -> Self {
        Self { position, text: position, content }
    }
}

impl Builder<'_> {
    /// Where the text of a scalar begins: behind its quote; the parser gives a block the place of its first line.
    fn text_of(&self, style: ScalarStyle, at: Position) -> Position {
        match style {
            ScalarStyle::Plain => at,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Position { column: at.column + 1, ..at },
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let first = self.lines.get(at.line.saturating_sub(1)).copied().unwrap_or_default();
                let indent = first.len() - first.trim_start_matches(' ').len();
                Position { column: indent + 1, ..at }
            }
        }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), SyntaxError> {
        let position = position(&span.start);
        if event.tag().is_some() {
            return Err(refused(position, "tags such as `!name` have no meaning here", "remove the tag"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let empty =
                    style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let content = if empty { Content::Empty } else { Content::Scalar(Arc::from(&*text)) };
                let text = self.text_of(style, position);
                self.finish(Node { position, text, content }, anchor, Extent::ONE)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(position, anchor, OpenKind::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let kind = OpenKind::Mapping { mapping: Mapping::default(), key: None };
                self.begin(position, anchor, kind)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let content = match open.kind {
                    OpenKind::List(items) => Content::List(items.into()),
                    OpenKind::Mapping { mapping, .. } => Content::Mapping(Arc::new(mapping)),
                };
                self.finish(Node::new(open.position, content), open.anchor, open.extent)
            }
            Event::Alias(anchor) => {
                let Some((node, extent)) = self.anchors.get(&anchor).cloned() else {
                    return Err(refused(position, "this alias stands inside its own anchor", "write it out"));
                };
                self.finish(Node { position, ..node }, 0, extent)
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(refused(position, "a second document begins here", "keep one document in the file"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, position: Position, anchor: usize, kind: OpenKind) -> Result<(), SyntaxError> {
        if matches!(self.open.last(), Some(Open { kind: OpenKind::Mapping { key: None, .. }, .. })) {
            return Err(key_must_be_a_word(position));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(position));
        }
        self.open.push(Open { position, anchor, extent: Extent::ONE, kind });
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, extent: Extent) -> Result<(), SyntaxError> {
        let position = node.position;
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        if self.open.len() + extent.depth > MAX_DEPTH + 1 {
            return Err(too_deep(position));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.extent.nodes = parent.extent.nodes.saturating_add(extent.nodes);
        parent.extent.depth = parent.extent.depth.max(extent.depth + 1);
        if parent.extent.nodes > MAX_NODES {
            return Err(refused(
                position,
                "the document is too large once its aliases are written out",
                "use fewer",
            ));
        }
        match &mut parent.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Mapping { mapping, key } => match key.take() {
                Some((name, key_position)) => mapping.push(name, key_position, node),
                None => match node.content {
                    Content::Scalar(name) if &*name == "<<" => {
                        return Err(refused(
                            position,
                            "merge keys (`<<`) are not read",
                            "write the fields out",
                        ));
                    }
                    Content::Scalar(name) => *key = Some((name, position)),
                    _ => return Err(key_must_be_a_word(position)),
                },
            },
        }
        Ok(())
    }
}

fn refused(position: Position, message: &str, hint: &'static str) -> SyntaxError {
    SyntaxError { position, message: message.to_owned(), hint: Some(hint) }
}

fn too_deep(position: Position) -> SyntaxError {
    refused(position, "the document is nested too deeply", "at most 32 levels are read")
}

fn key_must_be_a_word(position: Position) -> SyntaxError {
    refused(
        position,
        "a key must be a single word or text",
        "put a value that contains `${…}` or begins with `{` or `[` in quotes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        let error = parse(text).unwrap_err();
        format!("{}:{} {}", error.position.line, error.position.column, error.message)
    }

    #[test]
    fn every_node_knows_its_place() {
        let root = parse("a:\n  - x\n  - {b: 'ü', c: }\n").unwrap();
        let Content::Mapping(mapping) = &root.content else { panic!("{root:?}") };
        let Content::List(items) = &mapping.entries[0].value.content else { panic!("{root:?}") };
        assert_eq!(items[0].position, Position { line: 2, column: 5 });
        let Content::Mapping(inner) = &items[1].content else { panic!("{root:?}") };
        assert_eq!(inner.entries[1].key_position, Position { line: 3, column: 14 });
        assert!(matches!(inner.entries[1].value.content, Content::Empty));
    }

    #[test]
    fn what_a_configuration_has_no_use_for_is_refused() {
        assert_eq!(error("a: !x 1"), "1:7 tags such as `!name` have no meaning here");
        assert_eq!(error("a: 1\n---\nb: 2"), "2:1 a second document begins here");
        assert_eq!(error("a: &a {b: 1}\nc:\n  <<: *a"), "3:3 merge keys (`<<`) are not read");
        assert_eq!(error("a: &a [*a]"), "1:8 this alias stands inside its own anchor");
        assert_eq!(error("[a]: 1"), "1:1 a key must be a single word or text");
        assert!(error("a: {b").starts_with("1:4 this is not YAML: "), "{}", error("a: {b"));
        assert!(error(&"[".repeat(100_000)).contains("this is not YAML"));
        assert!(error(&"a: ".repeat(MAX_BYTES / 2)).contains("at most 4194304 are read"));
    }

    #[test]
    fn an_alias_bomb_is_refused_at_once() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{before}]\n");
        }
        assert!(error(&text).contains("too large once its aliases are written out"));
    }

    #[test]
    fn aliases_cannot_hide_depth() {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..5000 {
            text += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
        }
        assert!(error(&text).contains("nested too deeply"));
    }

    #[test]
    fn repeated_keys_are_marked() {
        let root = parse("a: 1\nb: 2\na: 3").unwrap();
        let Content::Mapping(mapping) = &root.content else { panic!("{root:?}") };
        assert_eq!(mapping.entries[2].repeats, Some(Position { line: 1, column: 1 }));
    }

    proptest! {
        #[test]
        fn any_text_ends_without_a_panic(text in "[-a-z:{}\\[\\],&*!#|>'\"%@`?\n \t]{0,80}") {
            let _ = parse(&text);
        }
    }
}
