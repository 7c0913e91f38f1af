//! The texts and tools of a request, in whatever dialect it is written.
//!
//! In: the members of a body that hold messages. Out: their texts as they were meant. Nothing here refuses: what cannot be
//! read as a message counts with its JSON as text, so that no odd form hides what a condition looks for.

use serde::Deserialize;
use serde_json::value::RawValue;
use yumen_llm::json::{Kind, Object, decode_text};

use crate::kinds::llm::call::Call;

/// How deep contents within contents are looked at.
const DEPTH_MOST: usize = 4;
/// Tools of one request that are looked at.
const TOOLS_MOST: usize = 512;

/// The texts of a request.
#[derive(Debug, Default)]
pub struct Texts {
    /// Of all messages.
    pub all: String,
    /// Of the last message of the user.
    pub last: String,
    /// How many pictures there are.
    pub images: usize,
}

/// A message, as far as any dialect has one.
#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(default)]
    role: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default, alias = "parts", alias = "output")]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    images: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

/// A part of a content, as far as any dialect has one.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "output")]
    content: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "inline_data", alias = "fileData", alias = "file_data")]
    #[serde(rename = "inlineData")]
    data: Option<&'a RawValue>,
}

impl Texts {
    /// Reads the messages of a call.
    pub fn read(call: &Call) -> Self {
        if call.form.is_some() { Self::default() } else { Self::of(&call.object, &call.body) }
    }

    fn of(object: &Object, body: &[u8]) -> Self {
        let mut texts = Self::default();
        for name in ["system", "instructions", "systemInstruction"] {
            if let Some(field) = object.get(body, name) {
                texts.value(field.value(body));
            }
        }
        for name in ["messages", "input", "contents", "prompt"] {
            let Some(field) = object.get(body, name) else { continue };
            let value = field.value(body);
            let turns: Option<Vec<&RawValue>> =
                if field.kind == Kind::Array { serde_json::from_slice(value).ok() } else { None };
            match turns {
                Some(turns) => turns.iter().for_each(|turn| texts.turn(turn.get().as_bytes())),
                None => {
                    let from = texts.all.len();
                    texts.value(value);
                    texts.last = texts.all.get(from..).unwrap_or_default().trim_end().to_owned();
                }
            }
        }
        texts
    }

    /// A text, a list of parts, or an object that holds parts.
    fn value(&mut self, value: &[u8]) {
        if value.first() == Some(&b'{') { self.turn(value) } else { self.content(value, DEPTH_MOST) }
    }

    fn turn(&mut self, turn: &[u8]) {
        let from = self.all.len();
        let role = match turn.first() {
            Some(b'{') => match serde_json::from_slice::<Turn<'_>>(turn) {
                Ok(read) => {
                    let contents = [read.content, read.text];
                    for content in contents.into_iter().flatten() {
                        self.content(content.get().as_bytes(), DEPTH_MOST);
                    }
                    self.images += read.images.map_or(0, |images| images.len());
                    read.role
                }
                Err(_) => {
                    self.add(&String::from_utf8_lossy(turn));
                    None
                }
            },
            _ => {
                self.content(turn, DEPTH_MOST);
                None
            }
        };
        let said = self.all.get(from..).unwrap_or_default().trim_end();
        // A turn that only gives back what tools found says nothing.
        if !said.is_empty() && role.is_none_or(|role| role == "user") {
            self.last = said.to_owned();
        }
    }

    fn content(&mut self, content: &[u8], depth: usize) {
        match content.first() {
            Some(b'"') => self.add(&decode_text(content)),
            Some(b'[') if depth > 0 => match serde_json::from_slice::<Vec<&RawValue>>(content) {
                Ok(parts) => parts.iter().for_each(|part| self.part(part.get().as_bytes(), depth - 1)),
                Err(_) => self.add(&String::from_utf8_lossy(content)),
            },
            Some(b'{') => self.part(content, depth),
            _ => {}
        }
    }

    fn part(&mut self, part: &[u8], depth: usize) {
        if part.first() != Some(&b'{') {
            return self.content(part, depth);
        }
        let Ok(read) = serde_json::from_slice::<Part<'_>>(part) else {
            return self.add(&String::from_utf8_lossy(part));
        };
        let is_image = read.kind.is_some_and(|kind| kind.get().contains("image"));
        self.images += usize::from(is_image || read.data.is_some());
        if let Some(text) = read.text.filter(|text| text.get().starts_with('"')) {
            self.add(&decode_text(text.get().as_bytes()));
        }
        if let Some(content) = read.content.filter(|_| depth > 0) {
            self.content(content.get().as_bytes(), depth - 1);
        }
    }

    fn add(&mut self, text: &str) {
        self.all.push_str(text);
        self.all.push('\n');
    }
}

/// The names of the tools that may be called; one without a name counts with its type.
pub fn tool_names(object: &Object, body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Tool {
        #[serde(default)]
        name: Option<String>,
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        function: Option<Named>,
        #[serde(default, rename = "functionDeclarations", alias = "function_declarations")]
        declared: Vec<Named>,
    }
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        name: Option<String>,
    }
    let field = object.get(body, "tools").filter(|field| field.kind == Kind::Array);
    let tools: Option<Vec<&RawValue>> =
        field.and_then(|field| serde_json::from_slice(field.value(body)).ok());
    let named = |tool: &RawValue| -> Vec<String> {
        let Ok(tool) = serde_json::from_str::<Tool>(tool.get()) else { return vec![String::new()] };
        if !tool.declared.is_empty() {
            return tool.declared.into_iter().filter_map(|one| one.name).collect();
        }
        let name = tool.function.and_then(|one| one.name).or(tool.name).or(tool.kind);
        vec![name.unwrap_or_default()]
    };
    tools.unwrap_or_default().into_iter().flat_map(named).take(TOOLS_MOST).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yumen_llm::json::scan_object;

    use super::*;

    fn texts(body: &str) -> Texts {
        Texts::of(&scan_object(body.as_bytes(), 64).unwrap(), body.as_bytes())
    }

    #[test]
    fn messages_of_every_dialect_are_read() {
        for (body, all, last, images) in [
            (
                r#"{"system":"s","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#,
                "s\na\nb\n",
                "a",
                0,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"q"},{"type":"image_url","image_url":{}}]}]}"#,
                "q\n",
                "q",
                1,
            ),
            (
                r#"{"messages":[{"role":"user","content":"q"},{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"r"}]}]}]}"#,
                "q\nr\n",
                "r",
                0,
            ),
            (r#"{"input":"only"}"#, "only\n", "only", 0),
            (
                r#"{"instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call_output","output":"y"}]}"#,
                "i\nx\ny\n",
                "y",
                0,
            ),
            (
                r#"{"systemInstruction":{"parts":[{"text":"i"}]},"contents":[{"role":"model","parts":[{"text":"m"}]},{"parts":[{"text":"u"},{"inlineData":{"data":"aGk="}}]}]}"#,
                "i\nm\nu\n",
                "u",
                1,
            ),
            (r#"{"messages":[{"role":"user","content":"o","images":["a","b"]}]}"#, "o\n", "o", 2),
            (r#"{"prompt":"p\u00fc"}"#, "pü\n", "pü", 0),
            // What cannot be read as a message is looked through as it stands.
            (
                r#"{"messages":[{"role":"user","content":"x","content":"y"}]}"#,
                "{\"role\":\"user\",\"content\":\"x\",\"content\":\"y\"}\n",
                "{\"role\":\"user\",\"content\":\"x\",\"content\":\"y\"}",
                0,
            ),
            (r#"{"messages":7,"input":null}"#, "", "", 0),
        ] {
            let found = texts(body);
            assert_eq!(
                (found.all.as_str(), found.last.as_str(), found.images),
                (all, last, images),
                "{body}"
            );
        }
    }

    #[test]
    fn tools_are_called_what_their_dialect_calls_them() {
        let body = r#"{"tools":[{"type":"function","function":{"name":"a"}},{"name":"b","input_schema":{}},
            {"type":"web_search"},{"functionDeclarations":[{"name":"c"},{"name":"d"}]},7]}"#;
        let object = scan_object(body.as_bytes(), 64).unwrap();
        assert_eq!(tool_names(&object, body.as_bytes()), ["a", "b", "web_search", "c", "d", ""]);
    }

    proptest! {
        #[test]
        fn any_messages_end_without_a_panic(messages in r#"[\[\]{}":,a-z\\ 0-9]{0,60}"#) {
            let body = format!("{{\"messages\":{messages},\"tools\":{messages}}}");
            if let Ok(object) = scan_object(body.as_bytes(), 64) {
                let _ = (Texts::of(&object, body.as_bytes()), tool_names(&object, body.as_bytes()));
            }
        }
    }
}
