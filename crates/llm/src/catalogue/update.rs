//! A catalogue in one file, with which an older binary learns of newer models and prices.
//!
//! In: the file's text. Out: the models of each provider, packed as in the binary, or why the file cannot be used. It carries
//! models alone and nothing of where a provider is reached or how it wants its credential: a file of prices must never be
//! able to send a secret elsewhere. Who may bring one is decided where files are read.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use serde::{Deserialize, Serialize};

use super::facts::Day;
use super::{Catalogue, CatalogueError, Models, ProviderDefinition, models, ranges};

/// The form that is written and understood.
const FORMAT: &str = "yumen-catalogue-1";
/// The largest text of one provider's models.
const MODELS_BYTES_MOST: u64 = 8 << 20;

/// A catalogue of models that came in a file.
#[derive(Debug, Clone)]
pub struct CatalogueUpdate {
    /// The day of what it says.
    pub made: Day,
    models: BTreeMap<String, Arc<[u8]>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    made: String,
    /// By provider: `models.toml`, deflated, as base64.
    models: BTreeMap<String, String>,
}

impl CatalogueUpdate {
    /// Reads a file. Its models are unpacked when they are asked for, or by [`Self::faults`].
    pub fn read(text: &str) -> Result<Self, CatalogueError> {
        let fault = |message: String| CatalogueError { file: String::from("catalogue"), message };
        let file: File = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        if file.format != FORMAT {
            return Err(fault(format!("its format is {:?}; this version reads {FORMAT:?}", file.format)));
        }
        let made = Day::parse(&file.made).filter(|day| day.is_whole());
        let made = made
            .ok_or_else(|| fault(format!("`made` {:?} must be a day such as \"2026-12-31\"", file.made)))?;
        let mut models = BTreeMap::new();
        for (provider, packed) in file.models {
            let packed = STANDARD.decode(packed).map_err(|error| fault(format!("{provider}: {error}")))?;
            models.insert(provider, packed.into());
        }
        Ok(Self { made, models })
    }

    /// Everything that is wrong with its models, or cannot be right.
    pub fn faults(&self) -> Vec<CatalogueError> {
        let mut faults = Vec::new();
        for (provider, packed) in &self.models {
            let file = format!("{provider}/models.toml");
            let Some(text) = unpacked(packed) else {
                let message = format!("cannot be unpacked, or has more than {MODELS_BYTES_MOST} bytes");
                faults.push(CatalogueError { file, message });
                continue;
            };
            for model in models::read(&file, &text, &mut faults) {
                let wrong = ranges::faults(&model).into_iter();
                faults.extend(wrong.map(|fault| CatalogueError {
                    file: file.clone(),
                    message: format!("model {:?}: {fault}", model.native_id),
                }));
            }
        }
        faults
    }

    /// The providers that it has models of.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}

impl Catalogue {
    /// The same catalogue with the models of an update in place of its own, of the providers that it knows.
    #[must_use]
    pub fn updated(&self, update: &CatalogueUpdate) -> Self {
        let mut catalogue = Self { made: Some(update.made), ..self.clone() };
        for (provider, packed) in &update.models {
            if let Some(definition) = catalogue.providers.get_mut(provider) {
                let models = Models::told(Arc::clone(packed));
                *definition = Arc::new(ProviderDefinition { models, ..(**definition).clone() });
            }
        }
        catalogue
    }

    /// Its models as a file that [`CatalogueUpdate::read`] reads; those of folders that were added as text are not in it.
    pub fn export(&self) -> String {
        let packed = self.providers.iter().filter_map(|(id, definition)| {
            Some((id.clone(), STANDARD.encode(definition.models.packed_bytes()?)))
        });
        let made = self.made.map(|day| day.to_string()).unwrap_or_default();
        let file = File { format: FORMAT.to_owned(), made, models: packed.collect() };
        // Texts by texts can always be written.
        serde_json::to_string(&file).unwrap_or_default()
    }
}

/// A packed text, if it can be unpacked and is not too long.
pub(super) fn unpacked(packed: &[u8]) -> Option<String> {
    let mut text = String::new();
    DeflateDecoder::new(packed).take(MODELS_BYTES_MOST + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= MODELS_BYTES_MOST).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use serde_json::json;

    use super::*;

    fn packed(text: &str) -> String {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    fn file(models: &[(&str, &str)]) -> String {
        let models: BTreeMap<&str, String> = models.iter().map(|(id, text)| (*id, packed(text))).collect();
        json!({ "format": FORMAT, "made": "2026-12-31", "models": models }).to_string()
    }

    const ONE: &str = r#"model = [{ id = "one", canonical = "acme/one", name = "One", operations = ["chat"], input = ["text"],
        context = 8192, price = { input = "1", output = "2" } }]"#;

    #[test]
    fn an_update_takes_the_place_of_models_and_of_nothing_else() {
        let catalogue = Catalogue::builtin().unwrap();
        let update = CatalogueUpdate::read(&file(&[("openai", ONE), ("nobody", ONE)])).unwrap();
        assert_eq!(update.faults(), Vec::new());
        let updated = catalogue.updated(&update);
        let names: Vec<&str> =
            updated.providers["openai"].models.iter().map(|model| &*model.native_id).collect();
        assert_eq!(names, ["one"]);
        assert_eq!(updated.providers["openai"].base_url, catalogue.providers["openai"].base_url);
        assert_eq!(updated.providers["anthropic"], catalogue.providers["anthropic"]);
        assert!(!updated.providers.contains_key("nobody"));
        assert_eq!(updated.made, Day::parse("2026-12-31"));
    }

    #[test]
    fn the_own_catalogue_comes_back_from_its_file() {
        let catalogue = Catalogue::builtin().unwrap();
        assert!(catalogue.made.is_some());
        let update = CatalogueUpdate::read(&catalogue.export()).unwrap();
        assert_eq!(update.faults(), Vec::new());
        let again = Catalogue::builtin().unwrap().updated(&update);
        assert_eq!(again.providers["groq"].models, catalogue.providers["groq"].models);
        assert_eq!(again.export(), catalogue.export());
    }

    #[test]
    fn what_cannot_be_right_is_said() {
        let dear = ONE.replace("\"1\"", "\"2000\"");
        let cut = ONE.replace("canonical", "canonicol");
        for (models, expected) in
            [(&*dear, "over 0 and under 1000"), (&*cut, "canonicol"), ("model = [", "expected")]
        {
            let faults = CatalogueUpdate::read(&file(&[("openai", models)])).unwrap().faults();
            assert!(
                faults.iter().any(|fault| fault.to_string().contains(expected)),
                "{expected}: {faults:?}"
            );
        }
        let bomb = " ".repeat(9 << 20);
        let faults = CatalogueUpdate::read(&file(&[("openai", &bomb)])).unwrap().faults();
        assert!(faults[0].message.contains("cannot be unpacked"), "{faults:?}");
        let of =
            |format: &str, made: &str| json!({ "format": format, "made": made, "models": {} }).to_string();
        for text in
            ["", "{}", &of("yumen-catalogue-9", "2026-12-31"), &of(FORMAT, "2026-12"), &of(FORMAT, "soon")]
        {
            assert!(CatalogueUpdate::read(text).is_err(), "{text}");
        }
        let base64 =
            json!({ "format": FORMAT, "made": "2026-12-31", "models": { "openai": "!" } }).to_string();
        assert!(CatalogueUpdate::read(&base64).is_err());
    }
}
