//! `/metrics`, as collectors ask for it.

use super::raw::{KEY, ask, ask_with, send};
use super::server::{Server, command};

const METRICS_KEY: &str = "numbers-and-nothing-else";

#[test]
fn a_collector_s_key_opens_the_metrics_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let option = ["--metrics-key", METRICS_KEY];
    let server = Server::of(command(data.path(), &option).env("FULMEN_API_KEY", KEY));
    let with = |key: &str| format!("Authorization: Bearer {key}");
    assert_eq!(ask(&server, "GET /metrics", &[&with(METRICS_KEY)]).status, 200);
    assert_eq!(ask(&server, "GET /metrics", &[&with(KEY)]).status, 200);
    assert_eq!(ask(&server, "GET /metrics", &[&with("wrong")]).status, 401);
    assert_eq!(ask(&server, "GET /metrics", &[]).status, 401);
    for line in ["GET /v1/models", "GET /v1/images", "GET /v1/jobs", "GET /me", "DELETE /v1/jobs/x"] {
        let answer = ask(&server, line, &[&with(METRICS_KEY)]);
        assert_eq!(answer.status, 403, "{line}");
        assert!(answer.text().contains("/metrics"), "{}", answer.text());
    }
    let body = r#"{"prompt": "a red circle", "size": "64x64"}"#;
    let drawing = ask_with(&server, "POST /v1/images/generations", &[&with(METRICS_KEY)], body);
    assert_eq!(drawing.status, 403);
}

#[test]
fn the_metrics_key_may_stand_in_the_environment() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::of(command(data.path(), &[]).env("FULMEN_METRICS_KEY", METRICS_KEY));
    assert_eq!(ask(&server, "GET /metrics", &[]).status, 401);
    assert_eq!(ask(&server, "GET /metrics", &[&format!("x-api-key: {METRICS_KEY}")]).status, 200);
    assert_eq!(ask(&server, "GET /v1/models", &[]).status, 200);
}

#[test]
fn each_collector_gets_the_form_it_asks_for_and_what_the_gate_refused_is_in_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(send(&server, "GET /\u{1b} HTTP/1.1\r\nHost: h\r\n\r\n").status, 400);
    assert_eq!(ask(&server, "POST /v1/images/imagine", &["Content-Length: 99999999999"]).status, 413);
    let body = r#"{"prompt": "a red circle", "size": "64x64"}"#;
    assert_eq!(ask_with(&server, "POST /v1/images/generations", &[], body).status, 200);
    assert_eq!(ask(&server, "GET /v1/models", &[]).status, 200);
    let plain = ask(&server, "GET /metrics", &["Accept: text/plain"]);
    assert_eq!(plain.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = plain.text();
    for line in [
        "# TYPE fulmen_jobs_ended_total counter",
        "fulmen_jobs_ended_total{state=\"done\"} 1",
        "fulmen_http_answers_total{status=\"400\"} 1",
        "fulmen_http_answers_total{status=\"413\"} 1",
        "fulmen_gate_refused_total{code=\"body_too_large\"} 1",
        "# TYPE fulmen_stage_seconds histogram",
        "fulmen_stage_seconds_count{stage=\"unet\"} 1",
        "fulmen_http_request_duration_seconds_count{route=\"/v1/models\"} 1",
        "# TYPE process_resident_memory_bytes gauge",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("fulmen_build_info{version=\"") && !text.contains("# EOF"), "{text}");
    let open = ask(&server, "GET /metrics", &["Accept: application/openmetrics-text; version=1.0.0"]);
    assert!(open.header("Content-Type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"));
}
