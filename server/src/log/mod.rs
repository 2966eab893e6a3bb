//! The log: one line for each request, and what an operator should know. No line holds a prompt or a key, and none
//! makes anything wait: neither for a reader, nor for a disk that fills with what strangers caused to be said.

mod flood;
mod line;
mod writer;

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use flood::{Flood, Verdict};
use writer::Writer;

/// How long the end of the program waits for its last lines to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log, where one was begun.
static LOG: OnceLock<Log> = OnceLock::new();

/// The log of this program.
#[derive(Debug)]
struct Log {
    format: LogFormat,
    flood: Flood,
    /// Nothing until there is a thread for it: then lines are written where they are said.
    writer: OnceLock<Writer>,
}

/// From here on the log goes to standard error. A second call changes nothing.
pub fn log_to_stderr(format: LogFormat) {
    let log = LOG.get_or_init(|| Log { format, flood: Flood::default(), writer: OnceLock::new() });
    // Drivers and shader compilers talk a lot; of theirs only warnings matter.
    let ours = Targets::new().with_target("fulmen", LevelFilter::INFO).with_default(LevelFilter::WARN);
    let lines = fmt::layer().with_writer(log);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Where another log was set up already, that one stays.
    drop(registry().with(lines.with_filter(ours)).try_init());
}

/// From here on nothing waits for whoever reads the log: a thread of its own does. To be called when it is settled which
/// threads take signals, because it would take them too.
pub fn log_in_background() {
    if let Some(log) = LOG.get()
        && let Ok(writer) = Writer::new(io::stderr(), log.format)
    {
        // A second one ends at once.
        drop(log.writer.set(writer));
    }
}

/// A line beside the log for whoever started the server: bare where the log is text, and a line of it where programs
/// read it.
pub fn tell(line: &str) {
    match LOG.get() {
        Some(Log { format: LogFormat::Json, .. }) => tracing::info!("{line}"),
        Some(log) => log.write(Cow::Owned(format!("{line}\n").into_bytes())),
        // Whoever closed standard error does not want to know.
        None => drop(writeln!(io::stderr().lock(), "{line}")),
    }
}

/// The same for what they should know of.
pub fn tell_warning(line: &str) {
    match LOG.get() {
        Some(Log { format: LogFormat::Json, .. }) => tracing::warn!("{line}"),
        _ => tell(&format!("warning: {line}")),
    }
}

/// The same for what ends it.
pub fn tell_failure(line: &str) {
    match LOG.get() {
        Some(Log { format: LogFormat::Json, .. }) => tracing::error!("{line}"),
        _ => tell(line),
    }
}

/// Waits a moment until everything that was said is written. To be called at the end of the program.
pub fn finish_log() {
    let Some(log) = LOG.get() else { return };
    log.tell_left_out(log.flood.rest());
    log.writer.get().iter().for_each(|writer| writer.finish(LAST_WORDS));
}

impl Log {
    fn write(&self, line: Cow<'_, [u8]>) {
        match self.writer.get() {
            Some(writer) => writer.write(line.into_owned()),
            None => drop(io::stderr().lock().write_all(&line)),
        }
    }

    fn tell_left_out(&self, left_out: u64) {
        if left_out > 0 {
            let message = "repeated lines were left out, because there were too many of them";
            self.write(Cow::Owned(line::of_ours(self.format, message, left_out)));
        }
    }
}

/// One line on its way into the log.
struct OneLine {
    log: &'static Log,
    written: bool,
}

impl MakeWriter<'_> for &'static Log {
    type Writer = OneLine;

    fn make_writer(&self) -> OneLine {
        OneLine { log: self, written: true }
    }

    fn make_writer_for(&self, line: &Metadata<'_>) -> OneLine {
        let Verdict { written, left_out } = self.flood.judge(line);
        self.tell_left_out(left_out);
        OneLine { log: self, written }
    }
}

impl Write for OneLine {
    /// Gets whole lines.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written {
            self.log.write(line::cut(bytes, self.log.format));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
