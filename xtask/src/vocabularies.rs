//! `cargo xtask refresh-vocabularies`: the packed vocabularies of `crates/llm/vocabularies`.
//!
//! In: a registry package with OpenAI's published merges, fetched by its ordinary client, and Unicode's tables as our
//! regular expressions have them. Out: one file for each vocabulary and one for the classes of characters, deflated. A
//! vocabulary in which a token is not made of two others is refused: the counting relies on it.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use regex_syntax::hir::{Class, HirKind};
use serde_json::Value;

use crate::shell;

/// Help text.
pub const HELP: &str = "\
Fetches the npm package that carries OpenAI's vocabularies, in the version that is written in xtask, and packs them for
crates/llm/vocabularies. Nothing else downloads them: the packed files are committed.
";

const PACKAGE: &str = "js-tiktoken@1.0.21";
const FOLDER: &str = "crates/llm/vocabularies";
const NAMES: [&str; 2] = ["o200k_base", "cl100k_base"];
/// The number of a class, and its characters; of two that hold one the later wins. As in `tokens/characters.rs`.
const CLASSES: [(u8, &str); 7] = [
    (1, r"[\p{Lu}\p{Lt}]"),
    (2, r"\p{Ll}"),
    (3, r"[\p{Lm}\p{Lo}]"),
    (4, r"\p{M}"),
    (5, r"\p{N}"),
    (6, r"\s"),
    (7, r"[\r\n]"),
];

/// Downloads, packs and writes.
pub fn run(root: &Path, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("refresh-vocabularies takes no arguments");
    }
    let folder = std::env::temp_dir().join(format!("yumen-vocabularies-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let packed = fetch(&folder);
    fs::remove_dir_all(&folder)?;
    fs::create_dir_all(root.join(FOLDER))?;
    let characters = ("characters".to_owned(), characters()?);
    for (name, bytes) in packed?.into_iter().chain([characters]) {
        let file = root.join(FOLDER).join(format!("{name}.deflate"));
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(&file, encoder.finish()?).with_context(|| file.display().to_string())?;
        println!("    written {FOLDER}/{name}.deflate");
    }
    Ok(())
}

fn fetch(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    shell::run(Command::new("npm").args(["pack", "--silent", PACKAGE]).current_dir(folder))?;
    let archive =
        fs::read_dir(folder)?.flatten().find(|entry| entry.path().extension().is_some_and(|e| e == "tgz"));
    let archive = archive.context("npm has fetched no archive")?.path();
    shell::run(Command::new("tar").arg("-xzf").arg(&archive).current_dir(folder))?;
    let each = NAMES.map(|name| {
        let file = folder.join(format!("package/dist/ranks/{name}.cjs"));
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok((name.to_owned(), pack(&tokens(&text)?)?))
    });
    each.into_iter().collect()
}

/// The tokens in the order of their ranks. The module is one object; its ranks are lines of a mark, the first rank and
/// base64.
fn tokens(module: &str) -> Result<Vec<Vec<u8>>> {
    let object = module.find('{').zip(module.rfind('}')).and_then(|(from, to)| module.get(from..=to));
    let object: Value = serde_json::from_str(object.context("the package has another form")?)?;
    let ranks = object.get("bpe_ranks").and_then(Value::as_str).context("no bpe_ranks")?;
    let mut tokens = Vec::new();
    for line in ranks.lines() {
        let mut words = line.split(' ').skip(1);
        let first: usize = words.next().context("a line without a rank")?.parse()?;
        if first != tokens.len() {
            bail!("the ranks have a gap at {first}");
        }
        for word in words {
            tokens.push(STANDARD.decode(word)?);
        }
    }
    Ok(tokens)
}

/// How many tokens there are, for each the number of its bytes and of those of its left half, and all their bytes.
fn pack(tokens: &[Vec<u8>]) -> Result<Vec<u8>> {
    let ranks: HashMap<&[u8], usize> =
        tokens.iter().enumerate().map(|(rank, token)| (&**token, rank)).collect();
    let mut packed = u32::try_from(tokens.len())?.to_le_bytes().to_vec();
    for (rank, token) in tokens.iter().enumerate() {
        let left =
            left_half(&ranks, token, rank).with_context(|| format!("the token {rank} is not made of two"))?;
        packed.extend([u8::try_from(token.len())?, u8::try_from(left)?]);
    }
    packed.extend(tokens.concat());
    Ok(packed)
}

/// The bytes of the left of the two tokens that a token is merged from; 0 of a byte.
fn left_half(ranks: &HashMap<&[u8], usize>, token: &[u8], rank: usize) -> Option<usize> {
    let mut ends: Vec<usize> = (1..=token.len()).collect();
    while ends.len() > 2 {
        let starts = || std::iter::once(0).chain(ends.iter().copied());
        let pairs = starts().zip(ends.iter().skip(1)).enumerate();
        let ranked = pairs.filter_map(|(at, (from, to))| Some((*ranks.get(token.get(from..*to)?)?, at)));
        let (_, at) = ranked.min().filter(|(merged, _)| *merged < rank)?;
        ends.remove(at);
    }
    Some(if ends.len() == 2 { *ends.first()? } else { 0 })
}

/// Where each range of characters begins (three bytes, the highest last) and its class.
fn characters() -> Result<Vec<u8>> {
    let mut classes = vec![0_u8; 0x11_0000];
    for (class, pattern) in CLASSES {
        let parsed = regex_syntax::Parser::new().parse(pattern)?;
        let HirKind::Class(Class::Unicode(ranges)) = parsed.kind() else { bail!("{pattern} is no class") };
        for range in ranges.ranges() {
            let (from, to) = (range.start() as usize, range.end() as usize);
            classes.get_mut(from..=to).context("a character past the last")?.fill(class);
        }
    }
    let mut packed = Vec::new();
    let mut before = None;
    for (number, class) in (0_u32..).zip(classes) {
        if before.replace(class) != Some(class) {
            packed.extend(number.to_le_bytes().iter().take(3).chain([&class]));
        }
    }
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_packed_with_their_halves() {
        let module = format!(
            "module.exports = {{\"bpe_ranks\":\"! 0 {}\"}};",
            ["YQ==", "Yg==", "YWI=", "YWJhYg=="].join(" ")
        );
        let tokens = tokens(&module).unwrap();
        assert_eq!(tokens, ["a", "b", "ab", "abab"].map(|token| token.as_bytes().to_vec()));
        assert_eq!(pack(&tokens).unwrap(), b"\x04\0\0\0\x01\0\x01\0\x02\x01\x04\x02abababab");
        let orphan = ["a", "b", "abab"].map(|token| token.as_bytes().to_vec());
        assert!(pack(&orphan).is_err());
    }

    #[test]
    fn ranges_begin_where_the_class_changes() {
        let packed = characters().unwrap();
        assert_eq!(packed.get(..16).unwrap(), [0, 0, 0, 0, 9, 0, 0, 6, 10, 0, 0, 7, 11, 0, 0, 6]);
    }
}
