//! Writes lines in a thread of their own: where standard error is not read, lines wait there, and beyond some they
//! are dropped and counted, but nothing else waits.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::LogFormat;
use super::line::of_ours;

/// Lines that wait, each of a kibibyte at most.
const MOST: usize = 4096;
/// Bytes of the thread's stack.
const STACK: usize = 128 << 10;
/// Between two tries to say that all is to be written.
const PAUSE: Duration = Duration::from_millis(5);

/// Where lines go.
#[derive(Debug)]
pub(super) struct Writer {
    lines: SyncSender<Message>,
    format: LogFormat,
    dropped: AtomicU64,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// To be answered when all lines before were written.
    Written(SyncSender<()>),
}

impl Writer {
    /// # Errors
    /// There is no thread to write in.
    pub(super) fn new(to: impl Write + Send + 'static, format: LogFormat) -> std::io::Result<Self> {
        Self::holding(MOST, to, format)
    }

    fn holding(most: usize, to: impl Write + Send + 'static, format: LogFormat) -> std::io::Result<Self> {
        let (lines, waiting) = sync_channel(most);
        let thread = thread::Builder::new().name("fulmen-log".into()).stack_size(STACK);
        thread.spawn(move || write(&waiting, to))?;
        Ok(Self { lines, format, dropped: AtomicU64::new(0) })
    }

    /// One line more, without waiting for anything.
    pub(super) fn write(&self, line: Vec<u8>) {
        self.tell_dropped();
        if self.lines.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits so long until all lines are written.
    pub(super) fn finish(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let (written, heard) = sync_channel(1);
        self.tell_dropped();
        let mut message = Message::Written(written);
        while let Err(TrySendError::Full(back)) = self.lines.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            message = back;
            thread::sleep(PAUSE);
        }
        // An error is the end of the time, or of the thread.
        let _ = heard.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }

    /// Says how many lines are missing here, if some are and there is room.
    fn tell_dropped(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped == 0 {
            return;
        }
        let line = of_ours(self.format, "the log was not read, and lines were dropped", dropped);
        if self.lines.try_send(Message::Line(line)).is_err() {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
    }
}

fn write(waiting: &Receiver<Message>, mut to: impl Write) {
    for message in waiting {
        match message {
            // Whoever closed standard error does not want to know.
            Message::Line(line) => drop(to.write_all(&line).and_then(|()| to.flush())),
            Message::Written(written) => drop(written.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Accepts one line for each word it is given.
    struct Slow {
        lines: Arc<Mutex<Vec<u8>>>,
        may: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.may.recv();
            self.lines.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn slow(most: usize) -> (Writer, Arc<Mutex<Vec<u8>>>, Sender<()>) {
        let (lines, (read, may)) = (Arc::default(), channel());
        let to = Slow { lines: Arc::clone(&lines), may };
        (Writer::holding(most, to, LogFormat::Text).unwrap(), lines, read)
    }

    #[test]
    fn where_nobody_reads_nothing_waits_and_what_is_missing_is_counted() {
        let (writer, lines, read) = slow(10);
        let started = Instant::now();
        for number in 0..1000 {
            writer.write(format!("line {number}\n").into_bytes());
        }
        writer.finish(Duration::from_millis(50));
        assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
        // Now somebody reads again.
        (0..2000).for_each(|_| read.send(()).unwrap());
        writer.finish(Duration::from_secs(10));
        writer.write(b"the last\n".to_vec());
        writer.finish(Duration::from_secs(10));
        let lines = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        let written = lines.lines().filter(|line| line.starts_with("line ")).count();
        let dropped: usize =
            lines.lines().filter_map(|line| line.split_once("left_out=")?.1.parse::<usize>().ok()).sum();
        assert_eq!(written + dropped, 1000, "{lines}");
        assert!(dropped >= 980 && lines.ends_with("the last\n"), "{lines}");
    }

    #[test]
    fn what_was_said_is_written_before_the_end() {
        let (writer, lines, read) = slow(100);
        (0..50).for_each(|number| writer.write(format!("{number}\n").into_bytes()));
        (0..50).for_each(|_| read.send(()).unwrap());
        writer.finish(Duration::from_secs(10));
        assert!(lines.lock().unwrap().ends_with(b"48\n49\n"));
    }
}
