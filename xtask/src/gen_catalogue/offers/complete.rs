//! One model's facts, put together from several sources.
//!
//! In: what is said by hand and the keys under which the extract may know the model. Out: the first that says a
//! thing has said it. Nothing is judged here.

use serde_json::{Value, json};

use super::super::list::Source;
use super::super::{Model, text};
use super::Extract;

/// In the order in which they are written.
const MODALITIES: &[&str] = &["text", "image", "audio", "file", "video"];

/// What can be asked of a model, in the order in which it is written.
const FEATURES: &[&str] = &["tools", "structured", "reasoning", "fixed_sampling"];

pub(super) fn complete(entry: &Model, sources: &[Source], extract: &Extract) -> Model {
    let mut model = entry.clone();
    let mut modalities = vec!["text"];
    let mut features = Vec::new();
    let id = text(entry, "id");
    for facts in sources.iter().filter_map(|source| extract.get(&source.key(id))).filter_map(Value::as_object)
    {
        // An answer as long as the whole window is a source's way of not knowing.
        let limit = |name: &str| facts.get(name).and_then(Value::as_u64);
        let unlimited = limit("max_output") >= limit("context");
        let said = |name: &str| match name {
            "input" | "supports" => false,
            "max_output" => !unlimited,
            _ => true,
        };
        for (name, value) in facts.iter().filter(|(name, _)| said(name)) {
            model.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // A source that leaves a modality out has only not been told of it.
        let told = |name: &str| facts.get(name).and_then(Value::as_array).into_iter().flatten();
        modalities.extend(told("input").filter_map(Value::as_str));
        features.extend(told("supports").filter_map(Value::as_str));
    }
    let features: Vec<&&str> = FEATURES.iter().filter(|feature| features.contains(feature)).collect();
    if !features.is_empty() {
        model.entry("supports").or_insert_with(|| json!(features));
    }
    let modalities: Vec<&&str> = MODALITIES.iter().filter(|modality| modalities.contains(modality)).collect();
    model.entry("input").or_insert_with(|| json!(modalities));
    // What is called so embeds, whatever a source makes of it.
    if !entry.contains_key("operations") && id.to_lowercase().contains("embed") {
        model.insert("operations".to_owned(), json!(["embeddings"]));
    }
    model.entry("operations").or_insert_with(|| json!(["chat"]));
    if !entry.contains_key("input") && hears(&model) {
        model.insert("input".to_owned(), json!(["audio"]));
    }
    // Two sources may each be right of a window and wrong of the other's answer.
    let number = |name: &str| model.get(name).and_then(Value::as_u64);
    if !entry.contains_key("max_output") && number("max_output") > number("context") {
        model.remove("max_output");
    }
    // What is free by its name is known to be: any other price of nothing is a price that is not known.
    if id.ends_with(":free") {
        model.insert("price".to_owned(), json!({ "input": "0", "output": "0" }));
    }
    model
}

/// Whether it reads nothing but speech.
fn hears(model: &Model) -> bool {
    let hears = |operation: &Value| operation == "transcription" || operation == "translation";
    let operations = model.get("operations").and_then(Value::as_array);
    operations.is_some_and(|operations| !operations.is_empty() && operations.iter().all(hears))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    #[test]
    fn the_first_who_says_a_thing_has_said_it() {
        let list = "[x]\nsources = [\"a:{id}\", \"b:{id}\"]\n";
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("providers/.sources")).unwrap();
        std::fs::write(folder.path().join(super::super::super::list::LIST), list).unwrap();
        let list = super::super::super::list::List::read(folder.path()).unwrap();
        let extract: Extract = serde_json::from_value(json!({
            "a:m": { "context": 4096, "max_output": 4096, "input": ["text", "image"], "supports": ["reasoning"] },
            "b:m": { "context": 8192, "max_output": 1024, "input": ["text", "audio"], "name": "M",
                "supports": ["tools", "reasoning"] },
        }))
        .unwrap();
        let model = |id: &str| Map::from_iter([("id".to_owned(), json!(id))]);
        let found = complete(&model("m"), &list.sections["x"].sources, &extract);
        let expected = json!({ "id": "m", "context": 4096, "max_output": 1024, "name": "M",
            "input": ["text", "image", "audio"], "supports": ["tools", "reasoning"],
            "operations": ["chat"] });
        assert_eq!(Value::Object(found), expected);
        let embeds = complete(&model("m-embed"), &list.sections["x"].sources, &extract);
        assert_eq!(embeds["operations"], json!(["embeddings"]));
        let free = complete(&model("m:free"), &list.sections["x"].sources, &extract);
        assert_eq!(free["price"], json!({ "input": "0", "output": "0" }));
    }
}
