//! A provider's responses, as OpenAI keeps them: by account, which the credential says.
//!
//! In: requests at `/v1/responses`. Out: answers, whole and streamed, that say whether they are kept, and what was kept of them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use yumen_testkit::{Received, Reply};

/// The responses of all accounts. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct FakeResponses(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    number: usize,
    made: Vec<Made>,
}

#[derive(Debug, Clone)]
struct Made {
    account: String,
    response: Value,
    input: Value,
}

impl FakeResponses {
    /// Answers a request of the Responses API; `None` for any other.
    pub fn answer(&self, request: &Received) -> Option<Reply> {
        self.answer_below("/v1", request)
    }

    /// The same for a base URL with this path.
    pub fn answer_below(&self, base: &str, request: &Received) -> Option<Reply> {
        let path = request.path.split('?').next().unwrap_or_default();
        let mut segments = path.strip_prefix(base)?.strip_prefix("/responses")?.split('/').skip(1);
        let account = request.header("authorization").to_owned();
        let mut state = self.0.lock().expect("the responses");
        let (id, more) = (segments.next(), segments.next());
        let Some(id) = id else { return Some(create(&mut state, account, &request.json())) };
        let made = &mut state.made;
        let place = made.iter().position(|one| one.account == account && one.response["id"] == id);
        let Some(place) = place else { return Some(missing(404, id)) };
        Some(match (request.method.as_str(), more) {
            ("GET", None) => Reply::json(200, &made[place].response),
            ("GET", Some("input_items")) => {
                let data = json!([{ "id": format!("msg_of_{id}"), "type": "message", "role": "user", "content": made[place].input }]);
                Reply::json(
                    200,
                    &json!({ "object": "list", "data": data, "has_more": false, "query": request.path }),
                )
            }
            ("DELETE", None) => {
                made.remove(place);
                Reply::json(200, &json!({ "id": id, "object": "response", "deleted": true }))
            }
            ("POST", Some("cancel")) => {
                made[place].response["status"] = json!("cancelled");
                Reply::json(200, &made[place].response)
            }
            _ => missing(404, id),
        })
    }
}

fn create(state: &mut State, account: String, asked: &Value) -> Reply {
    state.number += 1;
    let State { number, made } = state;
    let previous = &asked["previous_response_id"];
    let knows = |one: &Made| one.account == account && one.response["id"] == *previous;
    if !previous.is_null() && !made.iter().any(knows) {
        return missing(400, previous.as_str().unwrap_or_default());
    }
    let store = asked["store"] != false;
    let text =
        json!([{ "type": "output_text", "annotations": [], "logprobs": [], "text": "Kept elsewhere." }]);
    // It tells the account, and not its secret, which the gateway would strike out.
    let id = format!("resp_of_{}_{number}", account.trim_start_matches("Bearer ").replace("secret", "s"));
    let message = json!({ "id": format!("msg_{number}"), "type": "message", "status": "completed", "role": "assistant", "content": text });
    let background = asked["background"] == true;
    let mut response = json!({
        "id": id, "object": "response", "created_at": 1_760_000_000, "status": "completed",
        "background": background, "completed_at": null, "error": null, "incomplete_details": null, "instructions": null,
        "model": asked["model"], "output": [message], "parallel_tool_calls": true, "previous_response_id": previous,
        "store": store, "temperature": 1.0, "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "metadata": {},
        "usage": { "input_tokens": 5, "input_tokens_details": { "cached_tokens": 0 }, "output_tokens": 3,
            "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 8 }
    });
    if background {
        (response["status"], response["output"], response["usage"]) =
            (json!("queued"), json!([]), Value::Null);
    }
    if store {
        made.push(Made { account, response: response.clone(), input: asked["input"].clone() });
    }
    if asked["stream"] != true {
        return Reply::json(200, &response);
    }
    let mut begun = response.clone();
    (begun["status"], begun["output"], begun["usage"]) = (json!("in_progress"), json!([]), Value::Null);
    let (item, part) = (&response["output"][0], &response["output"][0]["content"][0]);
    let (mut open, mut empty) = (item.clone(), part.clone());
    (open["status"], open["content"], empty["text"]) = (json!("in_progress"), json!([]), json!(""));
    let at = |mut fields: Value| {
        (fields["item_id"], fields["output_index"], fields["content_index"]) =
            (item["id"].clone(), json!(0), json!(0));
        fields
    };
    let (text, none) = (&part["text"], json!([]));
    let events = [
        ("response.created", json!({ "response": begun })),
        ("response.output_item.added", json!({ "output_index": 0, "item": open })),
        ("response.content_part.added", at(json!({ "part": empty }))),
        ("response.output_text.delta", at(json!({ "delta": text, "logprobs": none }))),
        ("response.output_text.done", at(json!({ "text": text, "logprobs": none }))),
        ("response.content_part.done", at(json!({ "part": part }))),
        ("response.output_item.done", json!({ "output_index": 0, "item": item })),
        ("response.completed", json!({ "response": response })),
    ];
    let mut number = 0;
    Reply::stream(events.map(|(name, mut fields)| {
        (fields["type"], fields["sequence_number"]) = (json!(name), json!(number));
        number += 1;
        format!("event: {name}\ndata: {fields}\n\n")
    }))
}

fn missing(status: u16, id: &str) -> Reply {
    let error = json!({ "message": format!("Response with id '{id}' not found."), "type": "invalid_request_error",
        "param": "id", "code": null });
    Reply::json(status, &json!({ "error": error }))
}
