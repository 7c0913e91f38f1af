//! Sessions of OpenAI's realtime API. What goes wrong in one is asked for by an answer's `instructions`.
//!
//! In: a handshake, then events. Out: events in their usual order. Everything that comes is noted with the upstream.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::{Received, Reply, Shared};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The answer that switches the connection; none to what asks for no WebSocket.
pub(super) fn handshake(request: &Received) -> Option<Reply> {
    let nonce = request.headers.get("sec-websocket-key")?;
    let reply = Reply::switching()
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", &derive_accept_key(nonce.as_bytes()));
    let first = request.header("sec-websocket-protocol").split(',').next().unwrap_or_default().trim();
    Some(if first.is_empty() { reply } else { reply.header("sec-websocket-protocol", first) })
}

/// Talks until one side ends it.
pub(super) async fn talk(shared: Arc<Shared>, request: Received, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let kind = if request.in_query("intent").is_some() { "transcription" } else { "realtime" };
    let session = json!({ "id": "sess_fake", "object": "realtime.session", "type": kind, "model": request.in_query("model"),
                          "output_modalities": ["audio"] });
    say(&mut socket, &json!({ "type": "session.created", "session": session })).await;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => {
                shared.hear(text.as_str());
                let event: Value = serde_json::from_str(&text).unwrap_or_default();
                if answer(&shared, &mut socket, &event).await.is_none() {
                    return;
                }
            }
            Message::Ping(payload) => shared.hear(format!("ping {}", String::from_utf8_lossy(&payload))),
            Message::Pong(payload) => shared.hear(format!("pong {}", String::from_utf8_lossy(&payload))),
            Message::Close(close) => {
                let code = close.map_or_else(String::new, |close| u16::from(close.code).to_string());
                shared.hear(format!("close {code}"));
                // The library answers when it is asked once more.
                while let Some(Ok(_)) = socket.next().await {}
                return;
            }
            Message::Binary(_) | Message::Frame(_) => shared.hear("binary"),
        }
    }
    shared.hear("gone");
}

async fn say(socket: &mut Socket, event: &Value) {
    let mut event = event.clone();
    event["event_id"] = json!("event_fake");
    let _sent = socket.send(Message::text(event.to_string())).await;
}

/// Answers one event; none when the session is over.
async fn answer(shared: &Shared, socket: &mut Socket, event: &Value) -> Option<()> {
    match event["type"].as_str().unwrap_or_default() {
        "session.update" | "transcription_session.update" => {
            say(socket, &json!({ "type": "session.updated", "session": event["session"] })).await;
        }
        "conversation.item.create" => {
            say(socket, &json!({ "type": "conversation.item.added", "item": event["item"] })).await;
        }
        "input_audio_buffer.commit" => {
            let kind = "conversation.item.input_audio_transcription.completed";
            let usage = json!({ "type": "duration", "seconds": 1.5 });
            say(socket, &json!({ "type": kind, "item_id": "item_1", "content_index": 0, "transcript": "hello", "usage": usage })).await;
        }
        "response.create" => {
            let asked = event["response"]["instructions"].as_str().unwrap_or_default().to_owned();
            return respond(shared, socket, &asked).await;
        }
        "input_audio_buffer.append" => {}
        other => {
            let error = json!({ "type": "invalid_request_error", "code": "invalid_value", "message": format!("Unknown event {other}."),
                                "param": "type", "event_id": event["event_id"] });
            say(socket, &json!({ "type": "error", "error": error })).await;
        }
    }
    Some(())
}

/// Five tokens of 10 cached ones, of which 4 were sound.
fn usage() -> Value {
    json!({ "total_tokens": 150, "input_tokens": 100, "output_tokens": 50,
            "input_token_details": { "text_tokens": 40, "audio_tokens": 60, "image_tokens": 0, "cached_tokens": 30,
                                     "cached_tokens_details": { "text_tokens": 10, "audio_tokens": 20, "image_tokens": 0 } },
            "output_token_details": { "text_tokens": 10, "audio_tokens": 40 } })
}

async fn respond(shared: &Shared, socket: &mut Socket, asked: &str) -> Option<()> {
    let response = |status: &str, usage: Value| json!({ "id": "resp_fake", "object": "realtime.response", "status": status, "output": [], "usage": usage });
    if let Some(code) = asked.strip_prefix("close ") {
        let code: u16 = code.parse().expect("a close code");
        let close = CloseFrame { code: code.into(), reason: "as asked".into() };
        let _closed = socket.close(Some(close)).await;
        while let Some(Ok(_)) = socket.next().await {}
        return None;
    }
    say(socket, &json!({ "type": "response.created", "response": response("in_progress", Value::Null) }))
        .await;
    let delta = |kind: &str, delta: &str| json!({ "type": kind, "response_id": "resp_fake", "item_id": "item_2", "output_index": 0, "content_index": 0, "delta": delta });
    say(socket, &delta("response.output_audio.delta", "AAAAAAAA")).await;
    match asked {
        "die" => return None,
        "hang" => {
            let mut gate = shared.gate.subscribe();
            let _open = gate.wait_for(|open| *open).await;
        }
        "ping" => drop(socket.send(Message::Ping(Bytes::from_static(b"there?"))).await),
        "huge" => say(socket, &delta("response.output_audio.delta", &"A".repeat(2 << 20))).await,
        _ => {}
    }
    say(socket, &delta("response.output_audio_transcript.delta", "Hello from the fake gate 玉门.")).await;
    let counted = if asked == "no usage" { Value::Null } else { usage() };
    let done = json!({ "type": "response.done", "event_id": "event_fake", "response": response("completed", counted) });
    if asked != "in pieces" {
        say(socket, &done).await;
        return Some(());
    }
    let text = done.to_string();
    let (first, rest) = text.split_at(9);
    let (second, third) = rest.split_at(20);
    for (piece, kind, last) in
        [(first, Data::Text, false), (second, Data::Continue, false), (third, Data::Continue, true)]
    {
        let frame = Frame::message(piece.to_owned(), OpCode::Data(kind), last);
        let _sent = socket.send(Message::Frame(frame)).await;
    }
    Some(())
}
