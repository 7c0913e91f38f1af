//! Whether an answer's JSON is repaired: what the request asks for, and who may decide.

use std::sync::Arc;

use serde_json::Value;
use yumen_config::{Snapshot, VirtualKey};
use yumen_llm::dialects::Dialect;
use yumen_llm::json::{Kind, Object};

use crate::kinds::llm::plugins::are_only;
use crate::rejection::{Code, Rejection};

/// The member with which a request decides for itself.
const HEAL_JSON: &str = "heal_json";
/// OpenRouter's name for the repair.
pub const PLUGIN: &str = "response-healing";

/// What a request says about the form of its answer.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whether it decides itself.
    said: Option<bool>,
    /// Whether it asks for JSON.
    json: bool,
    /// Whether tools may be called.
    tools: bool,
    /// What the JSON has to follow.
    schema: Option<Arc<Value>>,
}

/// What is repaired of an answer.
#[derive(Debug, Clone)]
pub struct Healing {
    /// Its texts.
    pub text: bool,
    /// The arguments of its tool calls.
    pub arguments: bool,
    /// Whether the request itself asks for it: then it is told also when there was nothing to repair.
    pub is_explicit: bool,
    /// How deep its JSON may be.
    pub max_depth: usize,
    /// What the JSON of its texts has to follow.
    pub schema: Option<Arc<Value>>,
}

/// Reads what a request says.
pub fn wish(dialect: Dialect, object: &Object, body: &[u8]) -> Result<Wish, Rejection> {
    let wrong = || {
        let message = format!("`{HEAL_JSON}` must be true or false.");
        Rejection::new(Code::InvalidRequest, message).param(HEAL_JSON)
    };
    let present = |name: &str| object.get(body, name).filter(|field| field.kind != Kind::Null);
    let own = match present(HEAL_JSON) {
        Some(field) if field.kind == Kind::Bool => Some(field.value(body) == b"true"),
        Some(_) => return Err(wrong()),
        None => None,
    };
    let value = |name: &str| serde_json::from_slice(present(name)?.value(body)).ok();
    let said = own.or_else(|| plugin(&value("plugins")?));
    let tools = present("tools").is_some();
    let json = asks_json(dialect, &value);
    let schema = json.then(|| schema(dialect, &value)).flatten().map(Arc::new);
    Ok(Wish { said, json, tools, schema })
}

/// Whether the repair is asked for, or forbidden, among plugins.
fn plugin(plugins: &Value) -> Option<bool> {
    let plugin = plugins.as_array()?.iter().find(|plugin| plugin.get("id").is_some_and(|id| id == PLUGIN))?;
    Some(plugin.get("enabled").and_then(Value::as_bool).unwrap_or(true))
}

/// Whether plugins name nothing but the repair.
pub fn is_only_healing(plugins: &[u8]) -> bool {
    are_only(plugins, &[(PLUGIN, &[])])
}

/// Whether JSON is asked for, in the way of each dialect.
fn asks_json(dialect: Dialect, member: &dyn Fn(&str) -> Option<Value>) -> bool {
    let kind = |format: Option<Value>, of: &[&str]| {
        format.is_some_and(|format| {
            format.get("type").and_then(Value::as_str).is_some_and(|kind| of.contains(&kind))
        })
    };
    const JSON: &[&str] = &["json", "json_object", "json_schema"];
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions | Dialect::CohereChat => {
            kind(member("response_format"), JSON)
        }
        Dialect::OpenAiResponses => kind(member("text").and_then(|text| text.get("format").cloned()), JSON),
        Dialect::AnthropicMessages => {
            kind(member("output_format"), JSON)
                || kind(member("output_config").and_then(|config| config.get("format").cloned()), JSON)
        }
        Dialect::Gemini => {
            member("generationConfig").or_else(|| member("generation_config")).is_some_and(|config| {
                let said = |names: [&str; 2]| {
                    names.iter().find_map(|name| config.get(name)).filter(|value| !value.is_null())
                };
                said(["responseMimeType", "response_mime_type"])
                    .is_some_and(|kind| kind == "application/json")
                    || said(["responseSchema", "response_schema"]).is_some()
                    || said(["responseJsonSchema", "response_json_schema"]).is_some()
            })
        }
        Dialect::OllamaChat | Dialect::OllamaGenerate => {
            member("format").is_some_and(|format| format == "json" || format.is_object())
        }
        Dialect::AiSdk => kind(member("responseFormat"), JSON),
        _ => false,
    }
}

/// The schema that the JSON has to follow, in the way of each dialect.
fn schema(dialect: Dialect, member: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    let at = |name: &str, pointers: &[&str]| {
        let value = member(name)?;
        pointers
            .iter()
            .find_map(|pointer| value.pointer(pointer))
            .filter(|schema| schema.is_object())
            .cloned()
    };
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => at("response_format", &["/json_schema/schema"]),
        Dialect::CohereChat => at("response_format", &["/json_schema", "/schema"]),
        Dialect::OpenAiResponses => at("text", &["/format/schema"]),
        Dialect::AnthropicMessages => {
            at("output_format", &["/schema"]).or_else(|| at("output_config", &["/format/schema"]))
        }
        Dialect::Gemini => {
            let names =
                ["/responseJsonSchema", "/response_json_schema", "/responseSchema", "/response_schema"];
            at("generationConfig", &names).or_else(|| at("generation_config", &names))
        }
        Dialect::OllamaChat | Dialect::OllamaGenerate => at("format", &[""]),
        Dialect::AiSdk => at("responseFormat", &["/schema"]),
        _ => None,
    }
}

impl Wish {
    /// Whether the request asks for JSON.
    pub fn asks_json(&self) -> bool {
        self.json
    }

    /// What is repaired: the request decides, else the key, else the alias, else the gateway.
    pub fn decided(&self, snapshot: &Snapshot, key: &VirtualKey, model: &str) -> Option<Healing> {
        if !(self.json || self.tools || self.said == Some(true)) {
            return None;
        }
        let alias = || snapshot.target(model).and_then(|target| target.heal_json);
        let on = self.said.or(key.heal_json).or_else(alias).unwrap_or(snapshot.gateway.heal_json);
        on.then(|| Healing {
            text: self.json || self.said == Some(true),
            arguments: true,
            is_explicit: self.said == Some(true),
            max_depth: snapshot.gateway.max_json_depth,
            schema: self.schema.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use yumen_llm::json::scan_object;

    use super::*;

    fn read(dialect: Dialect, body: &str) -> Wish {
        wish(dialect, &scan_object(body.as_bytes(), 64).unwrap(), body.as_bytes()).unwrap()
    }

    #[test]
    fn json_is_asked_for_in_the_way_of_each_dialect() {
        use Dialect::{
            AiSdk, AnthropicMessages, CohereChat, Gemini, OllamaChat, OpenAiChat, OpenAiResponses,
        };
        for (dialect, body, json) in [
            (OpenAiChat, r#"{"response_format":{"type":"json_object"}}"#, true),
            (OpenAiChat, r#"{"response_format":{"type":"json_schema","json_schema":{}}}"#, true),
            (OpenAiChat, r#"{"response_format":{"type":"text"}}"#, false),
            (OpenAiChat, r#"{"response_format":null,"messages":[]}"#, false),
            (OpenAiResponses, r#"{"text":{"format":{"type":"json_schema"}}}"#, true),
            (OpenAiResponses, r#"{"text":{"verbosity":"low"}}"#, false),
            (AnthropicMessages, r#"{"output_format":{"type":"json_schema","schema":{}}}"#, true),
            (AnthropicMessages, r#"{"output_config":{"format":{"type":"json_schema"}}}"#, true),
            (Gemini, r#"{"generationConfig":{"responseMimeType":"application/json"}}"#, true),
            (Gemini, r#"{"generation_config":{"response_json_schema":{}}}"#, true),
            (Gemini, r#"{"generationConfig":{"responseMimeType":"text/plain"}}"#, false),
            (OllamaChat, r#"{"format":"json"}"#, true),
            (OllamaChat, r#"{"format":{"type":"object"}}"#, true),
            (OllamaChat, r#"{"format":""}"#, false),
            (CohereChat, r#"{"response_format":{"type":"json_object"}}"#, true),
            (AiSdk, r#"{"responseFormat":{"type":"json"}}"#, true),
        ] {
            assert_eq!(read(dialect, body).json, json, "{body}");
        }
    }

    #[test]
    fn a_request_decides_for_itself_in_two_ways() {
        for (body, said) in [
            (r#"{"heal_json":true}"#, Some(true)),
            (r#"{"heal_json":false,"plugins":[{"id":"response-healing"}]}"#, Some(false)),
            (r#"{"plugins":[{"id":"web"},{"id":"response-healing"}]}"#, Some(true)),
            (r#"{"plugins":[{"id":"response-healing","enabled":false}]}"#, Some(false)),
            (r#"{"plugins":[{"id":"web"}]}"#, None),
            (r#"{"heal_json":null}"#, None),
        ] {
            assert_eq!(read(Dialect::OpenAiChat, body).said, said, "{body}");
        }
        let body = br#"{"heal_json":"yes"}"#;
        assert!(wish(Dialect::OpenAiChat, &scan_object(body, 9).unwrap(), body).is_err());
        assert!(is_only_healing(br#"[{"id":"response-healing","enabled":true}]"#));
        for plugins in [r#"[{"id":"web"}]"#, r#"[{"id":"response-healing","model":"x"}]"#, "{}"] {
            assert!(!is_only_healing(plugins.as_bytes()), "{plugins}");
        }
    }
}
