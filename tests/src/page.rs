//! Pages of the documentation as tests use them: what stands in their fenced blocks is what is run.
//!
//! In: a page's path below `docs/`. Out: its blocks by their language, with the page's examples of an address, a key and
//! a model replaced by a test's own. A page that lost a block, or no longer names what is replaced, fails its test.

use yumen_testkit::{KEY, workspace_root};

/// What the pages write where a reader fills in their own: the gateway's URL, the virtual key, the model.
const EXAMPLES: [&str; 3] = ["http://127.0.0.1:8080", "sk-yu-…", "smart"];

/// A page.
#[derive(Debug, Clone)]
pub struct Page {
    path: String,
    text: String,
}

impl Page {
    /// Reads `docs/<path>`.
    pub fn read(path: &str) -> Self {
        let file = workspace_root().join("docs").join(path);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// All blocks of this language as they stand, in order; there is at least one.
    pub fn blocks(&self, language: &str) -> Vec<String> {
        let (mut found, mut block) = (Vec::new(), None::<(bool, String)>);
        for line in self.text.lines() {
            block = match (block, line.strip_prefix("```")) {
                (None, Some(head)) => Some((head == language, String::new())),
                (Some((wanted, text)), Some(_)) => {
                    found.extend(wanted.then_some(text));
                    None
                }
                (Some((wanted, text)), None) => Some((wanted, text + line + "\n")),
                (None, None) => None,
            };
        }
        assert!(!found.is_empty(), "{} has no block of {language}", self.path);
        found
    }

    /// All blocks of this language as one, for this gateway and model.
    pub fn block(&self, language: &str, url: &str, model: &str) -> String {
        let [example_url, example_key, example_model] = EXAMPLES;
        let text = self.blocks(language).join("\n");
        let text = text.replace(example_url, url).replace(example_key, KEY);
        text.replace(example_model, model)
    }

    /// The page's text.
    pub fn text(&self) -> &str {
        &self.text
    }
}
