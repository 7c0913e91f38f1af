//! Answers of OpenAI's Responses API, as OpenAI's own service spells them.

use serde_json::{Value, json};

use super::content::{Content, Finish, Usage};

const CREATED: u64 = 1_760_000_000;

/// A whole response.
pub(super) fn response(model: &str, content: &Content) -> Value {
    let status = if content.finish == Finish::Length { "incomplete" } else { "completed" };
    let mut response = outline(model, status, &items(content));
    if status == "completed" {
        response["completed_at"] = json!(CREATED + 1);
    }
    if content.finish == Finish::Length {
        response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    }
    if let Some(counts) = content.usage {
        response["usage"] = usage(counts);
    }
    response
}

/// A response as the events of its stream.
pub(super) fn events(model: &str, content: &Content) -> Vec<String> {
    let mut stream = Stream { events: Vec::new() };
    let begun = outline(model, "in_progress", &[]);
    stream.tell("response.created", json!({ "response": begun }));
    stream.tell("response.in_progress", json!({ "response": begun }));
    for (place, item) in items(content).iter().enumerate() {
        let mut added = item.clone();
        match item["type"].as_str() {
            Some("reasoning") => added["summary"] = json!([]),
            Some("message") => added["content"] = json!([]),
            _ => added["arguments"] = json!(""),
        }
        if !item["status"].is_null() {
            added["status"] = json!("in_progress");
        }
        stream.tell("response.output_item.added", json!({ "output_index": place, "item": added }));
        match item["type"].as_str() {
            Some("reasoning") => stream.reasoning(place, item, content),
            Some("message") => stream.message(place, item, content),
            _ => stream.call(place, item, content),
        }
        stream.tell("response.output_item.done", json!({ "output_index": place, "item": item }));
    }
    let whole = response(model, content);
    let name = if content.finish == Finish::Length { "response.incomplete" } else { "response.completed" };
    stream.tell(name, json!({ "response": whole }));
    stream.events
}

/// A response that fails before it has said anything.
pub(super) fn failed_events(model: &str) -> Vec<String> {
    let mut stream = Stream { events: Vec::new() };
    stream.tell("response.created", json!({ "response": outline(model, "in_progress", &[]) }));
    let mut failed = outline(model, "failed", &[]);
    failed["error"] = json!({ "code": "server_error", "message": "fake upstream broke down" });
    stream.tell("response.failed", json!({ "response": failed }));
    stream.events
}

/// An error in the middle of a stream.
pub(super) fn error_event() -> String {
    event(
        "error",
        99,
        json!({ "code": "server_error", "message": "fake upstream broke down", "param": null }),
    )
}

struct Stream {
    events: Vec<String>,
}

impl Stream {
    fn tell(&mut self, name: &str, fields: Value) {
        self.events.push(event(name, self.events.len(), fields));
    }

    /// An event of a part of an item.
    fn part(&mut self, name: &str, place: usize, item: &Value, index: &str, fields: Value) {
        let mut all = json!({ "item_id": item["id"], "output_index": place, index: 0 });
        for (key, value) in fields.as_object().expect("an event's fields") {
            all[key] = value.clone();
        }
        self.tell(name, all);
    }

    fn reasoning(&mut self, place: usize, item: &Value, content: &Content) {
        let Some((thinking, _)) = &content.thinking else { return };
        let mut tell = |name: &str, fields| self.part(name, place, item, "summary_index", fields);
        let empty = json!({ "type": "summary_text", "text": "" });
        tell("response.reasoning_summary_part.added", json!({ "part": empty }));
        for piece in thinking {
            let fields = json!({ "delta": piece, "obfuscation": "x" });
            tell("response.reasoning_summary_text.delta", fields);
        }
        let whole = &item["summary"][0];
        tell("response.reasoning_summary_text.done", json!({ "text": whole["text"] }));
        tell("response.reasoning_summary_part.done", json!({ "part": whole }));
    }

    fn message(&mut self, place: usize, item: &Value, content: &Content) {
        let mut tell = |name: &str, fields| self.part(name, place, item, "content_index", fields);
        let whole = &item["content"][0];
        let refused = content.finish == Finish::Refusal;
        let (kind, field) = if refused { ("refusal", "refusal") } else { ("output_text", "text") };
        let mut empty = whole.clone();
        empty[field] = json!("");
        if !refused {
            empty["logprobs"] = json!([]);
        }
        tell("response.content_part.added", json!({ "part": empty }));
        for piece in &content.text {
            let mut fields = json!({ "delta": piece, "obfuscation": "x" });
            if !refused {
                fields["logprobs"] = logprobs(content, piece);
            }
            tell(&format!("response.{kind}.delta"), fields);
        }
        let mut done = json!({ field: whole[field] });
        if !refused {
            done["logprobs"] = whole["logprobs"].clone();
        }
        tell(&format!("response.{kind}.done"), done);
        tell("response.content_part.done", json!({ "part": whole }));
    }

    fn call(&mut self, place: usize, item: &Value, content: &Content) {
        let call = content.calls.iter().find(|call| item["call_id"] == format!("call_{}", call.id));
        let none = vec!["{}".into()];
        let pieces = call.map(|call| &call.arguments).filter(|pieces| !pieces.is_empty()).unwrap_or(&none);
        let spot = |fields: Value| {
            let mut all = json!({ "item_id": item["id"], "output_index": place });
            for (key, value) in fields.as_object().expect("an event's fields") {
                all[key] = value.clone();
            }
            all
        };
        for piece in pieces {
            let fields = json!({ "delta": piece, "obfuscation": "x" });
            self.tell("response.function_call_arguments.delta", spot(fields));
        }
        let fields = json!({ "arguments": item["arguments"], "name": item["name"] });
        self.tell("response.function_call_arguments.done", spot(fields));
    }
}

fn event(name: &str, number: usize, fields: Value) -> String {
    let mut data = json!({ "type": name, "sequence_number": number });
    for (key, value) in fields.as_object().expect("an event's fields") {
        data[key] = value.clone();
    }
    format!("event: {name}\ndata: {data}\n\n")
}

/// The items of an answer.
fn items(content: &Content) -> Vec<Value> {
    let mut items = Vec::new();
    if let Some((thinking, sealed)) = &content.thinking {
        let summary = json!([{ "type": "summary_text", "text": thinking.concat() }]);
        let mut item = json!({ "id": "rs_fake", "type": "reasoning", "summary": summary });
        if content.sealed {
            item["encrypted_content"] = json!(sealed);
        }
        items.push(item);
    }
    let cut = content.finish == Finish::Length;
    let status = if cut { "incomplete" } else { "completed" };
    if !content.text.is_empty() {
        let text = content.text.concat();
        let part = match content.finish {
            Finish::Refusal => json!({ "type": "refusal", "refusal": text }),
            _ => {
                json!({ "type": "output_text", "annotations": [], "logprobs": logprobs(content, &text), "text": text })
            }
        };
        items.push(
            json!({ "id": "msg_fake", "type": "message", "status": status, "role": "assistant", "content": [part] }),
        );
    }
    for call in &content.calls {
        items.push(json!({ "id": format!("fc_{}", call.id), "type": "function_call", "status": status,
                           "arguments": call.object(), "call_id": format!("call_{}", call.id), "name": call.name }));
    }
    items
}

/// A response with what repeats the request left at its defaults.
fn outline(model: &str, status: &str, output: &[Value]) -> Value {
    json!({
        "id": "resp_fake", "object": "response", "created_at": CREATED, "status": status, "background": false,
        "completed_at": null, "error": null, "frequency_penalty": 0.0, "incomplete_details": null, "instructions": null, "max_output_tokens": null,
        "max_tool_calls": null, "model": model, "output": output, "parallel_tool_calls": true, "presence_penalty": 0.0,
        "previous_response_id": null, "prompt_cache_key": null, "reasoning": { "effort": null, "summary": null },
        "safety_identifier": null, "service_tier": "default", "store": false, "temperature": 1.0,
        "text": { "format": { "type": "text" }, "verbosity": "medium" }, "tool_choice": "auto", "tools": [],
        "top_logprobs": 0, "top_p": 1.0, "truncation": "disabled", "usage": null, "user": null, "metadata": {}
    })
}

fn usage(counts: Usage) -> Value {
    let details = json!({ "cached_tokens": counts.cached, "cache_write_tokens": counts.cache_write });
    json!({
        "input_tokens": counts.input, "input_tokens_details": details,
        "output_tokens": counts.output, "output_tokens_details": { "reasoning_tokens": counts.reasoning },
        "total_tokens": counts.input + counts.output
    })
}

fn logprobs(content: &Content, token: &str) -> Value {
    if !content.logprobs {
        return json!([]);
    }
    json!([{ "token": token, "logprob": -0.25, "bytes": token.as_bytes(), "top_logprobs": [] }])
}
