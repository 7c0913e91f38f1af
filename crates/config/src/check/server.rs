//! The server's own sections: `gateway`, `admin`, `store` and `log`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostics;
use crate::network::Network;
use crate::place::Place;
use crate::snapshot::{FetchSettings, GatewaySettings, ProcessSettings, ResponsesSettings, SessionSettings};
use crate::spec::{FetchSpec, ResponsesSpec, Spec};

/// The checked form; what is wrong is reported.
pub(super) fn settings(
    spec: &Spec,
    root: &Place<'_>,
    found: &mut Diagnostics,
) -> (GatewaySettings, ProcessSettings) {
    let listen = root.field("gateway").field("listen");
    let admin_listen = root.field("admin").field("listen");
    check_address(&spec.gateway.listen, &listen, found);
    check_address(&spec.admin.listen, &admin_listen, found);
    if spec.gateway.listen == spec.admin.listen && !spec.admin.listen.ends_with(":0") {
        let place = if admin_listen.node.is_some() { &admin_listen } else { &listen };
        let message = "gateway.listen and admin.listen are the same address".to_owned();
        place.error(found, message, Some("give each listener a port of its own".to_owned()));
    }
    check_store(spec.store.url.as_deref(), &root.field("store").field("url"), found);
    let gateway = &spec.gateway;
    let settings = GatewaySettings {
        listen: gateway.listen.clone(),
        admin_listen: spec.admin.listen.clone(),
        max_body_bytes: gateway.max_body_bytes,
        max_event_bytes: gateway.max_event_bytes,
        max_answer_bytes: gateway.max_answer_bytes,
        max_json_depth: gateway.max_json_depth,
        max_attempts: gateway.max_attempts,
        retry_rounds: gateway.retry_rounds,
        retry_percent: gateway.retry_percent,
        max_connections: gateway.max_connections,
        drain: Duration::from_millis(gateway.drain_ms),
        header_read_timeout: Duration::from_millis(gateway.header_read_timeout_ms),
        body_read_timeout: Duration::from_millis(gateway.body_read_timeout_ms),
        write_timeout: Duration::from_millis(gateway.write_timeout_ms),
        idle_timeout: Duration::from_millis(gateway.idle_timeout_ms),
        ping_interval: Duration::from_millis(gateway.ping_interval_ms),
        ping_timeout: Duration::from_millis(gateway.ping_timeout_ms),
        stream_comments: Some(Duration::from_millis(gateway.stream_comments_ms))
            .filter(|every| !every.is_zero()),
        max_head_bytes: gateway.max_head_bytes,
        max_streams: gateway.max_streams,
        public_models: gateway.public_models,
        heal_json: gateway.heal_json,
        session: SessionSettings {
            idle: Duration::from_millis(gateway.session.idle_ms),
            total: Duration::from_millis(gateway.session.total_ms),
        },
        fetch: Arc::new(fetching(&gateway.fetch, &root.field("gateway").field("fetch"), found)),
        responses: keeping(&gateway.responses),
    };
    let process = ProcessSettings {
        store_url: spec.store.url.clone(),
        log_format: spec.log.format,
        log_level: spec.log.level,
    };
    (settings, process)
}

/// Each bound holds by itself, so that the least of them counts.
fn keeping(responses: &ResponsesSpec) -> ResponsesSettings {
    ResponsesSettings {
        store: responses.store,
        retention: Duration::from_secs(u64::from(responses.retention_days) * 24 * 3600),
        max_response_bytes: responses.max_response_bytes,
        max_key_bytes: responses.max_key_bytes,
        max_bytes: responses.max_bytes,
    }
}

fn fetching(fetch: &FetchSpec, place: &Place<'_>, found: &mut Diagnostics) -> FetchSettings {
    let networks = place.field("allow_private");
    let mut allowed = Vec::with_capacity(fetch.allow_private.len());
    for (index, text) in fetch.allow_private.iter().enumerate() {
        let place = networks.item(index);
        match Network::parse(text) {
            Some(network) => allowed.push(network),
            None => {
                let hint =
                    "write for example `10.1.0.0/16` or `fd12:3456::/32`; bits behind the prefix must be 0";
                place.error(found, format!("{} is not a network", place.with_value()), Some(hint.to_owned()));
            }
        }
    }
    if fetch.max_total_bytes < fetch.max_bytes {
        let place = place.field("max_total_bytes");
        let message = format!("{} is less than `max_bytes`, {}", place.with_value(), fetch.max_bytes);
        place.error(found, message, Some("a single file must find room".to_owned()));
    }
    FetchSettings {
        enabled: fetch.enabled,
        allowed,
        ports: fetch.ports.clone(),
        max_bytes: fetch.max_bytes,
        max_total_bytes: fetch.max_total_bytes,
        timeout: Duration::from_millis(fetch.timeout_ms),
    }
}

/// `address:port` with an address or a host name; names are looked up when the listener opens.
fn check_address(text: &str, place: &Place<'_>, found: &mut Diagnostics) {
    let named = |(host, port): (&str, &str)| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        !host.is_empty()
            && host.bytes().all(letters)
            && host.bytes().any(|byte| byte.is_ascii_alphabetic())
            && port.parse::<u16>().is_ok()
    };
    if text.parse::<SocketAddr>().is_err() && !text.rsplit_once(':').is_some_and(named) {
        let message = format!("{} is not an address with a port", place.with_value());
        let hint = match text.strip_prefix(':') {
            Some(port) if port.parse::<u16>().is_ok() => format!("write `0.0.0.0:{port}` for all addresses"),
            _ => "write for example `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`".to_owned(),
        };
        place.error(found, message, Some(hint));
    }
}

/// The message never repeats the URL: those of other databases hold passwords.
fn check_store(url: Option<&str>, place: &Place<'_>, found: &mut Diagnostics) {
    let Some(url) = url else { return };
    let hint = || Some("write for example `sqlite://data/yumen.db`".to_owned());
    match url.strip_prefix("sqlite:").map(|rest| rest.trim_start_matches("//")) {
        Some("") => place.error(found, format!("{} names no file", place.path), hint()),
        Some(_) => {}
        None if url.starts_with("postgres") => {
            place.error(found, format!("{}: PostgreSQL is not supported yet", place.path), hint());
        }
        None => place.error(found, format!("{} must begin with `sqlite://`", place.path), hint()),
    }
}
