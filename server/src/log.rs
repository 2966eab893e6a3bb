//! The log: one line for each request, and what an operator should know. No line holds a prompt or a key.

use std::io::Write as _;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The form that was chosen.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// From here on the log goes to standard error. A second call changes nothing.
pub fn log_to_stderr(format: LogFormat) {
    let format = *FORMAT.get_or_init(|| format);
    // Drivers and shader compilers talk a lot; of theirs only warnings matter.
    let ours = Targets::new().with_target("fulmen", LevelFilter::INFO).with_default(LevelFilter::WARN);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Where another log was set up already, that one stays.
    drop(registry().with(lines.with_filter(ours)).try_init());
}

/// A line beside the log for whoever started the server: bare where the log is text, and a line of it where programs
/// read it.
pub fn tell(line: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => tracing::info!("{line}"),
        // Whoever closed standard error does not want to know.
        _ => drop(writeln!(std::io::stderr().lock(), "{line}")),
    }
}

/// The same for what ends it.
pub fn tell_failure(line: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => tracing::error!("{line}"),
        _ => tell(line),
    }
}
