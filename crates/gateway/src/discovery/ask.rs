//! One round of asking one server: its list, and what more it tells.
//!
//! In: a provider and where it is asked. Out: its models, or why they are not known. Each answer has a bound and a time-out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;
use smallvec::SmallVec;
use yumen_config::{Credential, Endpoint, ModelSource, Provider, Timeouts};
use yumen_llm::catalogue::{
    DiscoveredModel, Discovery, DiscoveryError, ModelList, add_llama_cpp_props, ollama_model, ollama_tags,
    openai_models,
};
use yumen_llm::json::Pieces;

use crate::upstream::{
    AccessTokens, AnswerBody, AnswerError, Door, Pass, Pool, RequestBody, SendError, TokenError,
};

/// The longest answer in bytes: Ollama shows a model with its licence and template.
const ANSWER_BYTES_MOST: usize = 8 * 1024 * 1024;
/// How long a connection may take to open, and an answer to begin or to go on; less where the provider says so.
const CONNECT_MOST: Duration = Duration::from_secs(5);
const ANSWER_MOST: Duration = Duration::from_secs(10);
/// How long one whole question may take.
const QUESTION_MOST: Duration = Duration::from_secs(30);

/// Why a server's models are not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0}")]
    Unsent(#[from] SendError),
    #[error("{0}")]
    Broken(#[from] AnswerError),
    #[error("no token: {0}")]
    Token(#[from] TokenError),
    #[error("it answered with {0}")]
    Status(StatusCode),
    #[error("the answer has more than {ANSWER_BYTES_MOST} bytes")]
    TooLong,
    #[error("no whole answer in time")]
    Slow,
    #[error("{0}")]
    Unreadable(#[from] DiscoveryError),
    #[error("there is no address that can be asked")]
    NoAddress,
}

/// Asks one server.
pub(super) struct Asker {
    tokens: Arc<AccessTokens>,
    pool: Arc<Pool>,
    pub(super) source: Arc<ModelSource>,
    /// What Ollama has shown of each model, with the model's digest: asked again only when that has changed.
    shown: HashMap<String, (String, DiscoveredModel)>,
}

impl Asker {
    pub(super) fn new(tokens: Arc<AccessTokens>, pool: Arc<Pool>, source: Arc<ModelSource>) -> Self {
        Self { tokens, pool, source, shown: HashMap::new() }
    }

    /// The server's models.
    pub(super) async fn ask(&mut self, provider: &Provider) -> Result<Vec<DiscoveredModel>, AskError> {
        let source = Arc::clone(&self.source);
        let body = self.question(provider, &source.list, None).await?;
        let list = match source.discovery {
            Discovery::OpenAi => openai_models(&body)?,
            Discovery::LlamaCpp => {
                let mut list = openai_models(&body)?;
                self.add_props(provider, &source, &mut list).await?;
                list
            }
            Discovery::Ollama => self.show_all(provider, &source, ollama_tags(&body)?).await?,
        };
        if list.left_out > 0 {
            let left_out = list.left_out;
            tracing::debug!(provider = &*provider.id, left_out, "not all of its models were taken");
        }
        Ok(list.into_models())
    }

    /// A server that does not tell its properties has its list all the same.
    async fn add_props(
        &self,
        provider: &Provider,
        source: &ModelSource,
        list: &mut ModelList<DiscoveredModel>,
    ) -> Result<(), AskError> {
        let Some(detail) = &source.detail else { return Ok(()) };
        let added = match self.question(provider, detail, None).await {
            Ok(body) => add_llama_cpp_props(list, &body).map_err(AskError::from),
            Err(error) => Err(error),
        };
        match added {
            Err(error @ (AskError::Status(_) | AskError::Unreadable(_))) => {
                tracing::debug!(provider = &*provider.id, "its properties are not known: {error}");
                Ok(())
            }
            other => other,
        }
    }

    /// What Ollama shows of each model of its list; one that it does not show is there with its name alone.
    async fn show_all(
        &mut self,
        provider: &Provider,
        source: &ModelSource,
        tags: ModelList<String>,
    ) -> Result<ModelList<DiscoveredModel>, AskError> {
        self.shown.retain(|id, (digest, _)| tags.models.get(id) == Some(digest));
        let mut list = ModelList { left_out: tags.left_out, ..ModelList::default() };
        for (id, digest) in tags.models {
            let model = match (self.shown.get(&id), &source.detail) {
                (Some((_, model)), _) => model.clone(),
                (None, None) => DiscoveredModel::default(),
                (None, Some(detail)) => match self.show(provider, detail, &id).await {
                    Ok(model) => {
                        self.shown.insert(id.clone(), (digest, model.clone()));
                        model
                    }
                    Err(error @ (AskError::Status(_) | AskError::Unreadable(_))) => {
                        tracing::debug!(provider = &*provider.id, model = id, "it is not shown: {error}");
                        DiscoveredModel::default()
                    }
                    Err(error) => return Err(error),
                },
            };
            list.models.insert(id, model);
        }
        Ok(list)
    }

    async fn show(
        &self,
        provider: &Provider,
        detail: &Endpoint,
        id: &str,
    ) -> Result<DiscoveredModel, AskError> {
        let body = json!({ "model": id }).to_string();
        Ok(ollama_model(&self.question(provider, detail, Some(body.into())).await?)?)
    }

    async fn question(
        &self,
        provider: &Provider,
        endpoint: &Endpoint,
        body: Option<Bytes>,
    ) -> Result<BytesMut, AskError> {
        let credential = provider.credentials.items().first().map(|credential| &**credential);
        Asking { tokens: &self.tokens, pool: &self.pool, provider, credential }.question(endpoint, body).await
    }
}

/// Who is asked, and with which credential.
pub(crate) struct Asking<'a> {
    pub(crate) tokens: &'a AccessTokens,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) provider: &'a Provider,
    pub(crate) credential: Option<&'a Credential>,
}

impl Asking<'_> {
    /// The body of a good answer to `GET`, or to `POST` where there is a body to send.
    pub(crate) async fn question(
        &self,
        endpoint: &Endpoint,
        body: Option<Bytes>,
    ) -> Result<BytesMut, AskError> {
        let asked = self.ask_once(endpoint, body);
        tokio::time::timeout(QUESTION_MOST, asked).await.unwrap_or(Err(AskError::Slow))
    }

    async fn ask_once(&self, endpoint: &Endpoint, body: Option<Bytes>) -> Result<BytesMut, AskError> {
        let Self { tokens, pool, provider, credential } = *self;
        let timeouts = Timeouts {
            connect: provider.timeouts.connect.min(CONNECT_MOST),
            first_byte: provider.timeouts.first_byte.min(ANSWER_MOST),
            idle: provider.timeouts.idle.min(ANSWER_MOST),
            ..provider.timeouts
        };
        let pass = match (Pass::at_once(credential, tokens), credential) {
            (Some(pass), _) => pass,
            (None, None) => Pass::None,
            (None, Some(credential)) => {
                let door = Door { pool, timeouts, provider: &provider.id };
                let (token, cached) = tokens.take(credential, &door).await?;
                Pass::Token { token, cached }
            }
        };
        let path = endpoint.path.for_model("").ok_or(AskError::NoAddress)?;
        let make = || {
            let pieces: Pieces = SmallVec::from_iter(body.clone());
            let mut request = Request::new(RequestBody::new(pieces.clone()));
            *request.method_mut() = if body.is_some() { Method::POST } else { Method::GET };
            *request.uri_mut() = path.clone().into();
            let mut headers = endpoint.headers.clone();
            headers.extend(provider.headers.iter().cloned());
            headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
            if body.is_none() {
                headers.remove(header::CONTENT_TYPE);
            }
            *request.headers_mut() = headers;
            pass.put_on(&mut request, &pieces, SystemTime::now);
            request
        };
        let reply = pool.send(endpoint, &timeouts, make).await?;
        let (head, mut answer) = AnswerBody::from_reply(pool, reply, ANSWER_BYTES_MOST);
        let mut text = BytesMut::new();
        let read = answer.read_up_to(ANSWER_BYTES_MOST + 1, &mut text);
        tokio::time::timeout(ANSWER_MOST, read).await.map_err(|_| AskError::Slow)??;
        if !head.status.is_success() {
            if let (StatusCode::UNAUTHORIZED, Some(token), Some(credential)) =
                (head.status, pass.token(), credential)
            {
                tokens.forget(credential.id, token);
            }
            return Err(AskError::Status(head.status));
        }
        if text.len() > ANSWER_BYTES_MOST {
            return Err(AskError::TooLong);
        }
        Ok(text)
    }
}
