//! A provider's videos, as OpenAI has them, kept by account: the credential says which.
//!
//! In: requests at `/v1/videos`. Out: jobs that are done when they are looked at for the second time, or that fail where
//! their prompt says so.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use yumen_testkit::{Received, Reply};

/// What every video holds.
pub const VIDEO: &[u8] = b"\0\0\0\x18ftypmp42 a fake video that is long enough to be asked for in parts";

/// The videos of all accounts. A clone is the same.
#[derive(Debug, Clone, Default)]
pub struct FakeVideos(Arc<Mutex<Vec<Job>>>);

#[derive(Debug, Clone)]
struct Job {
    account: String,
    told: Value,
}

impl FakeVideos {
    /// Answers a request about videos; `None` for any other.
    pub fn answer(&self, request: &Received) -> Option<Reply> {
        let path = request.path.split('?').next()?.strip_prefix("/v1/videos")?;
        let mut segments = path.split('/').skip(1);
        let (id, rest) = (segments.next(), segments.next());
        let account = request.header("authorization").to_owned();
        let mut jobs = self.0.lock().expect("the videos");
        let place = |jobs: &[Job], id: &str| {
            jobs.iter().position(|job| job.account == account && job.told["id"] == id)
        };
        let field = |name: &str| match (request.part(name), &request.json()[name]) {
            (Some(part), _) => json!(String::from_utf8_lossy(&part)),
            (None, value) => value.clone(),
        };
        let made = match (request.method.as_str(), id, rest) {
            ("POST", None, None) if request.model() == "fake-429" => return Some(refused(429)),
            ("POST", None, None) if request.model() == "fake-500" => return Some(refused(500)),
            ("POST", None, None) => {
                json!({ "model": request.model(), "prompt": field("prompt"), "seconds": field("seconds"),
                                            "size": "720x1280" })
            }
            ("POST", Some(id), Some("remix")) => {
                let Some(source) = place(&jobs, id) else { return Some(missing(id)) };
                let mut told = jobs[source].told.clone();
                (told["remixed_from_video_id"], told["prompt"]) = (json!(id), field("prompt"));
                told
            }
            _ => Value::Null,
        };
        if made.is_object() {
            return Some(begin(&mut jobs, account, made));
        }
        Some(match (request.method.as_str(), id, rest) {
            ("GET", None, None) => {
                let own = jobs.iter().filter(|job| job.account == account);
                let mut data: Vec<Value> = own.map(|job| job.told.clone()).collect();
                if let Some(after) = request.in_query("after") {
                    let place = data.iter().position(|job| job["id"] == after);
                    data.drain(..=place.expect("an element of this account"));
                }
                Reply::json(200, &json!({ "object": "list", "data": data, "has_more": false }))
            }
            ("GET", Some(id), None) => match place(&jobs, id) {
                Some(place) => {
                    let told = &mut jobs[place].told;
                    advance(told);
                    Reply::json(200, told)
                }
                None => missing(id),
            },
            ("GET", Some(id), Some("content")) => match place(&jobs, id) {
                Some(_) => content(request.header("range")),
                None => missing(id),
            },
            ("DELETE", Some(id), None) => match place(&jobs, id) {
                Some(place) => {
                    jobs.remove(place);
                    Reply::json(200, &json!({ "id": id, "object": "video.deleted", "deleted": true }))
                }
                None => missing(id),
            },
            _ => missing(path),
        })
    }
}

fn begin(jobs: &mut Vec<Job>, account: String, mut told: Value) -> Reply {
    if told["seconds"].is_null() {
        told["seconds"] = json!("4");
    }
    told["id"] = json!(format!("video_{:03}", jobs.len() + 1));
    (told["object"], told["status"]) = (json!("video"), json!("queued"));
    (told["progress"], told["created_at"]) = (json!(0), json!(1_760_000_000));
    jobs.push(Job { account, told: told.clone() });
    Reply::json(200, &told)
}

fn advance(told: &mut Value) {
    let fails = told["prompt"].as_str().is_some_and(|prompt| prompt.contains("fail"));
    if told["status"] == "queued" {
        (told["status"], told["progress"]) = (json!("in_progress"), json!(33));
    } else if fails {
        told["status"] = json!("failed");
        told["error"] = json!({ "code": "moderation_blocked", "message": "No." });
    } else {
        (told["status"], told["progress"]) = (json!("completed"), json!(100));
    }
}

fn content(range: &str) -> Reply {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Reply::whole(200, "video/mp4", VIDEO).header("accept-ranges", "bytes");
    };
    let (from, to): (usize, usize) = (from.parse().expect("a place"), to.parse().expect("a place"));
    Reply::whole(206, "video/mp4", &VIDEO[from..=to])
        .header("content-range", &format!("bytes {from}-{to}/{}", VIDEO.len()))
}

fn refused(status: u16) -> Reply {
    Reply::json(status, &json!({ "error": { "message": "Not now.", "type": "server_error", "code": null } }))
}

fn missing(what: &str) -> Reply {
    let error =
        json!({ "message": format!("No such video: {what}"), "type": "invalid_request_error", "code": null });
    Reply::json(404, &json!({ "error": error }))
}
