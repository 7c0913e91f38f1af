//! The target of what the AI SDK's clients ask beside conversations, and of the answers of the dialects in which they are served.

use yumen_llm::dialects::{ALL, AnswerContext, Dialect, Target, codec, sayable_in};
use yumen_llm::json::scan_object;
use yumen_llm::multipart::Form;

/// The nesting that the gateway allows to a request.
const DEPTH: usize = 128;

const CLIENTS: [Dialect; 5] = [
    Dialect::AiSdkImages,
    Dialect::AiSdkImageEdits,
    Dialect::AiSdkRerank,
    Dialect::AiSdkSpeech,
    Dialect::AiSdkTranscriptions,
];

/// What is read as a request is written as JSON, or as a form that can be taken apart; what is read as an answer is told as
/// JSON.
pub(crate) fn media(data: &[u8]) {
    let target = Target { model: "native-model", ..Target::default() };
    for from in CLIENTS {
        let upstreams = || sayable_in(from).map(|outline| codec(outline.dialect));
        if let (Ok(_), Ok(request)) = (scan_object(data, DEPTH), codec(from).decode_request(data)) {
            for to in upstreams() {
                let Ok(encoded) = to.encode_request(&request, &target) else { continue };
                match encoded.boundary {
                    Some(boundary) => {
                        let form = Form::scan(&encoded.body, &boundary);
                        assert!(
                            form.is_ok_and(|form| form.has(&encoded.body, "model")),
                            "a form that is none"
                        );
                    }
                    None => {
                        assert!(scan_object(&encoded.body, usize::MAX).is_ok(), "a request that is no JSON")
                    }
                }
            }
        }
        for reader in upstreams() {
            let Ok(response) = reader.decode_response(data) else { continue };
            for version in [2, 3, 4] {
                let context = AnswerContext { ai_sdk_version: version, ..AnswerContext::default() };
                let told = codec(from).encode_response(&response, &context);
                assert!(scan_object(&told, usize::MAX).is_ok(), "an answer that is no JSON");
            }
        }
    }
    assert!(ALL.iter().all(|codec| codec.passing().is_none() || codec.decode_request(data).is_err()));
}
