//! Writing a form with files.
//!
//! In: parts, one after the other. Out: the body and the boundary that divides them. The boundary stands in no part.

use memchr::memmem::Finder;

/// How every boundary begins; a number of sixteen hexadecimal digits follows.
const BOUNDARY: &str = "----yumen-form-";

/// A form that is being written.
#[derive(Debug, Default)]
pub(crate) struct FormWriter {
    parts: Vec<(String, Vec<u8>)>,
}

impl FormWriter {
    /// Adds a text. Its name is one of an API's, spelt plainly.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        self.parts.push((head, value.as_bytes().to_vec()));
    }

    /// Adds a file. A media type that is no plain one is left out.
    pub(crate) fn file(&mut self, name: &str, file_name: &str, media_type: &str, value: Vec<u8>) {
        let is_plain =
            media_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+-.;= ".contains(&byte));
        let media_type =
            if is_plain && !media_type.is_empty() { media_type } else { "application/octet-stream" };
        let head = format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        self.parts.push((head, value));
    }

    /// The smallest number that follows the boundary's beginning nowhere in the parts. One of as many as there are such
    /// places, and one, is free: whoever writes a part cannot make the search long.
    fn free_number(&self) -> usize {
        let finder = Finder::new(BOUNDARY);
        let texts = || self.parts.iter().flat_map(|(head, value)| [head.as_bytes(), value]);
        let places: usize = texts().map(|text| finder.find_iter(text).count()).sum();
        let mut taken = vec![false; places];
        for text in texts() {
            for at in finder.find_iter(text) {
                let digits = text.get(at + BOUNDARY.len()..).and_then(|rest| rest.get(..16));
                let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
                let number = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
                if let Some(place) = number.and_then(|number| taken.get_mut(number)) {
                    *place = true;
                }
            }
        }
        taken.iter().position(|taken| !taken).unwrap_or(places)
    }

    /// The body and its boundary.
    pub(crate) fn finish(self) -> (Vec<u8>, String) {
        let boundary = format!("{BOUNDARY}{:016x}", self.free_number());
        let size = self.parts.iter().map(|(head, value)| head.len() + value.len() + boundary.len() + 6);
        let mut body = Vec::with_capacity(size.sum::<usize>() + boundary.len() + 6);
        for (head, value) in self.parts {
            body.extend_from_slice(b"--");
            body.extend_from_slice(boundary.as_bytes());
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(&value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (body, boundary)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Form;
    use super::*;

    #[test]
    fn what_is_written_is_read_again_whatever_stands_in_it() {
        let hostile = b"\r\n------yumen-form-0000000000000000--\r\n----yumen-form-0000000000000001".to_vec();
        let mut form = FormWriter::default();
        form.text("model", "m");
        form.text("prompt", "\u{7389}\r\n\r\n--");
        form.file("image[]", "image.png", "image/png", hostile.clone());
        form.file("mask", "mask", "x\r\nX-Evil: 1", Vec::new());
        let (body, boundary) = form.finish();
        assert!(boundary.ends_with("2"), "{boundary}");
        let form = Form::scan(&body, &boundary).unwrap();
        assert_eq!(form.names(&body).collect::<Vec<_>>(), ["model", "prompt", "image", "mask"]);
        assert_eq!(form.value(&body, "image[]"), Some(&hostile[..]));
        assert_eq!(form.value(&body, "prompt"), Some("\u{7389}\r\n\r\n--".as_bytes()));
        assert!(!body.windows(6).any(|bytes| bytes == b"X-Evil"));
    }
}
