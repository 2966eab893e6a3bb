//! The log: one line for each request, and what an operator should know. No line holds a prompt or a key.

use tracing::Level;
use tracing_subscriber::fmt;

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// From here on the log goes to standard error. A second call changes nothing.
pub fn log_to_stderr(format: LogFormat, level: Level) {
    let log = fmt().with_max_level(level).with_writer(std::io::stderr);
    // Where another log was set up already, that one stays.
    let set = match format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(set);
}
