//! `cargo xtask new`: the folder of a new provider or dialect.
//!
//! In: a kind and a name. Out: files that parse and compile as they stand, and a list of what to do next. It
//! never changes a file that exists.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Help text.
pub const HELP: &str = "\
Kinds:
  provider NAME   providers/NAME/: a definition to fill in. No Rust is needed
  dialect NAME    crates/llm/src/dialects/NAME/: request, response, stream and error, to be written

Nothing that exists is changed; at the end it says what to do next.
";

/// A file of a template: its name and its text, in which NAME and TYPE stand for the chosen name.
type Template = (&'static str, &'static str);

const PROVIDER: &[Template] = &[
    ("provider.toml", include_str!("templates/provider.toml.txt")),
    ("models.toml", include_str!("templates/models.toml.txt")),
    ("README.md", include_str!("templates/provider.md.txt")),
];
const DIALECT: &[Template] = &[
    ("mod.rs", include_str!("templates/dialect_mod.rs.txt")),
    ("request.rs", include_str!("templates/dialect_request.rs.txt")),
    ("response.rs", include_str!("templates/dialect_response.rs.txt")),
    ("stream.rs", include_str!("templates/dialect_stream.rs.txt")),
    ("error.rs", include_str!("templates/dialect_error.rs.txt")),
];

/// Makes a folder.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["provider", name] => provider(root, name),
        ["dialect", name] => dialect(root, name),
        _ => bail!("say `new provider NAME` or `new dialect NAME`"),
    }
}

fn provider(root: &Path, name: &str) -> Result<()> {
    check_name(name, '-')?;
    write(&root.join("providers").join(name), name, PROVIDER)?;
    println!(
        "providers/{name}/ is there. Next:\n\
         1. Fill in provider.toml: base URL, credential, dialects, quirks, links.\n\
         2. List the models people use most, with prices, in models.toml.\n\
         3. cargo test -p yumen-llm    walks all provider folders."
    );
    Ok(())
}

fn dialect(root: &Path, name: &str) -> Result<()> {
    check_name(name, '_')?;
    write(&root.join("crates/llm/src/dialects").join(name), name, DIALECT)?;
    println!(
        "crates/llm/src/dialects/{name}/ is there and refuses everything. Next:\n\
         1. Add it to crates/llm/src/dialects/mod.rs: `mod {name};`, a variant of Dialect, a line in each list.\n\
         2. Write the four files; a fixture for each form of request, answer, stream and error.\n\
         3. To serve clients with it, give it its paths in crates/gateway/src/route.rs.\n\
         4. cargo test -p yumen-llm, then cargo xtask fuzz."
    );
    Ok(())
}

/// Lower-case words with one kind of separator: the name becomes a folder, an identifier and a URL part.
fn check_name(name: &str, separator: char) -> Result<()> {
    let fine = name.split(separator).all(|word| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    });
    if !fine || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        bail!("`{name}` is no good name: write lower-case words and digits, separated by `{separator}`");
    }
    Ok(())
}

fn write(folder: &Path, name: &str, templates: &[Template]) -> Result<()> {
    if folder.exists() {
        bail!("{} exists already", folder.display());
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let constant = name.to_uppercase().replace('-', "_");
    for (file, text) in templates {
        let text =
            text.replace("TYPE", &type_name(name)).replace("CONST_NAME", &constant).replace("NAME", name);
        std::fs::write(folder.join(file), text).with_context(|| (*file).to_owned())?;
        println!("{}", folder.join(file).display());
    }
    Ok(())
}

/// `cohere_chat` as `CohereChat`.
fn type_name(name: &str) -> String {
    let words = name.split(['_', '-']).map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        assert!(check_name("cohere_chat", '_').is_ok());
        for bad in ["", "Cohere", "../x", "a-b", "a__b", "1a", "a b"] {
            assert!(check_name(bad, '_').is_err(), "{bad}");
        }
        assert_eq!(type_name("cohere_chat"), "CohereChat");
    }

    #[test]
    fn nothing_that_exists_is_changed() -> Result<()> {
        let root = tempfile::tempdir()?;
        provider(root.path(), "acme")?;
        let manifest = root.path().join("providers/acme/provider.toml");
        let table: toml::Table = std::fs::read_to_string(&manifest)?.parse()?;
        assert_eq!(table.get("id").and_then(|id| id.as_str()), Some("acme"));
        std::fs::write(&manifest, "mine")?;
        assert!(provider(root.path(), "acme").is_err());
        assert_eq!(std::fs::read_to_string(&manifest)?, "mine");
        Ok(())
    }

    #[test]
    fn a_new_dialect_is_rust() -> Result<()> {
        let root = tempfile::tempdir()?;
        dialect(root.path(), "cohere_chat")?;
        let folder = root.path().join("crates/llm/src/dialects/cohere_chat");
        for (file, _) in DIALECT {
            let text = std::fs::read_to_string(folder.join(file))?;
            assert!(text.starts_with("//!"), "{file}");
            assert!(!text.contains("NAME") && !text.contains("TYPE"), "{file}");
        }
        Ok(())
    }

    /// The functions of a trait are its declarations: `fn name(` with a semicolon in place of a body.
    #[test]
    fn a_new_dialect_has_every_function_that_is_asked_of_one() -> Result<()> {
        let traits = std::fs::read_to_string(crate::root().join("crates/llm/src/dialects/mod.rs"))?;
        let asked = traits.split("pub trait ").skip(1).flat_map(|text| text.split("\n}").next());
        let asked: Vec<&str> = asked
            .flat_map(|text| text.split("    fn ").skip(1))
            // What has a body need not be written.
            .filter(|text| text.find(['{', ';']) == text.find(';'))
            .filter_map(|text| text.split('(').next())
            .collect();
        let given: String = DIALECT.iter().map(|(_, text)| *text).collect();
        assert!(asked.len() >= 5, "{asked:?}");
        // What a dialect with two sides says; a missing side refuses by itself.
        let sides = [
            "decode_request",
            "encode_request",
            "decode_response",
            "encode_response",
            "stream_decoder",
            "stream_encoder",
            "tap_response",
            "tap_event",
        ];
        for name in sides {
            assert!(
                traits.contains(&format!("    fn {name}(")),
                "{name} is no function of a dialect any more"
            );
        }
        for name in asked.into_iter().chain(sides) {
            assert!(given.contains(&format!("    fn {name}(")), "{name} is missing from xtask/src/templates");
        }
        Ok(())
    }
}
