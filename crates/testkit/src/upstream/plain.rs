//! Answers of servers that know no chats: Triton's generate extension, Replicate's predictions and DeepL's translations.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

/// A whole answer of Triton with vLLM behind it.
pub(super) fn triton(model: &str, content: &Content) -> Value {
    triton_piece(model, &content.text.concat(), content.usage, triton_finish(content))
}

/// The same as the events of a stream: each counts its own tokens, and the last has the reason.
pub(super) fn triton_events(model: &str, content: &Content) -> Vec<String> {
    let last = content.text.len().saturating_sub(1);
    let pieces = content.text.iter().enumerate().map(|(place, piece)| {
        let is_last = place == last;
        let counts =
            content.usage.map(|usage| Usage { output: if is_last { usage.output } else { 0 }, ..usage });
        let finish = if is_last { triton_finish(content) } else { "None" };
        format!("data: {}\n\n", triton_piece(model, piece, counts, finish))
    });
    pieces.collect()
}

fn triton_piece(model: &str, text: &str, counts: Option<Usage>, finish: &str) -> Value {
    let mut piece =
        json!({ "model_name": model, "model_version": "1", "text_output": text, "finish_reason": finish });
    if let Some(counts) = counts {
        piece["num_input_tokens"] = json!(counts.input);
        piece["num_output_tokens"] = json!(counts.output);
    }
    piece
}

fn triton_finish(content: &Content) -> &'static str {
    if content.finish == Finish::Length { "length" } else { "stop" }
}

/// An error of Triton's.
pub(super) fn triton_error(status: u16) -> Value {
    json!({ "error": format!("fake upstream says {status}") })
}

/// The same in the middle of a stream.
pub(super) fn triton_error_event() -> String {
    format!("data: {}\n\n", json!({ "error": "fake upstream broke down" }))
}

/// A prediction that was waited for.
pub(super) fn replicate(model: &str, content: &Content) -> Value {
    let metrics = content.usage.map(|counts| {
        json!({ "input_token_count": counts.input, "output_token_count": counts.output, "predict_time": 0.4 })
    });
    json!({ "id": "gm3qorzdhgbfurvjtvhg6dckhu", "model": model, "status": "succeeded", "error": null,
            "output": content.text, "metrics": metrics.unwrap_or_else(|| json!({})), "logs": "",
            "urls": { "get": "https://api.replicate.com/v1/predictions/gm3" } })
}

/// A prediction whose stream is at an address.
pub(super) fn replicate_begun(model: &str, stream: &str) -> Value {
    json!({ "id": "gm3qorzdhgbfurvjtvhg6dckhu", "model": model, "status": "starting", "error": null, "output": null,
            "logs": "", "urls": { "get": "https://api.replicate.com/v1/predictions/gm3", "stream": stream } })
}

/// The events of its stream.
pub(super) fn replicate_events(content: &Content) -> Vec<String> {
    let pieces = content.text.iter().map(|piece| replicate_event("output", piece));
    let mut events: Vec<String> = pieces.collect();
    events.push(replicate_event("done", "{}"));
    events
}

fn replicate_event(name: &str, data: &str) -> String {
    format!("event: {name}\nid: 1690212292:0\ndata: {}\n\n", data.replace('\n', "\ndata: "))
}

/// An error in the middle of it.
pub(super) fn replicate_error_event() -> String {
    replicate_event("error", &json!({ "detail": "fake upstream broke down" }).to_string())
}

/// An error of Replicate's.
pub(super) fn replicate_error(status: u16) -> Value {
    json!({ "title": "Fake", "detail": format!("fake upstream says {status}"), "status": status })
}

/// A translation, which is always the same.
pub(super) fn deepl(content: &Content, request: &Value) -> Value {
    let asked = request["text"][0].as_str().unwrap_or_default();
    json!({ "translations": [{ "detected_source_language": "EN", "text": content.text.concat(),
            "billed_characters": asked.chars().count() }] })
}

/// An error of DeepL's.
pub(super) fn deepl_error(status: u16) -> Value {
    json!({ "message": format!("fake upstream says {status}") })
}
