//! Answers as the SDK's gateway provider reads them.

use crate::dialects::ai_sdk::{write_gateway, write_response, write_warnings};
use crate::dialects::{AnswerContext, write};
use crate::ir::{Counted, Picture, Response, Segment, Start};

/// Writes a client's answer.
pub(super) fn encode(response: &Response, context: &AnswerContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| {
        let (counted, lists): (Counted, &[&str]) = match response {
            Response::Images(answer) => {
                write_images(&answer.images, body);
                write_usage(&answer.counted, body);
                // Older versions of the SDK look for what is said of each picture.
                (answer.counted, &["images"])
            }
            Response::Ranking(ranking) => {
                body.list("ranking", |list| {
                    for ranked in &ranking.results {
                        list.object(|object| {
                            object.number("index", ranked.index);
                            object.number("relevanceScore", ranked.score);
                        });
                    }
                });
                (ranking.counted, &[])
            }
            Response::Speech(answer) => {
                body.text("audio", &answer.base64);
                (Counted::default(), &[])
            }
            Response::Transcript(transcript) => {
                body.text("text", &transcript.text);
                write_segments("segments", &transcript.segments, body);
                if !transcript.words.is_empty() {
                    write_segments("words", &transcript.words, body);
                }
                body.maybe_text("language", transcript.language.as_deref());
                body.maybe_number("durationInSeconds", transcript.seconds);
                (transcript.counted, &[])
            }
            // No such answer comes here: its question could not have been put.
            Response::Chat(_) | Response::Embeddings(_) => return,
        };
        write_warnings(context, body);
        body.object("providerMetadata", |metadata| write_gateway(&counted, context, metadata, lists));
        body.object("response", |response| write_response(&Start::default(), context, response));
    });
    out
}

/// The pictures themselves; whoever encodes has fetched those that lie elsewhere.
fn write_images(images: &[Picture], body: &mut write::Object<'_>) {
    body.list("images", |list| {
        for image in images {
            if let Picture::Base64(data) = image {
                list.text(data);
            }
        }
    });
}

fn write_usage(counted: &Counted, body: &mut write::Object<'_>) {
    let Some(usage) = counted.usage else { return };
    body.object("usage", |object| {
        object.number("inputTokens", usage.input);
        object.number("outputTokens", usage.output);
        object.number("totalTokens", usage.input.saturating_add(usage.output));
    });
}

fn write_segments(name: &str, segments: &[Segment], body: &mut write::Object<'_>) {
    body.list(name, |list| {
        for segment in segments {
            list.object(|object| {
                object.text("text", &segment.text);
                object.number("startSecond", segment.start);
                object.number("endSecond", segment.end);
            });
        }
    });
}
