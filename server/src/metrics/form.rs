//! The two formats of metrics: Prometheus' text (0.0.4), which every collector reads, and OpenMetrics
//! (1.0.0), for who asks for it.

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Prometheus,
    OpenMetrics,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Form {
    /// What a client accepts most; Prometheus' text for everyone who does not say that OpenMetrics is better.
    pub(crate) fn accepted(accept: &str) -> Self {
        let mut best = (Self::Prometheus, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                OPEN_METRICS => Self::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Self::Prometheus,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f64>);
            let quality = quality.unwrap_or(0.0);
            // Of two that are as good, Prometheus itself wants the first.
            if quality > best.1 {
                best = (form, quality);
            }
        }
        best.0
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    pub(super) fn text(self, registry: &Registry) -> String {
        let mut text = String::new();
        let written = encode_registry(&mut text, registry);
        written.and_then(|()| encode_eof(&mut text)).expect("text can always grow");
        match self {
            Self::OpenMetrics => text,
            Self::Prometheus => as_prometheus(&text),
        }
    }
}

/// The same in Prometheus' older form: a counter is described under the name that its samples have, and there are
/// neither units nor an end.
fn as_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let counted = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
        let is_counter =
            counted(line) || (line.starts_with("# HELP ") && lines.peek().is_some_and(|next| counted(next)));
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["#", what, name, rest] if is_counter => {
                text.push_str(&format!("# {what} {name}_total {rest}\n"));
            }
            _ => text.extend([line, "\n"]),
        }
    }
    text
}
