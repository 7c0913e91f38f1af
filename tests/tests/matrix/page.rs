//! The page's text.

use std::fmt::Write as _;

use yumen_tests::Surface;

use crate::every_provider;
use crate::features::{FEATURES, Feature};
use crate::gaps::{GAPS, Gap};
use crate::parameters::Loss;

/// What a cell says.
pub enum Cell {
    Works,
    Cannot(Gap),
}

/// A row: one client before one upstream.
pub struct Row {
    pub surface: Surface,
    pub provider: &'static str,
    pub cells: Vec<Cell>,
}

const INTRODUCTION: &str = "\
# Dialects

Which client gets what from which upstream. Every cell is tried by `tests/tests/matrix` over sockets, each time the
tests run, and this page is what came out: it cannot be older than the code.

Where client and upstream speak the same dialect, the client's bytes pass through. Everywhere else requests, answers,
streams and errors are converted; the last seven dialects are spoken with providers only. What a request asks for and the upstream's dialect cannot say is named in the header
`x-yumen-lossy` of the answer and in the record; with `provider: {require_parameters: true}` it is refused instead.

";

const COLUMNS: &str = "
- **text**, **stream**: an answer at once, and piece by piece.
- **tools**, **parallel tools**: calls come whole and streamed, and their results bring the model's answer.
- **images**: sent whole and by address. Ollama and Converse take only bytes: what lies at an address is fetched for them.
- **reasoning**: thoughts are asked for and shown beside the text, whole and streamed.
- **proofs**: signatures and sealed thoughts come back to the upstream that gave them when the conversation goes on.
- **JSON schema**: the answer follows a schema that reaches the upstream unchanged.
- **usage**: input, output and cached tokens are told to the client and recorded as the upstream counted them.
- **errors**: status, message, class and the time to come back in the client's own shape; errors within a stream, too.
";

fn client(surface: Surface) -> &'static str {
    match surface {
        Surface::Chat => "OpenAI Chat Completions",
        Surface::Responses => "OpenAI Responses",
        Surface::Messages => "Anthropic Messages",
        Surface::Gemini => "Google Gemini",
        Surface::Ollama => "Ollama",
    }
}

/// The name of the dialect in configurations.
fn dialect(provider: &str) -> &'static str {
    match provider {
        "fake-openai" => "openai_chat",
        "fake-responses" => "openai_responses",
        "fake-anthropic" => "anthropic_messages",
        "fake-ollama" => "ollama_chat",
        "fake-gemini" => "gemini",
        "fake-bedrock" => "bedrock_converse",
        "fake-cohere" => "cohere_chat",
        "fake-dashscope" => "dashscope_chat",
        "fake-dify" => "dify_chat",
        "fake-coze" => "coze_chat",
        "fake-triton" => "triton_generate",
        "fake-replicate" => "replicate_predictions",
        _ => "deepl_translate",
    }
}

fn column(feature: Feature) -> &'static str {
    match feature {
        Feature::Text => "text",
        Feature::Stream => "stream",
        Feature::Tools => "tools",
        Feature::ParallelTools => "parallel tools",
        Feature::Images => "images",
        Feature::Reasoning => "reasoning",
        Feature::Proofs => "proofs",
        Feature::Schema => "JSON schema",
        Feature::Usage => "usage",
        Feature::Errors => "errors",
    }
}

/// The whole page.
pub fn write(rows: &[Row], losses: &[Loss]) -> String {
    let mut page = String::from(INTRODUCTION);
    line(&mut page, ["client", "upstream"].into_iter().chain(FEATURES.map(column)));
    line(&mut page, ["---", "---"].into_iter().chain(FEATURES.map(|_| ":-:")));
    for row in rows {
        let cells = row.cells.iter().map(cell);
        let upstream = format!("`{}`", dialect(row.provider));
        line(&mut page, [client(row.surface).to_owned(), upstream].into_iter().chain(cells));
    }
    page.push_str(COLUMNS);
    for (place, gap) in GAPS.iter().enumerate() {
        write!(page, "\n{}. {}\n", place + 1, gap.note()).expect("a text");
    }
    page.push_str("\n## Parameters\n\nWhat a client of Chat Completions asks for, and the dialects in which it can be said.\n\n");
    let names = every_provider().map(|provider| format!("`{}`", dialect(provider)));
    line(&mut page, ["parameter".to_owned()].into_iter().chain(names));
    line(&mut page, ["---"].into_iter().chain(every_provider().map(|_| ":-:")));
    for loss in losses {
        let cells =
            every_provider().map(|provider| if loss.lost.contains(&provider) { "—" } else { "✓" }.to_owned());
        line(&mut page, [format!("`{}`", loss.name)].into_iter().chain(cells));
    }
    page
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Works => "✓".to_owned(),
        Cell::Cannot(gap) => {
            let number = GAPS.iter().position(|known| known == gap).map_or(0, |place| place + 1);
            format!("— ({number})")
        }
    }
}

fn line<T: AsRef<str>>(page: &mut String, cells: impl Iterator<Item = T>) {
    let cells: Vec<String> = cells.map(|cell| cell.as_ref().to_owned()).collect();
    writeln!(page, "| {} |", cells.join(" | ")).expect("a text");
}
