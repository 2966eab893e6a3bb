//! What is counted is exposed, in both formats.

use super::*;

fn now() -> Now {
    Now { waiting: 1, running: 2, pictures: 3, stored: 4 }
}

fn some() -> Metrics {
    let metrics = Metrics::default();
    metrics.job_ended("done");
    metrics.drawn(&Seconds { unet_steps: vec![0.2, 0.3], ..Seconds::default() });
    metrics.input_kept("init", 700);
    metrics.input_refused("invalid_picture");
    metrics.answered(200);
    metrics.refused(413, "body_too_large");
    metrics.closed("client_gone");
    metrics.served(&"/v1/models".into(), Duration::from_millis(20));
    metrics
}

#[test]
fn prometheus_text_describes_every_sample_under_its_own_name() {
    let text = some().text(Form::Prometheus, &now());
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    let mut described = std::collections::HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            described.insert(name, kind);
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let kind = of_histogram.and_then(|name| described.get(name)).or(described.get(name));
        let kind = *kind.unwrap_or_else(|| panic!("{name} is not described"));
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    }
}

#[test]
fn everything_that_was_counted_is_there() {
    for form in [Form::Prometheus, Form::OpenMetrics] {
        let text = some().text(form, &now());
        for line in [
            "fulmen_jobs_ended_total{state=\"done\"} 1",
            "fulmen_jobs_ended_total{state=\"failed\"} 0",
            "fulmen_stage_seconds_bucket{le=\"0.5\",stage=\"unet\"} 1",
            "fulmen_stage_seconds_bucket{le=\"0.25\",stage=\"unet\"} 0",
            "fulmen_stage_seconds_count{stage=\"vae\"} 1",
            "fulmen_stage_seconds_sum{stage=\"unet\"} 0.5",
            "fulmen_stage_seconds_count{stage=\"upscale\"} 0",
            "fulmen_input_pictures_total{kind=\"init\"} 1",
            "fulmen_input_pictures_total{kind=\"edit\"} 0",
            "fulmen_input_picture_bytes_total{kind=\"init\"} 700",
            "fulmen_input_pictures_refused_total{code=\"invalid_picture\"} 1",
            "fulmen_http_answers_total{status=\"413\"} 1",
            "fulmen_gate_refused_total{code=\"body_too_large\"} 1",
            "fulmen_gate_closed_total{why=\"client_gone\"} 1",
            "fulmen_http_request_duration_seconds_bucket{le=\"0.025\",route=\"/v1/models\"} 1",
            "fulmen_http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/v1/models\"} 1",
            "fulmen_queue_length 1",
            "fulmen_jobs_running 2",
            "fulmen_stored_picture_bytes 3",
            "fulmen_stored_bytes 4",
            concat!("fulmen_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in:\n{text}");
        }
        assert_eq!(text.ends_with("# EOF\n"), form == Form::OpenMetrics);
    }
}

/// The value of a sample without labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("there is no {name} in:\n{text}")).parse().unwrap()
}

#[test]
fn the_process_tells_its_own_size() {
    let text = some().text(Form::Prometheus, &now());
    assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    let age = jiff::Timestamp::now().as_second() as f64 - value(&text, "process_start_time_seconds");
    assert!((-2.0..86_400.0).contains(&age), "{age}");
    assert!(value(&text, "process_cpu_seconds_total") >= 0.0);
}

/// In a process of its own, in which no other test begins and ends threads or opens files meanwhile.
#[cfg(target_os = "linux")]
#[test]
fn threads_and_open_files_are_those_that_the_system_counts() {
    const ALONE: &str = "FULMEN_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = "metrics::tests::threads_and_open_files_are_those_that_the_system_counts";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let ran = again.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        let why = String::from_utf8_lossy(&ran.stderr);
        return assert!(ran.status.success() && said.contains("1 passed"), "{said}{why}");
    }
    let count = |of: &str| std::fs::read_dir(of).unwrap().count() as f64;
    let more_threads: Vec<_> =
        (0..7).map(|_| std::thread::spawn(|| std::thread::sleep(Duration::from_secs(600)))).collect();
    let more_files: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let text = some().text(Form::Prometheus, &now());
    assert_eq!(value(&text, "process_threads"), count("/proc/self/task"));
    // Whoever counts has the folder open; sysinfo, a file with the state of the process, too.
    assert_eq!(value(&text, "process_open_fds"), count("/proc/self/fd") + 1.0);
    assert!(value(&text, "process_threads") > 7.0 && value(&text, "process_open_fds") > 20.0);
    assert!(value(&text, "process_max_fds") >= value(&text, "process_open_fds"));
    drop((more_threads, more_files));
}

#[test]
fn who_asks_for_open_metrics_gets_it_and_everybody_else_the_text() {
    let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, form) in [
        ("", Form::Prometheus),
        ("*/*", Form::Prometheus),
        ("text/plain", Form::Prometheus),
        ("text/plain;version=0.0.4", Form::Prometheus),
        ("application/json", Form::Prometheus),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Form::Prometheus),
        ("application/openmetrics-text", Form::OpenMetrics),
        ("Application/OpenMetrics-Text; version=1.0.0", Form::OpenMetrics),
        (prometheus_2, Form::OpenMetrics),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.4", Form::Prometheus),
        ("text/plain;q=0.4, application/openmetrics-text; q=0.5", Form::OpenMetrics),
        ("application/openmetrics-text;q=0", Form::Prometheus),
        ("application/openmetrics-text;q=x", Form::Prometheus),
    ] {
        assert_eq!(Form::accepted(accept), form, "{accept}");
    }
}
