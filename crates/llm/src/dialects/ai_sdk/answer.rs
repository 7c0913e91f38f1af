//! Whole answers: a generate result.

use super::finish::{write_finish, write_usage};
use super::metadata::Proof;
use crate::dialects::{AnswerContext, tier, write};
use crate::ir::{Citation, Content, Counted, Finish, Part, Response, Source, Start};
use crate::price::Tier;
use crate::skins::vercel::{Facts, gateway};
use crate::usage::{Units, Usage};

/// Writes a client's answer. The protocol knows one choice: the first.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let Response::Chat(answer) = response else {
        write::object(&mut out, |_| {});
        return out;
    };
    let choice = answer.choices.first();
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let finish = choice.and_then(|choice| choice.finish.clone()).unwrap_or_default();
    let calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall { .. }));
    let start = Start {
        id: answer.id.clone(),
        model: answer.model.clone(),
        created: answer.created,
        service_tier: answer.service_tier.clone(),
        ..Start::default()
    };
    write::object(&mut out, |body| {
        body.list("content", |list| {
            let mut sources = 0;
            parts.iter().for_each(|part| write_part(part, &mut sources, context, list));
        });
        write_end(&finish, calls, answer.usage.as_ref(), &start, context, body);
        body.object("response", |response| write_response(&start, context, response));
        write_warnings(context, body);
    });
    out
}

fn write_part(part: &Part, sources: &mut u64, context: &AnswerContext, list: &mut write::List<'_>) {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) if !text.is_empty() => list.object(|out| {
            out.text("type", "text");
            out.text("text", text);
        }),
        Content::Thinking { text, signature, format } => list.object(|out| {
            out.text("type", "reasoning");
            out.text("text", text);
            if let Some(signature) = signature {
                proof(format.as_ref(), false, signature).write(out);
            }
        }),
        Content::RedactedThinking { data, format } => list.object(|out| {
            out.text("type", "reasoning");
            out.text("text", "");
            proof(format.as_ref(), true, data).write(out);
        }),
        Content::ToolCall { id, name, arguments } => list.object(|out| write_call(id, name, arguments, out)),
        Content::Citation(citation) => list.object(|out| write_source(citation, sources, out)),
        Content::Image { source: source @ (Source::Base64 { .. } | Source::Url(_)), .. } => {
            list.object(|out| {
                out.text("type", "file");
                write_file(source, context, out);
            })
        }
        _ => {}
    }
}

/// The members of a `source`; `number` counts them.
pub(super) fn write_source(citation: &Citation, number: &mut u64, out: &mut write::Object<'_>) {
    out.text("type", "source");
    out.text("sourceType", "url");
    out.text("id", &format!("source-{number}"));
    out.text("url", &citation.url);
    out.maybe_text("title", citation.title.as_deref());
    *number += 1;
}

/// The members of a `file` that is a picture. Before version 4 its data, or address, stands there by itself.
pub(super) fn write_file(source: &Source, context: &AnswerContext, out: &mut write::Object<'_>) {
    let (kind, media_type, text) = match source {
        Source::Base64 { media_type, data } => ("data", media_type.as_str(), data),
        Source::Url(text) | Source::FileId(text) | Source::Brought(text) | Source::Text(text) => {
            ("url", "image/*", text)
        }
    };
    out.text("mediaType", media_type);
    if context.ai_sdk_version < 4 {
        out.text("data", text);
    } else {
        out.object("data", |object| {
            object.text("type", kind);
            object.text(kind, text);
        });
    }
}

/// What proves a piece of reasoning.
pub(super) fn proof(format: Option<&String>, sealed: bool, text: &str) -> Proof {
    Proof { format: format.cloned(), sealed, text: text.to_owned() }
}

/// The members of a `tool-call`. The input is a text that the SDK parses; it does not parse an empty one.
pub(super) fn write_call(id: &str, name: &str, arguments: &str, out: &mut write::Object<'_>) {
    out.text("type", "tool-call");
    out.text("toolCallId", id);
    out.text("toolName", name);
    out.text("input", if arguments.trim().is_empty() { "{}" } else { arguments });
}

/// Why it ended, what it used, and who served it.
pub(super) fn write_end(
    finish: &Finish,
    calls: bool,
    usage: Option<&Usage>,
    start: &Start,
    context: &AnswerContext,
    out: &mut write::Object<'_>,
) {
    write_finish(finish, calls, context.ai_sdk_version, out);
    write_usage(usage, context.ai_sdk_version, out);
    out.object("providerMetadata", |metadata| {
        let usual = tier::of_said(start.service_tier.as_deref()) == Tier::Usual;
        let counted = Counted { usage: usage.filter(|_| usual).copied(), ..Counted::default() };
        write_gateway(&counted, context, metadata, &[]);
    });
}

/// The member `gateway` of `providerMetadata`, with empty lists of these names.
pub(in crate::dialects) fn write_gateway(
    counted: &Counted,
    context: &AnswerContext,
    metadata: &mut write::Object<'_>,
    lists: &[&str],
) {
    let facts = Facts {
        id: &context.id,
        requested: &context.model,
        provider: context.provider.as_deref(),
        native_model: context.native_model.as_deref(),
        usage: counted.usage.as_ref(),
        units: Units { characters: context.asked.characters, ..counted.units },
        price: context.price,
        before: 0,
    };
    let mut gateway = gateway(&facts);
    if let Some(members) = gateway.as_object_mut() {
        members.extend(lists.iter().map(|name| ((*name).to_owned(), serde_json::Value::Array(Vec::new()))));
    }
    metadata.raw("gateway", &gateway.to_string());
}

/// What the request could not carry, each a warning.
pub(in crate::dialects) fn write_warnings(context: &AnswerContext, out: &mut write::Object<'_>) {
    out.list("warnings", |list| {
        for name in &context.lossy {
            list.object(|warning| {
                if context.ai_sdk_version < 3 {
                    warning.text("type", "other");
                    warning.text("message", &format!("{name} is not supported"));
                } else {
                    warning.text("type", "unsupported");
                    warning.text("feature", name);
                }
            });
        }
    });
}

/// Id, model and time of an answer.
pub(in crate::dialects) fn write_response(
    start: &Start,
    context: &AnswerContext,
    out: &mut write::Object<'_>,
) {
    out.text("id", start.id.as_deref().unwrap_or(&context.id));
    out.text("modelId", start.model.as_deref().unwrap_or(&context.model));
    out.text("timestamp", &rfc3339(start.created.unwrap_or(context.created)));
}

/// Unix seconds as a date and time; those that no calendar of four digits holds are its beginning.
fn rfc3339(seconds: i64) -> String {
    // From year 0 to 9999.
    let seconds = if (-62_167_219_200..=253_402_300_799).contains(&seconds) { seconds } else { 0 };
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years are counted from March, so that the day that not every year has is the last one.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_763_606_400, "2025-11-20T02:40:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
            (i64::MAX, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(seconds), shown);
        }
    }
}
