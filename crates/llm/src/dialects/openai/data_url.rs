//! Pictures and files as OpenAI writes them: a URL, which may hold the bytes itself.

use crate::ir::Source;

/// A URL, or what a `data:` URL holds.
pub(in crate::dialects) fn read_url(url: String) -> Source {
    let held = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match held {
        Some((media_type, data)) => {
            // Parameters such as a charset stand between the type and the marker.
            let media_type = media_type.split(';').next().unwrap_or_default().to_owned();
            Source::Base64 { media_type, data: data.to_owned() }
        }
        None => Source::Url(url),
    }
}

/// The content of a file: a `data:` URL, or bare base64, which is what OpenAI's first version of this field took.
pub(in crate::dialects) fn read_file_data(data: String) -> Source {
    match read_url(data) {
        Source::Url(data) if !data.contains("://") => {
            Source::Base64 { media_type: "application/pdf".to_owned(), data }
        }
        source => source,
    }
}

/// The URL of a source; ids and plain text are given as they are.
pub(in crate::dialects) fn write_url(source: &Source) -> String {
    match source {
        Source::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        Source::Url(text) | Source::FileId(text) | Source::Brought(text) | Source::Text(text) => text.clone(),
    }
}
