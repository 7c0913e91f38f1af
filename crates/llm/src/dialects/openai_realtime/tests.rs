use super::*;
use crate::usage::{Units, Usage};
use proptest::prelude::*;

fn names(message: &str) -> Vec<(ModelPlace, String)> {
    let (found, _) = named_models(message.as_bytes(), 32).unwrap();
    for named in &found {
        let value = message.get(named.start..named.end).unwrap();
        assert_eq!(serde_json::from_str::<String>(value).unwrap(), named.name);
    }
    found.into_iter().map(|named| (named.place, named.name)).collect()
}

#[test]
fn an_answers_usage_is_read_with_what_was_sound_and_what_was_cached() {
    let message = br#"{"type":"response.done","event_id":"e","response":{"id":"resp_1","status":"completed","output":[
        {"content":[{"transcript":"\"type\":\"session.created\""}]}],"usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121,
        "input_token_details":{"text_tokens":59,"audio_tokens":73,"cached_tokens":64,"cached_tokens_details":{"text_tokens":24,"audio_tokens":40}},
        "output_token_details":{"text_tokens":30,"audio_tokens":91}}}}"#;
    let usage = Usage { input: 132, cached_input: 64, output: 121, ..Usage::default() };
    let units = Units { audio_input: 33, audio_cached: 40, audio_output: 91, ..Units::default() };
    let counted = Some(Counted { usage: Some(usage), units });
    assert_eq!(read_event(message), Heard::Ended { status: Some("completed".into()), counted });
}

#[test]
fn what_messages_tell() {
    let transcribed =
        |usage: Option<Usage>, units| Heard::Transcribed { counted: Some(Counted { usage, units }) };
    let kind = "conversation.item.input_audio_transcription.completed";
    let by_time = format!(r#"{{"usage":{{"type":"duration","seconds":1.5}},"type":"{kind}"}}"#);
    let units = Units { audio_ms: Some(1500), ..Units::default() };
    assert_eq!(read_event(by_time.as_bytes()), transcribed(None, units));
    let by_token = format!(
        r#"{{"type":"{kind}","transcript":"a","usage":{{"type":"tokens","total_tokens":22,"input_tokens":13,
        "input_token_details":{{"text_tokens":0,"audio_tokens":13}},"output_tokens":9}}}}"#
    );
    let usage = Usage { input: 13, output: 9, ..Usage::default() };
    let units = Units { audio_input: 13, ..Units::default() };
    assert_eq!(read_event(by_token.as_bytes()), transcribed(Some(usage), units));
    for (message, heard) in [
        (
            r#"{"type":"session.created","session":{"id":"sess_1"}}"#,
            Heard::Session { id: Some("sess_1".into()) },
        ),
        (r#"{"response":{"status":"in_progress","usage":null},"type":"response.created"}"#, Heard::Begun),
        (r#"{"type":"response.done"}"#, Heard::Ended { status: None, counted: None }),
        (
            r#"{"type":"response.done","response":{"usage":null}}"#,
            Heard::Ended { status: None, counted: None },
        ),
        (
            r#"{"type":"response.done","response":{"usage":{"x":1}}}"#,
            Heard::Ended { status: None, counted: None },
        ),
        (r#"{"type":"error","error":{"message":"m"}}"#, Heard::Failed),
        (r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#, Heard::Other),
        (r#"{"type":"response.done""#, Heard::Other),
        ("[]", Heard::Other),
        ("", Heard::Other),
    ] {
        assert_eq!(read_event(message.as_bytes()), heard, "{message}");
    }
}

#[test]
fn every_model_that_a_client_could_mean_is_named() {
    use ModelPlace::{Part, Session};
    let name = |place, name: &str| (place, name.to_owned());
    for (message, expected) in [
        (r#"{"type":"session.update","session":{"type":"realtime","model":"m"}}"#, vec![name(Session, "m")]),
        (
            r#"{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}},"model":"m"}}"#,
            vec![name(Part, "whisper-1"), name(Session, "m")],
        ),
        (r#"{"session":{"input_audio_transcription":{"model":"w"}}}"#, vec![name(Part, "w")]),
        (r#"{"model":"m"}"#, vec![name(Session, "m")]),
        (r#"{"response":{"model":"m"}}"#, vec![name(Part, "m")]),
        // Spelt otherwise, or twice.
        (
            r#"{"\u0073ession":{"mod\u0065l":"a","MODEL":"b","model":"\u0063"}}"#,
            vec![name(Session, "a"), name(Session, "b"), name(Session, "c")],
        ),
        (r#"{"session":{"too\u006cs":{"model":"a"}}}"#, vec![name(Part, "a")]),
        // The client's own words, and what is no name.
        (
            r#"{"session":{"tools":[{"model":"a"}],"prompt":{"variables":{"model":"a"}},"model":null,"x":{"model":{}}}}"#,
            vec![],
        ),
        (r#"{"type":"conversation.item.create","item":{"model":"a"}}"#, vec![]),
        (r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#, vec![]),
    ] {
        assert_eq!(names(message), expected, "{message}");
    }
    let id = named_models(br#"{"a":{"event_id":"no"},"event_id":"e1"}"#, 32).unwrap().1;
    assert_eq!(id.as_deref(), Some("e1"));
    for broken in ["", "[]", r#"{"session":{"model":"a"}"#, r#"{"a":1}{"session":{"model":"a"}}"#] {
        assert!(named_models(broken.as_bytes(), 32).is_err(), "{broken}");
    }
    let deep = format!("{}{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    assert!(named_models(deep.as_bytes(), 32).is_err());
}

#[test]
fn a_refusal_says_to_which_message_it_answers() {
    let facts = ErrorFacts {
        status: 403,
        kind: crate::dialects::ErrorKind::PermissionDenied,
        message: "no \"m\"".into(),
        code: Some("model_not_allowed".into()),
        param: Some("session.model".into()),
        metadata: None,
        request_id: None,
    };
    let said: serde_json::Value =
        serde_json::from_slice(&realtime_error(&facts, "event_1", Some("e1"))).unwrap();
    let expected = serde_json::json!({ "type": "error", "event_id": "event_1", "error": {
        "message": "no \"m\"", "type": "invalid_request_error", "param": "session.model", "code": "model_not_allowed", "event_id": "e1",
    } });
    assert_eq!(said, expected);
}

proptest! {
    #[test]
    fn no_message_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[{}\":,a-z\\[\\]\\\\0-9 ]{0,80}") {
        for message in [bytes.as_slice(), text.as_bytes()] {
            read_event(message);
            if let Ok((found, _)) = named_models(message, 16) {
                prop_assert!(found.iter().all(|named| message.get(named.start..named.end).is_some()));
            }
        }
    }
}
