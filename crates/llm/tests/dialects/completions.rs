//! Clients of legacy text completions, served by chat models.

use serde_json::{Value, json};
use yumen_llm::dialects::{Dialect, codec};

use crate::support::context;

#[test]
fn a_chat_models_answer_comes_back_as_text() {
    let body = json!({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[
        {"index":0,"message":{"role":"assistant","content":"ab","reasoning_content":"hm"},"finish_reason":"length","logprobs":{"content":[
            {"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":[97]},{"token":"x","logprob":-2.0,"bytes":[120]}]},
            {"token":"b","logprob":-1.0,"bytes":[98],"top_logprobs":[]}],"refusal":null}},
        {"index":1,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls","logprobs":null}],
        "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}});
    let read = codec(Dialect::OpenAiChat).decode_response(body.to_string().as_bytes()).expect("readable");
    let said: Value =
        serde_json::from_slice(&codec(Dialect::OpenAiCompletions).encode_response(&read, &context()))
            .expect("JSON");
    assert_eq!(said["object"], "text_completion");
    assert_eq!(
        said["choices"],
        json!([
            {"text":"ab","index":0,"logprobs":{"tokens":["a","b"],"token_logprobs":[-0.5,-1.0],"top_logprobs":[{"a":-0.5,"x":-2.0},{}],"text_offset":[0,1]},"finish_reason":"length"},
            {"text":"","index":1,"logprobs":null,"finish_reason":"stop"}
        ])
    );
    assert_eq!(said["usage"]["total_tokens"], 5);
}

#[test]
fn a_completion_models_answer_is_read_and_said_the_same() {
    let body = json!({"id":"cmpl-1","object":"text_completion","created":1,"model":"instruct","choices":[{"text":" there","index":0,"logprobs":{"tokens":[" there"],"token_logprobs":[-0.1],"top_logprobs":[{}],"text_offset":[0]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}});
    let dialect = codec(Dialect::OpenAiCompletions);
    let read = dialect.decode_response(body.to_string().as_bytes()).expect("readable");
    let said: Value = serde_json::from_slice(&dialect.encode_response(&read, &context())).expect("JSON");
    for field in ["id", "object", "created", "model", "choices"] {
        assert_eq!(said[field], body[field], "{field}");
    }
}

#[test]
fn count_tokens_bodies() {
    let body = yumen_llm::dialects::count_tokens_answer(2095);
    assert_eq!(body, br#"{"input_tokens":2095}"#);
    assert_eq!(yumen_llm::dialects::read_count_tokens(&body), Some(2095));
    assert_eq!(yumen_llm::dialects::read_count_tokens(b"[]"), None);
}
