use super::*;
use crate::dialects::{ALL, Dialect, codec};
use crate::usage::{Units, Usage};

fn whole(dialect: Dialect, body: &str) -> Tap {
    let mut tap = Tap::default();
    codec(dialect).tap_response(body.as_bytes(), &mut tap);
    tap
}

fn events(dialect: Dialect, events: &[&str]) -> Tap {
    let mut tap = Tap::default();
    events.iter().for_each(|data| codec(dialect).tap_event(b"", data.as_bytes(), &mut tap));
    tap
}

#[test]
fn clients_requests_are_not_converted_and_the_refusal_says_why() {
    for codec in ALL.iter().filter(|codec| codec.passing().is_some()) {
        let error = codec.decode_request(b"{}").unwrap_err();
        assert!(error.message.contains("this very API"), "{error}");
        let error = codec.encode_request(&ir::Request::Chat(Box::default()), &Target::default()).unwrap_err();
        assert!(error.message.contains("this very API"), "{error}");
        assert!(codec.decode_response(b"").is_err());
        let Passing { wants, .. } = codec.passing().unwrap();
        assert!(wants.contains(&codec.outline().content), "{:?}", codec.dialect());
    }
    assert_eq!(ALL.iter().filter(|codec| codec.passing().is_some()).count(), 10);
}

#[test]
fn pictures_are_counted_and_their_tokens_told_apart() {
    let body = r#"{"created":1,"data":[{"b64_json":"a\"[{"},{"url":"u","x":{"data":[{}]}}],"usage":{"total_tokens":150,"input_tokens":50,
        "output_tokens":100,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens_details":{"image_tokens":90,"text_tokens":10}}}"#;
    let tap = whole(Dialect::OpenAiImages, body);
    assert_eq!(tap.usage, Some(Usage { input: 50, output: 100, ..Usage::default() }));
    let units = Units { images: Some(2), image_input: 40, image_output: 90, ..Units::default() };
    assert_eq!(tap.units, units);
    // Of a large one the middle is missing; who carries it counts the pictures.
    let cut = format!("{}{}", body.split_at(40).0, body.split_at(70).1);
    let tap = whole(Dialect::OpenAiImageEdits, &cut);
    assert_eq!((tap.usage.map(|usage| usage.output), tap.units.image_input), (Some(100), 40));
    let none = whole(Dialect::OpenAiImages, r#"{"created":1,"data":[]}"#);
    assert_eq!((none.usage, none.units.images), (None, Some(0)));
    assert_eq!(whole(Dialect::OpenAiModerations, r#"{"data":[{}]}"#).units, Units::default());
}

#[test]
fn pictures_are_counted_however_the_answer_is_cut() {
    for (body, expected) in [
        (
            r#"{"created":1,"da\u0074a":[{}],"data" : [ {"a":[{}]} , {"b\\":"]}\"{"} ,{}],"dat":[{}],"datas":[{}]}"#,
            Some(3),
        ),
        (r#"{"x":{"data":[{}]},"y":"data","z":[{}]}"#, None),
        (r#"{"data":[]}"#, Some(0)),
        (r#"[{"data":[{}]}]"#, None),
        ("", None),
        ("}]}]\"", None),
    ] {
        let mut at_once = Pictures::default();
        at_once.push(body.as_bytes());
        assert_eq!(at_once.count(), expected, "{body}");
        let mut bytewise = Pictures::default();
        body.as_bytes().chunks(1).for_each(|byte| bytewise.push(byte));
        assert_eq!(bytewise.count(), expected, "{body}");
    }
}

#[test]
fn sound_is_told_in_seconds_or_in_tokens() {
    let ms = |body: &str| whole(Dialect::OpenAiTranscriptions, body).units.audio_ms;
    for (body, expected) in [
        (r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#, Some(9_000)),
        (r#"{"task":"transcribe","duration":8.470000267028809,"text":"hi"}"#, Some(8_470)),
        (r#"{"duration":"2.9995","text":""}"#, Some(3_000)),
        (r#"{"duration":2.99949,"text":""}"#, Some(2_999)),
        (r#"{"duration":0.5,"usage":{"type":"duration","seconds":1}}"#, Some(1_000)),
        (r#"{"duration":1e3}"#, None),
        (r#"{"duration":-1}"#, None),
        (r#"{"duration":null,"text":"hi"}"#, None),
        (r#"{"text":"hi"}"#, None),
        ("1\n00:00:00,000 --> 00:00:01,000\nhi", None),
    ] {
        assert_eq!(ms(body), expected, "{body}");
    }
    let tokens = r#"{"text":"hi","usage":{"type":"tokens","total_tokens":16,"input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":2}}"#;
    let tap = whole(Dialect::OpenAiTranslations, tokens);
    assert_eq!(tap.usage, Some(Usage { input: 14, output: 2, ..Usage::default() }));
    assert_eq!(tap.units, Units { audio_input: 10, ..Units::default() });
}

#[test]
fn rerankings_tell_searches_or_tokens() {
    let cohere = r#"{"id":"r1","results":[],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":2}}}"#;
    let tap = whole(Dialect::Rerank, cohere);
    assert_eq!((tap.id.as_deref(), tap.units.searches, tap.usage), (Some("r1"), Some(2), None));
    let router = r#"{"id":"r1","results":[],"usage":{"search_units":3,"total_tokens":38,"cost":0.006}}"#;
    assert_eq!(whole(Dialect::Rerank, router).units.searches, Some(3));
    for body in [
        r#"{"model":"m","usage":{"total_tokens":38},"results":[]}"#,
        r#"{"model":"m","usage":{"prompt_tokens":38,"total_tokens":38},"data":[]}"#,
        r#"{"results":[],"meta":{"billed_units":{"input_tokens":38,"output_tokens":0}}}"#,
    ] {
        let tap = whole(Dialect::Rerank, body);
        assert_eq!(tap.usage, Some(Usage { input: 38, ..Usage::default() }), "{body}");
        assert_eq!(tap.units.searches, None);
    }
}

#[test]
fn streams_have_begun_with_their_first_piece_and_ended_with_their_last() {
    let partial = r#"{"type":"image_generation.partial_image","b64_json":"AA==","partial_image_index":0}"#;
    let last = r#"{"type":"image_edit.completed","b64_json":"AA==","usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12,"input_tokens_details":{"image_tokens":3,"text_tokens":2}}}"#;
    let begun = events(Dialect::OpenAiImages, &[partial]);
    assert!(begun.content_seen && begun.finish_reason.is_none() && begun.units.images.is_none());
    let done = events(Dialect::OpenAiImageEdits, &[partial, last]);
    assert_eq!((done.finish_reason.as_deref(), done.units.images), (Some("completed"), Some(1)));
    assert_eq!((done.usage.unwrap().output, done.units.image_input, done.units.image_output), (7, 3, 7));
    let delta = r#"{"type":"transcript.text.delta","delta":"h"}"#;
    let text = r#"{"type":"transcript.text.done","text":"hi","usage":{"type":"duration","seconds":3}}"#;
    let tap = events(Dialect::OpenAiTranscriptions, &[delta, text, "[DONE]"]);
    assert_eq!(
        (tap.finish_reason.as_deref(), tap.units.audio_ms, tap.finished),
        (Some("done"), Some(3000), true)
    );
    let spoken =
        r#"{"type":"speech.audio.done","usage":{"input_tokens":4,"output_tokens":9,"total_tokens":13}}"#;
    let tap = events(Dialect::OpenAiSpeech, &[r#"{"type":"speech.audio.delta","audio":"AA=="}"#, spoken]);
    assert_eq!(tap.usage, Some(Usage { input: 4, output: 9, ..Usage::default() }));
    assert_eq!((tap.units.audio_output, tap.units.image_output), (9, 0));
    let several = r#"{"type":"image_generation.partial_succeeded","url":"u"}"#;
    let tap = events(Dialect::OpenAiImages, &[several, several, r#"{"type":"image_generation.completed"}"#]);
    assert_eq!(tap.units.images, Some(2));
    for error in [r#"{"type":"error","error":{"message":"no"}}"#, r#"{"error":{"message":"no"}}"#] {
        let tap = events(Dialect::OpenAiImages, &[error]);
        assert_eq!((tap.error.unwrap().message.as_str(), tap.content_seen), ("no", false));
    }
}
