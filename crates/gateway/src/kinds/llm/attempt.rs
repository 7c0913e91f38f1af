//! One try at one deployment: encode, sign, send; `arrival` reads what comes back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::json;
use smallvec::SmallVec;
use yumen_config::{Credential, Endpoint, FailureClass, GatewaySettings, Scheme};
use yumen_llm::catalogue::Modality;
use yumen_llm::dialects::{Answers, DecodeError, Dialect, Quirk, Target, codec, encode_request};
use yumen_llm::ir::{OwnTools, Request, WebSearch};
use yumen_llm::json::{Edit, Pieces, scan_object, splice};

use super::arrival::{Arrival, Earlier, Reading};
use super::beside::Reply;
use super::call::Call;
use super::classify::Failure;
use super::dress::Dress;
use super::edits::{Edited, OURS, edited};
use super::headers;
use super::keep::{Keep, LOST};
use super::memory::new_id;
use super::resolve::{Plan, Step};
use super::shadow::Role;
use super::token::token;
use crate::exchange::Exchange;
use crate::kinds::accounts;
use crate::proofs::needs_keeping;
use crate::rejection::Code;
use crate::route::Task;
use crate::upstream::{AnswerBody, Pass, RequestBody, demo_answer};
use crate::worker::Worker;

/// What a try needs to know.
pub struct Try<'a> {
    pub settings: &'a GatewaySettings,
    pub call: &'a Call,
    pub client_headers: &'a HeaderMap,
    pub plan: &'a Plan,
    pub step: &'a Step,
    pub credential: Option<&'a Arc<Credential>>,
    /// Whether this credential's token has been renewed for this step already.
    pub renewed: bool,
    pub began: Instant,
    pub deadline: Instant,
}

/// A request as it is sent.
#[derive(Default)]
struct Prepared {
    pieces: Pieces,
    /// The boundary of a form that was written here.
    boundary: Option<String>,
    /// What it could not carry.
    lossy: Vec<String>,
    /// Whether it asks for usage that the client did not ask for.
    withhold_usage: bool,
    /// What the client calls its tools.
    own_tools: OwnTools,
}

impl Try<'_> {
    /// Whether client and upstream speak the same dialect, so that answers go through as they are. Google's embeddings
    /// are two formats in one.
    pub(super) fn same_dialect(&self) -> bool {
        self.call.dialect == self.step.dialect && self.call.dialect != Dialect::GeminiEmbeddings
    }

    /// Whether the client's bytes go through as well. What another dialect's provider has proved must be left out, so a
    /// request that holds such is written anew, as is one that has an answer gone on with.
    fn passes(&self) -> bool {
        self.same_dialect() && !self.call.holds_sealed && self.call.rescue.begun().is_none()
    }

    /// Whether the upstream is asked for a stream: as the client asks, where its dialect leaves a choice.
    pub(super) fn asks_stream(&self) -> bool {
        match codec(self.step.dialect).outline().asking.answers {
            Answers::AsAsked => self.call.stream,
            Answers::Streamed => true,
            Answers::Whole => false,
        }
    }

    pub(super) fn remaining(&self, most: Duration) -> Duration {
        self.remaining_at(Instant::now(), most)
    }

    fn remaining_at(&self, now: Instant, most: Duration) -> Duration {
        most.min(self.deadline.saturating_duration_since(now))
    }

    /// Makes the try.
    pub async fn run(&self, exchange: &mut Exchange) -> Result<Box<Arrival>, Failure> {
        let provider = self.step.provider();
        let endpoint = provider.endpoints.get(&self.step.dialect).ok_or_else(|| {
            Failure::unsayable(format!("{} does not speak this dialect.", provider.name), None)
        })?;
        if let Some(opening) = &self.call.opening {
            return Box::pin(self.open_session(exchange, endpoint, opening)).await;
        }
        let keep = self.keep();
        let prepared = match self.untouched()? {
            Some(prepared) => prepared,
            None => self.written(exchange, endpoint, keep.as_ref()).await?,
        };
        let Prepared { pieces, boundary, lossy, withhold_usage, own_tools } = prepared;
        let (pass, sent) = self.pass(exchange).await?;
        self.count(exchange);
        let mut reply = self.send(exchange, endpoint, (pieces, boundary), &pass).await?;
        self.learn(exchange, &reply.1);
        if codec(self.step.dialect).outline().asking.leads_on {
            // Rare, so that it takes no room in the exchanges that are answered where they ask.
            reply = Box::pin(self.follow(exchange, endpoint, &pass, reply)).await?;
        }
        let (status, headers, body) = reply;
        let token = pass.token().map(Arc::clone);
        let keeping = keep.as_ref();
        let reading = Reading {
            attempt: self,
            sent,
            headers: &headers,
            withhold_usage,
            token,
            own_tools,
            keep: keeping,
            lossy: &lossy,
        };
        let answer = if status.is_success() {
            reading.arrive(exchange, body).await
        } else {
            let asked = Instant::now();
            let failure = reading.refused(status, body).await;
            exchange.waited += asked.elapsed();
            Err(failure)
        };
        let answer = answer.map_err(|failure| self.without_token(failure, &pass, exchange.worker()))?;
        exchange.files = None;
        Ok(Box::new(Arrival {
            status,
            headers,
            dialect: self.step.dialect,
            step: Some(self.step.clone()),
            credential: self.credential.map(Arc::clone),
            answer,
            lossy,
            dress: Dress::of(self, exchange),
            keep,
            remembering: None,
            prospect: None,
            earlier: Earlier::default(),
        }))
    }

    /// What the client asks for, written anew.
    async fn written(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        keep: Option<&Keep>,
    ) -> Result<Prepared, Failure> {
        let mut request = self.decoded(exchange, keep)?;
        let addresses = self.addresses(&mut request);
        if !addresses.is_empty() {
            // Rare, so that it takes no room in the exchanges that need no files; the same holds of the next.
            Box::pin(self.bring_files(exchange, &mut request, addresses)).await?;
        }
        if endpoint.upload_path.is_some() {
            Box::pin(self.bring_pictures_first(exchange, endpoint, &mut request)).await?;
        }
        self.encoded(request)
    }

    /// Counts what is sent with the credential. Counting tokens has limits of its own, which say nothing of answers.
    pub(super) fn count(&self, exchange: &mut Exchange) {
        let generates = self.call.task != Task::CountTokens;
        let Some(credential) = self.credential.filter(|_| generates) else { return };
        let load = self.call.load(&self.step.deployment);
        let allowances = &exchange.worker().gateway.allowances;
        exchange.sent = Some(allowances.send(credential, load.deployment, load.tokens));
    }

    /// Learns what is left of the credential's limits.
    pub(super) fn learn(&self, exchange: &Exchange, headers: &HeaderMap) {
        let Some(sent) = exchange.sent else { return };
        let deployment = &self.step.deployment;
        let model = (deployment.id, &*deployment.model.native_id);
        exchange.worker().gateway.allowances.tell(&sent, model, headers);
    }

    /// What proves who asks, and when it was there.
    pub(super) async fn pass(&self, exchange: &mut Exchange) -> Result<(Pass<'_>, Instant), Failure> {
        let (own, asked) = (self.credential.map(|credential| &**credential), Instant::now());
        if let Some(pass) = Pass::at_once(own, &exchange.worker().gateway.access_tokens) {
            return Ok((pass, asked));
        }
        // Rare, so that it takes no room in the many exchanges that need no token.
        let taken = Box::pin(token(exchange.worker(), self.step.provider(), own, self.deadline)).await;
        exchange.waited += asked.elapsed();
        Ok((taken?, Instant::now()))
    }

    /// Who keeps the answer, as the client and the operator wish. A provider that is asked in the client's own dialect keeps
    /// it itself, and says whether it does.
    fn keep(&self) -> Option<Keep> {
        let store = self.call.memory.as_ref()?.store;
        if self.same_dialect() {
            let account = || accounts::of(self.step.provider(), self.credential);
            return (store != Some(false)).then(|| Keep::There(account()));
        }
        self.settings.responses.store.keeps(store).then(new_id).flatten().map(Keep::Here)
    }

    /// A token that was refused is not used again. One that had been kept may have been given up meanwhile: then the same
    /// credential is tried with a fresh one, once.
    pub(super) fn without_token(&self, mut failure: Failure, pass: &Pass<'_>, worker: &Worker) -> Failure {
        if let (Some(401), Pass::Token { token, cached }, Some(credential)) =
            (failure.status, pass, self.credential)
        {
            worker.gateway.access_tokens.forget(credential.id, token);
            if *cached && !self.renewed {
                (failure.renewable, failure.rest) = (true, None);
            }
        }
        failure
    }

    /// The betas that the client uses, where its own dialect's upstream takes them in the body.
    fn betas(&self) -> SmallVec<[&str; 8]> {
        let quirks = &self.step.provider().quirks;
        let in_body =
            [Quirk::ClaudeOnBedrock, Quirk::ClaudeOnVertex].iter().any(|quirk| quirks.contains(quirk));
        if in_body && self.same_dialect() { headers::betas(self.client_headers) } else { SmallVec::new() }
    }

    fn target<'t>(&'t self, betas: &'t [&'t str]) -> Target<'t> {
        let model = &self.step.deployment.model;
        Target {
            model: &model.native_id,
            max_output: model.max_output,
            sees: model.facts.input.has(Modality::Image) || model.facts.input.has(Modality::Audio),
            searches: model.searches(),
            thinking: model.thinking,
            quirks: &self.step.provider().quirks,
            betas,
        }
    }

    /// The client's own bytes with single values spliced, where they can go through.
    fn untouched(&self) -> Result<Option<Prepared>, Failure> {
        let call = self.call;
        let model = &self.step.deployment.model;
        if let Some(form) = &call.form {
            let native_id = Bytes::copy_from_slice(model.native_id.as_bytes());
            let pieces = form.with_value(&call.body, "model", native_id).ok_or_else(|| {
                let message = format!("The model `{}` cannot be named in a form.", model.native_id);
                Failure::unsayable(message, Some("model".to_owned()))
            })?;
            return Ok(Some(Prepared { pieces, ..Prepared::default() }));
        }
        if self.passes() {
            let betas = self.betas();
            let web_search = self.web_search();
            let target = self.target(&betas);
            let Edited { pieces, asks_usage: withhold_usage, lossy } =
                edited(call, &model.native_json, &target, web_search.as_deref());
            if self.plan.require_parameters && !lossy.is_empty() {
                return Err(self.loses(&lossy));
            }
            return Ok(Some(Prepared { pieces, withhold_usage, lossy, ..Prepared::default() }));
        }
        Ok(None)
    }

    /// How the web is to be searched, where that is wished of the gateway and not of a provider.
    fn web_search(&self) -> Option<Cow<'_, WebSearch>> {
        let wish = self.call.web_search.as_deref();
        self.step.online.then(|| wish.map_or_else(Cow::default, Cow::Borrowed))
    }

    /// What the client asks for, to be said in another dialect.
    fn decoded(&self, exchange: &Exchange, keep: Option<&Keep>) -> Result<Request, Failure> {
        let call = self.call;
        if call.memory.as_ref().is_some_and(|memory| memory.background) {
            let message = "background: work in the background is possible only at a provider that speaks the Responses API; \
                           leave `background` out, or ask for a model of such a provider";
            return Err(Failure::unsayable(message.to_owned(), Some("background".to_owned())));
        }
        let mut request = codec(call.dialect).decode_request(&call.body).map_err(unsayable)?;
        request.set_stream(self.asks_stream());
        if let (Request::Chat(chat), true) = (&mut request, needs_keeping(call.dialect)) {
            let key_id = match &call.shadow {
                Role::Copy(key_id) => key_id,
                Role::None | Role::Original(_) => exchange.record.key_id.as_deref().unwrap_or_default(),
            };
            exchange.worker().gateway.proofs.put_back(key_id, chat);
        }
        if let (Request::Chat(chat), Some(begun)) =
            (&mut request, call.rescue.begun().filter(|begun| !begun.is_empty()))
        {
            chat.go_on_with(begun);
        }
        if let (Request::Chat(chat), Some(wish)) = (&mut request, self.web_search()) {
            // A plugin says how; the bare wish leaves that to what the client's own tool says.
            if self.call.web_search.is_some() || chat.web_search.is_none() {
                chat.web_search = Some(Box::new(wish.into_owned()));
            }
        }
        // It is the gateway that does it.
        let is_done = |name: &str| name == LOST && keep.is_some();
        request.extra_mut().retain(|(name, _)| !OURS.contains(&name.as_str()) && !is_done(name));
        Ok(request)
    }

    /// The request in the upstream's dialect.
    fn encoded(&self, request: Request) -> Result<Prepared, Failure> {
        let betas = self.betas();
        let target = self.target(&betas);
        let encoded = encode_request(self.step.dialect, &request, &target).map_err(unsayable)?;
        if self.plan.require_parameters && !encoded.lossy.is_empty() {
            return Err(self.loses(&encoded.lossy));
        }
        let own_tools = match request {
            Request::Chat(chat) => chat.own_tools,
            _ => OwnTools::default(),
        };
        let body = Bytes::from(encoded.body);
        let pieces = self.with_own_wish(&body).unwrap_or_else(|| SmallVec::from_iter([body]));
        Ok(Prepared {
            pieces,
            boundary: encoded.boundary,
            lossy: encoded.lossy,
            withhold_usage: false,
            own_tools,
        })
    }

    /// A request that is written anew for a provider of the same dialect, with the client's own wish for what is kept.
    fn with_own_wish(&self, body: &Bytes) -> Option<Pieces> {
        let memory = self.call.memory.as_ref().filter(|_| self.same_dialect())?;
        let object = scan_object(body, usize::MAX).ok()?;
        let edit = match memory.store {
            Some(store) => Edit::Set { name: LOST, value: Bytes::from(store.to_string()) },
            None => Edit::Remove { name: LOST },
        };
        Some(splice(body, &object, &[edit]))
    }

    /// The client wants everything understood, and this provider would not.
    fn loses(&self, lossy: &[String]) -> Failure {
        let name = &self.step.provider().name;
        let message = format!(
            "{name} does not understand {} of the request, and `provider.require_parameters` is set.",
            lossy.join(", ")
        );
        let mut failure = Failure::unsayable(message, lossy.first().cloned());
        failure.rejection.metadata = Some(json!({ "availability": {
            "code": "constraint_filtered", "retryable": false, "excluded_by": ["require_parameters"],
            "requested_models": [self.call.model], "affected_providers": [name],
        } }));
        failure
    }

    async fn send(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        (pieces, boundary): (Pieces, Option<String>),
        pass: &Pass<'_>,
    ) -> Result<Reply, Failure> {
        if endpoint.scheme == Scheme::Builtin {
            let (status, headers, chunks) = demo_answer(self.step.dialect, &pieces.concat());
            return Ok((status, headers, AnswerBody::memory(chunks)));
        }
        let client = self.same_dialect().then_some(self.client_headers);
        let uri = self.uri(endpoint, &pieces)?;
        let stream = self.asks_stream().then(|| codec(self.step.dialect).outline());
        let make = || {
            let mut request = http::Request::new(RequestBody::new(pieces.clone()));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = uri.clone();
            *request.headers_mut() =
                headers::to_upstream(endpoint, self.step.dialect, client, self.call, stream);
            if let Some(kind) = boundary.as_deref().and_then(headers::form) {
                request.headers_mut().insert(http::header::CONTENT_TYPE, kind);
            }
            pass.put_on(&mut request, &pieces, SystemTime::now);
            request
        };
        self.sent(exchange, endpoint, make).await
    }

    /// Sends what `make` makes, within the try's time; the head of the answer, and its body.
    pub(super) async fn sent(
        &self,
        exchange: &mut Exchange,
        endpoint: &Endpoint,
        make: impl Fn() -> http::Request<RequestBody>,
    ) -> Result<Reply, Failure> {
        let (provider, now) = (self.step.provider(), Instant::now());
        let mut timeouts = provider.timeouts;
        timeouts.connect = self.remaining_at(now, timeouts.connect);
        timeouts.first_byte = self.remaining_at(now, timeouts.first_byte);
        let pool = &exchange.worker().pool;
        let reply = pool.send(endpoint, &timeouts, make).await;
        // From here on only the waits for more of the answer are the upstream's.
        let reply = reply.map(|reply| AnswerBody::from_reply(pool, reply, self.settings.max_answer_bytes));
        exchange.waited += now.elapsed();
        let (head, body) = reply.map_err(|error| Failure::unsent(&provider.name, &error))?;
        if head.status.is_success() && body.is_unreadable() {
            let message = format!(
                "The answer of {} could not be read: its content-encoding is not known.",
                provider.name
            );
            return Err(Failure::silent(Code::UpstreamInvalid, FailureClass::AnswerInvalid, message));
        }
        Ok((head.status, head.headers, body))
    }

    fn uri(&self, endpoint: &Endpoint, pieces: &Pieces) -> Result<http::Uri, Failure> {
        let own = || pieces.first().is_some_and(|body| codec(self.step.dialect).is_second_form(body));
        let in_second_form =
            || if self.passes() { codec(self.call.dialect).is_second_form(&self.call.body) } else { own() };
        let path = match self.call.task {
            Task::Generate if self.call.rescue.begun().is_some() && endpoint.second_path.is_some() => {
                endpoint.second_path.as_ref()
            }
            Task::Generate if in_second_form() => endpoint.second_path.as_ref(),
            Task::Generate if self.asks_stream() => Some(&endpoint.stream_path),
            Task::Generate => Some(&endpoint.path),
            Task::CountTokens => endpoint.count_path.as_ref(),
            Task::Converse | Task::Explain => None,
        };
        let native_id = &self.step.deployment.model.native_id;
        let path = path.and_then(|path| path.for_model(native_id)).ok_or_else(|| {
            let name = &self.step.provider().name;
            Failure::unsayable(
                format!("{name} has no place for this request and the model `{native_id}`."),
                None,
            )
        })?;
        Ok(path.into())
    }
}

fn unsayable(error: DecodeError) -> Failure {
    Failure::unsayable(error.message, error.param)
}
