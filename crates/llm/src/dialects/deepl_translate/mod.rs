//! Translations by DeepL, `POST /v2/translate`, as chats: the last thing that a user says is translated into the language
//! that the model's name is (`deepl/en-us`, `deepl/de`), and nothing else of a conversation is read.
//!
//! What DeepL charges for are characters. Answers come whole. It is spoken with providers only.
//! <https://developers.deepl.com/api-reference/translate>

use serde::Deserialize;

use super::plain::{note_unsaid, text_of, write_own};
use super::read::{At, Loose};
use super::{
    Answers, Asking, Codec, DecodeError, Dialect, Encoded, Losses, Outline, Tap, Target, as_chat, fault,
    refuse, write,
};
use crate::ir::{self, Answer, Chat, Choice, Finish, Part, Role};

const OUTLINE: Outline = Outline {
    dialect: Dialect::DeepLTranslate,
    name: "deepl_translate",
    asking: Asking { answers: Answers::Whole, ..Asking::USUAL },
    ..Outline::PROVIDERS_ONLY
};

/// Fields that have no place in the IR and are written again as they were read.
const OWN: [&str; 10] = [
    "source_lang",
    "context",
    "formality",
    "model_type",
    "glossary_id",
    "style_id",
    "custom_instructions",
    "preserve_formatting",
    "split_sentences",
    "tag_handling",
];

/// The codec.
pub(super) struct DeepLTranslate;

fn encode(chat: &Chat, target: &Target<'_>) -> Result<Encoded, DecodeError> {
    let mut losses = Losses::default();
    let said = chat.messages.iter().rev().find(|message| message.role == Role::User);
    let text = said.map(|message| text_of(&message.parts, &mut losses, |_| false));
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
        refuse("messages", "the last message of a user is translated, and there is no text in it")
    })?;
    losses.note_if(chat.messages.len() > 1, "messages");
    note_unsaid(chat, &[], &OWN, &mut losses);
    let mut body = Vec::with_capacity(256);
    write::object(&mut body, |out| {
        out.texts("text", [text.as_str()]);
        out.text("target_lang", &target.model.to_uppercase());
        out.boolean("show_billed_characters", true);
        write_own(chat, &OWN, out);
    });
    Ok(Encoded { body, boundary: None, lossy: losses.into_names() })
}

/// An answer.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Said<'a> {
    #[serde(borrow)]
    translations: Vec<Translation<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Translation<'a> {
    #[serde(borrow)]
    text: Loose<'a>,
    billed_characters: Loose<'a>,
}

impl<'a> Said<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|said: &Self| !said.translations.is_empty())
    }

    fn text(&self) -> String {
        self.translations.iter().filter_map(|translation| translation.text.text()).collect()
    }
}

fn decode(body: &[u8]) -> Result<Answer, DecodeError> {
    let Some(said) = Said::read(body) else {
        let message = match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
            Ok(_) => fault::read(0, body).message,
            Err(_) => At::BODY.expected("a JSON object with translations").message,
        };
        return Err(DecodeError { message, param: None });
    };
    let text = Some(said.text()).filter(|text| !text.is_empty());
    let parts = text.map(Part::text).into_iter().collect();
    Ok(Answer {
        choices: vec![Choice { parts, finish: Some(Finish::default()), ..Choice::default() }],
        ..Answer::default()
    })
}

impl Codec for DeepLTranslate {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn encode_request(&self, request: &ir::Request, target: &Target<'_>) -> Result<Encoded, DecodeError> {
        encode(&*as_chat(request)?, target)
    }

    fn decode_response(&self, body: &[u8]) -> Result<ir::Response, DecodeError> {
        decode(body).map(|answer| ir::Response::Chat(Box::new(answer)))
    }

    fn tap_response(&self, body: &[u8], tap: &mut Tap) {
        let Some(said) = Said::read(body) else { return };
        let counted = said.translations.iter().map(|translation| translation.billed_characters.number());
        tap.units.characters = counted.sum();
        tap.output_bytes = said.text().len() as u64;
        tap.content_seen = tap.output_bytes > 0;
        tap.finished = true;
    }
}
