//! Who keeps files and batches.

use std::sync::Arc;

use super::Providers;
use crate::diagnostic::Diagnostics;
use crate::near::nearest;
use crate::place::Place;
use crate::read::words;
use crate::spec::FilesSpec;

/// The provider that keeps files; `None` when none is meant, or it was left out.
pub(super) fn check(
    spec: &FilesSpec,
    providers: &Providers,
    place: &Place<'_>,
    found: &mut Diagnostics,
) -> Option<Arc<str>> {
    let wanted = spec.provider.as_deref()?;
    let here = place.field("provider");
    let Some((name, provider)) = providers.good.get_key_value(wanted) else {
        if providers.left_out.contains(wanted) {
            here.warn(found, format!("{}: there are no files, for it was left out", here.with_value()), None);
            return None;
        }
        let known = || providers.good.keys().map(|name| &**name);
        let hint = match nearest(wanted, known(), 1).first() {
            Some(near) => format!("write `{near}`"),
            None if known().next().is_none() => "declare it under `providers`".to_owned(),
            None => format!("configured are {}", words(known().take(12))),
        };
        here.error(found, format!("{}: no such provider is configured", here.with_value()), Some(hint));
        return None;
    };
    if provider.base.is_none() {
        here.error(found, format!("{} has no base URL below which files could be", here.with_value()), None);
        return None;
    }
    Some(Arc::clone(name))
}
