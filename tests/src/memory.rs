//! Requests of the Responses API that go on from each other, and what is told of them.

use http::Method;
use serde_json::{Value, json};
use yumen_testkit::{Answer, Client};

use crate::RESPONSES;

/// A question whose answer is to be kept.
pub fn ask(model: &str, input: &str) -> Value {
    json!({ "model": model, "input": input, "store": true })
}

/// The same, as the next turn.
pub fn go_on(model: &str, previous: &Value, input: &str) -> Value {
    let mut body = ask(model, input);
    body["previous_response_id"] = previous["id"].clone();
    body
}

/// The response that was told, whole or at the end of a stream.
pub async fn respond(client: &Client, mut body: Value, stream: bool) -> Value {
    body["stream"] = json!(stream);
    let answer = client.post(RESPONSES, &body).await.expect_status(200);
    told(&answer, stream)
}

/// The response that was told; a stream begins and ends with the same one.
pub fn told(answer: &Answer, stream: bool) -> Value {
    if !stream {
        return answer.json();
    }
    let events = answer.events();
    assert_eq!(events[0].name, "response.created");
    let last = events.last().expect("an event");
    assert!(matches!(last.name.as_str(), "response.completed" | "response.incomplete"), "{last:?}");
    let (begun, ended) = (events[0].json()["response"]["id"].clone(), last.json()["response"].clone());
    assert_eq!(begun, ended["id"]);
    ended
}

/// Where a response is looked at.
pub fn path(response: &Value) -> String {
    format!("{RESPONSES}/{}", response["id"].as_str().expect("an id"))
}

/// Deletes a response.
pub async fn delete(client: &Client, response: &Value) -> Answer {
    client.send(Method::DELETE, &path(response), "").await
}
