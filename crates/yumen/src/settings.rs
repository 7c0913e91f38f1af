//! Where settings come from: a configuration file, or the environment; and the provider folders.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, bail};
use serde_json::Value;
use yumen_config::{
    Catalogue, Checked, CheckedDocument, Diagnostic, KeyHasher, PresetTable, Secret, SecretFiles, Severity,
    Snapshot,
};
use yumen_store::KeyChange;

use crate::catalogue::{self, Found};
use crate::cli::{SettingsOptions, StoreOptions, remark, say};

/// The file that is taken when none is named.
const USUAL_FILE: &str = "yumen.yaml";
/// A provider's file larger than this is a mistake.
const FILE_BYTES_MOST: u64 = 4 << 20;

/// Where settings come from.
pub struct Source {
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// Whether the built-in provider `demo` is added.
    pub demo: bool,
    /// The embedded provider folders and those of the operator.
    pub catalogue: Catalogue,
    /// What is wrong with the catalogue that should be in use.
    pub notes: Vec<String>,
    folders: Folders,
    /// The digest of the catalogue's update.
    update: Option<String>,
    /// The files of secrets that were read with the settings last.
    secret_files: Mutex<Vec<SecretFile>>,
}

/// A file of a secret, as it was when the settings were read.
#[derive(Debug, Clone)]
pub struct SecretFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held; nothing when it could not be read.
    pub text: Option<Secret>,
}

impl SecretFile {
    /// Whether it holds something else by now. One that cannot be read has not changed: it is being replaced.
    pub fn has_changed(&self) -> bool {
        read_text(&self.path)
            .is_ok_and(|text| self.text.as_ref().is_none_or(|before| before.expose() != text))
    }
}

impl Source {
    /// Finds where settings come from.
    pub fn find(options: &SettingsOptions) -> anyhow::Result<Self> {
        let usual = || Some(PathBuf::from(USUAL_FILE)).filter(|file| file.is_file());
        let file = options.config.clone().or_else(usual);
        let folders =
            Folders { providers_dir: options.providers_dir.clone(), data_dir: options.data_dir.clone() };
        Self::new(file, options.demo, folders)
    }

    fn new(file: Option<PathBuf>, demo: bool, folders: Folders) -> anyhow::Result<Self> {
        let Found { sha256: update, catalogue, faults: notes } = folders.catalogue()?;
        Ok(Self { file, demo, catalogue, notes, folders, update, secret_files: Mutex::default() })
    }

    /// Where the data folder names the catalogue in use.
    pub fn catalogue_pointer(&self) -> PathBuf {
        catalogue::pointer(&self.folders.data_dir)
    }

    /// Takes the catalogue that is in use now; whether it is another. One that cannot be read leaves the old one.
    pub fn renew_catalogue(&mut self) -> anyhow::Result<bool> {
        let found = self.folders.catalogue()?;
        if let Some(fault) = found.faults.first() {
            bail!("{fault}");
        }
        let is_other = found.sha256 != self.update;
        if is_other {
            self.catalogue = found.catalogue;
            self.update = found.sha256;
        }
        Ok(is_other)
    }

    /// The files of secrets that were read with the settings last.
    pub fn secret_files(&self) -> Vec<SecretFile> {
        self.secret_files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file's text as it is now; nothing when there is no file.
    pub fn text(&self) -> anyhow::Result<Option<String>> {
        self.file.as_deref().map(read_text).transpose()
    }

    /// Checks a text that was read before (or, without a file, the environment); one whose top level cannot be
    /// understood gives no Snapshot. The files of secrets are read with it.
    pub fn parse(&self, text: Option<&str>, hasher: &KeyHasher, previous: Option<&Snapshot>) -> Checked {
        let read = RefCell::new(Vec::new());
        let files = |path: &str| {
            let text = read_text(Path::new(path)).map_err(|error| error.root_cause().to_string());
            let (path, known) = (PathBuf::from(path), text.as_deref().ok().map(Secret::new));
            read.borrow_mut().push(SecretFile { path, text: known });
            text
        };
        let checked = self.check(text, &files, hasher, previous);
        *self.secret_files.lock().unwrap_or_else(PoisonError::into_inner) = read.take();
        checked
    }

    fn check(
        &self,
        text: Option<&str>,
        files: SecretFiles<'_>,
        hasher: &KeyHasher,
        previous: Option<&Snapshot>,
    ) -> Checked {
        let env = |name: &str| std::env::var(name).ok();
        let (Some(file), Some(text)) = (&self.file, text) else {
            let (snapshot, diagnostics) =
                yumen_config::from_environment(&env, files, &self.catalogue, self.demo);
            return Checked { snapshot: Some(snapshot), diagnostics };
        };
        let name = file.display().to_string();
        let mut checked =
            yumen_config::parse_and_check(text, &name, &env, files, &self.catalogue, hasher, previous);
        if self.demo {
            checked.snapshot = checked.snapshot.map(|snapshot| snapshot.with_demo(&self.catalogue));
        }
        checked
    }

    /// The same for a process that is starting: errors that leave no Snapshot end it.
    pub fn parse_or_fail(
        &self,
        text: Option<&str>,
        hasher: &KeyHasher,
    ) -> anyhow::Result<(Snapshot, Vec<Diagnostic>)> {
        let checked = self.parse(text, hasher, None);
        match checked.snapshot {
            Some(snapshot) => Ok((snapshot, checked.diagnostics)),
            None => {
                let all: Vec<String> = checked.diagnostics.iter().map(ToString::to_string).collect();
                bail!("the configuration cannot be used:\n{}", all.join("\n"))
            }
        }
    }

    /// Reads the settings for a command that looks up no keys, so that any server key will do.
    pub fn read_or_fail(&self) -> anyhow::Result<Snapshot> {
        self.notes.iter().for_each(|note| remark(note));
        let (snapshot, _) = self.parse_or_fail(self.text()?.as_deref(), &KeyHasher::new([0; 32]))?;
        Ok(snapshot)
    }
}

/// The database that the gateway's configuration names.
pub fn store_url(options: &StoreOptions) -> anyhow::Result<Option<String>> {
    Ok(beside_store(options)?.read_or_fail()?.process.store_url.clone())
}

/// Where the settings of a store's gateway come from.
pub fn beside_store(options: &StoreOptions) -> anyhow::Result<Source> {
    let (config, data_dir) = (options.config.clone(), options.data_dir.clone());
    Source::find(&SettingsOptions { config, providers_dir: None, demo: false, data_dir })
}

/// What is to be kept of a document; everything that is wrong in it is told.
pub fn accepted(document: CheckedDocument) -> anyhow::Result<Value> {
    document.diagnostics.iter().for_each(|diagnostic| remark(&diagnostic.to_string()));
    document.json.context("it has errors, so nothing was kept")
}

/// The settings with the store's keys and presets; a key of the file stays what the file says.
pub fn with_store(settings: &Snapshot, keys: &[KeyChange], presets: &PresetTable) -> Snapshot {
    let own = keys.iter().filter(|(hash, _)| settings.keys.get(hash).is_none()).cloned();
    settings.with_keys(settings.keys.with_all(own)).with_store_presets(presets.clone())
}

/// `yumen check`: prints everything that is wrong.
pub fn check(file: &Path, folders: Folders) -> anyhow::Result<ExitCode> {
    let source = Source::new(Some(file.to_owned()), false, folders)?;
    source.notes.iter().for_each(|note| remark(note));
    // No key is looked up here, so any server key will do.
    let checked = source.parse(source.text()?.as_deref(), &KeyHasher::new([0; 32]), None);
    for diagnostic in &checked.diagnostics {
        say(&diagnostic.to_string());
    }
    let count =
        |severity| checked.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if let (Some(snapshot), 0) = (&checked.snapshot, errors) {
        let (providers, models) = (snapshot.providers.len(), snapshot.models.len());
        say(&format!(
            "{}: good: {providers} providers, {models} model names, {warnings} warnings",
            file.display()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{}: {errors} errors, {warnings} warnings", file.display()));
    Ok(ExitCode::FAILURE)
}

/// Where the catalogue comes from beside the binary.
pub struct Folders {
    /// Further provider folders.
    pub providers_dir: Option<PathBuf>,
    /// Where an update of the catalogue may lie.
    pub data_dir: PathBuf,
}

impl Folders {
    /// The embedded provider folders with their approved update, and those below the operator's folder.
    fn catalogue(&self) -> anyhow::Result<Found> {
        let mut found = catalogue::find(&self.data_dir)?;
        if let Some(dir) = &self.providers_dir {
            add_folders(&mut found.catalogue, dir)?;
        }
        Ok(found)
    }
}

fn add_folders(catalogue: &mut Catalogue, dir: &Path) -> anyhow::Result<()> {
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("the providers folder {}", dir.display()))?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    let mut faults = Vec::new();
    for folder in folders.iter().filter(|folder| folder.join("provider.toml").is_file()) {
        let provider = read_text(&folder.join("provider.toml"))?;
        let models_file = folder.join("models.toml");
        let models = if models_file.is_file() { Some(read_text(&models_file)?) } else { None };
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if let Err(found) = catalogue.add(&name, &provider, models.as_deref()) {
            faults.extend(found.iter().map(ToString::to_string));
        }
    }
    if !faults.is_empty() {
        bail!("providers in {} cannot be used:\n{}", dir.display(), faults.join("\n"));
    }
    Ok(())
}

/// The text of a file that an operator writes.
pub fn read_text(file: &Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    if size > FILE_BYTES_MOST {
        bail!("{} is larger than {FILE_BYTES_MOST} bytes", file.display());
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}
