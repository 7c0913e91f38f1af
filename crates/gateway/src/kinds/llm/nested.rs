//! Models that a request names below its top level: server tools and plugins that ask a model of their own.
//!
//! In: a call and who makes it. Out: nothing, or the refusal. A key for some models only may not reach another one
//! this way; it never judges what a plain function's schema contains.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use yumen_config::VirtualKey;
use yumen_llm::dialects::{ErrorShape, WEB_PLUGIN, codec};
use yumen_llm::json::{Field, Kind};

use super::call::Call;
use super::heal;
use super::plugins::are_only;
use crate::rejection::{Code, Rejection};

/// Members that carry settings of a provider or router, models among them.
const FREE_FORM: [&str; 2] = ["plugins", "providerOptions"];
/// Plugins with settings that name no model, and those settings: <https://openrouter.ai/docs/guides/features/plugins>
const PLUGINS: [(&str, &[&str]); 2] = [
    (heal::PLUGIN, &[]),
    (
        WEB_PLUGIN,
        &[
            "engine",
            "max_results",
            "max_uses",
            "search_prompt",
            "include_domains",
            "exclude_domains",
            "mode",
            "user_location",
        ],
    ),
];
/// Members whose contents are the client's own: texts, schemas, labels.
const OWN: &[&str] = &[
    "model",
    "models",
    "messages",
    "input",
    "contents",
    "system",
    "systemInstruction",
    "instructions",
    "prompt",
    "tools",
    "functions",
    "response_format",
    "format",
    "text",
    "output_format",
    "output_config",
    "generationConfig",
    "metadata",
    "labels",
    "tool_choice",
    "toolConfig",
    "function_call",
];
/// Types of a tool that the client runs itself.
const CLIENT_TOOLS: [&str; 2] = ["function", "custom"];

/// Refuses what could choose a model past the permissions of the key.
pub fn permit_nested(consumer: &VirtualKey, call: &Call) -> Result<(), Rejection> {
    // Of the AI SDK's requests nothing goes on as it stands, and what they name is asked for like the model itself.
    let is_rewritten = codec(call.dialect).outline().errors == ErrorShape::AiSdk;
    if is_rewritten || consumer.models.as_slice().iter().any(|pattern| &**pattern == "*") {
        return Ok(());
    }
    if let Some(form) = &call.form {
        let mut names = form.names(&call.body);
        let chosen = names.find(|name| {
            name != "model" && (is_selector(name) || FREE_FORM.contains(&name.as_str()) || name == "tools")
        });
        return match chosen {
            Some(name) => Err(further_model(&name)),
            None => Ok(()),
        };
    }
    let present = |name: &str| call.object.get(&call.body, name).filter(|field| field.kind != Kind::Null);
    if let Some((name, position)) =
        call.object.ambiguous(&call.body, &["tools", "plugins", "providerOptions"])
    {
        let message = format!(
            "The field at byte {position} could be read as a second `{name}`; send it once, spelt plainly."
        );
        return Err(Rejection::new(Code::AmbiguousField, message).param(name));
    }
    let harmless =
        |name: &str, field: &Field| name == "plugins" && are_only(field.value(&call.body), &PLUGINS);
    let free = |name: &&str| present(name).is_some_and(|field| !harmless(name, field));
    if let Some(name) = FREE_FORM.into_iter().find(free) {
        let message =
            format!("`{name}` may choose further models, and the virtual key is for some models only.");
        return Err(Rejection::new(Code::ModelNotAllowed, message).param(name));
    }
    for field in &call.object.fields {
        let name = field.key(&call.body);
        if !OWN.contains(&&*name) && name != "plugins" && selects(&name, field.value(&call.body)) {
            return Err(further_model(&name));
        }
    }
    let Some(tools) = present("tools") else { return Ok(()) };
    let tools: Vec<Tool> = serde_json::from_slice(tools.value(&call.body)).map_err(|_| {
        Rejection::new(Code::InvalidRequest, "`tools` must be a list of objects.").param("tools")
    })?;
    match tools.iter().position(|tool| tool.on_server && tool.selects) {
        Some(index) => {
            let message = format!(
                "`tools[{index}]` asks a model of its own, and the virtual key is for some models only."
            );
            Err(Rejection::new(Code::ModelNotAllowed, message).param(format!("tools[{index}]")))
        }
        None => Ok(()),
    }
}

fn further_model(name: &str) -> Rejection {
    let message = format!("`{name}` chooses a further model, and the virtual key is for some models only.");
    Rejection::new(Code::ModelNotAllowed, message).param(name)
}

/// Whether a member selects a model, by its own name or below.
fn selects(name: &str, value: &[u8]) -> bool {
    // Numbers, true and the like are no models; nor can they hold one.
    value.first().is_some_and(|first| matches!(first, b'"' | b'[' | b'{'))
        && serde_json::from_slice::<Seen>(value)
            .is_ok_and(|seen| seen.selects || (seen.names && is_selector(name)))
}

/// What counts of a tool. Repeated members are all read: an upstream may take any of them.
#[derive(Default)]
struct Tool {
    /// Whether some `type` says that it is not run by the client.
    on_server: bool,
    selects: bool,
}

/// What counts of any value.
#[derive(Default)]
struct Seen {
    /// Whether it can be the name of a model, or several.
    names: bool,
    /// Whether a member below selects a model.
    selects: bool,
    /// Whether it is the type of a tool that the client runs.
    client_tool: bool,
}

/// Whether a member of this name selects a model: `model`, `models`, `analysis_models`, `judgeModel` and the like.
fn is_selector(name: &str) -> bool {
    let name = name.to_uppercase();
    name.ends_with("MODEL") || name.ends_with("MODELS")
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Tool;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a tool")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tool, A::Error> {
                let mut tool = Tool::default();
                while let Some(name) = map.next_key::<String>()? {
                    let value: Seen = map.next_value()?;
                    if name.eq_ignore_ascii_case("type") {
                        tool.on_server |= !value.client_tool;
                    } else {
                        tool.selects |= value.selects || (value.names && is_selector(&name));
                    }
                }
                Ok(tool)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Seen;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Seen, E> {
        Ok(Seen { names: true, client_tool: CLIENT_TOOLS.contains(&text), ..Seen::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let mut seen = Seen { names: true, ..Seen::default() };
        while let Some(value) = list.next_element::<Seen>()? {
            seen.selects |= value.selects;
        }
        Ok(seen)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::default();
        while let Some(name) = map.next_key::<String>()? {
            let value: Seen = map.next_value()?;
            seen.selects |= value.selects || (value.names && is_selector(&name));
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tool: &str) -> bool {
        let tool: Tool = serde_json::from_str(tool).unwrap();
        tool.on_server && tool.selects
    }

    #[test]
    fn server_tools_that_name_a_model_are_found_in_every_spelling() {
        for tool in [
            r#"{"type":"advisor_20260301","name":"advisor","model":"big"}"#,
            r#"{"type":"openrouter:advisor","parameters":{"model":"big"}}"#,
            r#"{"type":"openrouter:fusion","parameters":{"analysis_models":["big"]}}"#,
            r#"{"type":"x","parameters":{"model":"big"},"parameters":{}}"#,
            r#"{"type":"function","Type":"advisor","model":"big"}"#,
            r#"{"type":"advisor","type":"function","\u006dodel":"big"}"#,
            r#"{"type":"x","list":[{"judgeModel":"big"}]}"#,
        ] {
            assert!(refused(tool), "{tool}");
        }
    }

    #[test]
    fn members_of_any_name_that_select_a_model_are_found() {
        for (name, value) in [
            ("compound_custom", r#"{"models":{"answering_model":"big"}}"#),
            ("fallback_model", r#""big""#),
            ("search", r#"[{"model":"big"}]"#),
        ] {
            assert!(selects(name, value.as_bytes()), "{name}: {value}");
        }
        for (name, value) in
            [("store_model", "true"), ("stop", r#""model""#), ("web_search_options", r#"{"context":"low"}"#)]
        {
            assert!(!selects(name, value.as_bytes()), "{name}: {value}");
        }
    }

    #[test]
    fn plugins_that_can_name_no_model_are_for_every_key() {
        for plugins in [
            r#"[{"id":"response-healing","enabled":true}]"#,
            r#"[{"id":"web","max_results":3,"include_domains":["example.org"]},{"id":"response-healing"}]"#,
            "[]",
        ] {
            assert!(are_only(plugins.as_bytes(), &PLUGINS), "{plugins}");
        }
        for plugins in [
            r#"[{"id":"web","model":"big"}]"#,
            r#"[{"id":"auto-router","allowed_models":["big"]}]"#,
            r#"[{"id":"auto-router","id":"web","allowed_models":["big"]}]"#,
            r#"{"id":"web"}"#,
        ] {
            assert!(!are_only(plugins.as_bytes(), &PLUGINS), "{plugins}");
        }
    }

    #[test]
    fn what_the_client_runs_itself_may_be_about_models() {
        for tool in [
            r#"{"type":"function","function":{"name":"list_models","parameters":{"required":["model"],"models":["x"]}}}"#,
            r#"{"type":"custom","name":"pick","input_schema":{"properties":{"model":{"enum":["a"]}}}}"#,
            r#"{"name":"pick","input_schema":{"properties":{"model":{"type":"string"}},"model":"x"}}"#,
            r#"{"type":"web_search_20250305","name":"web_search","max_uses":5}"#,
            r#"{"type":"mcp_toolset","configs":{"list_models":{"enabled":false}}}"#,
        ] {
            assert!(!refused(tool), "{tool}");
        }
    }
}
