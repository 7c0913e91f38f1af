//! Answers as servers give them, and answers as no server should.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail by panicking"
)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// As vLLM answers `GET /v1/models`, with an adapter beside the model.
const VLLM: &str = r#"{"object":"list","data":[
  {"id":"Qwen/Qwen3-8B","object":"model","created":1764000000,"owned_by":"vllm","root":"Qwen/Qwen3-8B","parent":null,
   "max_model_len":40960,"permission":[{"id":"modelperm-1","object":"model_permission"}]},
  {"id":"sql-lora","object":"model","created":1764000000,"owned_by":"vllm","root":"/loras/sql","parent":"Qwen/Qwen3-8B",
   "max_model_len":null,"permission":[]}]}"#;

/// As llama-server answers the same, and `GET /props`.
const LLAMA_CPP: &str = r#"{"models":[{"name":"gemma-3-4b.gguf","model":"gemma-3-4b.gguf","capabilities":["completion"]}],
  "object":"list","data":[{"id":"gemma-3-4b.gguf","object":"model","created":1764000000,"owned_by":"llamacpp",
  "meta":{"vocab_type":1,"n_vocab":262208,"n_ctx_train":131072,"n_embd":2560,"n_params":3880099328,"size":2481496064}}]}"#;
const PROPS: &str = r#"{"default_generation_settings":{"id":0,"n_ctx":8192,"params":{"temperature":0.8}},"total_slots":4,
  "model_path":"gemma-3-4b.gguf","modalities":{"vision":true,"audio":false},"chat_template":"…"}"#;

const TAGS: &str = r#"{"models":[
  {"name":"qwen3:8b","model":"qwen3:8b","modified_at":"2026-01-02T03:04:05Z","size":1,"digest":"500a1f067a9f","details":{}},
  {"name":"nomic-embed-text:latest","model":"nomic-embed-text:latest","digest":"0a109f422b47"}]}"#;
const SHOW: &str = r#"{"license":"…","template":"…","model_info":{"clip.vision.context_length":77,"general.architecture":"qwen3",
  "qwen3.context_length":40960,"tokenizer.ggml.tokens":null},"capabilities":["completion","tools","vision","thinking"]}"#;
const SHOW_EMBEDDING: &str =
    r#"{"model_info":{"nomic-bert.context_length":2048},"capabilities":["embedding"]}"#;

fn words<W: crate::catalogue::Word>(words: Words<W>) -> Vec<&'static str> {
    words.iter().map(crate::catalogue::Word::word).collect()
}

#[test]
fn openai_style_servers_tell_the_window_under_several_names() {
    let list = openai_models(VLLM.as_bytes()).unwrap();
    assert_eq!((list.models["Qwen/Qwen3-8B"].context, list.left_out), (Some(40_960), 0));
    assert_eq!(list.models["sql-lora"], DiscoveredModel::default());
    for (name, value, expected) in [
        ("context_length", json!(32_768), Some(32_768)),
        ("context_window", json!(8_192), Some(8_192)),
        ("max_context_length", json!(4_096), Some(4_096)),
        ("max_model_len", json!("40960"), None),
        ("max_model_len", json!(0), None),
        ("max_model_len", json!(-1), None),
        ("max_model_len", json!(u64::MAX), None),
        ("context_size", json!(1), None),
    ] {
        let body = json!({ "data": [{ "id": "m", name: value }] }).to_string();
        assert_eq!(openai_models(body.as_bytes()).unwrap().models["m"].context, expected, "{name}");
    }
}

#[test]
fn llama_cpp_tells_the_window_it_was_started_with() {
    let mut list = openai_models(LLAMA_CPP.as_bytes()).unwrap();
    assert_eq!(list.models["gemma-3-4b.gguf"].context, None);
    add_llama_cpp_props(&mut list, PROPS.as_bytes()).unwrap();
    let model = &list.models["gemma-3-4b.gguf"];
    assert_eq!((model.context, words(model.input)), (Some(8_192), vec!["text", "image"]));
    // Of several models it is not said which one is meant.
    let mut several = openai_models(VLLM.as_bytes()).unwrap();
    let before = several.clone();
    add_llama_cpp_props(&mut several, PROPS.as_bytes()).unwrap();
    assert_eq!(several, before);
    let lacks = DiscoveryError::Lacks("default_generation_settings");
    assert_eq!(add_llama_cpp_props(&mut list, b"{}"), Err(lacks));
}

#[test]
fn ollama_tells_names_windows_and_capabilities() {
    let tags = ollama_tags(TAGS.as_bytes()).unwrap();
    assert_eq!(tags.models["qwen3:8b"], "500a1f067a9f");
    let model = ollama_model(SHOW.as_bytes()).unwrap();
    assert_eq!((model.context, words(model.input)), (Some(40_960), vec!["text", "image"]));
    assert_eq!(words(model.supports.unwrap()), ["tools", "structured", "reasoning"]);
    assert_eq!(model.operations, [Operation::Chat, Operation::Completions]);
    let embedding = ollama_model(SHOW_EMBEDDING.as_bytes()).unwrap();
    assert_eq!((embedding.context, embedding.supports), (Some(2_048), None));
    assert_eq!(embedding.operations, [Operation::Embeddings]);
    // A release that tells no capabilities claims none.
    assert_eq!(ollama_model(b"{}").unwrap(), DiscoveredModel::default());
    let models = tags.models.into_keys().map(|id| (id, DiscoveredModel::default())).collect();
    let models = ModelList { models, left_out: 0 }.into_models();
    let named: Vec<_> = models.iter().map(|model| (&*model.id, model.alias.as_deref())).collect();
    assert_eq!(named, [("nomic-embed-text:latest", Some("nomic-embed-text")), ("qwen3:8b", None)]);
}

#[test]
fn what_is_no_list_is_said_and_what_is_no_model_left_out() {
    for (body, expected) in [
        ("", DiscoveryError::NotJson),
        ("<html>", DiscoveryError::NotJson),
        ("{\"data\": [", DiscoveryError::NotJson),
        ("[]", DiscoveryError::Lacks("data")),
        ("{\"data\": {}}", DiscoveryError::Lacks("data")),
        ("{\"error\": \"unauthorised\"}", DiscoveryError::Lacks("data")),
    ] {
        assert_eq!(openai_models(body.as_bytes()), Err(expected), "{body}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(openai_models(deep.as_bytes()), Err(DiscoveryError::NotJson));
    let body = json!({ "data": [
        { "id": "" }, { "id": "a\nb" }, { "id": 7 }, {}, null, "m", { "id": "x".repeat(257) }, { "id": "good" },
        { "id": "good", "context_length": 5 },
    ] });
    let list = openai_models(body.to_string().as_bytes()).unwrap();
    assert_eq!((list.models.into_keys().collect::<Vec<_>>(), list.left_out), (vec!["good".to_owned()], 7));
}

#[test]
fn a_list_has_an_end() {
    let entries: Vec<_> =
        (0..DISCOVERED_MOST + 5).map(|number| json!({ "id": format!("m{number}") })).collect();
    let list = openai_models(json!({ "data": entries }).to_string().as_bytes()).unwrap();
    assert_eq!((list.models.len(), list.left_out), (DISCOVERED_MOST, 5));
}

proptest! {
    #[test]
    fn damaged_answers_never_panic(cut in 0_usize..900, byte: u8, place in 0_usize..900) {
        for whole in [VLLM, LLAMA_CPP, PROPS, TAGS, SHOW] {
            let mut body = whole.as_bytes().to_vec();
            body.truncate(cut.max(1));
            let place = place % body.len();
            body[place] = byte;
            let mut list = openai_models(&body).unwrap_or_default();
            let _ = add_llama_cpp_props(&mut list, &body);
            let _ = ollama_model(&body);
            if let Ok(tags) = ollama_tags(&body) {
                prop_assert!(tags.models.keys().all(|id| is_id(id)));
            }
        }
    }
}
