//! A provider's files and batches, as OpenAI has them, kept by account: the credential says which.
//!
//! In: requests at `/v1/files` and `/v1/batches`. Out: answers, spelt oddly so that bytes can be told from what they mean.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use yumen_testkit::{Received, Reply};

/// The files and batches of all accounts. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct FakeFiles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    made: usize,
    objects: Vec<Object>,
}

#[derive(Debug, Clone)]
struct Object {
    account: String,
    folder: &'static str,
    id: String,
    /// Its JSON as it is told.
    text: String,
    content: Vec<u8>,
}

impl FakeFiles {
    /// Answers a request about files and batches; `None` for any other.
    pub fn answer(&self, request: &Received) -> Option<Reply> {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let mut segments = path.strip_prefix("/v1/")?.split('/');
        let folder = match segments.next()? {
            "files" => "files",
            "batches" => "batches",
            _ => return None,
        };
        let account = request.header("authorization").to_owned();
        let mut state = self.0.lock().expect("the files");
        let (id, rest) = (segments.next(), segments.next());
        Some(match (request.method.as_str(), folder, id, rest) {
            ("POST", "files", None, None) => state.upload(account, &request.body),
            ("POST", "batches", None, None) => state.begin(account, &request.json()),
            ("GET", folder, None, None) => state.list(&account, folder, query),
            ("GET", folder, Some(id), None) => state.look(&account, folder, id),
            ("GET", "files", Some(id), Some("content")) => match state.find(&account, "files", id) {
                Some(place) => Reply::whole(200, "application/jsonl", state.objects[place].content.clone()),
                None => missing(id),
            },
            ("DELETE", "files", Some(id), None) => match state.find(&account, "files", id) {
                Some(place) => {
                    state.objects.remove(place);
                    Reply::json(200, &json!({ "id": id, "object": "file", "deleted": true }))
                }
                None => missing(id),
            },
            ("POST", "batches", Some(id), Some("cancel")) => state.set_status(&account, id, "cancelling"),
            _ => missing(path),
        })
    }

    /// The texts of all objects of a folder, as they are told.
    pub fn texts(&self, folder: &str) -> Vec<String> {
        let state = self.0.lock().expect("the files");
        state
            .objects
            .iter()
            .filter(|object| object.folder == folder)
            .map(|object| object.text.clone())
            .collect()
    }
}

fn missing(what: &str) -> Reply {
    let error = json!({ "message": format!("No such object: {what}"), "type": "invalid_request_error", "code": null });
    Reply::json(404, &json!({ "error": error }))
}

impl State {
    fn find(&self, account: &str, folder: &str, id: &str) -> Option<usize> {
        self.objects
            .iter()
            .position(|object| object.account == account && object.folder == folder && object.id == id)
    }

    fn add_file(&mut self, account: String, purpose: &str, content: Vec<u8>) -> Object {
        self.made += 1;
        let id = format!("file-{:03}", self.made);
        let text = format!(
            "{{\"id\": \"{id}\",  \"object\":\"file\", \"bytes\":{}, \"created_at\":1700000000,\n\"filename\":\"lines.jsonl\", \
             \"purpose\":\"{purpose}\", \"status\":\"processed\", \"odd\" : 1.50 }}",
            content.len()
        );
        let object = Object { account, folder: "files", id, text, content };
        self.objects.push(object.clone());
        object
    }

    fn upload(&mut self, account: String, body: &[u8]) -> Reply {
        let Some(content) = part(body, "file") else {
            return Reply::json(400, &json!({ "error": { "message": "no file" } }));
        };
        let purpose = part(body, "purpose").unwrap_or_default();
        let object = self.add_file(account, &String::from_utf8_lossy(&purpose), content);
        Reply::whole(200, "application/json", object.text)
    }

    fn begin(&mut self, account: String, asked: &Value) -> Reply {
        let input = asked["input_file_id"].as_str().unwrap_or_default();
        if self.find(&account, "files", input).is_none() {
            return missing(input);
        }
        self.made += 1;
        let id = format!("batch_{:03}", self.made);
        let batch = json!({ "id": id, "object": "batch", "endpoint": asked["endpoint"], "input_file_id": input,
            "completion_window": "24h", "status": "in_progress", "created_at": 1_700_000_000, "output_file_id": null,
            "error_file_id": null, "metadata": asked["metadata"] });
        let text = batch.to_string();
        self.objects.push(Object { account, folder: "batches", id, text: text.clone(), content: Vec::new() });
        Reply::whole(200, "application/json", text)
    }

    /// A batch is done when it is looked at for the first time.
    fn look(&mut self, account: &str, folder: &str, id: &str) -> Reply {
        let Some(place) = self.find(account, folder, id) else { return missing(id) };
        if folder == "batches" && self.objects[place].text.contains("in_progress") {
            let output =
                self.add_file(account.to_owned(), "batch_output", b"{\"custom_id\":\"1\"}\n".to_vec());
            let errors = self.add_file(account.to_owned(), "batch_output", b"{\"error\":null}\n".to_vec());
            let mut batch: Value = serde_json::from_str(&self.objects[place].text).expect("a batch");
            batch["status"] = json!("completed");
            batch["output_file_id"] = json!(output.id);
            batch["error_file_id"] = json!(errors.id);
            self.objects[place].text = batch.to_string();
        }
        Reply::whole(200, "application/json", self.objects[place].text.clone())
    }

    fn set_status(&mut self, account: &str, id: &str, status: &str) -> Reply {
        let Some(place) = self.find(account, "batches", id) else { return missing(id) };
        let mut batch: Value = serde_json::from_str(&self.objects[place].text).expect("a batch");
        batch["status"] = json!(status);
        self.objects[place].text = batch.to_string();
        Reply::whole(200, "application/json", self.objects[place].text.clone())
    }

    fn list(&self, account: &str, folder: &str, query: &str) -> Reply {
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let limit: usize = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(20);
        let mut all: Vec<&Object> = self
            .objects
            .iter()
            .filter(|object| object.account == account && object.folder == folder)
            .collect();
        if let Some(after) = parameter("after") {
            let place = all.iter().position(|object| object.id == after);
            all.drain(..=place.expect("an element of this account"));
        }
        let more = all.len() > limit;
        all.truncate(limit);
        let ends = |object: Option<&&Object>| json!(object.map(|object| &object.id)).to_string();
        let texts: Vec<&str> = all.iter().map(|object| object.text.as_str()).collect();
        let page = format!(
            "{{ \"object\":\"list\", \"data\": [{}], \"first_id\":{}, \"last_id\":{},\"has_more\": {more}, \"extra\":1.0}}",
            texts.join(" , "),
            ends(all.first()),
            ends(all.last())
        );
        Reply::whole(200, "application/json", page)
    }
}

/// The content of a part of a form.
fn part(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let find = |text: &[u8], wanted: &[u8]| text.windows(wanted.len()).position(|window| window == wanted);
    let from = find(body, format!("name=\"{name}\"").as_bytes())?;
    let begin = from + find(&body[from..], b"\r\n\r\n")? + 4;
    let end = begin + find(&body[begin..], b"\r\n--")?;
    Some(body[begin..end].to_vec())
}

/// A form with a file, and its content type.
pub fn form(purpose: &str, content: &str) -> (&'static str, String) {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"lines.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n{content}\r\n--b--\r\n"
    );
    ("multipart/form-data; boundary=b", body)
}
