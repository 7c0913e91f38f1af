//! What clients of each surface ask for beside text, and the turns in which they go on.

use serde_json::{Map, Value, json};
use yumen_testkit::Event;

use crate::{Surface, payloads};

/// One pixel, as PNG in base64.
pub const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A call of a function: id (none where the dialect has none), name and arguments.
pub type Call = (Option<String>, String, Value);

impl Surface {
    /// A question that offers the function `weather`.
    pub fn with_tools(self, model: &str, stream: bool) -> Value {
        self.offering_tools(self.body(model, stream))
    }

    /// The same question, offering the function `weather`.
    pub fn offering_tools(self, mut body: Value) -> Value {
        let schema =
            json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
        let (name, description) = ("weather", "The weather in a city");
        body["tools"] = match self {
            Self::Chat | Self::Ollama => json!([{ "type": "function",
                "function": { "name": name, "description": description, "parameters": schema } }]),
            Self::Messages => json!([{ "name": name, "description": description, "input_schema": schema }]),
            Self::Responses => json!([{ "type": "function", "name": name, "description": description,
                "parameters": schema, "strict": false }]),
            Self::Gemini => json!([{ "functionDeclarations": [{ "name": name, "description": description,
                "parametersJsonSchema": schema }] }]),
        };
        body
    }

    /// A question with two pictures: one sent whole, one by its address.
    pub fn with_pictures(self, model: &str, address: &str) -> Value {
        let mut body = self.body(model, false);
        if self == Self::Ollama {
            // There is no way to give an address.
            body["messages"][0]["images"] = json!([PIXEL]);
            return body;
        }
        let whole = format!("data:image/png;base64,{PIXEL}");
        let parts = match self {
            Self::Chat => json!([{ "type": "image_url", "image_url": { "url": whole } },
                { "type": "image_url", "image_url": { "url": address } }]),
            Self::Messages => json!([
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PIXEL } },
                { "type": "image", "source": { "type": "url", "url": address } }]),
            Self::Responses => json!([{ "type": "input_image", "detail": "auto", "image_url": whole },
                { "type": "input_image", "detail": "auto", "image_url": address }]),
            Self::Gemini => json!([{ "inlineData": { "mimeType": "image/png", "data": PIXEL } },
                { "fileData": { "mimeType": "image/png", "fileUri": address } }]),
            Self::Ollama => Value::Null,
        };
        match self {
            Self::Chat | Self::Messages | Self::Ollama => body["messages"][0]["content"] = parts,
            Self::Responses => body["input"] = json!([{ "role": "user", "content": parts }]),
            Self::Gemini => body["contents"][0]["parts"] = parts,
        }
        body
    }

    /// A question whose answer must follow a schema.
    pub fn with_schema(self, model: &str, schema: &Value) -> Value {
        let mut body = self.body(model, false);
        match self {
            Self::Chat => {
                let schema = json!({ "name": "place", "strict": true, "schema": schema });
                body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
            }
            Self::Messages => {
                body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
            }
            Self::Responses => {
                let format =
                    json!({ "type": "json_schema", "name": "place", "strict": true, "schema": schema });
                body["text"] = json!({ "format": format });
            }
            Self::Gemini => {
                body["generationConfig"]["responseMimeType"] = json!("application/json");
                body["generationConfig"]["responseJsonSchema"] = schema.clone();
            }
            Self::Ollama => body["format"] = schema.clone(),
        }
        body
    }

    /// A question to think about, with room for it and all that this surface can ask to see of it.
    pub fn with_reasoning(self, model: &str, stream: bool) -> Value {
        let mut body = self.body(model, stream);
        match self {
            Self::Chat => {
                body["max_tokens"] = json!(4096);
                body["reasoning_effort"] = json!("low");
            }
            Self::Messages => {
                body["max_tokens"] = json!(4096);
                body["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
            }
            Self::Responses => {
                body["max_output_tokens"] = json!(4096);
                body["reasoning"] = json!({ "effort": "low", "summary": "auto" });
                body["include"] = json!(["reasoning.encrypted_content"]);
            }
            Self::Gemini => {
                let thinking = json!({ "includeThoughts": true, "thinkingBudget": 1024 });
                body["generationConfig"] = json!({ "maxOutputTokens": 4096, "thinkingConfig": thinking });
            }
            Self::Ollama => {
                body["options"]["num_predict"] = json!(4096);
                body["think"] = json!("low");
            }
        }
        body
    }

    /// The function calls of a whole answer.
    pub fn calls(self, answer: &Value) -> Vec<Call> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let parsed =
            |value: &Value| serde_json::from_str(value.as_str().unwrap_or_default()).unwrap_or_default();
        let call = |item: &Value| -> Option<Call> {
            let (id, call, arguments) = match self {
                Self::Chat => (&item["id"], &item["function"], parsed(&item["function"]["arguments"])),
                Self::Ollama => (&item["id"], &item["function"], item["function"]["arguments"].clone()),
                Self::Messages if item["type"] == "tool_use" => (&item["id"], item, item["input"].clone()),
                Self::Responses if item["type"] == "function_call" => {
                    (&item["call_id"], item, parsed(&item["arguments"]))
                }
                Self::Gemini => {
                    let call = item.get("functionCall")?;
                    (&call["id"], call, call["args"].clone())
                }
                _ => return None,
            };
            Some((text(id), text(&call["name"])?, arguments))
        };
        let items = match self {
            Self::Chat => list(&answer["choices"][0]["message"]["tool_calls"]),
            Self::Messages => list(&answer["content"]),
            Self::Responses => list(&answer["output"]),
            Self::Gemini => list(&answer["candidates"][0]["content"]["parts"]),
            Self::Ollama => list(&answer["message"]["tool_calls"]),
        };
        items.iter().filter_map(call).collect()
    }

    /// The thoughts that a whole answer shows.
    pub fn thoughts(self, answer: &Value) -> String {
        let parts = |value: &Value, text: fn(&Value) -> &Value| -> String {
            value.as_array().into_iter().flatten().filter_map(|part| text(part).as_str()).collect()
        };
        match self {
            Self::Chat => {
                let message = &answer["choices"][0]["message"];
                message["reasoning_content"].as_str().unwrap_or_default().to_owned()
            }
            Self::Ollama => answer["message"]["thinking"].as_str().unwrap_or_default().to_owned(),
            Self::Messages => parts(&answer["content"], |block| &block["thinking"]),
            Self::Responses => parts(&answer["output"], |item| &item["summary"][0]["text"]),
            Self::Gemini => {
                let said = &answer["candidates"][0]["content"]["parts"];
                parts(said, |part| if part["thought"] == true { &part["text"] } else { &Value::Null })
            }
        }
    }

    /// The same question with the model's answer, then `results` of its calls or, without any, another question.
    pub fn again(self, body: &Value, answer: &Value, results: &[(Call, &str)]) -> Value {
        let mut body = body.clone();
        let more = "And now?";
        let next: Vec<Value> =
            results.iter().map(|((id, name, _), result)| self.result(id.as_deref(), name, result)).collect();
        let turns: Vec<Value> = match self {
            Self::Chat | Self::Ollama if next.is_empty() => vec![json!({ "role": "user", "content": more })],
            Self::Chat | Self::Ollama => next,
            Self::Messages if next.is_empty() => vec![json!({ "role": "user", "content": more })],
            Self::Messages => vec![json!({ "role": "user", "content": next })],
            Self::Responses if next.is_empty() => vec![json!({ "role": "user", "content": more })],
            Self::Responses => next,
            Self::Gemini if next.is_empty() => vec![json!({ "role": "user", "parts": [{ "text": more }] })],
            Self::Gemini => vec![json!({ "role": "user", "parts": next })],
        };
        let (name, said) = match self {
            Self::Chat => ("messages", vec![answer["choices"][0]["message"].clone()]),
            Self::Messages => {
                ("messages", vec![json!({ "role": "assistant", "content": answer["content"] })])
            }
            Self::Responses => {
                body["input"] = json!([{ "role": "user", "content": body["input"] }]);
                ("input", answer["output"].as_array().cloned().unwrap_or_default())
            }
            Self::Gemini => ("contents", vec![answer["candidates"][0]["content"].clone()]),
            Self::Ollama => ("messages", vec![answer["message"].clone()]),
        };
        body[name].as_array_mut().expect("turns").extend(said.into_iter().chain(turns));
        body
    }

    fn result(self, id: Option<&str>, name: &str, result: &str) -> Value {
        match self {
            Self::Chat => json!({ "role": "tool", "tool_call_id": id, "content": result }),
            // Its clients know calls by their names.
            Self::Ollama => json!({ "role": "tool", "tool_name": name, "content": result }),
            Self::Messages => json!({ "type": "tool_result", "tool_use_id": id, "content": result }),
            Self::Responses => json!({ "type": "function_call_output", "call_id": id, "output": result }),
            Self::Gemini => {
                let mut response = json!({ "name": name, "response": { "result": result } });
                if let Some(id) = id {
                    response["id"] = json!(id);
                }
                json!({ "functionResponse": response })
            }
        }
    }

    /// The whole answer that a stream has told, as far as text, thoughts and calls go.
    pub fn whole(self, events: &[Event]) -> Value {
        let told = payloads(events);
        match self {
            Self::Chat => chat(&told),
            Self::Messages => message(&told),
            Self::Responses => told.last().map(|last| last["response"].clone()).unwrap_or_default(),
            Self::Gemini => {
                let parts =
                    told.iter().filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
                let parts: Vec<&Value> = parts.flatten().collect();
                json!({ "candidates": [{ "content": { "role": "model", "parts": parts } }] })
            }
            Self::Ollama => lines(&told),
        }
    }
}

fn add(object: &mut Value, name: &str, piece: &Value) {
    if let Some(piece) = piece.as_str() {
        let before = object[name].as_str().unwrap_or_default();
        object[name] = json!(format!("{before}{piece}"));
    }
}

fn chat(chunks: &[Value]) -> Value {
    let mut message = json!({ "role": "assistant" });
    let (mut calls, mut details) = (Vec::<Value>::new(), Vec::<Value>::new());
    for delta in chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]) {
        add(&mut message, "content", &delta["content"]);
        add(&mut message, "reasoning_content", &delta["reasoning_content"]);
        for piece in delta["reasoning_details"].as_array().into_iter().flatten() {
            let same = details.iter_mut().find(|detail: &&mut Value| detail["index"] == piece["index"]);
            match same {
                Some(detail) => {
                    add(detail, "text", &piece["text"]);
                    for name in ["signature", "data", "format"] {
                        if piece[name].is_string() {
                            detail[name] = piece[name].clone();
                        }
                    }
                }
                None => details.push(piece.clone()),
            }
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = piece["index"].as_u64().expect("a call's number") as usize;
            if index == calls.len() {
                calls.push(json!({ "id": piece["id"], "type": "function",
                                   "function": { "name": piece["function"]["name"] } }));
            }
            add(&mut calls[index]["function"], "arguments", &piece["function"]["arguments"]);
        }
    }
    for (name, list) in [("tool_calls", calls), ("reasoning_details", details)] {
        if !list.is_empty() {
            message[name] = json!(list);
        }
    }
    json!({ "choices": [{ "message": message }] })
}

fn lines(lines: &[Value]) -> Value {
    let mut message = json!({ "role": "assistant", "content": "" });
    let mut calls: Vec<Value> = Vec::new();
    for piece in lines.iter().map(|line| &line["message"]) {
        add(&mut message, "content", &piece["content"]);
        add(&mut message, "thinking", &piece["thinking"]);
        calls.extend(piece["tool_calls"].as_array().into_iter().flatten().cloned());
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({ "message": message })
}

fn message(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    let mut arguments = String::new();
    for event in events {
        let delta = &event["delta"];
        match event["type"].as_str() {
            Some("content_block_start") => {
                arguments.clear();
                blocks.push(event["content_block"].clone());
            }
            Some("content_block_delta") => {
                arguments.push_str(delta["partial_json"].as_str().unwrap_or_default());
                let block = blocks.last_mut().expect("an open block");
                ["text", "thinking", "signature"].iter().for_each(|name| add(block, name, &delta[*name]));
            }
            Some("content_block_stop") => {
                let block = blocks.last_mut().expect("an open block");
                if block["type"] == "tool_use" {
                    let none = Value::Object(Map::new());
                    block["input"] = serde_json::from_str(&arguments).unwrap_or(none);
                }
            }
            _ => {}
        }
    }
    json!({ "role": "assistant", "content": blocks })
}
