//! The database's connections: one that writes, some that read meanwhile, and when the log becomes part of the
//! database.
//!
//! SQLite's log is only appended to, and the database's file rests while it grows. So copies of both fit together in
//! whatever order they are made, unless the log was written into the database between them; and that is done seldom:
//! when the log is long, when nothing was written for a while, and when the server stops.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::connect::{self, BUSY};
use super::disk;
use super::fault::Fault;
use super::lengths::Lengths;
use super::pictures::on_disk;
use super::pool::{Pool, Taken};

/// Connections that read.
const READERS: usize = 3;

/// How long one waits for others of this server.
const SEAT: Duration = Duration::from_secs(10);

/// How long whether the database can be written is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// While another program holds the database, only one writer in this time waits for it. Those behind fail at once,
/// so that their waits do not add up.
const BLOCKED: Duration = Duration::from_secs(1);

/// How long the log waits for readers when it is written into the database, and when that is tried again.
const LOG_WAIT: Duration = Duration::from_millis(100);
const LOG_PAUSE: Duration = Duration::from_secs(5);

/// How long a stop waits for each kind of connection.
const STOP: Duration = Duration::from_secs(2);

/// The log takes one part in so many of what is free on the disk; a short one may always be there.
const PART_OF_DISK: u64 = 8;
const SHORT: u64 = 256 << 10;

/// Pages without content that may stay in the database.
const SPARE_PAGES: i64 = 16;

/// The database.
#[derive(Debug)]
pub(super) struct Database {
    file: PathBuf,
    writer: Pool,
    readers: Pool,
    /// Bytes of the log beyond which it is written into the database, where the disk has room.
    log_limit: u64,
    lengths: Lengths,
    moments: Mutex<Moments>,
    /// Whether the last change found the database broken.
    broken: AtomicBool,
    /// Whether a transaction goes on: its lock was had.
    writing: AtomicBool,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Moments {
    /// When another program was last found to hold the database.
    blocked: Option<Instant>,
    /// When readers last kept the log from being written into the database.
    held: Option<Instant>,
    /// Length of the log when it was last looked at.
    log: u64,
}

impl Database {
    pub(super) fn open(file: &Path, log_limit: u64) -> Result<Self, Fault> {
        let writer = connect::writer(file)?;
        let reader = connect::reader(file)?;
        // Only what was read once has its log and shared memory open.
        reader.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(Self {
            file: file.to_owned(),
            writer: Pool::new(1, writer),
            readers: Pool::new(READERS, reader),
            log_limit,
            lengths: Lengths::of(files(file)),
            moments: Mutex::default(),
            broken: AtomicBool::new(false),
            writing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        })
    }

    /// The files that SQLite has open.
    pub(super) fn files(&self) -> [PathBuf; 3] {
        files(&self.file)
    }

    /// Bytes of them all.
    pub(super) fn size(&self) -> u64 {
        self.files().iter().map(|path| fs::metadata(path).map_or(0, |about| on_disk(about.len()))).sum()
    }

    /// Asks; what is being written meanwhile is not seen, and not waited for.
    pub(super) fn read<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let db = self.readers.take(SEAT, || connect::reader(&self.file))?.ok_or(Fault::Busy)?;
        self.lengths.check_memory()?;
        ask(&db)
    }

    /// Changes, in one transaction: wholly, or not at all.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut db = self.seat(SEAT)?.ok_or(Fault::Busy)?;
        let blocked = self.is_blocked();
        db.busy_timeout(if blocked { Duration::ZERO } else { BUSY })?;
        let changed = self.transact(&mut db, change);
        match &changed {
            Err(fault) if fault.is_locked() && !blocked => self.moments().blocked = Some(Instant::now()),
            Err(fault) if fault.is_locked() => {}
            _ => self.moments().blocked = None,
        }
        self.broken.store(changed.as_ref().is_err_and(Fault::is_damage), Ordering::Relaxed);
        if changed.is_ok() && self.log_size() > self.log_limit() {
            self.settle_log(&db);
        }
        changed
    }

    /// Whether it can be written at this moment. One who writes already is an answer; one who still waits for another
    /// program is one, too.
    pub(super) fn probe(&self) -> Result<(), Fault> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Fault::Damaged("the last change could not be made".into()));
        }
        let Some(mut db) = self.seat(LOOK)? else {
            return if self.writing.load(Ordering::Acquire) { Ok(()) } else { Err(Fault::Held) };
        };
        db.busy_timeout(LOOK)?;
        self.transact(&mut db, |transaction| {
            Ok(transaction.prepare_cached("SELECT 1 FROM images")?.exists([]).map(drop)?)
        })
    }

    /// Gives the room of deleted rows back, where there is some. On a full disk that has to wait.
    pub(super) fn shrink(&self) {
        let shrunk = self.seat(SEAT).and_then(|db| {
            let Some(db) = db else { return Ok(()) };
            self.lengths.check()?;
            db.busy_timeout(LOOK)?;
            let pages = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            if pages("freelist_count")? > SPARE_PAGES {
                // Every step gives one page back.
                let mut statement = db.prepare_cached("PRAGMA incremental_vacuum")?;
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
            }
            self.lengths.note();
            let size = (pages("page_count")? * pages("page_size")?).cast_unsigned();
            let surplus = fs::metadata(&self.file).map_or(0, |file| file.len().saturating_sub(size));
            if self.log_size().max(surplus) > self.log_limit() {
                self.settle_log(&db);
            }
            Ok(())
        });
        if let Err(fault) = shrunk {
            tracing::debug!("the database cannot be made smaller now: {fault}");
        }
    }

    /// Writes the log into the database, as far as readers let it, and makes both as small as they can be.
    pub(super) fn settle(&self) {
        if let Ok(Some(db)) = self.seat(LOOK) {
            self.settle_log(&db);
        }
    }

    /// The same if nothing was written since this was last called.
    pub(super) fn settle_if_idle(&self) {
        let now = self.log_size();
        let before = std::mem::replace(&mut self.moments().log, now);
        if now > 0 && now == before {
            self.settle();
        }
    }

    /// Ends all connections. The last one writes the log into the database and removes it.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let (readers, writers) = (self.readers.close(STOP), self.writer.close(STOP));
        if let Err(fault) = self.lengths.check() {
            // A log that is not whole would spoil a database that is.
            tracing::warn!("{fault}; the log is left beside the database");
            for db in readers.iter().chain(&writers) {
                drop(db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
            }
        }
        drop(readers);
        for db in writers {
            if let Err((_, error)) = db.close() {
                tracing::warn!("the database is not closed as it should be: {error}; nothing is lost");
            }
        }
    }

    /// Whether its files are as long as they were left.
    pub(super) fn is_whole(&self) -> Result<(), Fault> {
        self.lengths.check()
    }

    /// Whether it was closed, or is about to be.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn seat(&self, wait: Duration) -> Result<Option<Taken<'_>>, Fault> {
        // One writer is all there ever is.
        self.writer.take(wait, || Err(Fault::Busy))
    }

    fn transact<T>(
        &self,
        db: &mut Connection,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.lengths.check()?;
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.writing.store(true, Ordering::Release);
        let changed = change(&transaction).and_then(|changed| {
            transaction.commit()?;
            Ok(changed)
        });
        self.writing.store(false, Ordering::Release);
        if changed.is_ok() {
            self.lengths.note();
        }
        changed
    }

    fn settle_log(&self, db: &Connection) {
        if self.moments().held.is_some_and(|held| held.elapsed() < LOG_PAUSE) {
            return;
        }
        if let Err(fault) = self.lengths.check() {
            return tracing::warn!("{fault}; the log is left as it is");
        }
        self.lengths.may_shrink();
        let held = db
            .busy_timeout(LOG_WAIT)
            .and_then(|()| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)));
        self.lengths.note();
        self.moments().held = (!matches!(held, Ok(false))).then(Instant::now);
        if let Err(error) = held {
            tracing::warn!("the log cannot be written into the database now: {error}");
        }
    }

    /// The less room the disk has, the shorter the log may be.
    fn log_limit(&self) -> u64 {
        let folder = self.file.parent().unwrap_or(&self.file);
        disk::free(folder).map_or(self.log_limit, |free| self.log_limit.min((free / PART_OF_DISK).max(SHORT)))
    }

    fn log_size(&self) -> u64 {
        let [_, log, _] = self.files();
        fs::metadata(log).map_or(0, |log| log.len())
    }

    fn is_blocked(&self) -> bool {
        self.moments().blocked.is_some_and(|blocked| blocked.elapsed() < BLOCKED)
    }

    fn moments(&self) -> std::sync::MutexGuard<'_, Moments> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A database, its log, and its shared memory.
pub(super) fn files(database: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}
