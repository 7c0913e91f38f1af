//! Pictures and documents of which a client gives the address, brought for upstreams that take only bytes; and pictures of
//! which an upstream gives the address, for clients that do.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use yumen_config::FailureClass;
use yumen_llm::dialects::codec;
use yumen_llm::ir::{Content, ImagesAnswer, Picture, Request};

use super::attempt::Try;
use super::classify::Failure;
use crate::egress::{Files, Refusal};
use crate::exchange::Exchange;
use crate::rejection::Code;

impl Try<'_> {
    /// The addresses of files of which this upstream needs the bytes, each once; none where nothing is to be fetched.
    pub(super) fn addresses(&self, request: &mut Request) -> Vec<String> {
        let mut addresses = Vec::new();
        if !self.settings.fetch.enabled {
            return addresses;
        }
        let mut seen = HashSet::new();
        request.visit_contents(&mut |content| {
            if let Some(address) = self.wanted(content)
                && seen.insert(address.to_owned())
            {
                addresses.push(address.to_owned());
            }
        });
        addresses
    }

    fn wanted<'c>(&self, content: &'c Content) -> Option<&'c str> {
        content.web_address().filter(|_| codec(self.step.dialect).needs_bytes(content))
    }

    /// Puts the bytes in the place of the addresses. The wait is not ours. Another deployment may take the request as it is,
    /// so that a file that cannot be had is no end.
    pub(super) async fn bring_files(
        &self,
        exchange: &mut Exchange,
        request: &mut Request,
        addresses: Vec<String>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let room = Arc::clone(&exchange.worker().gateway.file_room);
        let files = exchange.files.get_or_insert_with(|| Box::new(Files::new(&self.settings.fetch, &room)));
        files.fetch(&addresses, self.remaining(self.settings.fetch.timeout)).await;
        exchange.waited += began.elapsed();
        for address in &addresses {
            files.get(address).map_err(|refusal| self.not_brought(address, &refusal))?;
        }
        request.visit_contents(&mut |content| {
            let found = self.wanted(content).and_then(|address| files.get(address).ok());
            if let Some(file) = found {
                content.bring(file.media_type, file.base64.clone());
            }
        });
        Ok(())
    }

    /// Puts pictures that were made in the place of the addresses at which they lie, for clients that take only bytes.
    pub(super) async fn bring_pictures(
        &self,
        exchange: &mut Exchange,
        answer: &mut ImagesAnswer,
    ) -> Result<(), Failure> {
        let address = |picture: &Picture| match picture {
            Picture::Url(address) => Some(address.clone()),
            Picture::Base64(_) => None,
        };
        let addresses: Vec<String> = answer.images.iter().filter_map(address).collect();
        if addresses.is_empty() {
            return Ok(());
        }
        let name = &self.step.provider().name;
        let failed = |why: &str| {
            let message = format!("{name} gave the address of a picture in its place, and {why}.");
            Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message)
        };
        if !self.settings.fetch.enabled {
            return Err(failed("`gateway.fetch.enabled` is false"));
        }
        let began = Instant::now();
        let mut files = Files::new(&self.settings.fetch, &exchange.worker().gateway.file_room);
        files.fetch(&addresses, self.remaining(self.settings.fetch.timeout)).await;
        exchange.waited += began.elapsed();
        for picture in &mut answer.images {
            let Picture::Url(address) = picture else { continue };
            let file =
                files.get(address).map_err(|refusal| failed(&format!("it was not fetched: {refusal}")))?;
            *picture = Picture::Base64(file.base64.clone());
        }
        Ok(())
    }

    fn not_brought(&self, address: &str, refusal: &Refusal) -> Failure {
        let name = &self.step.provider().name;
        let param = place_of(address, &self.call.body);
        let whose = param.as_deref().unwrap_or("A file of the request");
        let message =
            format!("{whose}: {name} takes files only whole, and this one was not fetched: {refusal}.");
        let mut failure = Failure::unsayable(message, param);
        failure.rejection.code = Code::FileNotFetched;
        if let Refusal::Crowded(_) = refusal {
            let code = Code::FilesCrowded;
            (failure.rejection.code, failure.rejection.status) = (code, code.row().status);
            failure.rejection = failure.rejection.retry_after(1);
        }
        failure.class = FailureClass::FileNotFetched;
        failure
    }
}

/// Where an address stands in a client's body, such as `messages[2].content[1].image_url.url`; the first place that is
/// no text for the model.
fn place_of(address: &str, body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut path = String::new();
    find(&body, address, &mut path).then_some(path)
}

/// Whether the address stands in `value`; then `path` leads to it. Depth is that which the body was checked for.
fn find(value: &Value, address: &str, path: &mut String) -> bool {
    let length = path.len();
    let found = match value {
        Value::String(text) => return text == address,
        Value::Array(items) => items.iter().enumerate().any(|(index, item)| {
            path.truncate(length);
            path.push_str(&format!("[{index}]"));
            find(item, address, path)
        }),
        Value::Object(members) => members.iter().any(|(name, member)| {
            path.truncate(length);
            if length > 0 {
                path.push('.');
            }
            path.push_str(name);
            let is_text = member.is_string() && matches!(name.as_str(), "text" | "content");
            !is_text && find(member, address, path)
        }),
        _ => false,
    };
    if !found {
        path.truncate(length);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_where_the_client_has_put_it() {
        let body = br#"{"model":"m","messages":[{"role":"user","content":"https://a.example/"},
            {"role":"user","content":[{"type":"text","text":"https://a.example/"},
            {"type":"image_url","image_url":{"url":"https://b.example/"}},
            {"type":"image_url","image_url":{"url":"https:\/\/a.example/"}}]}]}"#;
        let place = |address| place_of(address, body);
        assert_eq!(place("https://a.example/").as_deref(), Some("messages[1].content[2].image_url.url"));
        assert_eq!(place("https://b.example/").as_deref(), Some("messages[1].content[1].image_url.url"));
        assert_eq!(place("https://c.example/"), None);
        assert_eq!(place_of("a", b"no json"), None);
    }
}
