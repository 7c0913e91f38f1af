//! One row for each dialect that only passes through.
//!
//! <https://platform.openai.com/docs/api-reference/images>, `/audio`, `/moderations`;
//! <https://docs.cohere.com/reference/rerank>

use super::{BodyForm, PassThrough, Passing};
use crate::dialects::{Asking, Dialect, ErrorShape, Operation, Outline, Upstream};
use crate::framing::Framing;
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::OpenAiImages,
    name: "openai_images",
    operation: Operation::Images,
    upstream: Upstream::ForAll,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: false,
    streams_by_default: false,
    content: "prompt",
    content_or: None,
    content_kinds: &[Kind::String],
    content_wanted: "a string",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::OpenAi,
    framing: Framing::Sse,
    stream_end: b"",
};

const PASSING: Passing = Passing {
    body: BodyForm::Json,
    default_model: None,
    wants: &["prompt"],
    stream_format: None,
    spoken: None,
    makes_pictures: false,
    makes_jobs: false,
};

/// A text, an address or several: servers differ, and whoever is asked knows what he takes.
const ANYTHING: &[Kind] = &[Kind::String, Kind::Array, Kind::Object];
const ANYTHING_WANTED: &str = "a string, a list or an object";

pub(in crate::dialects) const IMAGES: PassThrough =
    PassThrough { outline: &OUTLINE, passing: &Passing { makes_pictures: true, ..PASSING } };

pub(in crate::dialects) const IMAGE_EDITS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiImageEdits,
        name: "openai_image_edits",
        operation: Operation::ImageEdits,
        content: "image",
        content_kinds: ANYTHING,
        content_wanted: ANYTHING_WANTED,
        ..OUTLINE
    },
    passing: &Passing {
        body: BodyForm::FormOrJson,
        wants: &["image", "images"],
        makes_pictures: true,
        ..PASSING
    },
};

pub(in crate::dialects) const IMAGE_VARIATIONS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiImageVariations,
        name: "openai_image_variations",
        operation: Operation::ImageVariations,
        content: "image",
        content_kinds: ANYTHING,
        content_wanted: ANYTHING_WANTED,
        ..OUTLINE
    },
    passing: &Passing { body: BodyForm::Form, wants: &["image"], makes_pictures: true, ..PASSING },
};

pub(in crate::dialects) const SPEECH: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiSpeech,
        name: "openai_speech",
        operation: Operation::Speech,
        content: "input",
        ..OUTLINE
    },
    passing: &Passing {
        wants: &["input"],
        stream_format: Some("stream_format"),
        spoken: Some("input"),
        ..PASSING
    },
};

/// Instead of the file some take its address or its id: Groq `url`, Mistral `file_url` and `file_id`, OpenRouter
/// `input_audio` in JSON.
const RECORDINGS: &[&str] = &["file", "url", "file_url", "file_id", "input_audio"];

pub(in crate::dialects) const TRANSCRIPTIONS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiTranscriptions,
        name: "openai_transcriptions",
        operation: Operation::Transcription,
        content: "file",
        content_kinds: ANYTHING,
        content_wanted: ANYTHING_WANTED,
        ..OUTLINE
    },
    passing: &Passing { body: BodyForm::FormOrJson, wants: RECORDINGS, ..PASSING },
};

pub(in crate::dialects) const TRANSLATIONS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiTranslations,
        name: "openai_translations",
        operation: Operation::Translation,
        ..*TRANSCRIPTIONS.outline
    },
    passing: TRANSCRIPTIONS.passing,
};

pub(in crate::dialects) const MODERATIONS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiModerations,
        name: "openai_moderations",
        operation: Operation::Moderation,
        content: "input",
        content_kinds: ANYTHING,
        content_wanted: ANYTHING_WANTED,
        ..OUTLINE
    },
    passing: &Passing { default_model: Some("omni-moderation-latest"), wants: &["input"], ..PASSING },
};

pub(in crate::dialects) const RERANK: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::Rerank,
        name: "rerank",
        operation: Operation::Rerank,
        content: "documents",
        content_kinds: ANYTHING,
        content_wanted: ANYTHING_WANTED,
        ..OUTLINE
    },
    passing: &Passing { wants: &["documents"], ..PASSING },
};

/// Its requests have no body: the model stands in the query, and everything else is said in the session's events.
pub(in crate::dialects) const REALTIME: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiRealtime,
        name: "openai_realtime",
        operation: Operation::Realtime,
        upstream: Upstream::ForItsOwn,
        content: "model",
        ..OUTLINE
    },
    passing: &Passing { wants: &["model"], ..PASSING },
};

pub(in crate::dialects) const VIDEOS: PassThrough = PassThrough {
    outline: &Outline {
        dialect: Dialect::OpenAiVideos,
        name: "openai_videos",
        operation: Operation::Videos,
        upstream: Upstream::ForItsOwn,
        ..OUTLINE
    },
    passing: &Passing { body: BodyForm::FormOrJson, makes_jobs: true, ..PASSING },
};
