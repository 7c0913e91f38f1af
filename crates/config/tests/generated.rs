//! What is generated from the `Spec` and committed is the same as what would be generated now.
//!
//! `UPDATE_EXPECTED=1 cargo test -p yumen-config --test generated` writes the files anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own functions")]

use std::path::Path;

fn compare(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{file} is stale");
}

#[test]
fn the_json_schema_is_fresh() {
    let schema = serde_json::to_string_pretty(&yumen_config::json_schema()).unwrap();
    compare("api/config.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_reference_page_is_fresh() {
    compare("docs/reference/configuration.md", &yumen_config::reference_markdown());
}
