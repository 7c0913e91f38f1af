//! `yumen catalogue`: a newer catalogue of models and prices in place of the one that is built in.
//!
//! In: a file that an operator approves. Out: the file in the data folder, from where every command and a running server
//! take it. What is there is named by its digest, and only what the pointer names is read: a file that was put there,
//! changed or cut off is never taken, and the one before it stays in use. Nothing is fetched from a network.

use std::fs;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA256, digest};
use yumen_config::{Catalogue, CatalogueUpdate, Change, ChangeKind, catalogue_changes};

use crate::cli::{CatalogueCommand, UpdateOptions, remark, say, table};

/// The folder within the data folder.
const FOLDER: &str = "catalogue";
/// Names the file in use; [`BUILT_IN`] for none.
const LIVE: &str = "live";
/// Names the one before it.
const PREVIOUS: &str = "previous";
const BUILT_IN: &str = "built-in";
/// A file larger than this is a mistake.
const FILE_BYTES_MOST: u64 = 16 << 20;
/// Faults that are shown; one is enough to refuse a file.
const FAULTS_MOST: usize = 20;

/// What is in use, and what could not be.
pub struct Found {
    /// The digest of the update in use; nothing when the catalogue is the built-in one.
    pub sha256: Option<String>,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// What is wrong with what should have been in use.
    pub faults: Vec<String>,
}

/// Where a data folder names the catalogue in use.
pub fn pointer(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join(LIVE)
}

/// The catalogue in use with a data folder: the approved one, if it is not older than the one that is built in; the one before it
/// where it cannot be read.
pub fn find(data_dir: &Path) -> anyhow::Result<Found> {
    let builtin = Catalogue::builtin()?;
    let mut faults = Vec::new();
    for name in [LIVE, PREVIOUS] {
        match read(&data_dir.join(FOLDER), name) {
            Ok(None) => break,
            Ok(Some((sha256, update))) if Some(update.made) >= builtin.made => {
                let catalogue = builtin.updated(&update);
                return Ok(Found { sha256: Some(sha256), catalogue, faults });
            }
            // The program has been renewed since.
            Ok(Some(_)) => break,
            Err(error) => faults.push(format!("the catalogue in {}: {error:#}", data_dir.display())),
        }
    }
    Ok(Found { sha256: None, catalogue: builtin, faults })
}

/// The update that a pointer names.
fn read(folder: &Path, pointer: &str) -> anyhow::Result<Option<(String, CatalogueUpdate)>> {
    let Ok(sha256) = fs::read_to_string(folder.join(pointer)) else { return Ok(None) };
    let sha256 = sha256.trim();
    if sha256 == BUILT_IN {
        return Ok(None);
    }
    if !is_sha256(sha256) {
        bail!("`{pointer}` names no file");
    }
    let bytes = bytes_of(&folder.join(format!("{sha256}.json")))?;
    if sha256_of(&bytes) != sha256 {
        bail!("{sha256}.json is not what was approved");
    }
    Ok(Some((sha256.to_owned(), CatalogueUpdate::read(std::str::from_utf8(&bytes)?)?)))
}

/// Runs one of the commands.
pub fn run(data_dir: &Path, command: &CatalogueCommand) -> anyhow::Result<ExitCode> {
    match command {
        CatalogueCommand::Update(options) => update(data_dir, options)?,
        CatalogueCommand::Show => show(data_dir)?,
        CatalogueCommand::Export { out } => export(data_dir, out.as_deref())?,
        CatalogueCommand::Reset => {
            write_pointer(&data_dir.join(FOLDER), LIVE, BUILT_IN)?;
            say("The built-in catalogue is in use.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn update(data_dir: &Path, options: &UpdateOptions) -> anyhow::Result<()> {
    let bytes = bytes_of(&options.file)?;
    let sha256 = sha256_of(&bytes);
    if options.sha256.as_ref().is_some_and(|expected| !expected.eq_ignore_ascii_case(&sha256)) {
        bail!("{} has the SHA-256 {sha256}, which is another", options.file.display());
    }
    let text = std::str::from_utf8(&bytes).context("it is no text")?;
    let update = CatalogueUpdate::read(text)?;
    let faults = update.faults();
    if !faults.is_empty() {
        let shown: Vec<String> = faults.iter().take(FAULTS_MOST).map(ToString::to_string).collect();
        bail!("it has {} faults and is not taken:\n{}", faults.len(), shown.join("\n"));
    }
    let builtin = Catalogue::builtin()?;
    if let Some(made) = builtin.made.filter(|made| update.made < *made) {
        bail!("it is of {}, older than the one that is built in, which is of {made}", update.made);
    }
    let current = find(data_dir)?;
    current.faults.iter().for_each(|fault| remark(fault));
    say(&format!("SHA-256 {sha256}, of {}", update.made));
    let strangers: Vec<&str> = update.providers().filter(|id| !builtin.providers.contains_key(*id)).collect();
    if !strangers.is_empty() {
        say(&format!("Left out, for this version does not know such providers: {}", strangers.join(", ")));
    }
    tell(&catalogue_changes(&current.catalogue, &builtin.updated(&update)), options.verbose);
    if options.dry_run {
        return Ok(());
    }
    approve(options)?;
    keep(&data_dir.join(FOLDER), &sha256, &bytes, current.sha256.as_deref())?;
    say("It is in use; a running server takes it within a second.");
    Ok(())
}

/// Whoever names the digest has approved it elsewhere; else a person has to.
fn approve(options: &UpdateOptions) -> anyhow::Result<()> {
    if options.yes || options.sha256.is_some() {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody has approved it: say --sha256 with the digest that you expect, or --yes");
    }
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "Take it? [y/N] ");
    let _ = error.flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("not taken");
    }
    Ok(())
}

/// Says what changes: in numbers, and on request each.
fn tell(changes: &[Change], verbose: bool) {
    let count = |is: &dyn Fn(&ChangeKind) -> bool| changes.iter().filter(|change| is(&change.kind)).count();
    let changed = |is: &dyn Fn(&yumen_config::FieldChange) -> bool| {
        count(&|kind| matches!(kind, ChangeKind::Changed(fields) if fields.iter().any(is)))
    };
    say(&format!(
        "{} offers added, {} removed, {} changed: {} in price, {} in context",
        count(&|kind| *kind == ChangeKind::Added),
        count(&|kind| *kind == ChangeKind::Removed),
        changed(&|_| true),
        changed(&yumen_config::FieldChange::is_price),
        changed(&|field| field.field == "context"),
    ));
    if !verbose || changes.is_empty() {
        return;
    }
    let mut rows = table(&["provider", "model", "what", "old", "new"]);
    for Change { provider, model, kind } in changes {
        let mut row = |what: &str, old: &str, new: &str| {
            rows.add_row([provider, model, what, old, new]);
        };
        match kind {
            ChangeKind::Added => row("added", "", ""),
            ChangeKind::Removed => row("removed", "", ""),
            ChangeKind::Changed(fields) => {
                fields.iter().for_each(|field| row(field.field, &field.old, &field.new))
            }
        }
    }
    say(&rows.to_string());
}

fn show(data_dir: &Path) -> anyhow::Result<()> {
    let Found { sha256, catalogue, faults } = find(data_dir)?;
    faults.iter().for_each(|fault| remark(fault));
    let day = |catalogue: &Catalogue| catalogue.made.map(|day| day.to_string()).unwrap_or_default();
    let offers: usize = catalogue.providers.values().map(|definition| definition.models.len()).sum();
    match sha256 {
        Some(sha256) => say(&format!(
            "An update of {}, SHA-256 {sha256}; built in is one of {}.",
            day(&catalogue),
            day(&Catalogue::builtin()?)
        )),
        None => say(&format!("The built-in catalogue of {}.", day(&catalogue))),
    }
    say(&format!("{} providers, {offers} offers of models.", catalogue.providers.len()));
    Ok(())
}

fn export(data_dir: &Path, out: Option<&Path>) -> anyhow::Result<()> {
    let found = find(data_dir)?;
    found.faults.iter().for_each(|fault| remark(fault));
    let text = found.catalogue.export();
    match out {
        Some(file) => {
            fs::write(file, &text).with_context(|| file.display().to_string())?;
            say(&format!("{}: SHA-256 {}", file.display(), sha256_of(text.as_bytes())));
        }
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(())
}

/// Puts an approved file in its place. Each step leaves the folder as one can be read: the file first, then what names it.
fn keep(folder: &Path, sha256: &str, bytes: &[u8], before: Option<&str>) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    replace(&folder.join(format!("{sha256}.json")), bytes)?;
    if let Some(before) = before.filter(|before| *before != sha256) {
        write_pointer(folder, PREVIOUS, before)?;
    }
    write_pointer(folder, LIVE, sha256)?;
    let named: Vec<String> =
        [LIVE, PREVIOUS].iter().filter_map(|name| fs::read_to_string(folder.join(name)).ok()).collect();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_old =
            name.strip_suffix(".json").is_some_and(|stem| !named.iter().any(|named| named.trim() == stem));
        if is_old {
            // What stays behind is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn write_pointer(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    replace(&folder.join(name), format!("{text}\n").as_bytes())
}

/// Writes a file beside its place and puts it there whole.
fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let draft = file.with_extension("part");
    let write = || {
        let mut out = fs::File::create(&draft)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&draft, file)
    };
    write().with_context(|| file.display().to_string())
}

fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(file).with_context(|| file.display().to_string())?.len();
    if size > FILE_BYTES_MOST {
        bail!("{} is larger than {FILE_BYTES_MOST} bytes", file.display());
    }
    fs::read(file).with_context(|| file.display().to_string())
}

fn sha256_of(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(made: &str, text: &str) -> String {
        let mut file: serde_json::Value = serde_json::from_str(text).unwrap();
        file["made"] = made.into();
        file.to_string()
    }

    #[test]
    fn the_last_good_one_stays_in_use() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(FOLDER);
        let found = || find(data.path()).unwrap();
        assert!(found().sha256.is_none() && found().faults.is_empty());
        let own = Catalogue::builtin().unwrap().export();
        let (one, two) = (file("2030-01-01", &own), file("2030-01-02", &own));
        let (first, second) = (sha256_of(one.as_bytes()), sha256_of(two.as_bytes()));
        keep(&folder, &first, one.as_bytes(), None).unwrap();
        assert_eq!(found().sha256.as_ref(), Some(&first));
        keep(&folder, &second, two.as_bytes(), Some(&first)).unwrap();
        assert_eq!((found().sha256, found().faults.len()), (Some(second.clone()), 0));

        let live = folder.join(format!("{second}.json"));
        for damage in [&two.as_bytes()[..two.len() - 1], b"", one.as_bytes()] {
            fs::write(&live, damage).unwrap();
            let found = found();
            assert_eq!(found.sha256.as_ref(), Some(&first), "the one before is taken");
            assert!(found.faults[0].contains("not what was approved"), "{:?}", found.faults);
        }
        fs::write(folder.join(LIVE), "../../etc/passwd\n").unwrap();
        assert!(found().faults[0].contains("names no file"));
        write_pointer(&folder, LIVE, BUILT_IN).unwrap();
        assert!(found().sha256.is_none() && found().faults.is_empty());
        // Of three, two are kept.
        let three = file("2030-01-03", &own);
        keep(&folder, &sha256_of(three.as_bytes()), three.as_bytes(), Some(&first)).unwrap();
        assert!(!live.exists() && folder.join(format!("{first}.json")).exists());
    }

    #[test]
    fn a_renewed_program_knows_better_than_an_old_update() {
        let data = tempfile::tempdir().unwrap();
        let old = file("2020-01-01", &Catalogue::builtin().unwrap().export());
        keep(&data.path().join(FOLDER), &sha256_of(old.as_bytes()), old.as_bytes(), None).unwrap();
        assert!(find(data.path()).unwrap().sha256.is_none());
    }
}
