//! What dialects say of calls beside the one that asks: where an answer goes on, and pictures that are brought first.

use serde_json::{Value, json};
use yumen_llm::dialects::Dialect::{CozeChat, DifyChat, ReplicatePredictions};
use yumen_llm::dialects::{Onward, Target, codec};
use yumen_llm::ir::{Chat, Content, Message, Part, Request, Role, Source};

use crate::providers_only::{ask, gather};
use crate::support::{decode, stream, wire};

#[test]
fn replicate_tells_where_its_stream_is() {
    let leads =
        |body: &Value, stream| codec(ReplicatePredictions).leads_on(body.to_string().as_bytes(), stream);
    let (live, later) =
        ("https://stream.replicate.com/v1/files/x", "https://api.replicate.com/v1/predictions/p");
    let mut body = json!({ "status": "starting", "urls": { "get": later, "stream": live } });
    assert_eq!(leads(&body, true), Some(Onward::Stream(live.into())));
    assert_eq!(leads(&body, false), Some(Onward::Later(later.into())));
    body["urls"] = json!({ "get": later });
    assert_eq!(leads(&body, true), Some(Onward::Later(later.into())), "a model that cannot stream");
    for (field, value) in [("status", json!("succeeded")), ("status", json!("failed")), ("urls", json!({}))] {
        let mut ended = body.clone();
        ended[field] = value;
        assert_eq!(leads(&ended, true), None, "{ended}");
    }
    let (sent, lossy) = ask(ReplicatePredictions, "meta/llama-3", &json!({ "stream": true }));
    assert_eq!((&sent["stream"], &sent["input"]["prompt"], lossy.len()), (&json!(true), &json!("Hi"), 0));
    let answer = gather(decode(
        ReplicatePredictions,
        &[&wire(ReplicatePredictions, &stream(ReplicatePredictions, "text"))],
    ))
    .expect("an answer");
    assert_eq!(answer.choices[0].parts, [Part::text("Once upon a time, 玉门.\n\nThe End.")]);
}

#[test]
fn pictures_that_can_only_be_named_are_brought_in_forms() {
    let picture = |source| Content::Image { source, detail: None };
    let whole = || picture(Source::Base64 { media_type: "image/jpeg".into(), data: "/9j/4A==".into() });
    for (dialect, answer, user) in [
        (DifyChat, json!({ "id": "f-1", "name": "picture.jpeg" }), Some("u-1")),
        (CozeChat, json!({ "code": 0, "data": { "id": "f-1", "bytes": 4 } }), None),
    ] {
        let form = codec(dialect).upload(&whole(), user).expect("a form");
        let (body, boundary) = (&form.body, form.boundary.expect("a boundary"));
        let read = yumen_llm::multipart::Form::scan(body, &boundary).expect("a form");
        assert_eq!(read.value(body, "file"), Some(&b"\xff\xd8\xff\xe0"[..]));
        assert_eq!(read.value(body, "user"), user.map(str::as_bytes));
        assert_eq!(codec(dialect).uploaded(answer.to_string().as_bytes()).as_deref(), Some("f-1"));
        assert_eq!(codec(dialect).uploaded(b"{\"id\": 7, \"data\": {}}"), None);
        for other in [
            picture(Source::Url("https://example.com/a.png".into())),
            picture(Source::FileId("f".into())),
            picture(Source::Base64 { media_type: "image/png".into(), data: "no base64".into() }),
            Content::Text("a".into()),
        ] {
            assert!(codec(dialect).upload(&other, None).is_none(), "{other:?}");
        }
        // An id that a client names is none of those that were brought.
        let mut named = whole();
        named.name("f-1".into());
        for (content, is_said) in [(named, true), (picture(Source::FileId("f-1".into())), false)] {
            let parts = vec![Part::text("What?"), Part::new(content)];
            let messages = vec![Message { role: Role::User, parts, name: None }];
            let request = Request::Chat(Box::new(Chat { messages, ..Chat::default() }));
            let encoded = codec(dialect).encode_request(&request, &Target::default()).expect("a request");
            let body = String::from_utf8(encoded.body).expect("text");
            assert_eq!((body.contains("f-1"), encoded.lossy.is_empty()), (is_said, is_said), "{body}");
        }
    }
}
