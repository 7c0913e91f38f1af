use serde_json::json;

use super::*;

const FIRST: Turn<'static> = Turn {
    id: "resp_a",
    input: br#""Who \u00e4re you?""#,
    response: br#"{"id":"resp_a","output":[{"id":"rs_a_0","type":"reasoning","summary":[],"encrypted_content":"x"},
        {"type":"message","id":"msg_a_1","role":"assistant","content":[{"type":"output_text","text":"A gate.","n":1.50}]}],"store":true}"#,
};
const SECOND: Turn<'static> = Turn {
    id: "resp_b",
    input: br#"[ {"role":"user","content":"And now?"}, {"type":"function_call_output","call_id":"c","output":"1.0"} ]"#,
    response: br#"{"output":[]}"#,
};

#[test]
fn what_was_said_before_stands_before_the_new_input_as_it_was_written() {
    let whole = continued(&[FIRST, SECOND], br#"[{"role":"user","content":"Bye","x":1e2}]"#).unwrap();
    let expected = r#"[{"type":"message","role":"user","content":"Who äre you?"},{"type":"reasoning","summary":[],"encrypted_content":"x"},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"A gate.","n":1.50}]},{"role":"user","content":"And now?"},{"type":"function_call_output","call_id":"c","output":"1.0"},{"role":"user","content":"Bye","x":1e2}]"#;
    assert_eq!(String::from_utf8(whole).unwrap(), expected);
    assert_eq!(continued(&[], b"[]").unwrap(), b"[]");
    assert_eq!(continued(&[Turn { response: b"{}", ..FIRST }], b"[]"), Err(Unreadable));
    assert_eq!(continued(&[Turn { input: b"{}", ..FIRST }], b"[]"), Err(Unreadable));
}

#[test]
fn an_item_that_not_every_reader_can_read_goes_on_as_no_part_of_a_conversation() {
    for item in [r#"{"id":"msg_a","content":[{"logprobs":[{"bytes":[72,101e995]}]}]}"#, "7"] {
        let response = format!(r#"{{"output":[{item}]}}"#);
        let turn = Turn { response: response.as_bytes(), ..FIRST };
        assert_eq!(continued(&[turn], b"[]"), Err(Unreadable), "{item}");
    }
}

#[test]
fn items_are_listed_with_an_id_a_type_and_parts() {
    let items = input_items(&[FIRST, SECOND]).unwrap();
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["msg_a_in0", "rs_a_0", "msg_a_1", "msg_b_in0", "fco_b_in1"]);
    assert_eq!(
        items[0].json,
        json!({ "id": "msg_a_in0", "type": "message", "role": "user", "status": "completed",
                "content": [{ "type": "input_text", "text": "Who äre you?" }] })
    );
    assert_eq!(items[4].json["output"], "1.0");
    let assistant = Turn { input: br#"[{"role":"assistant","content":"Hm","id":"mine"}, 7]"#, ..SECOND };
    let items = input_items(&[assistant]).unwrap();
    assert_eq!((items[0].id.as_str(), items[1].id.as_str()), ("mine", "item_b_in1"));
    assert_eq!(items[0].json["content"][0]["type"], "output_text");
}

#[test]
fn a_stream_ends_with_the_response_that_is_kept() {
    let events = Bytes::from_static(
        b"event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\"}\n\n\
          event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"store\":true,\"t\":\"\\n\\nevent: \"},\"n\":1}\n\n",
    );
    let last = events.slice(last_event(&events)..);
    assert!(last.starts_with(b"event: response.completed\n"));
    assert_eq!(ended_response(&last).unwrap(), r#"{"id":"r","store":true,"t":"\n\nevent: "}"#);
    let without = event_not_kept(&last);
    let without = String::from_utf8(without.to_vec()).unwrap();
    assert!(without.ends_with("\"store\":false,\"t\":\"\\n\\nevent: \"},\"n\":1}\n\n"), "{without}");
    assert!(without.starts_with("event: response.completed\ndata: {"));
    for other in [
        &b""[..],
        b"\n\n",
        b"event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{}}\n\n",
        b"data: {\n\n",
    ] {
        let other = Bytes::copy_from_slice(other);
        assert_eq!((ended_response(&other), event_not_kept(&other)), (None, other.clone()));
        assert_eq!(last_event(&other), 0);
    }
}
