//! Pictures, rankings, speech and transcripts that the AI SDK's clients ask for.

use std::ops::Range;

use serde_json::{Value, json};
use yumen_llm::dialects::{AnswerContext, Dialect, Encoded, Quirk, Target, codec};
use yumen_llm::json::scan_object;
use yumen_llm::multipart::Form;
use yumen_llm::price::{PerToken, Price, UnitPrices};
use yumen_llm::usage::Units;

use crate::support::context;

const PICTURE: &str = "R0lGODlhIHRoZSBnYXRl";

fn encoded(target: &Target<'_>, from: Dialect, to: Dialect, body: &Value) -> Result<Encoded, String> {
    let request =
        codec(from).decode_request(body.to_string().as_bytes()).map_err(|error| error.to_string())?;
    codec(to).encode_request(&request, target).map_err(|error| error.to_string())
}

fn sent(target: &Target<'_>, from: Dialect, to: Dialect, body: &Value) -> (Value, Vec<String>) {
    let said = encoded(target, from, to, body).expect("sayable");
    assert_eq!(said.boundary, None);
    (serde_json::from_slice(&said.body).expect("JSON"), said.lossy)
}

/// The parts of a form, and what was lost.
fn form(from: Dialect, to: Dialect, model: &str, body: &Value) -> (Vec<(String, String)>, Vec<String>) {
    let target = Target { model, ..Target::default() };
    let said = encoded(&target, from, to, body).expect("sayable");
    let form = Form::scan(&said.body, &said.boundary.expect("a form")).expect("a form");
    let text = |range: &Range<usize>| String::from_utf8_lossy(&said.body[range.clone()]).into_owned();
    let parts = form.parts.iter().map(|part| (text(&part.name), text(&part.value))).collect();
    (parts, said.lossy)
}

fn told(from: Dialect, to: Dialect, body: &[u8], context: &AnswerContext) -> Value {
    let response = codec(from).decode_response(body).expect("readable");
    serde_json::from_slice(&codec(to).encode_response(&response, context)).expect("JSON")
}

fn pairs(parts: &[(&str, &str)]) -> Vec<(String, String)> {
    parts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn version(ai_sdk_version: u8) -> AnswerContext {
    AnswerContext { ai_sdk_version, ..context() }
}

#[test]
fn pictures_are_asked_for_as_openai_has_them() {
    let body = json!({ "prompt": "a gate", "n": 2, "size": "1024x1024", "aspectRatio": "1:1", "seed": 0,
        "providerOptions": { "openai": { "quality": "high", "outputFormat": "webp", "x": 1 }, "gateway": { "order": ["a"] },
                             "google": {}, "fal": { "y": 1 } }, "future": true });
    let (images, rows) = (Dialect::OpenAiImages, Dialect::AiSdkImages);
    let lost = ["aspectRatio", "seed", "providerOptions.openai.x", "providerOptions.fal", "options.future"];
    let target = |model, quirks| Target { model, quirks, ..Target::default() };
    let (body_sent, lossy) = sent(&target("dall-e-3", &[]), rows, images, &body);
    assert_eq!(
        body_sent,
        json!({ "model": "dall-e-3", "prompt": "a gate", "n": 2, "size": "1024x1024", "response_format": "b64_json",
                "quality": "high", "output_format": "webp" })
    );
    assert_eq!(lossy, lost);
    // These give bytes unasked, and refuse to be asked.
    let (body_sent, _) = sent(&target("gpt-image-1", &[]), rows, images, &body);
    assert_eq!(body_sent.get("response_format"), None);
    let (body_sent, lossy) = sent(&target("m", &[Quirk::OpenrouterFields]), rows, images, &body);
    assert_eq!((&body_sent["aspect_ratio"], &body_sent["seed"]), (&json!("1:1"), &json!(0)));
    assert_eq!(lossy, lost[2..]);
}

#[test]
fn one_path_is_for_pictures_from_texts_and_from_pictures() {
    for (body, dialect) in [
        (json!({ "prompt": "p", "n": 1 }), Dialect::AiSdkImages),
        (json!({ "prompt": "p", "files": null }), Dialect::AiSdkImages),
        (json!({ "files": [] }), Dialect::AiSdkImageEdits),
        (json!({ "prompt": "p", "mask": {} }), Dialect::AiSdkImageEdits),
    ] {
        let body = body.to_string();
        let object = scan_object(body.as_bytes(), 9).expect("JSON");
        assert_eq!(codec(Dialect::AiSdkImages).dialect_of(&object, body.as_bytes()), dialect, "{body}");
    }
}

#[test]
fn pictures_to_be_changed_go_along_in_a_form() {
    let file = json!({ "type": "file", "mediaType": "image/gif", "data": PICTURE });
    let url = json!({ "type": "url", "url": format!("data:image/gif;base64,{PICTURE}") });
    let (from, to) = (Dialect::AiSdkImageEdits, Dialect::OpenAiImageEdits);
    let body = json!({ "prompt": "a \"gate\"", "n": 1, "files": [file, url], "mask": file,
                       "providerOptions": { "openai": { "outputCompression": 9 } } });
    let (parts, lossy) = form(from, to, "gpt-image-1", &body);
    let gate = "GIF89a the gate";
    assert_eq!(
        parts,
        pairs(&[
            ("model", "gpt-image-1"),
            ("prompt", "a \"gate\""),
            ("n", "1"),
            ("output_compression", "9"),
            ("image[]", gate),
            ("image[]", gate),
            ("mask", gate)
        ])
    );
    assert_eq!(lossy, [""; 0]);
    let (parts, _) =
        form(from, to, "dall-e-2", &json!({ "prompt": "p", "n": 1, "size": "9x9", "files": [file] }));
    assert_eq!(
        parts,
        pairs(&[
            ("model", "dall-e-2"),
            ("prompt", "p"),
            ("n", "1"),
            ("size", "9x9"),
            ("response_format", "b64_json"),
            ("image", gate)
        ])
    );
    let far = json!({ "type": "url", "url": "https://example.com/a.png" });
    for (file, complaint) in [
        (far, "files[0]: this provider takes pictures only whole"),
        (json!({ "type": "file", "mediaType": "image/png", "data": "?" }), "files[0]: is not base64"),
        (json!({ "type": "file", "mediaType": "image/png" }), "files[0].data: is required"),
        (json!({ "type": "x" }), "files[0].type: expected file or url"),
    ] {
        let body = json!({ "prompt": "p", "files": [file] });
        let error = encoded(&Target::default(), from, to, &body).expect_err("no picture");
        assert!(error.starts_with(complaint), "{error}");
    }
}

#[test]
fn pictures_are_told_with_what_they_cost_and_what_was_lost() {
    let answer =
        json!({ "created": 1, "data": [{ "b64_json": "AAAA" }, { "url": "data:image/png;base64,BBBB" }],
        "usage": { "input_tokens": 5, "output_tokens": 7, "total_tokens": 12 } })
        .to_string();
    let lossy = vec!["seed".to_owned()];
    let (from, to) = (Dialect::OpenAiImages, Dialect::AiSdkImages);
    for (number, warning) in [
        (4, json!({ "type": "unsupported", "feature": "seed" })),
        (2, json!({ "type": "other", "message": "seed is not supported" })),
    ] {
        let context = AnswerContext { lossy: lossy.clone(), ..version(number) };
        let told = told(from, to, answer.as_bytes(), &context);
        assert_eq!(told["images"], json!(["AAAA", "BBBB"]));
        assert_eq!(told["usage"], json!({ "inputTokens": 5, "outputTokens": 7, "totalTokens": 12 }));
        assert_eq!(told["warnings"], json!([warning]));
        let gateway = &told["providerMetadata"]["gateway"];
        assert_eq!((&gateway["generationId"], &gateway["images"]), (&json!("gen-1"), &json!([])));
        assert_eq!(told["response"]["modelId"], "smart");
    }
    // A price for each picture is one, though nobody has counted tokens.
    let units = UnitPrices { image: PerToken::each("0.04"), ..UnitPrices::default() };
    let price = Price { units, ..Price::default() };
    let context = AnswerContext { price: Some(price), ..version(4) };
    let told = told(from, to, br#"{"images":[{"b64_json":"AAAA"}],"data":[{"b64_json":"AAAA"}]}"#, &context);
    assert_eq!(told["providerMetadata"]["gateway"]["cost"], "0.04");
    assert_eq!(told.get("usage"), None);
    for bad in [&b"{}"[..], br#"{"data":[{}]}"#, br#"{"data":[1]}"#, b""] {
        assert!(codec(from).decode_response(bad).is_err());
    }
}

#[test]
fn rankings_are_asked_for_and_told() {
    let (from, to) = (Dialect::AiSdkRerank, Dialect::Rerank);
    let body = json!({ "documents": { "type": "text", "values": ["a", "b"] }, "query": "q", "topN": 1,
                       "providerOptions": { "cohere": { "maxTokensPerDoc": 9 } } });
    let target = Target { model: "m", ..Target::default() };
    let (said, lossy) = sent(&target, from, to, &body);
    assert_eq!(said, json!({ "model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1 }));
    assert_eq!(lossy, ["providerOptions.cohere"]);
    let objects =
        json!({ "documents": { "type": "object", "values": [{ "a": 1.50 }] }, "query": "q", "topN": 1 });
    let (said, lossy) = sent(&Target { quirks: &[Quirk::RerankTopK], ..target }, from, to, &objects);
    assert_eq!(said, json!({ "model": "m", "query": "q", "documents": ["{\"a\":1.5}"], "top_k": 1 }));
    assert_eq!(lossy, ["documents.object"]);
    for answer in [
        json!({ "id": "r", "results": [{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.1 }] }),
        json!({ "object": "list", "data": [{ "index": 1, "score": 0.9 }, { "index": 0, "relevance_score": 0.1 }] }),
    ] {
        let told = told(to, from, answer.to_string().as_bytes(), &version(4));
        assert_eq!(
            told["ranking"],
            json!([{ "index": 1, "relevanceScore": 0.9 }, { "index": 0, "relevanceScore": 0.1 }])
        );
    }
    for (body, complaint) in [
        (json!({ "documents": ["a"], "query": "q" }), "documents: expected an object"),
        (json!({ "documents": { "type": "x", "values": [] }, "query": "q" }), "documents.type: expected"),
        (json!({ "documents": { "type": "text", "values": [1] }, "query": "q" }), "documents.values[0]"),
        (json!({ "documents": { "type": "text", "values": [] } }), "query: is required"),
    ] {
        let error = encoded(&target, from, to, &body).expect_err("no request");
        assert!(error.starts_with(complaint), "{error}");
    }
    for bad in [r#"{"results":[{"index":1}]}"#, r#"{"results":[{"relevance_score":1}]}"#, "{}"] {
        assert!(codec(to).decode_response(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn speech_is_asked_for_and_told() {
    let (from, to) = (Dialect::AiSdkSpeech, Dialect::OpenAiSpeech);
    let target = Target { model: "m", ..Target::default() };
    let body = json!({ "text": "hi", "voice": "x", "outputFormat": "wav", "speed": 1.5, "language": "en",
                       "providerOptions": { "openai": { "instructions": "slowly", "speed": 2 } } });
    let (said, lossy) = sent(&target, from, to, &body);
    assert_eq!(
        said,
        json!({ "model": "m", "input": "hi", "voice": "x", "response_format": "wav", "speed": 1.5, "instructions": "slowly" })
    );
    assert_eq!(lossy, ["language"]);
    let (said, _) = sent(&target, from, to, &json!({ "text": "hi" }));
    assert_eq!(said["voice"], "alloy");
    let units = UnitPrices { characters: PerToken::per_million("15"), ..UnitPrices::default() };
    let price = Price { units, ..Price::default() };
    let asked = Units { characters: Some(2), ..Units::default() };
    let context = AnswerContext { price: Some(price), asked, ..version(4) };
    let told = told(to, from, b"RIFF", &context);
    assert_eq!((&told["audio"], &told["warnings"]), (&json!("UklGRg=="), &json!([])));
    assert_eq!(told["providerMetadata"]["gateway"]["cost"], "0.00003");
}

#[test]
fn recordings_go_along_in_a_form_and_are_told_with_their_times() {
    let (from, to) = (Dialect::AiSdkTranscriptions, Dialect::OpenAiTranscriptions);
    let body = json!({ "audio": "UklGRg==", "mediaType": "audio/x-wav",
        "providerOptions": { "openai": { "language": "en", "timestampGranularities": ["word", "segment"] } } });
    let (parts, lossy) = form(from, to, "whisper-1", &body);
    assert_eq!(
        parts,
        pairs(&[
            ("model", "whisper-1"),
            ("response_format", "verbose_json"),
            ("language", "en"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
            ("file", "RIFF")
        ])
    );
    assert_eq!(lossy, [""; 0]);
    let (parts, _) = form(from, to, "gpt-4o-transcribe", &body);
    assert_eq!(parts[1].1, "json");
    let answer = json!({ "text": "hi", "language": "english", "duration": 2.5, "segments": [
        { "id": 0, "text": "hi", "start": 0.5, "end": 1 }], "words": [{ "word": "hi", "start": 0.5, "end": 1 }] });
    let told = told(to, from, answer.to_string().as_bytes(), &version(4));
    let segments = json!([{ "text": "hi", "startSecond": 0.5, "endSecond": 1.0 }]);
    assert_eq!((&told["text"], &told["segments"], &told["words"]), (&json!("hi"), &segments, &segments));
    assert_eq!((&told["language"], &told["durationInSeconds"]), (&json!("english"), &json!(2.5)));
    assert!(codec(to).decode_response(b"{}").is_err());
}
