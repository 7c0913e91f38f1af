//! Paths and methods, and what they lead to.

use super::*;

fn ask(method: &str, path: &str) -> Result<Route, Rejection> {
    let (head, ()) = http::Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
    route(&head)
}

#[test]
fn both_prefixes_lead_to_the_same_place() {
    let chat = |skin| {
        let (dialect, task) = (Dialect::OpenAiChat, Task::Generate);
        Route::Llm(LlmRoute { dialect, task, skin, in_path: None })
    };
    assert_eq!(ask("POST", "/v1/chat/completions").unwrap(), chat(Skin::Plain));
    assert_eq!(ask("POST", "/api/v1/chat/completions?x=1").unwrap(), chat(Skin::OpenRouter));
    assert_eq!(
        ask("GET", "/v1/models/anthropic%2Fclaude-sonnet-4.5").unwrap(),
        Route::Models { id: Some("anthropic/claude-sonnet-4.5".into()) }
    );
}

#[test]
fn what_openrouters_clients_look_up_is_there_below_its_prefix_alone() {
    let name = || "a/b:free".to_owned();
    for (path, lookup) in [
        ("/models", Lookup::Models),
        ("/embeddings/models", Lookup::EmbeddingModels),
        ("/models/user", Lookup::UserModels),
        ("/models/count?output_modalities=all", Lookup::ModelsCount),
        ("/model/a/b:free", Lookup::Model(name())),
        ("/models/a/b%3Afree/endpoints", Lookup::Endpoints(name())),
        ("/endpoints/zdr", Lookup::ZdrEndpoints),
        ("/providers", Lookup::Providers),
        ("/key", Lookup::Key),
        ("/auth/key", Lookup::Key),
        ("/credits", Lookup::Credits),
    ] {
        assert_eq!(ask("GET", &format!("/api/v1{path}")).unwrap(), Route::OpenRouter(lookup), "{path}");
        assert_eq!(ask("POST", &format!("/api/v1{path}")).unwrap_err().code, Code::MethodNotAllowed);
    }
    // Vercel's clients look two of them up beside their own base.
    assert_eq!(ask("GET", "/v1/credits").unwrap(), Route::Credits);
    for (path, vercel) in [("/v1/generation?id=x", true), ("/api/v1/generation?id=x", false)] {
        assert_eq!(ask("GET", path).unwrap(), Route::Generation { vercel });
    }
    assert_eq!(ask("GET", "/v1/models").unwrap(), Route::Models { id: None });
    assert_eq!(ask("GET", "/v1/models/user").unwrap(), Route::Models { id: Some("user".into()) });
    for path in ["/v1/key", "/api/v1/model/", "/api/v1/endpoints"] {
        assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
    assert_eq!(
        ask("GET", "/api/v1/models//endpoints").unwrap(),
        Route::Models { id: Some("/endpoints".into()) }
    );
}

#[test]
fn what_is_no_chat_has_paths_of_its_own() {
    let dialect = |path: &str| match ask("POST", path).unwrap() {
        Route::Llm(LlmRoute { dialect, task: Task::Generate, in_path: None, .. }) => dialect,
        other => panic!("{other:?}"),
    };
    for prefix in ["/v1", "/api/v1"] {
        for (path, expected) in [
            ("/images/generations", Dialect::OpenAiImages),
            ("/images/edits", Dialect::OpenAiImageEdits),
            ("/images/variations", Dialect::OpenAiImageVariations),
            ("/audio/speech", Dialect::OpenAiSpeech),
            ("/audio/transcriptions", Dialect::OpenAiTranscriptions),
            ("/audio/translations", Dialect::OpenAiTranslations),
            ("/moderations", Dialect::OpenAiModerations),
            ("/rerank", Dialect::Rerank),
        ] {
            assert_eq!(dialect(&format!("{prefix}{path}")), expected);
        }
    }
    assert_eq!(dialect("/v2/rerank"), Dialect::Rerank);
    assert_eq!(dialect("/api/v1/images"), Dialect::OpenAiImages);
    for path in ["/v2/chat", "/v2/rerank/", "/v2/embeddings"] {
        assert_eq!(ask("POST", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
}

#[test]
fn googles_paths_say_model_and_task() {
    let said = |path: &str| match ask("POST", path).unwrap() {
        Route::Llm(LlmRoute { dialect, task, in_path: Some(in_path), .. }) => {
            (dialect, task, in_path.model, in_path.stream, in_path.json_array)
        }
        other => panic!("{other:?}"),
    };
    let generate =
        |model: &str, stream, array| (Dialect::Gemini, Task::Generate, model.to_owned(), stream, array);
    for (path, expected) in [
        ("/v1beta/models/gemini-2.5-pro:generateContent?key=x", generate("gemini-2.5-pro", false, false)),
        ("/v1/models/author%2Fslug:streamGenerateContent?alt=sse", generate("author/slug", true, false)),
        ("/v1beta/models/author/slug:free:streamGenerateContent", generate("author/slug:free", true, true)),
        (
            "/v1/projects/p/locations/l/publishers/google/models/gemini:generateContent",
            generate("gemini", false, false),
        ),
    ] {
        assert_eq!(said(path), expected, "{path}");
    }
    assert_eq!(said("/v1beta/models/m:countTokens").1, Task::CountTokens);
    assert_eq!(said("/v1beta/models/m:batchEmbedContents").0, Dialect::GeminiEmbeddings);
    // What is asked of them is not known: they can only be looked at, like any model.
    for path in ["/v1beta/models/:generateContent", "/v1beta/models/m:predict"] {
        assert_eq!(ask("POST", path).unwrap_err().code, Code::MethodNotAllowed, "{path}");
    }
    assert_eq!(ask("POST", "/v1beta/m:generateContent").unwrap_err().code, Code::RouteNotFound);
    assert_eq!(ask("GET", "/v1beta/models/gemini").unwrap(), Route::Models { id: Some("gemini".into()) });
}

#[test]
fn ollamas_paths_are_beside_the_versions_of_others() {
    for (path, dialect) in [
        ("/api/chat", Dialect::OllamaChat),
        ("/api/generate", Dialect::OllamaGenerate),
        ("/api/embed", Dialect::OllamaEmbeddings),
        ("/api/embeddings", Dialect::OllamaEmbeddings),
        ("/api/v1/embeddings", Dialect::OpenAiEmbeddings),
        ("/api/v1/messages", Dialect::AnthropicMessages),
    ] {
        let Route::Llm(route) = ask("POST", path).unwrap() else { panic!("{path}") };
        assert_eq!(route.dialect, dialect, "{path}");
    }
    for (method, path, route) in [
        ("GET", "/api/tags", Route::Tags),
        ("POST", "/api/show", Route::Show),
        ("GET", "/api/version", Route::Version),
        ("GET", "/api/ps", Route::Loaded),
        ("HEAD", "/", Route::Root),
        ("GET", "/api/v1/models", Route::OpenRouter(Lookup::Models)),
    ] {
        assert_eq!(ask(method, path).unwrap(), route, "{path}");
    }
    assert_eq!(ask("GET", "/api/chat").unwrap_err().code, Code::MethodNotAllowed);
    assert_eq!(ask("POST", "/api/pull").unwrap_err().code, Code::RouteNotFound);
}

#[test]
fn the_ai_sdk_says_in_headers_what_it_wants() {
    let ask = |path: &str, headers: &[(&str, &str)]| {
        let mut request = http::Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        route(&head).map(|route| match route {
            Route::Llm(LlmRoute { dialect, in_path: Some(said), .. }) => {
                (dialect, said.model, said.stream, said.ai_sdk_version)
            }
            other => panic!("{other:?}"),
        })
    };
    let model = ("ai-language-model-id", "openai/gpt-5");
    let said = |stream, version| (Dialect::AiSdk, "openai/gpt-5".to_owned(), stream, version);
    assert_eq!(ask("/v4/ai/language-model", &[model]).unwrap(), said(false, 4));
    assert_eq!(ask("/v1/ai/language-model", &[model]).unwrap(), said(false, 2));
    let version = ("ai-language-model-specification-version", "3");
    let stream = ("ai-language-model-streaming", "true");
    assert_eq!(ask("/v1/ai/language-model", &[model, version, stream]).unwrap(), said(true, 3));
    let embeds = ask("/v3/ai/embedding-model", &[("ai-model-id", "e")]).unwrap();
    assert_eq!(embeds, (Dialect::AiSdkEmbeddings, "e".to_owned(), false, 3));
    for (kind, dialect) in [
        ("image", Dialect::AiSdkImages),
        ("reranking", Dialect::AiSdkRerank),
        ("speech", Dialect::AiSdkSpeech),
        ("transcription", Dialect::AiSdkTranscriptions),
    ] {
        let version = format!("ai-{kind}-model-specification-version");
        for (base, headers, expected) in [
            ("/v4/ai", vec![("ai-model-id", "m"), (&*version, "4")], 4),
            ("/v1/ai", vec![("ai-model-id", "m"), (&*version, "3")], 3),
            ("/v1/ai", vec![("ai-model-id", "m")], 2),
        ] {
            let asked = ask(&format!("{base}/{kind}-model"), &headers).unwrap();
            assert_eq!(asked, (dialect, "m".to_owned(), false, expected));
        }
    }
    for headers in [
        &[][..],
        &[("ai-language-model-id", "")],
        &[model, ("ai-language-model-specification-version", "5")],
        &[model, ("ai-language-model-streaming", "yes")],
    ] {
        assert_eq!(ask("/v4/ai/language-model", headers).unwrap_err().code, Code::InvalidRequest);
    }
    assert_eq!(ask("/v4/ai/video-model", &[model]).unwrap_err().code, Code::RouteNotFound);
}

#[test]
fn calls_go_through_by_any_method_and_as_they_were_sent() {
    let through = |provider: &str, path: &str| {
        let (provider, path) = (provider.to_owned(), path.to_owned());
        Route::Http(HttpRoute::Through { provider, path })
    };
    for method in ["GET", "DELETE", "PURGE"] {
        assert_eq!(ask(method, "/providers/openai/x?y=z").unwrap(), through("openai", "/x"));
    }
    assert_eq!(ask("GET", "/providers/o%2Fx/%2e%2e/a//b").unwrap(), through("o%2Fx", "/%2e%2e/a//b"));
    assert_eq!(ask("GET", "/providers//x").unwrap(), through("", "/x"));
    for path in ["/providers/openai", "/providers", "/v1/providers/openai/x"] {
        assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
}

#[test]
fn files_and_batches_are_asked_by_path_and_method() {
    use ObjectKind::{Batch, File, Video};
    let id = || "x-1".to_owned();
    for (path, good, bad, expected) in [
        ("/v1/files", &["GET", "POST"][..], "DELETE", FilesPath::All(File)),
        ("/v1/files/x-1", &["GET", "DELETE"], "POST", FilesPath::One(File, id())),
        ("/v1/files/x-1/content", &["GET"], "POST", FilesPath::Content(File, id())),
        ("/v1/batches", &["GET", "POST"], "PUT", FilesPath::All(Batch)),
        ("/v1/batches/x-1", &["GET"], "DELETE", FilesPath::One(Batch, id())),
        ("/v1/batches/x-1/cancel", &["POST"], "GET", FilesPath::Cancel(id())),
        ("/v1/videos/x-1", &["GET", "DELETE"], "POST", FilesPath::One(Video, id())),
        ("/v1/videos/x-1/content", &["GET"], "DELETE", FilesPath::Content(Video, id())),
        ("/v1/videos/x-1/remix", &["POST"], "GET", FilesPath::Remix(id())),
    ] {
        for method in good {
            let found = ask(method, path).unwrap();
            assert_eq!(found, Route::Http(HttpRoute::Files(expected.clone())), "{method} {path}");
        }
        assert_eq!(ask(bad, path).unwrap_err().code, Code::MethodNotAllowed, "{bad} {path}");
        assert_eq!(allowed(path), good.join(", "), "{path}");
    }
    for path in
        ["/v1/files/", "/v1/files/x/y", "/v1/batches/x/content", "/v1/files//content", "/api/v1/files"]
    {
        assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
}

#[test]
fn responses_are_asked_for_below_both_prefixes() {
    let id = || "resp_1".to_owned();
    for (path, good, bad, expected) in [
        ("/responses/resp_1", &["GET", "DELETE"][..], "POST", ResponsesPath::One(id())),
        ("/responses/resp_1/input_items", &["GET"], "POST", ResponsesPath::InputItems(id())),
        ("/responses/resp_1/cancel", &["POST"], "GET", ResponsesPath::Cancel(id())),
    ] {
        for path in ["/v1", "/api/v1"].map(|prefix| format!("{prefix}{path}")) {
            for method in good {
                let found = ask(method, &format!("{path}?limit=2")).unwrap();
                assert_eq!(found, Route::Http(HttpRoute::Responses(expected.clone())), "{method} {path}");
            }
            assert_eq!(ask(bad, &path).unwrap_err().code, Code::MethodNotAllowed, "{bad} {path}");
            assert_eq!(allowed(&path), good.join(", "), "{path}");
        }
    }
    for path in ["/v1/responses/", "/v1/responses/x/y", "/v1/responses/x/cancel/", "/v1/responses/compact"] {
        assert_eq!(ask("GET", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
    assert!(matches!(ask("POST", "/v1/responses").unwrap(), Route::Llm(_)));
}

#[test]
fn wrong_methods_and_paths_are_told_apart() {
    assert_eq!(ask("GET", "/v1/chat/completions").unwrap_err().code, Code::MethodNotAllowed);
    for path in
        ["/v1chat/completions", "/v1/chat/completions/", "/v2/models", "/v1/../healthz", "/api/messages"]
    {
        assert_eq!(ask("POST", path).unwrap_err().code, Code::RouteNotFound, "{path}");
    }
}
