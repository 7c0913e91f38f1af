//! Writes an upstream's request.

use super::super::block::{sayable, write_block, write_cache_control};
use crate::dialects::claude::{BEGINS_ANEW, Written, begins_anew, forces_a_call, thinking};
use crate::dialects::json_mode::JSON_INSTRUCTION;
use crate::dialects::{
    DecodeError, Dialect, Encoded, Losses, Quirk, SearchForm, Target, Thinking, refuse, search, write,
};
use crate::ir::{
    Chat, Content, Effort, Message, Part, ReasoningMode, ResponseFormat, Role, Tool, ToolChoice,
};

/// The output limit when neither the client nor the catalogue names one; the API must be given one.
const DEFAULT_MAX_TOKENS: u64 = 4096;

/// Writes a messages request.
pub(in super::super) fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let max_tokens = max_tokens(chat, target);
    let thinking = thinking(chat, target, max_tokens, &mut losses);
    if chat.continues && begins_anew(target, thinking) {
        return Err(refuse("messages", BEGINS_ANEW));
    }
    if searches_beside_a_namesake(chat, target) {
        let message = "a function of this name cannot stand beside web search, whose tool has it";
        return Err(refuse("tools.web_search", message));
    }
    let turns = turns(&chat.messages, &mut losses);
    if turns.is_empty() {
        return Err(refuse("messages", "at least one message with content is needed"));
    }
    let mut body = Vec::with_capacity(1024);
    write::object(&mut body, |out| {
        match target.anthropic_version() {
            Some(version) => out.text("anthropic_version", version),
            None => out.text("model", target.model),
        }
        if target.anthropic_version().is_some() && !target.betas.is_empty() {
            out.texts("anthropic_beta", target.betas.iter().copied());
        }
        out.number("max_tokens", max_tokens);
        write_system(chat, out, &mut losses);
        out.list("messages", |list| turns.iter().for_each(|turn| turn.write(list, &mut losses)));
        write_tools(chat, target, out, &mut losses);
        write_sampling(chat, target.thinking, thinking, out, &mut losses);
        write_thinking(chat, target.thinking, thinking, out, &mut losses);
        if let Some(user) = &chat.user {
            out.object("metadata", |metadata| metadata.text("user_id", user));
        }
        match chat.service_tier.as_deref() {
            Some("auto") => out.text("service_tier", "auto"),
            Some("default") => out.text("service_tier", "standard_only"),
            other => losses.note_if(other.is_some(), "service_tier"),
        }
        write_cache_control(chat.cache_control.as_ref(), out);
        if chat.stream && !target.has(Quirk::ClaudeOnBedrock) {
            out.boolean("stream", true);
        }
    });
    losses.note_if(chat.metadata.is_some(), "metadata");
    losses.extra(&chat.extra);
    Ok(Encoded { body, lossy: losses.into_names(), ..Encoded::default() })
}

fn max_tokens(chat: &Chat, target: &Target<'_>) -> u64 {
    chat.max_tokens.or(target.max_output).unwrap_or_else(|| {
        let budget = chat.reasoning.as_ref().and_then(|reasoning| reasoning.budget_tokens).unwrap_or(0);
        DEFAULT_MAX_TOKENS.saturating_add(budget)
    })
}

/// One turn of the wire: neighbours of one role are joined, as the API joins them itself.
struct Turn<'a> {
    assistant: bool,
    /// Tool results, which must stand first.
    results: Vec<&'a Part>,
    rest: Vec<&'a Part>,
}

fn turns<'a>(messages: &'a [Message], losses: &mut Losses) -> Vec<Turn<'a>> {
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for message in messages {
        if matches!(message.role, Role::System | Role::Developer) {
            // All instructions go to one place at the top; those from the middle lose theirs.
            losses.note_if(!turns.is_empty(), "messages.system.position");
            continue;
        }
        losses.note_if(message.name.is_some(), "messages.name");
        let assistant = message.role == Role::Assistant;
        let parts = message.parts.iter().filter(|part| sayable(part, assistant, losses));
        let (results, rest): (Vec<_>, Vec<_>) =
            parts.partition(|part| matches!(part.content, Content::ToolResult { .. }));
        if results.is_empty() && rest.is_empty() {
            // A turn that says nothing is refused by the API.
            continue;
        }
        match turns.last_mut() {
            Some(last) if last.assistant == assistant => {
                last.results.extend(results);
                last.rest.extend(rest);
            }
            _ => turns.push(Turn { assistant, results, rest }),
        }
    }
    turns
}

impl Turn<'_> {
    fn write(&self, list: &mut write::List<'_>, losses: &mut Losses) {
        list.object(|out| {
            out.text("role", if self.assistant { "assistant" } else { "user" });
            match (self.results.as_slice(), self.rest.as_slice()) {
                ([], [Part { content: Content::Text(text), cache_control: None }]) => {
                    out.text("content", text)
                }
                (results, rest) => out.list("content", |list| {
                    results.iter().chain(rest).for_each(|part| write_block(part, list, losses));
                }),
            }
        });
    }
}

fn write_system(chat: &Chat, out: &mut write::Object<'_>, losses: &mut Losses) {
    let instructions =
        chat.messages.iter().filter(|message| matches!(message.role, Role::System | Role::Developer));
    let mut parts: Vec<&Part> = Vec::new();
    for part in instructions.flat_map(|message| &message.parts) {
        match &part.content {
            Content::Text(text) if text.is_empty() => {}
            Content::Text(_) => parts.push(part),
            content => losses.part(content),
        }
    }
    let json_instruction = Part::text(JSON_INSTRUCTION);
    if chat.response_format == Some(ResponseFormat::JsonObject) {
        losses.note("response_format");
        parts.push(&json_instruction);
    }
    match parts.as_slice() {
        [] => {}
        [Part { content: Content::Text(text), cache_control: None }] => out.text("system", text),
        several => out.list("system", |list| several.iter().for_each(|part| write_block(part, list, losses))),
    }
}

/// Whether the tool that searches would not be the only one of its name.
fn searches_beside_a_namesake(chat: &Chat, target: &Target<'_>) -> bool {
    let is_namesake =
        |tool: &Tool| matches!(tool, Tool::Function { name, .. } if name == search::ANTHROPIC_NAME);
    let form =
        chat.web_search.as_ref().and_then(|wish| search::form_of(Dialect::AnthropicMessages, wish, target));
    form == Some(SearchForm::Tool) && chat.tools.iter().any(is_namesake)
}

/// Writes the tools, that which searches behind the functions.
fn write_tools(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>, losses: &mut Losses) {
    let web_search = search::write_wish(Dialect::AnthropicMessages, chat, target, out, losses);
    let allowed = |name: &str| match &chat.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    };
    let mut functions = Vec::new();
    for tool in &chat.tools {
        match tool {
            Tool::Function { name, .. } if allowed(name) => functions.push(tool),
            Tool::Function { .. } => {}
            Tool::Other { kind, .. } => losses.note(&format!("tools.{kind}")),
        }
    }
    let has_functions = !functions.is_empty();
    if !has_functions && web_search.is_none() {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
        return;
    }
    out.list("tools", |list| {
        for tool in functions {
            let Tool::Function { name, description, parameters, strict, cache_control } = tool else {
                continue;
            };
            list.object(|object| {
                object.text("name", name);
                object.maybe_text("description", description.as_deref());
                match parameters {
                    Some(schema) => object.json("input_schema", schema),
                    None => object.raw("input_schema", r#"{"type":"object","properties":{}}"#),
                }
                object.maybe_boolean("strict", *strict);
                write_cache_control(cache_control.as_ref(), object);
            });
        }
        if let Some(wish) = web_search {
            search::write_anthropic_tool(wish, list, losses);
        }
    });
    if !has_functions {
        losses.note_if(chat.tool_choice.is_some(), "tool_choice");
        return;
    }
    write_tool_choice(chat, target, out, losses);
}

fn write_tool_choice(chat: &Chat, target: &Target<'_>, out: &mut write::Object<'_>, losses: &mut Losses) {
    let single = chat.parallel_tool_calls == Some(false);
    // A model that always thinks calls what it likes; a forced call is refused.
    let unforceable = target.thinking == Thinking::Always && forces_a_call(chat);
    losses.note_if(unforceable, "tool_choice");
    let (word, name) = match &chat.tool_choice {
        _ if unforceable => ("auto", None),
        None if single => ("auto", None),
        None => return,
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => ("auto", None),
        Some(ToolChoice::None) => ("none", None),
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
    };
    out.object("tool_choice", |choice| {
        choice.text("type", word);
        choice.maybe_text("name", name);
        if single && word != "none" {
            choice.boolean("disable_parallel_tool_use", true);
        }
    });
}

fn write_sampling(
    chat: &Chat,
    model: Thinking,
    thinking: Written,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let sampling = &chat.sampling;
    // With thinking on, the API takes no temperature but its own 1, and no top_k. Models that are asked in words
    // take no sampling but their own at all.
    let fixed = model != Thinking::Budget;
    let thinks = fixed || matches!(thinking, Written::Budget(_) | Written::Adaptive(_));
    if let Some(temperature) = sampling.temperature {
        let clamped = temperature.clamp(0.0, 1.0);
        if thinks && clamped != 1.0 {
            losses.note("temperature");
        } else {
            losses.note_if(clamped != temperature, "temperature");
            out.number("temperature", clamped);
        }
    }
    losses.note_if(fixed && sampling.top_p.is_some_and(|share| share != 1.0), "top_p");
    out.maybe_number("top_p", sampling.top_p.filter(|_| !fixed));
    losses.note_if(thinks && sampling.top_k.is_some(), "top_k");
    out.maybe_number("top_k", sampling.top_k.filter(|_| !thinks));
    // Stop texts of white space only are refused.
    let stop: Vec<&str> =
        sampling.stop.iter().map(String::as_str).filter(|text| !text.trim().is_empty()).collect();
    losses.note_if(stop.len() != sampling.stop.len(), "stop");
    if !stop.is_empty() {
        out.texts("stop_sequences", stop);
    }
    for (lost, name) in [
        (sampling.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty"),
        (sampling.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty"),
        (sampling.seed.is_some(), "seed"),
        (sampling.logit_bias.is_some(), "logit_bias"),
        (sampling.logprobs == Some(true), "logprobs"),
        (sampling.top_logprobs.is_some(), "top_logprobs"),
        (sampling.n.is_some_and(|n| n != 1), "n"),
    ] {
        losses.note_if(lost, name);
    }
}

fn write_thinking(
    chat: &Chat,
    model: Thinking,
    thinking: Written,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) {
    let reasoning = chat.reasoning.as_ref();
    let off = reasoning.is_some_and(|reasoning| reasoning.mode == Some(ReasoningMode::Off));
    let display = match reasoning.and_then(|reasoning| reasoning.hidden) {
        Some(true) => Some("omitted"),
        Some(false) => Some("summarized"),
        // Unasked, these models leave their thoughts empty; whoever asks them to think expects to see them.
        None if model != Thinking::Budget && !off => Some("summarized"),
        None => None,
    };
    let mut write_object = |kind: &str, budget: Option<u64>, display: Option<&str>| {
        out.object("thinking", |object| {
            object.text("type", kind);
            object.maybe_number("budget_tokens", budget);
            object.maybe_text("display", display);
        });
    };
    match thinking {
        Written::Unsaid => {}
        Written::Off => write_object("disabled", None, None),
        Written::Budget(budget) => write_object("enabled", Some(budget), display),
        Written::Adaptive(_) => write_object("adaptive", None, display),
    }
    let effort = if let Written::Adaptive(effort) = thinking { effort } else { None };
    let schema = match &chat.response_format {
        Some(ResponseFormat::JsonSchema { schema, strict, description, .. }) => {
            // The schema's name is a label without effect; the schema is always enforced here.
            losses.note_if(description.is_some(), "response_format.description");
            losses.note_if(*strict == Some(false), "response_format.strict");
            Some(schema)
        }
        _ => None,
    };
    if effort.is_none() && schema.is_none() {
        return;
    }
    out.object("output_config", |config| {
        // `minimal` is no word of this API.
        config.maybe_text("effort", effort.map(|effort| effort.max(Effort::Low).word()));
        if let Some(schema) = schema {
            config.object("format", |format| {
                format.text("type", "json_schema");
                format.json("schema", schema);
            });
        }
    });
}
