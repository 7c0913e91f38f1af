//! Pictures and documents of a conversation, wherever they stand in it.

use super::{Chat, Content, Part, Request, Source};

impl Content {
    /// Where a picture or document lies on the web: an address of `http` or `https`.
    pub fn web_address(&self) -> Option<&str> {
        let (Self::Image { source: Source::Url(address), .. }
        | Self::File { source: Source::Url(address), .. }) = self
        else {
            return None;
        };
        let (scheme, _) = address.split_once("://")?;
        let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        known.then_some(address)
    }

    /// Puts a picture's or document's bytes in the place of its address. What turns out to be a picture becomes one: some
    /// clients do not say what lies at an address.
    pub fn bring(&mut self, media_type: &str, data: String) {
        let is_picture = media_type.starts_with("image/");
        let brought = Source::Base64 { media_type: media_type.to_owned(), data };
        match self {
            Self::File { .. } if is_picture => *self = Self::Image { source: brought, detail: None },
            Self::Image { source, .. } | Self::File { source, .. } => *source = brought,
            _ => {}
        }
    }

    /// Puts the id by which a picture or document can be named in the place of its bytes.
    pub fn name(&mut self, id: String) {
        if let Self::Image { source, .. } | Self::File { source, .. } = self {
            *source = Source::Brought(id);
        }
    }
}

impl Request {
    /// Visits whatever may be a picture or a document.
    pub fn visit_contents(&mut self, visit: &mut dyn FnMut(&mut Content)) {
        match self {
            Self::Chat(chat) => chat.visit_contents(visit),
            Self::Images(images) => images.files.iter_mut().chain(&mut images.mask).for_each(visit),
            Self::Completion(_)
            | Self::Embeddings(_)
            | Self::Rerank(_)
            | Self::Speech(_)
            | Self::Transcription(_) => {}
        }
    }
}

impl Chat {
    /// Visits what each part holds, also the parts of tools' results.
    pub fn visit_contents(&mut self, visit: &mut dyn FnMut(&mut Content)) {
        for message in &mut self.messages {
            visit_parts(&mut message.parts, visit);
        }
    }
}

fn visit_parts(parts: &mut [Part], visit: &mut dyn FnMut(&mut Content)) {
    for part in parts {
        match &mut part.content {
            // No result stands within another: decoders make none.
            Content::ToolResult { parts, .. } => parts.iter_mut().for_each(|part| visit(&mut part.content)),
            content => visit(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Message, Role};

    fn image(address: &str) -> Content {
        Content::Image { source: Source::Url(address.into()), detail: Some("low".into()) }
    }

    #[test]
    fn addresses_on_the_web_are_those_of_http() {
        for (content, is_web) in [
            (image("https://example.com/a.png"), true),
            (image("HTTP://example.com/a.png"), true),
            (image("s3://bucket/a.png"), false),
            (image("gs://bucket/a.png"), false),
            (image("http:/example.com"), false),
            (Content::File { source: Source::Url("http://example.com/a".into()), name: None }, true),
            (Content::File { source: Source::FileId("https://example.com".into()), name: None }, false),
            (Content::Text("https://example.com/a.png".into()), false),
        ] {
            assert_eq!(content.web_address().is_some(), is_web, "{content:?}");
        }
    }

    #[test]
    fn every_part_is_visited_and_bytes_take_the_place_of_addresses() {
        let file = Content::File { source: Source::Url("https://example.com/b".into()), name: None };
        let result = Content::ToolResult {
            id: "call".into(),
            parts: vec![Part::new(file), Part::text("b")],
            is_error: false,
        };
        let parts = vec![Part::text("a"), Part::new(image("https://example.com/a.png")), Part::new(result)];
        let mut chat =
            Chat { messages: vec![Message { role: Role::User, parts, name: None }], ..Chat::default() };
        let mut seen = 0;
        chat.visit_contents(&mut |content| {
            seen += 1;
            content.bring("image/png", "AAAA".into());
        });
        assert_eq!(seen, 4);
        let source = || Source::Base64 { media_type: "image/png".into(), data: "AAAA".into() };
        let parts = &chat.messages[0].parts;
        assert_eq!(parts[0], Part::text("a"));
        assert_eq!(parts[1].content, Content::Image { source: source(), detail: Some("low".into()) });
        let Content::ToolResult { parts, .. } = &parts[2].content else { panic!("{parts:?}") };
        assert_eq!(parts[0].content, Content::Image { source: source(), detail: None });
    }
}
