//! What is tried in each cell.

use serde_json::{Value, json};
use yumen_testkit::{Answer, Client, Upstream};
use yumen_tests::{Call, PIXEL, Surface, TEXT, payloads, record_of};

const THOUGHTS: &str = "The gate is in the west.";
const PROOF: &str = "c2lnbmF0dXJlLW9mLXRoZS1nYXRl";
const AFTER_TOOLS: &str = "It is 21 degrees in Dunhuang.";
/// What lies at an address, and the same in base64.
pub const PICTURE: &[u8] = b"GIF89a the gate";
const PICTURE_BASE64: &str = "R0lGODlhIHRoZSBnYXRl";

/// A column of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    Text,
    Stream,
    Tools,
    ParallelTools,
    Images,
    Reasoning,
    Proofs,
    Schema,
    Usage,
    Errors,
}

/// Every column, in its order.
pub const FEATURES: [Feature; 10] = [
    Feature::Text,
    Feature::Stream,
    Feature::Tools,
    Feature::ParallelTools,
    Feature::Images,
    Feature::Reasoning,
    Feature::Proofs,
    Feature::Schema,
    Feature::Usage,
    Feature::Errors,
];

/// One client before one upstream.
pub struct Run<'a> {
    pub upstream: &'a Upstream,
    pub client: Client,
    pub surface: Surface,
    pub provider: &'static str,
}

/// Why something does not work.
type Tried = Result<(), String>;

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) -> Tried {
    if seen == expected { Ok(()) } else { Err(format!("{what}: {seen:?} and not {expected:?}")) }
}

fn not_streamed(surface: Surface, mut body: Value) -> Value {
    if body.get("stream").is_some() || surface == Surface::Ollama {
        body["stream"] = json!(false);
    }
    body
}

impl Run<'_> {
    /// Tries a feature.
    pub async fn try_out(&self, feature: Feature) -> Tried {
        match feature {
            Feature::Text => self.text().await,
            Feature::Stream => self.stream().await,
            Feature::Tools => self.tools("fake-tools", &["Dunhuang"]).await,
            Feature::ParallelTools => self.tools("fake-parallel-tools", &["Dunhuang", "Kashgar"]).await,
            Feature::Images => self.images().await,
            Feature::Reasoning => self.reasoning().await,
            Feature::Proofs => self.proofs().await,
            Feature::Schema => self.schema().await,
            Feature::Usage => self.usage().await,
            Feature::Errors => self.errors().await,
        }
    }

    fn model(&self, scenario: &str) -> String {
        format!("{}/{scenario}", self.provider)
    }

    async fn post(&self, scenario: &str, stream: bool, body: &Value) -> Result<Answer, String> {
        let answer = self.client.post(&self.surface.path(&self.model(scenario), stream), body).await;
        if answer.status == 200 { Ok(answer) } else { Err(answer.text()) }
    }

    async fn text(&self) -> Tried {
        let answer = self.surface.ask(&self.client, &self.model("fake-chat"), false).await;
        expect("text", self.surface.text(&answer.expect_status(200)), TEXT.to_owned())
    }

    async fn stream(&self) -> Tried {
        let answer = self.surface.ask(&self.client, &self.model("fake-chat"), true).await;
        let events = answer.expect_status(200).events();
        expect("pieces", events.iter().filter(|event| event.data.contains(" gate")).count() >= 1, true)?;
        expect("text", self.surface.stream_text(&events), TEXT.to_owned())
    }

    /// Whole and streamed: the calls come, and their results bring the model's answer.
    async fn tools(&self, scenario: &str, cities: &[&str]) -> Tried {
        for stream in [false, true] {
            let body = self.surface.with_tools(&self.model(scenario), stream);
            let answer = self.post(scenario, stream, &body).await?;
            let said = if stream { self.surface.whole(&answer.events()) } else { answer.json() };
            let calls = self.surface.calls(&said);
            let asked: Vec<&str> = calls
                .iter()
                .map(|(_, _, arguments)| arguments["city"].as_str().unwrap_or_default())
                .collect();
            expect("cities", asked.as_slice(), cities)?;
            let results: Vec<(Call, &str)> = calls.into_iter().map(|call| (call, "21 degrees")).collect();
            let again = not_streamed(self.surface, self.surface.again(&body, &said, &results));
            let last = self.post(scenario, false, &again).await?;
            expect("last text", self.surface.text(&last), AFTER_TOOLS.to_owned())?;
            let sent = self.upstream.last().json().to_string();
            expect("results at the upstream", sent.matches("21 degrees").count(), cities.len())?;
        }
        Ok(())
    }

    async fn images(&self) -> Tried {
        let address = format!("{}/gate.gif", self.upstream.plain_base());
        let body = self.surface.with_pictures(&self.model("fake-chat"), &address);
        self.post("fake-chat", false, &body).await?;
        let sent = self.upstream.last().json().to_string();
        expect("the picture at the upstream", sent.contains(PIXEL), true)?;
        let takes_bytes = matches!(self.provider, "fake-ollama" | "fake-bedrock");
        let (what, other) =
            if takes_bytes { (PICTURE_BASE64, &*address) } else { (&*address, PICTURE_BASE64) };
        expect("the second at the upstream", sent.contains(what), true)?;
        expect("it is there in another form", sent.contains(other), false)
    }

    /// Thoughts are asked for and shown, whole and streamed, and are no part of the text.
    async fn reasoning(&self) -> Tried {
        for stream in [false, true] {
            let body = self.surface.with_reasoning(&self.model("fake-thinking"), stream);
            let answer = self.post("fake-thinking", stream, &body).await?;
            let said = if stream { self.surface.whole(&answer.events()) } else { answer.json() };
            expect("thoughts", self.surface.thoughts(&said), THOUGHTS.to_owned())?;
            let text =
                if stream { self.surface.stream_text(&answer.events()) } else { self.surface.text(&answer) };
            expect("text", text, TEXT.to_owned())?;
            let sent = self.upstream.last().json();
            let asked = match self.provider {
                "fake-openai" => &sent["reasoning_effort"],
                "fake-responses" => &sent["reasoning"]["effort"],
                "fake-anthropic" => &sent["thinking"]["type"],
                "fake-ollama" => &sent["think"],
                "fake-bedrock" => &sent["additionalModelRequestFields"]["thinking"]["type"],
                "fake-cohere" => &sent["thinking"]["type"],
                "fake-dashscope" => &sent["parameters"]["enable_thinking"],
                _ => &sent["generationConfig"]["thinkingConfig"]["includeThoughts"],
            };
            expect("asked of the upstream", asked.is_null(), false)?;
        }
        Ok(())
    }

    /// The answer is sent back as it came, whole and put together from its stream, and what proves its thoughts reaches
    /// whoever gave it: in a conversation, and with the results of a tool.
    async fn proofs(&self) -> Tried {
        for (scenario, stream) in [
            ("fake-thinking", false),
            ("fake-thinking", true),
            ("fake-signed-tools", false),
            ("fake-signed-tools", true),
        ] {
            let body = self.surface.with_reasoning(&self.model(scenario), stream);
            let body = if scenario == "fake-signed-tools" { self.surface.offering_tools(body) } else { body };
            let answer = self.post(scenario, stream, &body).await?;
            let said = if stream { self.surface.whole(&answer.events()) } else { answer.json() };
            let results: Vec<(Call, &str)> =
                self.surface.calls(&said).into_iter().map(|call| (call, "21 degrees")).collect();
            let text = if results.is_empty() { TEXT } else { AFTER_TOOLS };
            let again = not_streamed(self.surface, self.surface.again(&body, &said, &results));
            let what = format!("after {scenario}, {stream}");
            let answer = self.post(scenario, false, &again).await?;
            expect(&what, self.surface.text(&answer), text.to_owned())?;
            let sent = self.upstream.last().json().to_string();
            expect(&what, sent.matches(PROOF).count(), 1)?;
        }
        Ok(())
    }

    async fn schema(&self) -> Tried {
        let schema = json!({ "type": "object", "properties": { "city": { "type": "string" },
            "degrees": { "type": "integer" } }, "required": ["city", "degrees"], "additionalProperties": false });
        let body = self.surface.with_schema(&self.model("fake-json"), &schema);
        let answer = self.post("fake-json", false, &body).await?;
        let said: Value =
            serde_json::from_str(&self.surface.text(&answer)).map_err(|error| error.to_string())?;
        expect("answer", said, json!({ "city": "Dunhuang", "degrees": 21 }))?;
        let sent = self.upstream.last().json();
        // In Converse a schema is a text.
        let text = &sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
        let parsed: Value = serde_json::from_str(text.as_str().unwrap_or("null")).unwrap_or_default();
        let reached = match self.provider {
            "fake-bedrock" => &parsed,
            "fake-openai" => &sent["response_format"]["json_schema"]["schema"],
            "fake-responses" => &sent["text"]["format"]["schema"],
            "fake-anthropic" => &sent["output_config"]["format"]["schema"],
            "fake-ollama" => &sent["format"],
            "fake-cohere" => &sent["response_format"]["json_schema"],
            "fake-dashscope" => &sent["parameters"]["response_format"]["json_schema"]["schema"],
            _ => &sent["generationConfig"]["responseJsonSchema"],
        };
        expect("the schema at the upstream", reached, &schema)
    }

    /// What the upstream counted is told to the client and stands in the record, whole and streamed.
    async fn usage(&self) -> Tried {
        for stream in [false, true] {
            let mut body = self.surface.body(&self.model("fake-cached"), stream);
            if self.surface == Surface::Chat && stream {
                body["stream_options"] = json!({ "include_usage": true });
            }
            let answer = self.post("fake-cached", stream, &body).await?;
            let told = if stream { payloads(&answer.events()) } else { vec![answer.json()] };
            expect("told", self.surface.usage(told.iter()), [Some(1_021), Some(7), Some(800)])?;
            let record = record_of(&self.client, answer.header("x-generation-id")).await;
            let recorded = ["tokens_prompt", "tokens_completion", "native_tokens_cached"];
            expect(
                "recorded",
                recorded.map(|name| record[name].as_u64()),
                [Some(1_021), Some(7), Some(800)],
            )?;
        }
        Ok(())
    }

    /// Status, message and shape before the answer; message and shape in its middle.
    async fn errors(&self) -> Tried {
        for (status, anthropic, google) in [
            (400, "invalid_request_error", "INVALID_ARGUMENT"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
        ] {
            let answer = self.surface.ask(&self.client, &self.model(&format!("fake-{status}")), false).await;
            expect("status", answer.status, status)?;
            let error = &answer.json()["error"];
            let message = self.surface.error_message(&answer.json());
            expect("message", message.contains(&format!("fake upstream says {status}")), true)?;
            match self.surface {
                Surface::Messages => expect("type", &error["type"], &json!(anthropic))?,
                Surface::Gemini => expect("status word", &error["status"], &json!(google))?,
                Surface::Ollama => {}
                _ => expect("type", error["type"].is_string(), true)?,
            }
            expect("retry-after", answer.header("retry-after"), if status == 429 { "7" } else { "" })?;
        }
        let answer = self.surface.ask(&self.client, &self.model("fake-error-event"), true).await;
        let told = self.surface.stream_errors(&answer.events());
        expect("errors in the stream", told.len(), 1)?;
        expect("its message", told[0].contains("fake upstream broke down"), true)
    }
}
