//! Embeddings in the protocol of the AI SDK's own gateway provider, `POST {base}/embedding-model`: client side. The model
//! stands in a header. <https://github.com/vercel/ai/tree/main/packages/provider/src/embedding-model>

use serde_json::value::RawValue;

use super::ai_sdk::{write_gateway, write_warnings};
use super::read::{At, Object, strings};
use super::{
    AnswerContext, Asking, Codec, DecodeError, Dialect, ErrorShape, Operation, Outline, Upstream, write,
};
use crate::framing::Framing;
use crate::ir::{self, EmbeddingFormat, EmbeddingInput, Embeddings};
use crate::json::Kind;

const OUTLINE: Outline = Outline {
    dialect: Dialect::AiSdkEmbeddings,
    name: "ai_sdk_embeddings",
    operation: Operation::Embeddings,
    upstream: Upstream::Never,
    clients: true,
    asking: Asking::USUAL,
    model_in_path: true,
    streams_by_default: false,
    content: "values",
    content_or: None,
    content_kinds: &[Kind::Array],
    content_wanted: "a list of texts",
    seals: false,
    count_suffix: None,
    errors: ErrorShape::AiSdk,
    framing: Framing::Sse,
    stream_end: b"",
};

/// The codec.
pub(super) struct AiSdkEmbeddings;

fn decode(body: &[u8]) -> Result<Embeddings, DecodeError> {
    let mut body = Object::body(body)?;
    let at = At::BODY.key("values");
    let values: &RawValue = body.take("values").ok_or_else(|| at.fault("is required"))?;
    let mut embeddings = Embeddings {
        model: String::new(),
        input: EmbeddingInput::Texts(strings(values, &at)?),
        format: Some(EmbeddingFormat::Float),
        dimensions: body.unsigned("dimensions")?,
        user: None,
        extra: Vec::new(),
    };
    if let Some(raw) = body.take("providerOptions") {
        let at = At::BODY.key("providerOptions");
        for (provider, json) in Object::read(raw, at)?.rest() {
            read_options(&provider, &json, &mut embeddings)?;
        }
    }
    body.take("headers");
    embeddings.extra.extend(body.rest().into_iter().map(|(name, json)| (format!("options.{name}"), json)));
    Ok(embeddings)
}

/// A provider's own options: what all providers know under some name is read, the rest is named.
fn read_options(provider: &str, json: &ir::Json, embeddings: &mut Embeddings) -> Result<(), DecodeError> {
    let spelt = format!("providerOptions.{provider}");
    let Ok(raw) = serde_json::from_str::<&RawValue>(json.get()) else { return Ok(()) };
    let at = At::BODY.key(&spelt);
    let mut options = Object::read(raw, at)?;
    embeddings.user = options.string("user")?.or(embeddings.user.take());
    for name in ["dimensions", "outputDimensionality"] {
        embeddings.dimensions = options.unsigned(name)?.or(embeddings.dimensions);
    }
    // What is meant for a gateway is acted on where requests are routed.
    if provider != "gateway" {
        let rest = options.rest();
        embeddings.extra.extend(rest.into_iter().map(|(name, json)| (format!("{spelt}.{name}"), json)));
    }
    Ok(())
}

fn encode(response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
    let ir::Response::Embeddings(answer) = response else { return b"{}".to_vec() };
    let mut data: Vec<&ir::Embedding> = answer.data.iter().collect();
    // Only their order says which is whose.
    data.sort_by_key(|embedding| embedding.index);
    let mut out = Vec::with_capacity(512);
    write::object(&mut out, |body| {
        body.list("embeddings", |list| {
            data.iter().for_each(|embedding| list.number(embedding.vector.floats()));
        });
        if let Some(usage) = answer.usage {
            body.object("usage", |object| object.number("tokens", usage.input));
        }
        body.object("providerMetadata", |metadata| {
            let counted = ir::Counted { usage: answer.usage, ..ir::Counted::default() };
            write_gateway(&counted, context, metadata, &[]);
        });
        write_warnings(context, body);
    });
    out
}

impl Codec for AiSdkEmbeddings {
    fn outline(&self) -> &'static Outline {
        &OUTLINE
    }

    fn decode_request(&self, body: &[u8]) -> Result<ir::Request, DecodeError> {
        decode(body).map(|request| ir::Request::Embeddings(Box::new(request)))
    }

    fn encode_response(&self, response: &ir::Response, context: &AnswerContext) -> Vec<u8> {
        encode(response, context)
    }
}
