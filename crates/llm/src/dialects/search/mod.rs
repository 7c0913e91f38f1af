//! Web search, as requests wish it and as providers are asked for it.
//!
//! In: a tool, options or a plugin that wish it, or the IR's wish. Out: the one or the other; what a provider's way of asking
//! has no place for is noted. That a provider can search at all is said by its quirks and its model's facts.

mod reading;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{DecodeError, Dialect, Encoded, Losses, Quirk, Target, codec, write};
use crate::ir::{Chat, Request, SearchContext, SearchLocation, WebSearch};
use crate::json::{self, Edit, Kind};
use reading::is_web_plugin;

pub(super) use reading::{
    is_anthropic_tool, is_chat_tool, is_gemini_tool, is_responses_tool, read_ai_sdk_tool,
    read_anthropic_tool, read_chat_tool, read_options, read_responses_tool,
};
pub use reading::{read_plugins, tools_search};

/// The plugin of OpenRouter's that searches.
pub const WEB_PLUGIN: &str = "web";
/// What is lost of a request that cannot ask for search.
const LOST: &str = "web_search";

/// How a provider is asked to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchForm {
    /// By the tool of its dialect.
    Tool,
    /// By `web_search_options` of Chat Completions.
    Options,
    /// By the plugin `web`.
    Plugin,
    /// By the parameter `enable_search`.
    EnableSearch,
    /// By a tool of Chat Completions that Zhipu alone has.
    Zhipu,
    /// It always does, and takes `web_search_options` and domains.
    Perplexity,
    /// It does when it likes, and takes `search_settings`.
    Settings,
}

impl SearchForm {
    /// How a provider with these quirks is asked in `dialect`, if its model can search. `searches` says that the model is known
    /// to search by itself.
    pub fn of(dialect: Dialect, quirks: &[Quirk], searches: bool) -> Option<Self> {
        let has = |quirk| quirks.contains(&quirk);
        match dialect {
            Dialect::OpenAiChat | Dialect::AnthropicMessages if has(Quirk::OpenrouterFields) => {
                Some(Self::Plugin)
            }
            Dialect::OpenAiResponses | Dialect::AnthropicMessages | Dialect::Gemini => {
                (searches || has(Quirk::SearchTool)).then_some(Self::Tool)
            }
            Dialect::DashScopeChat => has(Quirk::SearchParameter).then_some(Self::EnableSearch),
            Dialect::OpenAiChat if has(Quirk::SearchParameter) => Some(Self::EnableSearch),
            Dialect::OpenAiChat if has(Quirk::SearchZhipu) => Some(Self::Zhipu),
            Dialect::OpenAiChat if has(Quirk::SearchAlways) => Some(Self::Perplexity),
            Dialect::OpenAiChat if searches && has(Quirk::SearchSettings) => Some(Self::Settings),
            Dialect::OpenAiChat => searches.then_some(Self::Options),
            _ => None,
        }
    }
}

impl Target<'_> {
    /// How it is asked to search in `dialect`, if it can.
    pub(super) fn search(&self, dialect: Dialect) -> Option<SearchForm> {
        SearchForm::of(dialect, self.quirks, self.searches)
    }
}

/// What cannot be said of a wish.
fn lose(losses: &mut Losses, lost: &[(bool, &str)]) {
    for (is_lost, name) in lost {
        losses.note_if(*is_lost, &format!("web_search.{name}"));
    }
}

/// What only OpenRouter understands.
fn lose_openrouters(wish: &WebSearch, losses: &mut Losses) {
    lose(
        losses,
        &[
            (wish.engine.as_deref().is_some_and(|engine| !matches!(engine, "native" | "auto")), "engine"),
            (wish.max_results.is_some(), "max_results"),
            (wish.prompt.is_some(), "search_prompt"),
        ],
    );
}

fn write_location(name: &str, wish: &WebSearch, out: &mut write::Object<'_>) {
    if let Some(location) = &wish.location {
        out.object(name, |out| {
            out.text("type", "approximate");
            write_places(location, out);
        });
    }
}

fn write_places(location: &SearchLocation, out: &mut write::Object<'_>) {
    out.maybe_text("city", location.city.as_deref());
    out.maybe_text("region", location.region.as_deref());
    out.maybe_text("country", location.country.as_deref());
    out.maybe_text("timezone", location.timezone.as_deref());
}

fn write_domains(name: &str, domains: &[String], out: &mut write::Object<'_>) {
    if !domains.is_empty() {
        out.texts(name, domains.iter().map(String::as_str));
    }
}

/// Writes the tool of the Responses API.
pub(super) fn write_responses_tool(wish: &WebSearch, list: &mut write::List<'_>, losses: &mut Losses) {
    if let Some(tool) = wish.tool.as_ref().filter(|tool| is_responses_tool(&tool.kind)) {
        list.json(&tool.json);
        return;
    }
    lose_openrouters(wish, losses);
    lose(
        losses,
        &[(wish.max_uses.is_some(), "max_uses"), (!wish.blocked_domains.is_empty(), "blocked_domains")],
    );
    list.object(|out| {
        out.text("type", "web_search");
        out.maybe_text("search_context_size", wish.context.map(SearchContext::word));
        if !wish.allowed_domains.is_empty() {
            out.object("filters", |filters| write_domains("allowed_domains", &wish.allowed_domains, filters));
        }
        write_location("user_location", wish, out);
    });
}

/// Writes the tool of the Messages API.
pub(super) fn write_anthropic_tool(wish: &WebSearch, list: &mut write::List<'_>, losses: &mut Losses) {
    if let Some(tool) = wish.tool.as_ref().filter(|tool| is_anthropic_tool(&tool.kind)) {
        list.json(&tool.json);
        return;
    }
    lose_openrouters(wish, losses);
    // Either may be said, not both.
    let both = !wish.allowed_domains.is_empty() && !wish.blocked_domains.is_empty();
    lose(losses, &[(wish.context.is_some(), "search_context_size"), (both, "blocked_domains")]);
    list.object(|out| {
        out.text("type", "web_search_20250305");
        out.text("name", ANTHROPIC_NAME);
        out.maybe_number("max_uses", wish.max_uses);
        write_domains("allowed_domains", &wish.allowed_domains, out);
        if !both {
            write_domains("blocked_domains", &wish.blocked_domains, out);
        }
        write_location("user_location", wish, out);
    });
}

/// The name that the tool of the Messages API has, beside which no other tool may have it.
pub(super) const ANTHROPIC_NAME: &str = "web_search";

/// Writes Gemini's tool, of which nothing more can be said.
pub(super) fn write_gemini_tool(wish: &WebSearch, list: &mut write::List<'_>, losses: &mut Losses) {
    if let Some(tool) = wish.tool.as_ref().filter(|tool| is_gemini_tool(&tool.kind)) {
        list.json(&tool.json);
        return;
    }
    lose_openrouters(wish, losses);
    lose(
        losses,
        &[
            (wish.context.is_some(), "search_context_size"),
            (wish.max_uses.is_some(), "max_uses"),
            (!wish.allowed_domains.is_empty(), "allowed_domains"),
            (!wish.blocked_domains.is_empty(), "blocked_domains"),
            (wish.location.is_some(), "user_location"),
        ],
    );
    list.raw(r#"{"googleSearch":{}}"#);
}

/// Writes Zhipu's tool.
pub(super) fn write_zhipu_tool(wish: &WebSearch, list: &mut write::List<'_>, losses: &mut Losses) {
    lose(
        losses,
        &[
            (wish.context.is_some(), "search_context_size"),
            (wish.max_uses.is_some(), "max_uses"),
            (wish.prompt.is_some(), "search_prompt"),
            (!wish.allowed_domains.is_empty(), "allowed_domains"),
            (!wish.blocked_domains.is_empty(), "blocked_domains"),
            (wish.location.is_some(), "user_location"),
        ],
    );
    let engine = wish.engine.as_deref().filter(|engine| engine.starts_with("search_"));
    lose(losses, &[(wish.engine.is_some() && engine.is_none(), "engine")]);
    list.object(|out| {
        out.text("type", "web_search");
        out.object("web_search", |own| {
            own.boolean("enable", true);
            own.text("search_engine", engine.unwrap_or("search_std"));
            own.boolean("search_result", true);
            own.maybe_number("count", wish.max_results);
        });
    });
}

/// How a wish is said in `dialect`, if it can be: one that came as the dialect's own tool goes on as that, to whomever.
pub(super) fn form_of(dialect: Dialect, wish: &WebSearch, target: &Target<'_>) -> Option<SearchForm> {
    let is_own = |kind: &str| match dialect {
        Dialect::OpenAiResponses => is_responses_tool(kind),
        Dialect::AnthropicMessages => is_anthropic_tool(kind),
        Dialect::Gemini => is_gemini_tool(kind),
        _ => false,
    };
    let own = wish.tool.as_ref().filter(|tool| is_own(&tool.kind)).map(|_| SearchForm::Tool);
    own.or_else(|| target.search(dialect))
}

/// Writes how the provider is asked to search, if the request wishes it and it can; gives the wish where a tool among the
/// others says it, which is then to be written.
pub(super) fn write_wish<'c>(
    dialect: Dialect,
    chat: &'c Chat,
    target: &Target<'_>,
    out: &mut write::Object<'_>,
    losses: &mut Losses,
) -> Option<&'c WebSearch> {
    let wish = chat.web_search.as_deref()?;
    let form = form_of(dialect, wish, target)?;
    if matches!(form, SearchForm::Tool | SearchForm::Zhipu) {
        return Some(wish);
    }
    write_members(form, wish, out, losses);
    None
}

/// Writes an upstream's request. A wish for web search is lost in a dialect that has no words for it, and where the model's
/// provider has none.
pub fn encode_request(
    dialect: Dialect,
    request: &Request,
    target: &Target<'_>,
) -> Result<Encoded, DecodeError> {
    let mut encoded = codec(dialect).encode_request(request, target)?;
    if let Request::Chat(chat) = request
        && let Some(wish) = &chat.web_search
        && form_of(dialect, wish, target).is_none()
    {
        encoded.lossy.push(LOST.to_owned());
    }
    Ok(encoded)
}

/// Writes the members of a body (or of DashScope's parameters) that ask for search; a tool is written among the tools.
fn write_members(form: SearchForm, wish: &WebSearch, out: &mut write::Object<'_>, losses: &mut Losses) {
    let blocked = !wish.blocked_domains.is_empty();
    let (context, location) = (wish.context.is_some(), wish.location.is_some());
    match form {
        SearchForm::Tool | SearchForm::Zhipu => {}
        SearchForm::Options => {
            lose_openrouters(wish, losses);
            let allowed = !wish.allowed_domains.is_empty();
            let uses = wish.max_uses.is_some();
            lose(losses, &[(uses, "max_uses"), (allowed, "allowed_domains"), (blocked, "blocked_domains")]);
            out.object("web_search_options", |options| {
                options.maybe_text("search_context_size", wish.context.map(SearchContext::word));
                if let Some(location) = &wish.location {
                    options.object("user_location", |out| {
                        out.text("type", "approximate");
                        out.object("approximate", |out| write_places(location, out));
                    });
                }
            });
        }
        SearchForm::Plugin => {
            out.list("plugins", |list| write_plugin(wish, list));
            if let Some(context) = wish.context {
                out.object("web_search_options", |out| out.text("search_context_size", context.word()));
            }
        }
        SearchForm::EnableSearch => {
            lose_openrouters(wish, losses);
            let allowed = !wish.allowed_domains.is_empty();
            lose(losses, &[(context, "search_context_size"), (wish.max_uses.is_some(), "max_uses")]);
            lose(losses, &[(allowed, "allowed_domains"), (blocked, "blocked_domains")]);
            lose(losses, &[(location, "user_location")]);
            out.boolean("enable_search", true);
        }
        SearchForm::Perplexity => {
            lose_openrouters(wish, losses);
            let zone = wish.location.as_ref().is_some_and(|location| location.timezone.is_some());
            lose(losses, &[(wish.max_uses.is_some(), "max_uses"), (zone, "user_location.timezone")]);
            if context || location {
                out.object("web_search_options", |options| {
                    options.maybe_text("search_context_size", wish.context.map(SearchContext::word));
                    if let Some(location) = &wish.location {
                        let known = SearchLocation { timezone: None, ..location.clone() };
                        options.object("user_location", |out| write_places(&known, out));
                    }
                });
            }
            if blocked || !wish.allowed_domains.is_empty() {
                let others = wish.blocked_domains.iter().map(|domain| format!("-{domain}"));
                let all: Vec<String> = wish.allowed_domains.iter().cloned().chain(others).collect();
                out.texts("search_domain_filter", all.iter().map(String::as_str));
            }
        }
        SearchForm::Settings => {
            lose_openrouters(wish, losses);
            lose(losses, &[(context, "search_context_size"), (wish.max_uses.is_some(), "max_uses")]);
            lose(losses, &[(location, "user_location")]);
            if blocked || !wish.allowed_domains.is_empty() {
                out.object("search_settings", |settings| {
                    write_domains("include_domains", &wish.allowed_domains, settings);
                    write_domains("exclude_domains", &wish.blocked_domains, settings);
                });
            }
        }
    }
}

/// Writes the plugin.
fn write_plugin(wish: &WebSearch, list: &mut write::List<'_>) {
    list.object(|out| {
        out.text("id", WEB_PLUGIN);
        out.maybe_text("engine", wish.engine.as_deref());
        out.maybe_number("max_results", wish.max_results);
        out.maybe_number("max_uses", wish.max_uses);
        out.maybe_text("search_prompt", wish.prompt.as_deref());
        write_domains("include_domains", &wish.allowed_domains, out);
        write_domains("exclude_domains", &wish.blocked_domains, out);
        write_location("user_location", wish, out);
    });
}

/// The edits by which a request that passes through asks its provider to search, and what of the wish they cannot say. A
/// request that asks for it in its provider's own words stays as it is.
pub fn search_edits(
    dialect: Dialect,
    target: &Target<'_>,
    wish: &WebSearch,
    (body, object): (&Bytes, &json::Object),
) -> (Vec<Edit>, Vec<String>) {
    let mut losses = Losses::default();
    let mut edits = Vec::new();
    let Some(form) = target.search(dialect) else {
        losses.note(LOST);
        return (edits, losses.into_names());
    };
    let listed = |name: &str| object.get(body, name).map(|field| field.value(body)).unwrap_or_default();
    match form {
        SearchForm::Tool | SearchForm::Zhipu => {
            let said = listed("tools");
            if !tools_search(dialect, said) {
                let tool = alone(|list| match dialect {
                    Dialect::OpenAiResponses => write_responses_tool(wish, list, &mut losses),
                    Dialect::AnthropicMessages => write_anthropic_tool(wish, list, &mut losses),
                    Dialect::Gemini => write_gemini_tool(wish, list, &mut losses),
                    _ => write_zhipu_tool(wish, list, &mut losses),
                });
                edits.extend(appended(said, tool).map(|value| Edit::Set { name: "tools", value }));
            }
        }
        SearchForm::Plugin => {
            let said = listed("plugins");
            if !matches!(read_plugins(said), Ok(Some(_))) {
                let plugin = alone(|list| write_plugin(wish, list));
                edits.extend(with_plugin(said, plugin).map(|value| Edit::Set { name: "plugins", value }));
            }
        }
        form => {
            let mut members = Vec::new();
            write::object(&mut members, |out| write_members(form, wish, out, &mut losses));
            let members = Bytes::from(members);
            let Ok(scanned) = json::scan_object(&members, usize::MAX) else {
                return (edits, losses.into_names());
            };
            for name in ["web_search_options", "enable_search", "search_domain_filter", "search_settings"] {
                // What the client itself says in the provider's words counts.
                let said = object.get(body, name).is_some_and(|field| field.kind != Kind::Null);
                if let (Some(field), false) = (scanned.get(&members, name), said) {
                    edits.push(Edit::Set { name, value: members.slice_ref(field.value(&members)) });
                }
            }
        }
    }
    (edits, losses.into_names())
}

/// What one element of a list is.
fn alone(write: impl FnOnce(&mut write::List<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write::object(&mut out, |object| object.list("l", write));
    let inner = out.strip_prefix(br#"{"l":["#).and_then(|rest| rest.strip_suffix(b"]}"));
    inner.unwrap_or_default().to_vec()
}

/// The plugins with the one that searches. One that the client has switched off gives way: the model's name wishes it, and
/// there are never two. What is no list is left for its provider to refuse.
fn with_plugin(plugins: &[u8], plugin: Vec<u8>) -> Option<Bytes> {
    let Ok(known) = serde_json::from_slice::<Option<Vec<&RawValue>>>(plugins) else {
        return appended(plugins, plugin);
    };
    let others = known.into_iter().flatten().filter(|raw| !is_web_plugin(raw));
    let all: Vec<&[u8]> = others.map(|raw| raw.get().as_bytes()).chain([&*plugin]).collect();
    Some([b"[", &*all.join(&b','), b"]"].concat().into())
}

/// A list with one more element; nothing where there is something else than a list, which is left for its provider to refuse.
fn appended(list: &[u8], element: Vec<u8>) -> Option<Bytes> {
    let list = if matches!(list, b"" | b"null") { b"[]" } else { list };
    let inner = list.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii_end();
    let comma: &[u8] = if inner.is_empty() { b"" } else { b"," };
    Some([b"[", inner, comma, &element, b"]"].concat().into())
}
