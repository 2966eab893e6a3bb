//! Writing to what somebody else reads: pipes, terminals, devices, standard output. Whoever does not read makes us
//! wait, and a signal must end the waiting.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

use fulmen_engine::backend::CancelToken;

/// Bytes that can be written without waiting where there is room at all: POSIX's least `PIPE_BUF`.
#[cfg(unix)]
const PIECE: usize = 512;

/// Somebody's end of a pipe.
pub(crate) struct Pipe {
    file: File,
    cancel: CancelToken,
}

/// The user asked to stop while we waited.
#[derive(Debug)]
struct Cancelled;

impl std::error::Error for Cancelled {}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

/// Whether a write ended because the user asked to stop.
pub(crate) fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Cancelled>()).is_some()
}

fn check_cancel(cancel: &CancelToken) -> io::Result<()> {
    cancel.check().map_err(|_| io::Error::other(Cancelled))
}

/// Standard output, for bytes.
pub(crate) fn standard_output(cancel: &CancelToken) -> io::Result<Pipe> {
    Ok(Pipe { file: system::standard_output()?, cancel: cancel.clone() })
}

pub(crate) use system::{check, open, takes_bytes};

#[cfg(unix)]
mod system {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::{Access, OFlags, access};
    use rustix::io::Errno;

    use super::*;
    use crate::console;

    /// Between two looks at whether the user asked to stop.
    const LOOK: Duration = Duration::from_millis(50);

    /// Whether this is something that takes bytes one after the other.
    pub(crate) fn takes_bytes(about: &Metadata) -> bool {
        about.file_type().is_fifo() || about.file_type().is_char_device()
    }

    /// Fails unless we may write there. Nothing is opened: whoever reads a pipe would see it end.
    pub(crate) fn check(place: &Path) -> io::Result<()> {
        Ok(access(place, Access::WRITE_OK)?)
    }

    /// Opens it; a pipe as soon as somebody reads.
    pub(crate) fn open(place: &Path, cancel: &CancelToken) -> io::Result<Pipe> {
        let mut options = File::options();
        options.write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let is_pipe = std::fs::metadata(place)?.file_type().is_fifo();
        let nobody_reads = |error: &io::Error| is_pipe && Errno::from_io_error(error) == Some(Errno::NXIO);
        let mut told = false;
        loop {
            match options.open(place) {
                Err(error) if nobody_reads(&error) => {}
                opened => return opened.map(|file| Pipe { file, cancel: cancel.clone() }),
            }
            check_cancel(cancel)?;
            if !std::mem::replace(&mut told, true) {
                console::err(&format!("waiting until something reads {}", place.display()));
            }
            std::thread::sleep(LOOK);
        }
    }

    pub(super) fn standard_output() -> io::Result<File> {
        Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let look = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            loop {
                check_cancel(&self.cancel)?;
                match poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], Some(&look)) {
                    Ok(0) | Err(Errno::INTR) => continue,
                    Ok(_) => {}
                    Err(error) => return Err(error.into()),
                }
                match self.file.write(&bytes[..bytes.len().min(PIECE)]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    written => return written,
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::*;

    pub(crate) fn takes_bytes(_about: &Metadata) -> bool {
        true
    }

    pub(crate) fn check(_place: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn open(place: &Path, cancel: &CancelToken) -> io::Result<Pipe> {
        Ok(Pipe { file: File::options().write(true).open(place)?, cancel: cancel.clone() })
    }

    #[cfg(windows)]
    pub(super) fn standard_output() -> io::Result<File> {
        use std::os::windows::io::AsHandle;

        Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
    }

    #[cfg(not(windows))]
    pub(super) fn standard_output() -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            check_cancel(&self.cancel)?;
            self.file.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.file.flush()
        }
    }
}
