//! Embeddings: both forms of vectors, in both directions.

use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, Tap, codec, recode_embeddings};
use yumen_llm::ir::{EmbeddingFormat, Response};
use yumen_llm::usage::Usage;

const FLOATS: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.25,3e-8]},{"object":"embedding","index":1,"embedding":[1,2,3]}],"model":"small","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
/// 0.5, -1.25, 3e-8 and 1, 2, 3 as little-endian floats.
const BASE64: &str = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAoL+a2QAz"},{"object":"embedding","index":1,"embedding":"AACAPwAAAEAAAEBA"}],"model":"small","usage":{"prompt_tokens":5,"total_tokens":5}}"#;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
fn answers_are_given_in_the_form_that_was_asked_for() {
    let base64 = recode_embeddings(FLOATS.as_bytes(), EmbeddingFormat::Base64).expect("another form");
    assert_eq!(json(&base64)["data"][1]["embedding"], "AACAPwAAAEAAAEBA");
    let floats = recode_embeddings(&base64, EmbeddingFormat::Float).expect("another form");
    assert_eq!(
        json(&floats)["data"][0]["embedding"],
        json!([0.5, -1.25, 3e-8]),
        "nothing is lost on the way"
    );
    assert_eq!(recode_embeddings(BASE64.as_bytes(), EmbeddingFormat::Base64), None, "already so");
    assert_eq!(recode_embeddings(FLOATS.as_bytes(), EmbeddingFormat::Float), None, "already so");
    assert_eq!(recode_embeddings(b"{\"embedding\":", EmbeddingFormat::Float), None);
}

#[test]
fn answers_survive_the_ir() {
    let codec = codec(Dialect::OpenAiEmbeddings);
    for body in [FLOATS, BASE64] {
        let read = codec.decode_response(body.as_bytes()).expect("readable");
        let said = codec.encode_response(&read, &AnswerContext::default());
        let Response::Embeddings(again) = codec.decode_response(&said).expect("readable") else {
            panic!("embeddings")
        };
        assert_eq!(Response::Embeddings(again), read);
    }
}

#[test]
fn taps_read_model_and_usage() {
    let mut tap = Tap::default();
    codec(Dialect::OpenAiEmbeddings).tap_response(BASE64.as_bytes(), &mut tap);
    assert_eq!(
        (tap.model.as_deref(), tap.usage),
        (Some("small"), Some(Usage { input: 5, ..Usage::default() }))
    );
    assert!(tap.finished);
}
