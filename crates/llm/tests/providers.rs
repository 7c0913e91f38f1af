//! The contract that every folder of `/providers` keeps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use yumen_llm::catalogue::{Auth, Catalogue, Modality, ModelDefinition, Operation, ProviderDefinition};
use yumen_llm::dialects::{Dialect, Quirk, Thinking, Upstream, codec};
use yumen_llm::price::{PerToken, Price};

/// So many folders there are at least.
const FOLDERS_LEAST: usize = 130;
/// Those that must be found under just this name: others build on them or tell people to write it.
const EXPECTED: &[&str] = &[
    "anthropic",
    "anthropic-compatible",
    "azure",
    "baidu",
    "cloudflare",
    "cohere",
    "deepseek",
    "demo",
    "gemini",
    "mistral",
    "ollama",
    "openai",
    "openai-compatible",
    "openrouter",
    "qwen",
    "tencent",
    "vllm",
    "xai",
    "zai",
    "zhipu",
];

/// Hosted providers whose models are what an operator has built there: none can be listed.
const OWN_MODELS: &[&str] = &["coze", "coze-cn", "dify"];

/// 1,000 dollars per million tokens.
const ABSURD: PerToken = PerToken(1_000_000_000_000);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../providers")
}

fn folders() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn each(mut look: impl FnMut(&str, &ProviderDefinition)) {
    for (id, definition) in &Catalogue::builtin().unwrap().providers {
        look(id, definition);
    }
}

fn each_model(mut look: impl FnMut(&str, &ModelDefinition)) {
    each(|id, definition| definition.models.iter().for_each(|model| look(id, model)));
}

#[test]
fn what_is_embedded_is_what_lies_in_the_folders() {
    let embedded: Vec<String> = Catalogue::builtin().unwrap().providers.into_keys().collect();
    assert_eq!(embedded, folders());
    assert!(embedded.len() >= FOLDERS_LEAST, "only {} folders", embedded.len());
    for id in EXPECTED {
        assert!(embedded.iter().any(|name| name == id), "{id} is missing");
    }
    let mut read = Catalogue::default();
    for id in folders() {
        let text = |name: &str| std::fs::read_to_string(root().join(&id).join(name)).ok();
        read.add(&id, &text("provider.toml").unwrap(), text("models.toml").as_deref()).unwrap();
    }
    assert_eq!(read.providers, Catalogue::builtin().unwrap().providers);
}

#[test]
fn a_folder_is_called_after_its_id_and_has_a_readme() {
    each(|id, definition| {
        assert_eq!(definition.id, id);
        let readme = std::fs::read_to_string(root().join(id).join("README.md")).unwrap();
        assert!(readme.starts_with("# ") && readme.len() > 200, "{id}: README.md says too little");
        let lines = std::fs::read_to_string(root().join(id).join("provider.toml")).unwrap().lines().count();
        assert!(lines < 40, "{id}: provider.toml has {lines} lines");
        let credential = definition.credential.iter();
        let fields = credential.clone().flat_map(|credential| credential.fields.values());
        let names = credential
            .flat_map(|credential| credential.env.iter().chain(&credential.file_env))
            .chain(fields.flat_map(|field| &field.env))
            .chain(definition.parameters.values().flat_map(|parameter| &parameter.env));
        for name in names {
            assert!(readme.contains(name.as_str()), "{id}: README.md does not name {name}");
        }
    });
}

#[test]
fn secrets_travel_encrypted_unless_they_stay_on_the_machine() {
    each(|id, definition| {
        let own = definition.dialects.values().map(|entry| entry.base_url.as_deref());
        for url in own.chain([definition.base_url.as_deref()]).flatten() {
            let local = ["http://127.0.0.1:", "builtin://"].iter().any(|start| url.starts_with(start));
            assert!(url.starts_with("https://") || local, "{id}: {url}");
            assert!(
                !local || definition.auth == Auth::None,
                "{id}: a local server asks for no key by default"
            );
        }
    });
}

/// What a README must say of each quirk, so that nobody has to read the TOML to know of it.
fn words(quirk: Quirk) -> &'static str {
    match quirk {
        Quirk::NoStreamOptions => "`stream_options`",
        Quirk::UsageAlwaysStreamed => "usage comes in",
        Quirk::MaxTokensOnly => "`max_tokens`",
        Quirk::MaxCompletionTokens => "`max_completion_tokens`",
        Quirk::ClaudeOnVertex | Quirk::ClaudeOnBedrock => "`anthropic_version`",
        Quirk::NoDeveloperRole => "`developer` role",
        Quirk::TensorrtLlm => "TensorRT-LLM",
        Quirk::OpenrouterFields => "`provider`",
        Quirk::RerankTopK => "`top_k`",
        Quirk::PrefillPlain => "nswer that has begun, as the last message, is gone on with",
        Quirk::PrefillPrefix => "`prefix: true`",
        Quirk::PrefillPartial => "`partial: true`",
        Quirk::PrefillContinue => "`continue_final_message: true`",
        Quirk::SearchTool => "searches the web with the tool of",
        Quirk::SearchParameter => "`enable_search`",
        Quirk::SearchZhipu => "with a tool of its own",
        Quirk::SearchAlways => "searches always",
        Quirk::SearchSettings => "`search_settings`",
    }
}

#[test]
fn a_readme_tells_of_the_quirks_that_the_provider_has() {
    each(|id, definition| {
        let readme = std::fs::read_to_string(root().join(id).join("README.md")).unwrap();
        let told = readme.split("\n\n").find(|paragraph| paragraph.starts_with("Quirk"));
        assert_eq!(told.is_some(), !definition.quirks.is_empty(), "{id}: a paragraph `Quirks: …`");
        let told = told.unwrap_or_default().replace('\n', " ");
        for quirk in &definition.quirks {
            assert!(told.contains(words(*quirk)), "{id}: {quirk:?} is not told of in: {told}");
        }
        let knows_no_developer = definition.quirks.contains(&Quirk::NoDeveloperRole);
        assert_eq!(told.contains(words(Quirk::NoDeveloperRole)), knows_no_developer, "{id}: {told}");
        let both = [Quirk::MaxTokensOnly, Quirk::MaxCompletionTokens];
        assert!(!both.iter().all(|quirk| definition.quirks.contains(quirk)), "{id}: one excludes the other");
    });
}

/// Claude models since Opus 4.7 are asked to think in words; what is listed must say so, wherever it is served.
#[test]
fn claude_models_say_how_they_are_asked_to_think() {
    let mut seen = 0;
    each_model(|id, model| {
        let Some(name) = model.canonical_id.strip_prefix("anthropic/claude-") else { return };
        let mut words = name.split(['-', ':']);
        let (family, version) = (words.next().unwrap(), words.next().unwrap_or_default());
        let expected = match (family, version) {
            // Before the fourth generation the version stood in front; a moving name means the newest.
            ("2" | "2.0" | "2.1" | "3" | "3.5" | "3.7" | "instant", _) => Thinking::Budget,
            ("fable" | "opus" | "sonnet" | "haiku", "latest") => return,
            ("fable", "5" | "5.1" | "5.2") | ("mythos", "5" | "5.1") | ("opus" | "sonnet", "5.5") => {
                Thinking::Always
            }
            ("opus", "4.7" | "4.8" | "5") | ("sonnet", "5") | ("haiku", "5.5") => Thinking::Adaptive,
            ("opus" | "sonnet" | "haiku", "4" | "4.1" | "4.5" | "4.6") => Thinking::Budget,
            _ => panic!("{id}: say here how {name} is asked to think"),
        };
        assert_eq!(model.thinking, expected, "{id}: {name}");
        seen += 1;
    });
    assert!(seen >= 300, "only {seen}");
}

#[test]
fn every_hosted_provider_says_where_its_key_is_found() {
    each(|id, definition| {
        let hosted = definition.base_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        if !hosted {
            return;
        }
        let credential = definition.credential.as_ref().unwrap_or_else(|| panic!("{id}: no credential"));
        let named = !credential.env.is_empty() || !credential.file_env.is_empty();
        assert!(named, "{id}: no environment variable");
        assert!(definition.links.docs.is_some() && definition.links.keys.is_some(), "{id}: links");
        assert_eq!(definition.models.is_empty(), OWN_MODELS.contains(&id), "{id}: models");
    });
}

#[test]
fn no_two_providers_read_the_same_environment_variable() {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    each(|id, definition| {
        for name in definition.credential.iter().flat_map(|credential| &credential.env) {
            let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(upper), "{id}: {name}");
            let owner = owners.insert(name.clone(), id.to_owned());
            assert_eq!(owner, None, "{id}: {name} would be sent to two providers");
        }
    });
}

#[test]
fn paths_lead_where_the_dialect_is_spoken() {
    each(|id, definition| {
        for (dialect, entry) in &definition.dialects {
            assert!(entry.path.starts_with('/'), "{id}: {dialect:?}");
            let end = match dialect {
                Dialect::OpenAiChat => "/chat/completions",
                Dialect::OpenAiResponses => "/responses",
                Dialect::OpenAiCompletions => "/completions",
                Dialect::OpenAiEmbeddings => "/embeddings",
                Dialect::AnthropicMessages if definition.quirks.contains(&Quirk::ClaudeOnVertex) => {
                    "/publishers/anthropic/models/{model}:rawPredict"
                }
                Dialect::AnthropicMessages => "/v1/messages",
                Dialect::Gemini => "/models/{model}:generateContent",
                Dialect::GeminiEmbeddings => "/models/{model}:embedContent",
                Dialect::OllamaChat => "/api/chat",
                Dialect::OllamaGenerate => "/api/generate",
                Dialect::OllamaEmbeddings => "/api/embeddings",
                Dialect::CohereChat => "/v2/chat",
                Dialect::CohereEmbeddings => "/v2/embed",
                Dialect::BedrockConverse => "/model/{model}/converse",
                Dialect::BedrockEmbeddings => "/model/{model}/invoke",
                Dialect::VertexEmbeddings => "/publishers/google/models/{model}:predict",
                Dialect::DashScopeChat => "/api/v1/services/aigc/text-generation/generation",
                Dialect::DifyChat => "/v1/chat-messages",
                Dialect::CozeChat => "/v3/chat",
                Dialect::TritonGenerate => "/v2/models/{model}/generate",
                Dialect::ReplicatePredictions => "/v1/models/{model_path}/predictions",
                Dialect::DeepLTranslate => "/v2/translate",
                Dialect::AiSdk
                | Dialect::AiSdkEmbeddings
                | Dialect::AiSdkImages
                | Dialect::AiSdkImageEdits
                | Dialect::AiSdkRerank
                | Dialect::AiSdkSpeech
                | Dialect::AiSdkTranscriptions => panic!("{id}: no provider is asked so"),
                Dialect::OpenAiImages => "/images/generations",
                Dialect::OpenAiImageEdits => "/images/edits",
                Dialect::OpenAiImageVariations => "/images/variations",
                Dialect::OpenAiSpeech => "/audio/speech",
                Dialect::OpenAiTranscriptions => "/audio/transcriptions",
                Dialect::OpenAiTranslations => "/audio/translations",
                Dialect::OpenAiModerations => "/moderations",
                Dialect::Rerank => "/rerank",
                Dialect::OpenAiRealtime => "/realtime",
                Dialect::OpenAiVideos => "/videos",
            };
            if let Some(url) = definition.url(*dialect) {
                let (url, _) = url.split_once("?api-version=").unwrap_or((&url, ""));
                // OpenRouter makes pictures at a path of its own.
                let odd = ["builtin://demo/v1/messages", "https://openrouter.ai/api/v1/images"];
                let fits = url.ends_with(end) || odd.contains(&url);
                assert!(fits && !url.contains("/v1/v1/"), "{id}: {dialect:?} at {url}");
            }
        }
    });
}

#[test]
fn models_have_one_meaning_and_facts_that_can_be_right() {
    each_model(|id, model| {
        let name = format!("{id}: {}", model.native_id);
        let (author, slug) = model.canonical_id.split_once('/').unwrap();
        assert!(!author.is_empty() && !slug.is_empty() && !slug.contains('/'), "{name}");
        let embeds = model.operations.contains(&Operation::Embeddings);
        let least = if embeds { 256 } else { 1024 };
        assert!(model.context.is_none_or(|context| context >= least), "{name}: {:?}", model.context);
        if let (Some(context), Some(max_output)) = (model.context, model.max_output) {
            assert!(max_output <= context, "{name}: an answer longer than the window");
        }
        let hears = [Operation::Transcription, Operation::Translation];
        let hears = hears.iter().any(|hears| model.operations.contains(hears));
        let sense = if hears { Modality::Audio } else { Modality::Text };
        assert!(model.facts.input.has(sense) && !model.facts.output.is_empty(), "{name}");
        assert!(!embeds || model.operations.len() == 1, "{name}: embeds and talks");
        let Some(price) = model.price else { return };
        let talks = [Operation::Chat, Operation::Completions, Operation::Embeddings];
        if !talks.iter().any(|talks| model.operations.contains(talks)) {
            check_unit_price(&name, &price, model);
            return;
        }
        // Only what says so in its name costs nothing; any other price of nothing is one that is not known.
        if model.native_id.ends_with(":free") {
            assert_eq!(price, Price::default(), "{name}");
            return;
        }
        let free = PerToken(0);
        assert!(price.input > free && price.input < ABSURD, "{name}: input at {}", price.input);
        assert!(
            price.output < ABSURD && (embeds || price.output > free),
            "{name}: output at {}",
            price.output
        );
        assert!(price.cache_read.is_none_or(|read| read > free && read <= price.input), "{name}: cache_read");
        for amount in [price.cache_write, price.cache_write_1h, price.reasoning].into_iter().flatten() {
            assert!(amount > free && amount < ABSURD, "{name}: {amount}");
        }
        if let Some(long) = price.long {
            assert!(
                long.input >= price.input && long.output >= price.output,
                "{name}: long prompts are cheaper"
            );
            assert!(model.context.is_none_or(|context| long.above < context), "{name}: long.above");
        }
    });
}

/// Prices of what makes no texts: by tokens, by the unit, or for nothing where that is OpenAI's moderation.
fn check_unit_price(name: &str, price: &Price, model: &ModelDefinition) {
    let free = PerToken(0);
    let units = price.units;
    let tokens = [units.image_input, units.audio_input, units.image_output, units.audio_output];
    let tokens = tokens.into_iter().chain([price.cache_read]).flatten().chain([price.input, price.output]);
    assert!(tokens.clone().all(|amount| amount < ABSURD), "{name}: {price:?}");
    let each = [units.image, units.audio_hour, units.characters, units.search].into_iter().flatten();
    // A hundred dollars for one picture or one hour.
    let dear = PerToken::each("100").unwrap();
    assert!(each.clone().all(|amount| amount > free && amount < dear), "{name}: {price:?}");
    let sold = each.count() > 0 || tokens.clone().any(|amount| amount > free);
    assert!(sold || model.operations == [Operation::Moderation], "{name}: costs nothing");
}

#[test]
fn the_catalogue_knows_what_people_ask_for() {
    let (mut offers, mut priced, mut canonical) = (0, 0, BTreeSet::new());
    each_model(|_, model| {
        offers += 1;
        priced += usize::from(model.price.is_some());
        canonical.insert(model.canonical_id.clone());
    });
    assert!(canonical.len() >= 1500, "only {} models", canonical.len());
    assert!(offers >= 5000, "only {offers} offers");
    assert!(priced * 4 >= offers * 3, "only {priced} of {offers} offers have a price");
}

#[test]
fn operations_are_served_by_a_dialect_of_the_provider() {
    each(|id, definition| {
        for model in &definition.models {
            for operation in &model.operations {
                let mut spoken = definition.dialects.keys().map(|dialect| codec(*dialect));
                let served = spoken.any(|codec| {
                    let outline = codec.outline();
                    outline.operation == *operation
                        && (outline.upstream == Upstream::ForAll || codec.passing().is_some())
                });
                assert!(served, "{id}: {} cannot be asked for {operation:?}", model.native_id);
            }
        }
    });
}

#[test]
fn the_same_model_has_the_same_canonical_id_everywhere() {
    let catalogue = Catalogue::builtin().unwrap();
    let servers = |canonical: &str| {
        let serves = |definition: &ProviderDefinition| {
            definition.models.iter().any(|model| model.canonical_id == canonical)
        };
        catalogue.providers.values().filter(|definition| serves(definition)).count()
    };
    for (canonical, least) in [
        ("meta-llama/llama-3.3-70b-instruct", 25),
        ("openai/gpt-oss-120b", 30),
        ("z-ai/glm-5.2", 40),
        ("moonshotai/kimi-k2.6", 30),
        ("anthropic/claude-sonnet-4.5", 18),
        ("deepseek/deepseek-v3.2", 25),
        ("qwen/qwen3-32b", 18),
        ("google/gemini-2.5-flash", 14),
    ] {
        assert!(servers(canonical) >= least, "{canonical} is only served by {}", servers(canonical));
    }

    let anthropic = &catalogue.providers["anthropic"];
    for name in [
        "claude-sonnet-4.5",
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "anthropic/claude-sonnet-4.5",
    ] {
        assert_eq!(anthropic.model(name).unwrap().native_id, "claude-sonnet-4-5", "{name}");
    }
}

#[test]
fn the_demo_has_both_models_with_prices() {
    let catalogue = Catalogue::builtin().unwrap();
    let demo = &catalogue.providers["demo"];
    assert_eq!(demo.dialects.len(), 4);
    for (name, operation) in [("demo/echo", Operation::Chat), ("demo/embed", Operation::Embeddings)] {
        let model = demo.model(name).unwrap();
        assert!(model.operations.contains(&operation) && model.price.is_some(), "{name}");
    }
}

#[test]
fn fixtures_say_what_is_sent_upstream() {
    let catalogue = Catalogue::builtin().unwrap();
    let mut seen = Vec::new();
    for id in folders() {
        let Ok(entries) = std::fs::read_dir(root().join(&id).join("fixtures")) else { continue };
        for entry in entries {
            let file = entry.unwrap().path();
            let name = file.display().to_string();
            let fixture: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).expect(&name);
            check_fixture(&catalogue.providers[&id], &fixture, &name);
            seen.push(id.clone());
        }
    }
    for id in ["openai", "anthropic", "deepseek", "demo"] {
        assert!(seen.iter().any(|name| name == id), "{id} has no fixture");
    }
}

fn check_fixture(definition: &ProviderDefinition, fixture: &Value, name: &str) {
    let dialect: Dialect = serde_json::from_value(fixture["dialect"].clone()).expect(name);
    let asked = fixture["model"].as_str().expect(name);
    assert_eq!(fixture["request"]["model"], asked, "{name}");
    // A public name may be qualified by the provider.
    let asked = asked.strip_prefix(&format!("{}/", definition.id)).unwrap_or(asked);
    let model = definition.model(asked).unwrap_or_else(|| panic!("{name}: {asked} is not listed"));

    let upstream = &fixture["upstream"];
    assert_eq!(upstream["method"], "POST", "{name}");
    assert_eq!(upstream["url"].as_str(), definition.url(dialect).as_deref(), "{name}");
    assert_eq!(upstream["model"], model.native_id, "{name}");

    let mut headers = definition.headers.clone();
    headers.insert("content-type".into(), "application/json".into());
    match &definition.auth {
        Auth::Bearer => headers.insert("authorization".into(), "Bearer <secret>".into()),
        Auth::Header { name, prefix } => headers.insert(name.clone(), format!("{prefix}<secret>")),
        Auth::None => None,
        other => panic!("{name}: what {other:?} sends depends on more than the secret"),
    };
    assert_eq!(upstream["headers"], serde_json::to_value(headers).unwrap(), "{name}");
}
