//! Every target, for a fixed number of inputs.

use std::time::{Duration, Instant};

use yumen_config::{KeyHasher, parse_and_check};
use yumen_fuzz::{TARGETS, folder, fuzz};
use yumen_llm::catalogue::Catalogue;
use yumen_llm::dialects::{Dialect, codec};

const EXECUTIONS: u64 = 3_000;

#[test]
fn every_target_holds_on_its_seeds_and_on_damaged_ones() {
    for target in TARGETS {
        let result = fuzz(target, 7, |executions| executions < EXECUTIONS).unwrap();
        let executions = result.unwrap_or_else(|broken| {
            panic!("{}: {}\n{}", target.name, broken.message, String::from_utf8_lossy(&broken.input))
        });
        assert_eq!(executions, EXECUTIONS, "{}", target.name);
    }
}

#[test]
fn every_folder_of_seeds_has_a_target_and_seeds() {
    let mut folders: Vec<_> = std::fs::read_dir(folder("seeds"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .inspect(|entry| assert!(std::fs::read_dir(entry.path()).unwrap().count() > 0, "{:?}", entry.path()))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(folders, targets);
}

#[test]
fn a_broken_invariant_is_found_and_its_input_given() {
    let scan = TARGETS.iter().find(|target| target.name == "scan").unwrap();
    let brittle = yumen_fuzz::Target { run: |input| assert!(!input.contains(&b'\\'), "backslash"), ..*scan };
    let started = Instant::now();
    let broken = fuzz(&brittle, 1, |_| started.elapsed() < Duration::from_secs(60)).unwrap().unwrap_err();
    assert_eq!(broken.message, "backslash");
    assert!(broken.input.contains(&b'\\'));
}

#[test]
fn the_seeds_reach_what_is_to_be_damaged() {
    let inputs = |target: &str| {
        let entries = std::fs::read_dir(folder("seeds").join(target)).unwrap();
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    for (name, dialect) in [
        ("openai_chat", Dialect::OpenAiChat),
        ("openai_responses", Dialect::OpenAiResponses),
        ("anthropic", Dialect::AnthropicMessages),
        ("gemini", Dialect::Gemini),
        ("ollama", Dialect::OllamaChat),
        ("cohere", Dialect::CohereChat),
        ("bedrock", Dialect::BedrockConverse),
    ] {
        for input in inputs(&format!("{name}_request")) {
            codec(dialect).decode_request(&input).unwrap();
        }
        let read = |input: &Vec<u8>| codec(dialect).decode_response(input).is_ok();
        assert!(inputs(&format!("{name}_response")).iter().any(read));
    }
    for (name, dialect) in [
        ("dashscope", Dialect::DashScopeChat),
        ("dify", Dialect::DifyChat),
        ("triton", Dialect::TritonGenerate),
        ("replicate", Dialect::ReplicatePredictions),
        ("deepl", Dialect::DeepLTranslate),
        ("embeddings", Dialect::BedrockEmbeddings),
        ("embeddings", Dialect::VertexEmbeddings),
    ] {
        let read = |input: &Vec<u8>| codec(dialect).decode_response(input).is_ok();
        assert!(inputs(&format!("{name}_response")).iter().any(read), "{name}");
    }
    let env = |_: &str| Some("value".to_owned());
    let catalogue = Catalogue::builtin().unwrap();
    let text = String::from_utf8(std::fs::read(folder("seeds/config/plain.yaml")).unwrap()).unwrap();
    let checked = parse_and_check(
        &text,
        "yumen.yaml",
        &env,
        &|_| Ok("secret".to_owned()),
        &catalogue,
        &KeyHasher::new([0; 32]),
        None,
    );
    assert!(!checked.has_errors(), "{:?}", checked.diagnostics);
}
