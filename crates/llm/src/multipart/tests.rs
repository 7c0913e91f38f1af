use bytes::Bytes;

use super::*;

const BODY: &str = "--b1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
                    --b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"玉 a;b.wav\"\r\nContent-Type: audio/wav\r\n\r\n\
                    RIFF\r\n\r\n-b1\n--b\r\n\r\n--b1\r\ncontent-disposition:form-data;name=stream\r\n\r\n\r\n--b1--\r\n";

fn scan(body: &str) -> Result<Form, FormReason> {
    Form::scan(body.as_bytes(), "b1").map_err(|error| {
        assert!(error.position <= body.len() && error.to_string().contains("byte"), "{error}");
        error.reason
    })
}

/// A form with one part of this head and the value `x`.
fn headed(head: &str) -> String {
    format!("--b1\r\n{head}\r\n\r\nx\r\n--b1--")
}

fn part(name: &str) -> String {
    format!("--b1\r\nContent-Disposition: form-data; {name}\r\n\r\nx\r\n")
}

#[test]
fn a_form_is_read_where_it_lies() {
    for body in [BODY.to_owned(), format!("\r\n{BODY}"), BODY.trim_end().to_owned()] {
        let form = scan(&body).unwrap();
        let body = body.as_bytes();
        assert_eq!(form.names(body).collect::<Vec<_>>(), ["model", "file", "stream"]);
        assert_eq!(form.value(body, "model"), Some(&b"whisper-1"[..]));
        assert_eq!(form.value(body, "file"), Some(&b"RIFF\r\n\r\n-b1\n--b\r\n"[..]));
        assert_eq!(form.value(body, "stream"), Some(&b""[..]));
        assert_eq!(form.value(body, "prompt"), None);
        assert_eq!(form.ambiguous(body, &["model", "stream", "n"]), None);
        assert!(form.parts[1].is_file && !form.parts[0].is_file);
    }
    assert_eq!(scan("--b1--").unwrap().parts, []);
}

#[test]
fn a_form_that_is_cut_anywhere_is_refused() {
    let whole = BODY.trim_end();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let reason = scan(whole.split_at(end).0).expect_err("a form that was cut");
        let early = if end < 4 { FormReason::NoDelimiter } else { FormReason::EndsEarly };
        assert_eq!(reason, early, "{end}");
    }
}

#[test]
fn what_two_readers_could_take_apart_differently_is_refused() {
    let file = "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    for (body, reason) in [
        ("".to_owned(), FormReason::NoDelimiter),
        ("{\"model\":\"m\"}".to_owned(), FormReason::NoDelimiter),
        (format!("hello\r\n{BODY}"), FormReason::BeforeFirst),
        (format!("\n{BODY}"), FormReason::BeforeFirst),
        (BODY.replace("\r\n", "\n"), FormReason::BrokenDelimiter),
        (BODY.replace("--b1\r\n", "--b1 \r\n"), FormReason::BrokenDelimiter),
        (format!("{file}x\n--b1\r\n\r\n--b1--"), FormReason::DelimiterInPart),
        (format!("{file}x\r--b1--"), FormReason::DelimiterInPart),
        (format!("{file}x--b1\r\n--b1--"), FormReason::DelimiterInPart),
        (format!("{file}x\r\n--b1x\r\n--b1--"), FormReason::BrokenDelimiter),
        (format!("{file}x\r\n--b1--\r\nmore"), FormReason::AfterLast),
        (format!("{file}x\r\n--b1--x"), FormReason::AfterLast),
        (format!("{file}x"), FormReason::EndsEarly),
        ("--b1\r\n--b1--".to_owned(), FormReason::HeadUnended),
        ("--b1\r\n\r\nx\r\n--b1--".to_owned(), FormReason::NoDisposition),
    ] {
        assert_eq!(scan(&body), Err(reason), "{body}");
    }
}

#[test]
fn heads_say_one_thing_only() {
    let plain = "Content-Disposition: form-data; name=\"a\"";
    for good in [
        plain.to_owned(),
        format!("{plain};"),
        format!("{plain}; filename=\"C:\\dir\\a b.wav\" ; x=y\r\nContent-Type: audio/wav; q=1"),
        format!("X-Other: anything; at all\r\n{plain}"),
        "CONTENT-DISPOSITION:Form-Data;NAME=a".to_owned(),
    ] {
        assert_eq!(scan(&headed(&good)).map(|form| form.parts.len()), Ok(1), "{good}");
    }
    for (head, reason) in [
        ("Content-Disposition: form-data".to_owned(), FormReason::NoName),
        ("Content-Disposition: form-data; name=\"\"".to_owned(), FormReason::NoName),
        ("Content-Disposition: form-data; filename=\"a\"".to_owned(), FormReason::NoName),
        ("Content-Disposition: attachment; name=\"a\"".to_owned(), FormReason::NotFormData),
        ("Content-Disposition: form-data; name=\"a".to_owned(), FormReason::NotFormData),
        ("Content-Disposition: form-data; name=\"a\\\" b\"".to_owned(), FormReason::NotFormData),
        ("Content-Disposition: form-data; name=\"a\" b".to_owned(), FormReason::NotFormData),
        ("Content-Disposition: form-data name=a".to_owned(), FormReason::NotFormData),
        (format!("{plain}; name=\"b\""), FormReason::OddName),
        (format!("{plain}; name*=utf-8''b"), FormReason::OddName),
        ("Content-Disposition: form-data; name*0=\"mo\"; name*1=\"del\"".to_owned(), FormReason::OddName),
        (format!("{plain}\r\n{plain}"), FormReason::HeadRepeated),
        (format!("{plain}\r\nContent-Type: a/b\r\ncontent-type: a/b"), FormReason::HeadRepeated),
        (format!("{plain};\r\n name=\"b\""), FormReason::HeadLine),
        ("Content-Disposition : form-data; name=\"a\"".to_owned(), FormReason::HeadLine),
        (format!("{plain}\nX: y"), FormReason::HeadLine),
        (format!("{plain}\0"), FormReason::HeadLine),
        ("Content-Type: a/b".to_owned(), FormReason::NoDisposition),
        (format!("{plain}\r\nX: {}", "y".repeat(HEAD_BYTES_MOST)), FormReason::HeadTooLarge),
        ("Content-Disposition: form-data; name=\"_charset_\"".to_owned(), FormReason::Charset),
    ] {
        assert_eq!(scan(&headed(&head)), Err(reason), "{head}");
    }
    let many = |parts: usize| part("name=\"a\"").repeat(parts) + "--b1--";
    assert_eq!(scan(&many(PARTS_MOST)).map(|form| form.parts.len()), Ok(PARTS_MOST));
    assert_eq!(scan(&many(PARTS_MOST + 1)), Err(FormReason::TooManyParts));
}

#[test]
fn a_name_that_an_upstream_might_take_for_ours_is_found() {
    let ambiguous = |parts: &str| {
        let body = format!("{parts}--b1--");
        let form = scan(&body).unwrap();
        form.ambiguous(body.as_bytes(), &["stream", "model"]).map(|(name, _)| name)
    };
    let model = part("name=\"model\"");
    assert_eq!(ambiguous(&model), None);
    for other in ["modell", "my_model", "models", "image[]", "file"] {
        assert_eq!(ambiguous(&format!("{model}{}", part(&format!("name=\"{other}\"")))), None, "{other}");
    }
    for twin in
        ["model", "Model", "model[]", "[model]", "model[0]", " model", "mo\\del", "%6dodel", "m%4Fdel"]
    {
        assert_eq!(
            ambiguous(&format!("{model}{}", part(&format!("name=\"{twin}\"")))),
            Some("model"),
            "{twin}"
        );
        let alone = ambiguous(&part(&format!("name=\"{twin}\"")));
        assert_eq!(alone, (twin != "model").then_some("model"), "{twin}");
    }
    for head in [
        "name=\"model\"; filename=\"m\"",
        "name=\"model\"; filename*=utf-8''m",
        "name=\"model\"\r\nContent-Type: text/plain; charset=utf-16",
        "name=\"model\"\r\nContent-Type: text/plain; charset",
        "name=\"model\"\r\nContent-Transfer-Encoding: base64",
    ] {
        assert_eq!(ambiguous(&part(head)), Some("model"), "{head}");
    }
    for head in ["Content-Type: text/plain; charset=\"UTF-8\"", "Content-Transfer-Encoding: 8bit"] {
        assert_eq!(ambiguous(&part(&format!("name=\"model\"\r\n{head}"))), None, "{head}");
    }
}

#[test]
fn one_value_is_changed_and_nothing_else_is_copied() {
    let body = Bytes::from(BODY);
    let form = Form::scan(&body, "b1").unwrap();
    let pieces = form.with_value(&body, "model", Bytes::from_static(b"other")).unwrap();
    assert_eq!(pieces.concat(), BODY.replace("whisper-1", "other").as_bytes());
    assert!(body.as_ptr_range().contains(&pieces.last().unwrap().as_ptr()));
    let added = form.with_value(&body, "n", Bytes::from_static(b"2")).unwrap().concat();
    let again = Form::scan(&added, "b1").unwrap();
    assert_eq!(again.value(&added, "n"), Some(&b"2"[..]));
    assert_eq!(again.value(&added, "model"), Some(&b"whisper-1"[..]));
    assert_eq!(again.parts.len(), 4);
    assert!(added.ends_with(BODY.as_bytes()));
    assert_eq!(form.with_value(&body, "model", Bytes::from_static(b"m\r\n--b1--")), None);
}

#[test]
fn the_boundary_is_read_from_the_content_type() {
    for (kind, expected) in [
        ("multipart/form-data; boundary=abc", Ok("abc")),
        ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b=;c\" ;", Err(BoundaryError::Characters)),
        ("Multipart/Form-Data;charset=utf-8; Boundary=\"a b=?c\" ;", Ok("a b=?c")),
        ("multipart/form-data", Err(BoundaryError::Missing)),
        ("multipart/form-data; boundary=", Err(BoundaryError::Malformed)),
        ("multipart/form-data; boundary=\"\"", Err(BoundaryError::Characters)),
        ("multipart/form-data; boundary=\"a", Err(BoundaryError::Malformed)),
        ("multipart/form-data; boundary=a b", Err(BoundaryError::Malformed)),
        ("multipart/form-data; boundary=a, multipart/form-data; boundary=b", Err(BoundaryError::Malformed)),
        ("multipart/form-data; boundary=a; boundary=a", Err(BoundaryError::Repeated)),
        ("multipart/form-data; boundary*=utf-8''a", Err(BoundaryError::Repeated)),
        ("multipart/form-data; boundary=\"a \"", Err(BoundaryError::Characters)),
        ("multipart/form-data; boundary=a<b", Err(BoundaryError::Malformed)),
        ("multipart/mixed; boundary=a", Err(BoundaryError::NotAForm)),
        ("application/json", Err(BoundaryError::NotAForm)),
        ("", Err(BoundaryError::NotAForm)),
    ] {
        assert_eq!(boundary(kind).as_deref(), expected.as_ref().map(|text| *text), "{kind}");
    }
    assert!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(70))).is_ok());
    assert!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))).is_err());
}
