use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::exchanges::{MOST_SERIES, MOST_VALUES};
use super::*;
use crate::RecordObserver;
use crate::record::samples::{completed, refused};

fn metrics(readings: Vec<(Reading, Box<dyn Fn() -> i64 + Send + Sync>)>) -> Metrics {
    Metrics::new(
        &BuildInfo { version: "0.1.0".into(), commit: "unknown".into() },
        readings,
        Box::new(reports),
    )
}

#[test]
fn records_become_series() {
    let metrics = metrics(Vec::new());
    let mut observer = metrics.observer();
    observer.observe(&completed("gen-1"));
    observer.observe(&completed("gen-2"));
    observer.observe(&refused("gen-3"));
    let text = metrics.render();
    let served =
        r#"operation="chat",provider="openai",model="openai/gpt-oss",status_class="2xx",outcome="completed""#;
    let gen_ai = r#"gen_ai_operation_name="chat",gen_ai_provider_name="openai",gen_ai_response_model="openai/gpt-oss""#;
    for line in [
        format!("yumen_requests_total{{{served}}} 2"),
        r#"yumen_requests_total{operation="chat",provider="none",model="none",status_class="4xx",outcome="refused"} 1"#.into(),
        r#"yumen_errors_total{code="invalid_api_key",provider="none"} 1"#.into(),
        r#"yumen_cost_nano_usd_total{provider="openai",model="openai/gpt-oss"} 84000"#.into(),
        format!(r#"gen_ai_client_token_usage_sum{{{gen_ai},gen_ai_token_type="input"}} 240.0"#),
        format!(r#"gen_ai_client_token_usage_bucket{{le="64.0",{gen_ai},gen_ai_token_type="output"}} 2"#),
        format!(r#"gen_ai_client_operation_duration_seconds_count{{{gen_ai}}} 2"#),
        format!(r#"gen_ai_server_time_to_first_token_seconds_bucket{{le="0.04",{gen_ai}}} 2"#),
        r#"yumen_gateway_overhead_seconds_bucket{le="0.00005",operation="chat"} 3"#.into(),
        r#"yumen_build_info{version="0.1.0",commit="unknown"} 1"#.into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis missing in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("gen_ai_client_token_usage_count{").count(), 2, "a refusal has no tokens");
}

#[test]
fn distinct_models_are_bounded() {
    let metrics = metrics(Vec::new());
    let mut observer = metrics.observer();
    for model in 0..2 * MOST_VALUES {
        let mut record = completed("gen-1");
        record.model_served = Some(format!("m{model}"));
        observer.observe(&record);
    }
    let text = metrics.render();
    assert_eq!(text.matches("yumen_requests_total{").count(), MOST_VALUES + 1);
    let others = format!(
        r#"yumen_requests_total{{operation="chat",provider="openai",model="other",status_class="2xx",outcome="completed"}} {MOST_VALUES}"#
    );
    assert!(text.contains(&others));
}

#[test]
fn combinations_are_bounded_too() {
    let metrics = metrics(Vec::new());
    let mut observer = metrics.observer();
    for turn in 0..2 * MOST_SERIES {
        let mut record = completed("gen-1");
        record.provider = Some(format!("p{}", turn % 100));
        record.model_served = Some(format!("m{}", turn / 100));
        observer.observe(&record);
    }
    let series = metrics.render().matches("yumen_requests_total{").count();
    assert_eq!(series, MOST_SERIES + 1);
}

#[test]
fn readings_are_taken_at_each_scrape() {
    let in_flight = Arc::new(AtomicI64::new(3));
    let source = Arc::clone(&in_flight);
    let metrics = metrics(vec![
        (Reading::ExchangesInFlight, Box::new(move || source.load(Ordering::Relaxed))),
        (Reading::UpstreamConnectionsActive, Box::new(|| 5)),
        (Reading::RecordsStored, Box::new(|| 7)),
        (Reading::UpstreamConnectionsIdle, Box::new(|| 2)),
    ]);
    let text = metrics.render();
    assert!(text.contains("yumen_exchanges_in_flight 3\n"), "{text}");
    in_flight.store(4, Ordering::Relaxed);
    let text = metrics.render();
    assert!(text.contains("yumen_exchanges_in_flight 4\n"));
    assert!(text.contains("yumen_upstream_connections{state=\"active\"} 5\n"));
    assert!(text.contains("yumen_upstream_connections{state=\"idle\"} 2\n"));
    assert!(text.contains("yumen_records_stored_total 7\n"));
    assert_eq!(text.matches("# TYPE yumen_upstream_connections gauge").count(), 1);
}

#[test]
fn label_values_cannot_break_the_text() {
    let metrics = metrics(Vec::new());
    let mut observer = metrics.observer();
    let mut record = completed("gen-1");
    record.model_served = Some("a\"b\\c\nd".into());
    observer.observe(&record);
    let text = metrics.render();
    assert!(text.contains(r#"model="a\"b\\c\nd""#), "{text}");
}

fn reports() -> Vec<crate::HealthReport> {
    let deployment = crate::HealthReport {
        provider: "openai".into(),
        model: "gpt-4o".into(),
        open: 3,
        state: "shaky".into(),
        uptime_5m: crate::Uptime { good: 3, bad: 1 },
        first_token_ms: Some([250, 300, 400, 900]),
        probes: Some(crate::ProbeReport { good: 2, refused: 0, failed: 1 }),
        ..crate::HealthReport::default()
    };
    let credential = crate::HealthReport {
        provider: "openai".into(),
        credential: "#1".into(),
        state: "resting".into(),
        allowances: vec![crate::AllowanceReport {
            model: "gpt-4o".into(),
            requests: Some(crate::Left { left: 3, limit: Some(500), resets_in_ms: 1000 }),
            tokens: Some(crate::Left { left: 70, limit: None, resets_in_ms: 1000 }),
        }],
        ..crate::HealthReport::default()
    };
    vec![deployment, credential]
}

#[test]
fn deployments_and_credentials_are_told_apart() {
    let text = metrics(Vec::new()).render();
    for line in [
        "yumen_upstream_open_exchanges{provider=\"openai\",model=\"gpt-4o\",credential=\"\"} 3.0",
        "yumen_upstream_state{provider=\"openai\",model=\"gpt-4o\",credential=\"\"} 1.0",
        "yumen_upstream_state{provider=\"openai\",model=\"\",credential=\"#1\"} 3.0",
        "yumen_upstream_success_ratio{provider=\"openai\",model=\"gpt-4o\",credential=\"\",window=\"5m\"} 0.75",
        "yumen_upstream_first_token_seconds{provider=\"openai\",model=\"gpt-4o\",credential=\"\",quantile=\"0.99\"} 0.9",
        "yumen_credential_remaining{provider=\"openai\",credential=\"#1\",model=\"gpt-4o\",unit=\"requests\"} 3.0",
        "yumen_credential_limit{provider=\"openai\",credential=\"#1\",model=\"gpt-4o\",unit=\"requests\"} 500.0",
        "yumen_credential_remaining{provider=\"openai\",credential=\"#1\",model=\"gpt-4o\",unit=\"tokens\"} 70.0",
        "yumen_probes_total{provider=\"openai\",result=\"failed\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
