//! What a request's `plugins` are, as far as it matters which they are not.
//! <https://openrouter.ai/docs/guides/features/plugins>

use serde_json::{Map, Value};

/// A plugin by its id, and the settings that it may have beside `id` and `enabled`.
pub type Known = (&'static str, &'static [&'static str]);

/// Whether plugins are none but these, with none but these settings.
pub fn are_only(plugins: &[u8], known: &[Known]) -> bool {
    let is_known = |plugin: &Map<String, Value>| {
        let known = known.iter().find(|(id, _)| plugin.get("id").is_some_and(|said| said == id));
        known.is_some_and(|(_, settings)| {
            plugin.keys().all(|name| name == "id" || name == "enabled" || settings.contains(&&**name))
        })
    };
    serde_json::from_slice::<Vec<Map<String, Value>>>(plugins).is_ok_and(|all| all.iter().all(is_known))
}
