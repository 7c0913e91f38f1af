//! Frameworks: the programs in their pages, at providers of every dialect, with a function of the page's as their tool.

use std::process::Command;

use yumen_tests::{PROVIDERS, TEXT, install};

use crate::trial::{Trial, installed, node_version, python_version, replaced};

/// What a function of the pages gives back.
const RESULT: &str = "The tool said: 21 degrees in Dunhuang";

/// The page's program for this model; its question about the weather is an order to call the function.
fn program(trial: &Trial, language: &str, model: &str, tools: bool) -> String {
    let text = trial.block(language, model);
    let order = r#"'Use the tool weather with {"city":"Dunhuang"}'"#;
    if tools { replaced(&text, "\"What is the weather in Dunhuang?\"", order) } else { text }
}

/// How often the plain answer and the tool's result must be in what the page's program says.
struct Expected {
    words: usize,
    results: usize,
}

async fn python(name: &'static str, page: &str, package: &str, test: &str, expected: Expected) {
    let set = format!("agents/{}", page.trim_end_matches(".md"));
    let version = python_version(&set, package);
    let folder = tokio::task::spawn_blocking(move || install::python(&set)).await.unwrap();
    let folder = installed(name, &folder);
    let trial = Trial::begin(name, page).await;
    for provider in PROVIDERS {
        let model = Trial::model(provider);
        let mut command = install::python_in(&folder);
        command.args(["-c", &program(&trial, "python", &model, expected.results > 0)]);
        let said = trial.run(command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True")).await;
        expect(&trial, &said, &model, &expected).await;
    }
    trial.ran(&version, test, what(&expected));
}

async fn expect(trial: &Trial, said: &str, model: &str, expected: &Expected) {
    let counted = (said.matches(TEXT).count(), said.matches(RESULT).count());
    assert_eq!(counted, (expected.words, expected.results), "{model}: {said}");
    trial.expect_records(model).await;
}

fn what(expected: &Expected) -> &'static str {
    if expected.results > 0 { "words, a tool" } else { "words" }
}

#[tokio::test(flavor = "multi_thread")]
async fn langchain() {
    let expected = Expected { words: 3, results: 2 };
    python("LangChain", "langchain.md", "langchain-openai", "langchain", expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_index() {
    let expected = Expected { words: 2, results: 1 };
    python("LlamaIndex", "llama-index.md", "llama-index-llms-openai-like", "llama_index", expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pydantic_ai() {
    let expected = Expected { words: 3, results: 3 };
    python("Pydantic AI", "pydantic-ai.md", "pydantic-ai-slim", "pydantic_ai", expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn litellm() {
    let expected = Expected { words: 4, results: 0 };
    python("LiteLLM's library", "litellm.md", "litellm", "litellm", expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vercel_ai_sdk() {
    let name = "Vercel AI SDK";
    let folder = installed(name, crate::calls::node_libraries().await);
    let trial = Trial::begin(name, "vercel-ai-sdk.md").await;
    let expected = Expected { words: 2, results: 2 };
    for provider in PROVIDERS {
        let model = Trial::model(provider);
        let mut command = Command::new("node");
        command.args(["--input-type=module", "-e", &program(&trial, "js", &model, true)]);
        let said = trial.run(command.current_dir(&folder)).await;
        expect(&trial, &said, &model, &expected).await;
    }
    trial.ran(&node_version(&folder, "ai"), "vercel_ai_sdk", what(&expected));
}
