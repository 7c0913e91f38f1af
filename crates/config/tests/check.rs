//! Each `check/*.yaml` is checked; what is said about it and what is left of it stands beside it in `*.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test -p yumen-config --test check` writes the texts anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own functions")]

mod catalogue;

use std::fmt::Write as _;
use std::path::Path;

use catalogue::{catalogue, environment, files, hasher};
use yumen_config::{Snapshot, TargetKind, parse_and_check};

#[test]
fn every_file_is_answered_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(files.len() >= 10);
    let mut different = Vec::new();
    for path in files {
        let found = answer(&std::fs::read_to_string(&path).unwrap());
        let beside = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&beside, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            different.push(format!("{}\n--- expected\n{expected}--- found\n{found}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn answer(text: &str) -> String {
    let checked = parse_and_check(text, "yumen.yaml", &environment, &files, &catalogue(), &hasher(), None);
    let mut answer = String::new();
    for diagnostic in &checked.diagnostics {
        let _ = writeln!(answer, "{diagnostic}");
    }
    for secret in catalogue::SECRETS {
        let shown = format!("{answer}{:?}", checked.snapshot);
        assert!(!shown.contains(secret), "a secret is shown:\n{shown}");
    }
    match &checked.snapshot {
        Some(snapshot) => describe(snapshot, &mut answer),
        None => answer.push_str("\nno snapshot\n"),
    }
    answer
}

/// What is left, as far as the files are about it.
fn describe(snapshot: &Snapshot, answer: &mut String) {
    let mut models: Vec<_> =
        snapshot.models.values().filter(|target| target.kind == TargetKind::Alias).collect();
    models.sort_by(|left, right| left.name.cmp(&right.name));
    let mut keys: Vec<_> = snapshot.keys.iter().map(|(_, key)| &*key.name).collect();
    keys.sort_unstable();
    let mut withheld: Vec<_> = snapshot.withheld.iter().map(|name| &**name).collect();
    withheld.sort_unstable();
    let providers: Vec<_> = snapshot.providers.keys().map(|name| &**name).collect();
    let _ = writeln!(answer, "\nproviders: {}", providers.join(" "));
    for target in models {
        let called = |deployment: &yumen_config::Deployment| {
            format!("{}/{}", deployment.provider.id, deployment.model.native_id)
        };
        let first: Vec<_> = target.deployments.items().iter().map(called).collect();
        let then: Vec<_> = target.fallbacks.iter().map(called).collect();
        let _ = writeln!(answer, "alias {}: {} | {}", target.name, first.join(" "), then.join(" "));
    }
    let _ = writeln!(answer, "withheld: {}\nkeys: {}", withheld.join(" "), keys.join(" "));
}
