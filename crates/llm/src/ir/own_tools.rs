//! How a client knows its tools where it does not know them as plain functions, which they are in the rest of the IR.
//!
//! In: what a request says of them. Out: the functions' names, and back from those to the client's own words.

use std::collections::{HashMap, HashSet};

/// The longest name of a function that every provider takes.
const NAME_MOST: usize = 64;

/// What a client calls its tools, where that is not the functions' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnTools {
    /// Names of the functions that the client knows as custom tools: they take free text, which is their argument
    /// `input`.
    pub custom: Vec<String>,
    /// The namespaces in which the client's tools stand.
    pub namespaces: Vec<Namespace>,
}

/// Tools that belong together, such as those of one MCP server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its tools, in order.
    pub tools: Vec<NamespacedTool>,
}

/// A tool of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacedTool {
    /// The function that stands for it.
    pub function: String,
    /// Its name within the namespace.
    pub name: String,
}

impl Namespace {
    /// Adds a tool by its name within the namespace; gives the function that stands for it.
    pub fn push(&mut self, name: String) -> String {
        let function = function_name(&self.name, &name);
        self.tools.push(NamespacedTool { function: function.clone(), name });
        function
    }
}

impl OwnTools {
    /// The client's words for one function; for many, [`Self::words`] is quicker.
    pub fn word<'o>(&'o self, function: &'o str) -> OwnWord<'o> {
        let mut all = self.namespaces.iter().flat_map(|namespace| {
            namespace.tools.iter().filter(|tool| tool.function == function).map(move |tool| (namespace, tool))
        });
        let custom = self.custom.iter().any(|custom| custom == function);
        OwnWord::of(function, all.next(), custom)
    }

    /// The client's words for all functions.
    pub fn words(&self) -> OwnWords<'_> {
        let mut places = HashMap::new();
        for namespace in &self.namespaces {
            for tool in &namespace.tools {
                places.entry(tool.function.as_str()).or_insert((namespace, tool));
            }
        }
        OwnWords { custom: self.custom.iter().map(String::as_str).collect(), places }
    }
}

/// The words of [`OwnTools`], to be looked up.
#[derive(Debug)]
pub struct OwnWords<'o> {
    custom: HashSet<&'o str>,
    places: HashMap<&'o str, (&'o Namespace, &'o NamespacedTool)>,
}

/// What a client calls a function.
#[derive(Debug, Clone, Copy)]
pub struct OwnWord<'o> {
    /// Its name, within the namespace if there is one.
    pub name: &'o str,
    /// The namespace in which it stands.
    pub namespace: Option<&'o Namespace>,
    /// Whether it takes free text.
    pub custom: bool,
}

impl<'o> OwnWords<'o> {
    /// The client's words for a function.
    pub fn of(&self, function: &'o str) -> OwnWord<'o> {
        OwnWord::of(function, self.places.get(function).copied(), self.custom.contains(function))
    }
}

impl<'o> OwnWord<'o> {
    fn of(function: &'o str, place: Option<(&'o Namespace, &'o NamespacedTool)>, custom: bool) -> Self {
        let name = place.map_or(function, |(_, tool)| tool.name.as_str());
        Self { name, namespace: place.map(|(namespace, _)| namespace), custom }
    }
}

/// The function that stands for a tool of a namespace: both names as one, as MCP clients join them. What is too long
/// loses its beginning, because tools of one namespace differ at their end.
pub fn function_name(namespace: &str, name: &str) -> String {
    let joined = format!("{}__{name}", namespace.trim_end_matches("__"));
    let start = joined.len().saturating_sub(NAME_MOST);
    let start = (start..joined.len()).find(|place| joined.is_char_boundary(*place)).unwrap_or(0);
    joined.get(start..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_found_by_its_function() {
        let mut namespace = Namespace { name: "mcp__gate".to_owned(), ..Namespace::default() };
        namespace.push("weather".to_owned());
        let function = namespace.push("now".to_owned());
        assert_eq!(function, "mcp__gate__now");
        let own = OwnTools { custom: vec![function], namespaces: vec![namespace] };
        let words = own.words();
        for word in [own.word("mcp__gate__now"), words.of("mcp__gate__now")] {
            let namespace = word.namespace.map(|namespace| namespace.name.as_str());
            assert_eq!((word.name, namespace, word.custom), ("now", Some("mcp__gate"), true));
        }
        for word in [own.word("now"), words.of("now")] {
            assert_eq!((word.name, word.namespace.is_none(), word.custom), ("now", true, false));
        }
        assert_eq!(function_name("mcp__gate__", "now"), "mcp__gate__now");
    }

    #[test]
    fn no_function_has_a_name_too_long() {
        let long = function_name(&"玉".repeat(40), "weather");
        assert!(long.len() <= NAME_MOST && long.ends_with("玉__weather"), "{long}");
        assert_eq!(function_name("n", &"w".repeat(80)), "w".repeat(NAME_MOST));
    }
}
