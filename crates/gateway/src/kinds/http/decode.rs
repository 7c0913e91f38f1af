//! decode: body → Call. Reads the body once and leaves out of head and query what is not for the provider.

use std::time::Instant;

use http::request;
use hyper::body::Incoming;
use yumen_config::GatewaySettings;

use super::call::Call;
use super::{headers, query};
use crate::exchange::Exchange;
use crate::rejection::Rejection;
use crate::route::HttpRoute;
use crate::stages::presented_secret;
use crate::upload;

/// Reads the call. What it does not read of the body is left to the caller.
pub async fn decode(
    exchange: &mut Exchange,
    settings: &GatewaySettings,
    route: HttpRoute,
    head: &request::Parts,
    body: &mut Incoming,
) -> Result<Call, Rejection> {
    let asked = Instant::now();
    let uploaded = upload::collect_raw(settings, head, body).await;
    // The client's upload is no work of ours.
    exchange.waited += asked.elapsed();
    let body = uploaded?;
    let secret = presented_secret(&head.headers, &head.uri);
    let secret = secret.as_deref().unwrap_or_default();
    Ok(Call {
        route,
        method: head.method.clone(),
        query: query::without_key(head.uri.query().unwrap_or_default(), secret),
        headers: headers::of_client(&head.headers, secret),
        body,
    })
}
