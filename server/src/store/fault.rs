//! What can go wrong while the server runs, and the answer to the client.
//!
//! The log gets the whole story with its paths; the client gets a sentence, and a status that says whose turn it is.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::problem::Problem;

/// Seconds after which another program has probably let go of the database.
const LOCKED: u64 = 5;

/// What went wrong inside the store.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the database: {0}")]
    Database(#[from] rusqlite::Error),

    #[error("{at}: {source}")]
    File { at: String, source: io::Error },

    /// SQLite's own words on what is wrong inside the file.
    #[error("{0}")]
    Damaged(String),

    /// What was found is not as this server leaves it; a whole sentence.
    #[error("{0}")]
    Foreign(String),

    /// What the server works on was removed or replaced under its hands.
    #[error("{0}; put it back, or restart the server")]
    Gone(String),

    /// Others of this server have the database, one after the other.
    #[error("the database is busy with other requests")]
    Busy,

    /// Another program holds the database, as others have found.
    #[error("the database is held by another program")]
    Held,

    /// The store was closed: the server stops.
    #[error("the server is shutting down")]
    Closed,

    /// Nothing broke: the request cannot be met.
    #[error("{}", .0.message)]
    Asked(Problem),
}

/// What a fault amounts to for who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No room; as soon as there is, all works again.
    Full,
    /// Another program holds the database.
    Locked,
    /// Too many ask at once.
    Busy,
    /// The server stops.
    Closed,
    /// What is open has no name any more; the server must be started again.
    Gone,
    /// The disk or the folder refuses; somebody has to look.
    Refused,
    /// Ours.
    Internal,
}

impl Fault {
    /// Names the file or folder that an operation failed on.
    pub(super) fn file(at: &Path) -> impl FnOnce(io::Error) -> Self {
        let at = at.display().to_string();
        move |source| Self::File { at, source }
    }

    /// Whether there was no room on the disk.
    pub(super) fn is_full(&self) -> bool {
        self.verdict() == Verdict::Full
    }

    /// Whether the database's file is broken.
    pub(super) fn is_damage(&self) -> bool {
        let code = match self {
            Self::Damaged(_) => return true,
            Self::Database(error) => error.sqlite_error_code(),
            _ => None,
        };
        matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// Whether another program holds the database.
    pub(super) fn is_locked(&self) -> bool {
        self.verdict() == Verdict::Locked
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Database(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Verdict::Full,
                // Its shared memory is a file beside the database, and SQLite says less of why that cannot grow.
                Some(ErrorCode::SystemIoFailure) if grows_in_vain(error) => Verdict::Full,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Verdict::Locked,
                Some(
                    ErrorCode::PermissionDenied
                    | ErrorCode::ReadOnly
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::FileLockingProtocolFailed
                    | ErrorCode::DatabaseCorrupt
                    | ErrorCode::NotADatabase,
                ) => Verdict::Refused,
                _ => Verdict::Internal,
            },
            Self::File { source, .. } => match source.kind() {
                // A limit on a file's size or on what a user may keep is no different from a small disk.
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                    Verdict::Full
                }
                _ => Verdict::Refused,
            },
            Self::Damaged(_) => Verdict::Refused,
            Self::Gone(_) => Verdict::Gone,
            Self::Busy => Verdict::Busy,
            Self::Held => Verdict::Locked,
            Self::Closed => Verdict::Closed,
            Self::Foreign(_) | Self::Asked(_) => Verdict::Internal,
        }
    }
}

/// Whether SQLite could not make its shared memory larger.
fn grows_in_vain(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// 503: the disk has no room.
pub(super) fn disk_full() -> Problem {
    Problem::new(
        503,
        "storage_full",
        "the disk of the server is full; nothing was kept of this request; delete images or generations, or make room, \
         and ask again",
    )
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if let Fault::Asked(problem) = fault {
            return problem;
        }
        if !matches!(fault, Fault::Closed) {
            tracing::error!("{fault}");
        }
        match fault.verdict() {
            Verdict::Full => disk_full(),
            Verdict::Locked => Self::busy(
                "storage_unavailable",
                "another program has locked the server's database; ask again when it has let go",
                LOCKED,
            ),
            Verdict::Busy => Self::busy(
                "storage_unavailable",
                "the server's database is busy with other requests; ask again in a moment",
                LOCKED,
            ),
            Verdict::Closed => Self::busy("shutting_down", "the server is shutting down", 10),
            Verdict::Gone => Self::new(
                503,
                "storage_unavailable",
                "the server's data directory, or a file in it, was removed or replaced while the server runs; nothing \
                 is kept until it is put back, or the server is restarted; its log says which",
            ),
            Verdict::Refused => Self::new(
                503,
                "storage_unavailable",
                "the server cannot read or write its data directory; nothing was kept of this request; its log says \
                 which file and why",
            ),
            Verdict::Internal => Self::internal(),
        }
    }
}
