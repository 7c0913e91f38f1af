//! Wishes as clients say them: plugins, options, and the tools of every dialect.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use super::WEB_PLUGIN;
use crate::dialects::read::{At, Object, strings};
use crate::dialects::{DecodeError, Dialect};
use crate::ir::{Json, SearchContext, SearchLocation, SearchTool, WebSearch};

/// OpenRouter's tool that searches.
const OPENROUTER_TOOL: &str = "openrouter:web_search";
/// Domains that one wish may name.
const DOMAINS_MOST: usize = 256;

/// Reads the plugin `web` out of `plugins`, unless it is switched off or not there. What else stands in the list is for others
/// to understand, and so is what is no list.
pub fn read_plugins(json: &[u8]) -> Result<Option<WebSearch>, DecodeError> {
    let at = At::BODY.key("plugins");
    let plugins: Vec<&RawValue> = serde_json::from_slice(json).unwrap_or_default();
    let Some(index) = plugins.iter().position(|raw| is_web_plugin(raw)) else { return Ok(None) };
    let Some(raw) = plugins.get(index) else { return Ok(None) };
    let mut plugin = Object::read(raw, at.index(index))?;
    if plugin.boolean("enabled")? == Some(false) {
        return Ok(None);
    }
    read_openrouter(&mut plugin).map(Some)
}

/// Whether one of the plugins is the one that searches.
pub(super) fn is_web_plugin(raw: &RawValue) -> bool {
    let plugin = Object::read(raw, At::BODY);
    plugin.is_ok_and(|mut plugin| plugin.string("id").ok().flatten().as_deref() == Some(WEB_PLUGIN))
}

/// Whether a list of a request's tools holds one that searches. Nearly all are told by a search for the words.
pub fn tools_search(dialect: Dialect, tools: &[u8]) -> bool {
    static WEB: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"web_search"));
    static GOOGLE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"google_search"));
    static CAMEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"googleSearch"));
    let is_there = |finder: &Finder<'_>| finder.find(tools).is_some();
    let is_named = match dialect {
        Dialect::Gemini => is_there(&CAMEL) || is_there(&GOOGLE),
        Dialect::AiSdk => is_there(&WEB) || is_there(&GOOGLE),
        _ => is_there(&WEB),
    };
    if !is_named {
        return false;
    }
    let tools: Vec<&RawValue> = serde_json::from_slice(tools).unwrap_or_default();
    tools.into_iter().any(|raw| {
        let Ok(tool) = Object::read(raw, At::BODY) else { return false };
        if dialect == Dialect::Gemini {
            return tool.in_camel_case().rest().iter().any(|(name, _)| is_gemini_tool(name));
        }
        let mut tool = tool;
        let mut text = |name| tool.string(name).ok().flatten().unwrap_or_default();
        match dialect {
            Dialect::AiSdk => is_ai_sdk_tool(&text("id")),
            Dialect::AnthropicMessages => is_anthropic_tool(&text("type")),
            _ => is_chat_tool(&text("type")),
        }
    })
}

/// The members that the plugin and OpenRouter's tool share.
fn read_openrouter(object: &mut Object<'_, '_>) -> Result<WebSearch, DecodeError> {
    let allowed = domains(object, "include_domains")?;
    let blocked = domains(object, "exclude_domains")?;
    Ok(WebSearch {
        engine: object.string("engine")?,
        max_results: object.unsigned("max_results")?,
        prompt: object.string("search_prompt")?,
        allowed_domains: if allowed.is_empty() { domains(object, "allowed_domains")? } else { allowed },
        blocked_domains: if blocked.is_empty() { domains(object, "excluded_domains")? } else { blocked },
        ..read_common(object)?
    })
}

/// What most of the tools say alike.
fn read_common(object: &mut Object<'_, '_>) -> Result<WebSearch, DecodeError> {
    let at = object.at;
    let context = object.string("search_context_size")?;
    let context = context.map(|word| {
        let expected = "one of low, medium and high";
        SearchContext::from_word(&word).ok_or_else(|| at.key("search_context_size").expected(expected))
    });
    let location = object.take("user_location");
    Ok(WebSearch {
        context: context.transpose()?,
        max_uses: object.unsigned("max_uses")?,
        location: location.map(|raw| read_location(raw, at.key("user_location"))).transpose()?.flatten(),
        ..WebSearch::default()
    })
}

/// Reads `web_search_options` of Chat Completions.
pub(in crate::dialects) fn read_options(body: &mut Object<'_, '_>) -> Result<Option<WebSearch>, DecodeError> {
    let Some(raw) = body.take("web_search_options") else { return Ok(None) };
    read_common(&mut Object::read(raw, body.at.key("web_search_options"))?).map(Some)
}

/// Whether a tool of Chat Completions searches: OpenRouter's, Zhipu's, or one as the Responses API has it.
pub(in crate::dialects) fn is_chat_tool(kind: &str) -> bool {
    kind == OPENROUTER_TOOL || is_responses_tool(kind)
}

/// Reads such a tool; nothing where it is switched off.
pub(in crate::dialects) fn read_chat_tool(
    kind: &str,
    raw: &RawValue,
    at: At<'_>,
) -> Result<Option<WebSearch>, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    if kind == OPENROUTER_TOOL {
        let raw = tool.take("parameters");
        let wish = raw.map(|raw| read_openrouter(&mut Object::read(raw, at.key("parameters"))?));
        return Ok(Some(wish.transpose()?.unwrap_or_default()));
    }
    if let Some(raw) = tool.take("web_search") {
        // Zhipu's.
        let mut own = Object::read(raw, at.key("web_search"))?;
        let is_on = own.boolean("enable")? != Some(false);
        let wish = WebSearch {
            max_results: own.unsigned("count")?,
            engine: own.string("search_engine")?,
            ..WebSearch::default()
        };
        return Ok(is_on.then_some(wish));
    }
    let mut wish = read_openrouter(&mut tool)?;
    read_filters(&mut tool, &mut wish)?;
    Ok(Some(wish))
}

/// Whether a tool of the Responses API searches. Its older kind ends in `preview`, and dated ones in their date.
pub(in crate::dialects) fn is_responses_tool(kind: &str) -> bool {
    kind.strip_prefix("web_search")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("_preview") || rest.starts_with("_20"))
}

/// Reads a tool of the Responses API that searches.
pub(in crate::dialects) fn read_responses_tool(
    kind: &str,
    raw: &RawValue,
    at: At<'_>,
) -> Result<WebSearch, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    let mut wish = read_common(&mut tool)?;
    read_filters(&mut tool, &mut wish)?;
    wish.tool = Some(SearchTool { kind: kind.to_owned(), json: Json::copied(raw) });
    Ok(wish)
}

fn read_filters(tool: &mut Object<'_, '_>, wish: &mut WebSearch) -> Result<(), DecodeError> {
    let parent = tool.at;
    let at = parent.key("filters");
    let Some(raw) = tool.take("filters") else { return Ok(()) };
    let mut filters = Object::read(raw, at)?;
    wish.allowed_domains.extend(domains(&mut filters, "allowed_domains")?);
    // xAI's word.
    wish.blocked_domains.extend(domains(&mut filters, "excluded_domains")?);
    Ok(())
}

/// Whether a tool of the Messages API searches, of whatever date.
pub(in crate::dialects) fn is_anthropic_tool(kind: &str) -> bool {
    kind.starts_with("web_search_20")
}

/// Reads a tool of the Messages API that searches.
pub(in crate::dialects) fn read_anthropic_tool(
    kind: &str,
    raw: &RawValue,
    at: At<'_>,
) -> Result<WebSearch, DecodeError> {
    let mut tool = Object::read(raw, at)?;
    Ok(WebSearch {
        allowed_domains: domains(&mut tool, "allowed_domains")?,
        blocked_domains: domains(&mut tool, "blocked_domains")?,
        tool: Some(SearchTool { kind: kind.to_owned(), json: Json::copied(raw) }),
        ..read_common(&mut tool)?
    })
}

/// Whether a tool of Gemini's searches the web.
pub(in crate::dialects) fn is_gemini_tool(kind: &str) -> bool {
    matches!(kind, "googleSearch" | "googleSearchRetrieval")
}

/// Whether a provider's tool of the AI SDK's searches.
fn is_ai_sdk_tool(id: &str) -> bool {
    id == "google.google_search"
        || ["openai.", "xai."].iter().any(|maker| id.strip_prefix(maker).is_some_and(is_responses_tool))
        || id.strip_prefix("anthropic.").is_some_and(is_anthropic_tool)
}

/// Reads a tool of the AI SDK's, if it is one that searches; its arguments are named as the SDK names them.
pub(in crate::dialects) fn read_ai_sdk_tool(
    id: &str,
    args: Option<&Json>,
) -> Result<Option<WebSearch>, DecodeError> {
    if !is_ai_sdk_tool(id) {
        return Ok(None);
    }
    let mut wish = WebSearch::default();
    let raw: Option<&RawValue> = args.and_then(|args| serde_json::from_str(args.get()).ok());
    let Some(raw) = raw.filter(|raw| raw.get().starts_with('{')) else { return Ok(Some(wish)) };
    let at = At::BODY.key("args");
    let mut args = Object::read(raw, at)?;
    wish.context = args.string("searchContextSize")?.as_deref().and_then(SearchContext::from_word);
    wish.max_uses = args.unsigned("maxUses")?;
    let location = args.take("userLocation");
    wish.location = location.map(|raw| read_location(raw, at.key("userLocation"))).transpose()?.flatten();
    wish.allowed_domains = domains(&mut args, "allowedDomains")?;
    wish.blocked_domains = domains(&mut args, "blockedDomains")?;
    wish.blocked_domains.extend(domains(&mut args, "excludedDomains")?);
    if let Some(raw) = args.take("filters") {
        wish.allowed_domains.extend(domains(&mut Object::read(raw, at.key("filters"))?, "allowedDomains")?);
    }
    Ok(Some(wish))
}

fn domains(object: &mut Object<'_, '_>, name: &str) -> Result<Vec<String>, DecodeError> {
    let parent = object.at;
    let at = parent.key(name);
    let Some(raw) = object.take(name) else { return Ok(Vec::new()) };
    let named = strings(raw, &at)?;
    if named.len() > DOMAINS_MOST {
        return Err(at.expected(&format!("at most {DOMAINS_MOST} domains")));
    }
    Ok(named)
}

/// Reads a location; Chat Completions has it one level further in.
fn read_location(raw: &RawValue, at: At<'_>) -> Result<Option<SearchLocation>, DecodeError> {
    let mut object = Object::read(raw, at)?;
    if let Some(raw) = object.take("approximate") {
        return read_location(raw, at.key("approximate"));
    }
    let location = SearchLocation {
        city: object.string("city")?,
        region: object.string("region")?,
        country: object.string("country")?,
        timezone: object.string("timezone")?,
    };
    Ok(Some(location).filter(|location| *location != SearchLocation::default()))
}
