//! What the AI SDK's own gateway provider asks beside conversations and vectors, `POST {base}/image-model`,
//! `/reranking-model`, `/speech-model` and `/transcription-model`: client side. The model stands in a header.
//!
//! In: a client's request. Out: the same in the IR, and answers as the SDK reads them. It speaks to no provider.
//! <https://github.com/vercel/ai/tree/main/packages/gateway/src>

mod answer;
mod request;

use super::{AnswerContext, Asking, Codec, DecodeError, Dialect, ErrorShape, Operation, Outline, Upstream};
use crate::framing::Framing;
use crate::ir;
use crate::json::{Kind, Object};

const OUTLINE: Outline = Outline {
    dialect: Dialect::AiSdkImages,
    name: "ai_sdk_images",
    operation: Operation::Images,
    upstream: Upstream::Never,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: true,
    streams_by_default: false,
    content: "prompt",
    content_or: None,
    content_kinds: &[Kind::String],
    content_wanted: "a string",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::AiSdk,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec of one kind of request.
pub(super) struct AiSdkMedia {
    outline: &'static Outline,
}

pub(super) const IMAGES: AiSdkMedia = AiSdkMedia { outline: &OUTLINE };

pub(super) const IMAGE_EDITS: AiSdkMedia = AiSdkMedia {
    outline: &Outline {
        dialect: Dialect::AiSdkImageEdits,
        name: "ai_sdk_image_edits",
        operation: Operation::ImageEdits,
        content: "files",
        content_kinds: &[Kind::Array],
        content_wanted: "a list of files",
        ..OUTLINE
    },
};

pub(super) const RERANK: AiSdkMedia = AiSdkMedia {
    outline: &Outline {
        dialect: Dialect::AiSdkRerank,
        name: "ai_sdk_rerank",
        operation: Operation::Rerank,
        content: "documents",
        content_kinds: &[Kind::Object],
        content_wanted: "an object with `type` and `values`",
        ..OUTLINE
    },
};

pub(super) const SPEECH: AiSdkMedia = AiSdkMedia {
    outline: &Outline {
        dialect: Dialect::AiSdkSpeech,
        name: "ai_sdk_speech",
        operation: Operation::Speech,
        content: "text",
        ..OUTLINE
    },
};

pub(super) const TRANSCRIPTIONS: AiSdkMedia = AiSdkMedia {
    outline: &Outline {
        dialect: Dialect::AiSdkTranscriptions,
        name: "ai_sdk_transcriptions",
        operation: Operation::Transcription,
        content: "audio",
        ..OUTLINE
    },
};

impl Codec for AiSdkMedia {
    fn outline(&self) -> &'static Outline {
        self.outline
    }

    fn spoken(&self) -> Option<&'static str> {
        (self.outline.operation == Operation::Speech).then_some("text")
    }

    /// Pictures are asked for at one path, whether they are made from a text or from other pictures.
    fn dialect_of(&self, object: &Object, body: &[u8]) -> Dialect {
        let has = |name| object.get(body, name).is_some_and(|field| field.kind != Kind::Null);
        match self.outline.dialect {
            Dialect::AiSdkImages if has("files") || has("mask") => Dialect::AiSdkImageEdits,
            dialect => dialect,
        }
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        Ok(match self.outline.operation {
            Operation::Rerank => ir::Request::Rerank(Box::new(request::rerank(body)?)),
            Operation::Speech => ir::Request::Speech(Box::new(request::speech(body)?)),
            Operation::Transcription => ir::Request::Transcription(Box::new(request::transcription(body)?)),
            _ => ir::Request::Images(Box::new(request::images(body)?)),
        })
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        answer::encode(response, context)
    }
}
