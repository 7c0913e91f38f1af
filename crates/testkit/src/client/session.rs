//! A session as a client has it: events sent and events read, and how it was closed.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Client;
use crate::patience::within;

/// An open session. Dropping it ends the connection without a word.
#[derive(Debug)]
pub struct Talk {
    /// The headers of the answer that opened it.
    pub headers: HeaderMap,
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Opens a session at a path; the status when it is refused.
    pub async fn talk(&self, path: &str) -> Result<Talk, u16> {
        let mut request = Request::builder()
            .uri(format!("ws://{}{path}", self.address))
            .header("host", self.address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .body(())
            .expect("a request");
        request.headers_mut().extend(self.headers.clone());
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let opened = async {
            let stream = TcpStream::connect(self.address).await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await
        };
        match within("a session", opened).await {
            Ok((socket, answer)) => Ok(Talk { headers: answer.headers().clone(), socket }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

impl Talk {
    /// The generation id of the session.
    pub fn id(&self) -> String {
        self.headers["x-generation-id"].to_str().expect("an id").to_owned()
    }

    /// Sends an event.
    pub async fn say(&mut self, event: &Value) {
        self.send(Message::text(event.to_string())).await;
    }

    /// Asks for an answer; the fake upstream does as the word says.
    pub async fn ask(&mut self, word: &str) {
        self.say(&serde_json::json!({ "type": "response.create", "response": { "instructions": word } }))
            .await;
    }

    /// Sends an event in two frames.
    pub async fn say_in_pieces(&mut self, event: &Value) {
        let text = event.to_string();
        let (first, rest) = text.split_at(text.len() / 2);
        for (piece, kind, last) in [(first, Data::Text, false), (rest, Data::Continue, true)] {
            let frame = Frame::message(piece.to_owned(), OpCode::Data(kind), last);
            self.send(Message::Frame(frame)).await;
        }
    }

    /// Sends a ping.
    pub async fn ping(&mut self, payload: &'static str) {
        self.send(Message::Ping(Bytes::from_static(payload.as_bytes()))).await;
    }

    /// Sends bytes that are no text.
    pub async fn say_binary(&mut self, payload: &'static [u8]) {
        self.send(Message::Binary(Bytes::from_static(payload))).await;
    }

    /// Sends text as it stands, be it JSON or not. Whether it could be sent.
    pub async fn try_say(&mut self, text: String) -> bool {
        within("the sending of a message", self.socket.send(Message::text(text))).await.is_ok()
    }

    async fn send(&mut self, message: Message) {
        within("the sending of a message", self.socket.send(message)).await.expect("an open session");
    }

    /// Says goodbye with this code.
    pub async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        within("a close", self.socket.close(Some(frame))).await.expect("an open session");
    }

    /// The next event; none when the session is over. A pong is told as an event of the type `pong`.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match within("the next event", self.socket.next()).await? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("an event in JSON"));
                }
                Ok(Message::Pong(payload)) => {
                    return Some(
                        serde_json::json!({ "type": "pong", "payload": String::from_utf8_lossy(&payload) }),
                    );
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next event of this type; those before it are passed over.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|| panic!("the session ended before `{kind}`"));
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// The code and reason with which the other side closes; none when it ends without a word.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        loop {
            match within("the end of a session", self.socket.next()).await? {
                Ok(Message::Close(Some(close))) => {
                    // The answer goes out when the library is asked once more.
                    let _rest = within("the end of a connection", self.socket.next()).await;
                    return Some((close.code.into(), close.reason.to_string()));
                }
                Ok(Message::Close(None)) => return Some((1005, String::new())),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
