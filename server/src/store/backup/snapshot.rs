//! The database of a copy: SQLite's own backup of one moment.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::connect::{self, BUSY};
use crate::store::fault::Fault;
use crate::store::{rows, schema};

/// Pages that are copied at once.
const PAGES: i32 = 1_000;

/// The database that is copied, as it is at one moment.
pub(super) struct Snapshot {
    /// Reads that moment, as long as it lives.
    moment: Connection,
    /// Reads what is there now.
    now: Connection,
}

/// The copy of it, while it is made.
pub(super) struct Copy(Connection);

impl Snapshot {
    /// The database of a server that may run.
    pub(super) fn source(file: &Path) -> Result<Self, Fault> {
        if !file.is_file() {
            let what = "it is not there; name the folder that `fulmen serve` uses with --data";
            return Err(Fault::Foreign(what.into()));
        }
        let moment = open(file)?;
        if !schema::is_ours(&moment)? || schema::version(&moment)? == 0 {
            return Err(Fault::Foreign("it is not the database of `fulmen serve`".into()));
        }
        if schema::version(&moment)? > schema::MIGRATIONS.len() {
            let what = "it was written by a newer version of this program; copy it with that one";
            return Err(Fault::Foreign(what.into()));
        }
        // From the first read on nothing changes for this connection.
        moment.execute_batch("BEGIN")?;
        moment.query_row("SELECT count(*) FROM images", [], |_| Ok(()))?;
        Ok(Self { moment, now: open(file)? })
    }

    /// Copies all of it into a file that is empty. `tell` gets pages done, and how many there are.
    pub(super) fn copy(
        &self,
        file: &Path,
        tell: &mut dyn FnMut(u64, u64) -> Result<(), Fault>,
    ) -> Result<Copy, Fault> {
        let mut copy = Connection::open(file)?;
        let backup = Backup::new(&self.moment, &mut copy)?;
        loop {
            let step = backup.step(PAGES)?;
            let progress = backup.progress();
            let of = progress.pagecount.unsigned_abs().into();
            tell(of - u64::from(progress.remaining.unsigned_abs()), of)?;
            match step {
                StepResult::Done => break,
                // Nobody else uses either; where the source is held it is held for a moment.
                StepResult::Busy | StepResult::Locked => std::thread::sleep(BUSY / 20),
                _ => {}
            }
        }
        drop(backup);
        let verdict: String = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        match verdict.as_str() {
            "ok" => {}
            _ => return Err(Fault::Damaged(format!("the database is damaged: {verdict}"))),
        }
        // One file, so that there is one to give its name to.
        copy.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        Ok(Copy(copy))
    }

    /// Whether there is still an image with this file.
    pub(super) fn has(&self, file: &str) -> Result<bool, Fault> {
        Ok(self.now.prepare_cached("SELECT 1 FROM images WHERE file = ?1")?.exists([file])?)
    }
}

impl Copy {
    /// Name and size of each picture's file.
    pub(super) fn images(&self) -> Result<Vec<(String, u64)>, Fault> {
        let mut statement = self.0.prepare("SELECT file, size FROM images ORDER BY file")?;
        Ok(statement.query_map([], rows::file)?.collect::<rusqlite::Result<_>>()?)
    }

    pub(super) fn generations(&self) -> Result<u64, Fault> {
        let count = self.0.query_row("SELECT count(*) FROM generations", [], |row| row.get::<_, i64>(0))?;
        Ok(count.unsigned_abs())
    }

    /// Removes the records of pictures that were deleted meanwhile.
    pub(super) fn forget(&mut self, files: &[&str]) -> Result<(), Fault> {
        let transaction = self.0.transaction()?;
        let mut statement = transaction.prepare("DELETE FROM images WHERE file = ?1")?;
        files.iter().try_for_each(|file| statement.execute([file]).map(drop))?;
        drop(statement);
        Ok(transaction.commit()?)
    }

    /// All of it is on the disk when this returns.
    pub(super) fn finish(self) -> Result<(), Fault> {
        self.0.close().map_err(|(_, error)| error.into())
    }
}

/// A connection that changes nothing. It could, so that a log that a killed server left can be read; where that is not
/// allowed, on a disk that is mounted for reading, there must be no log.
fn open(file: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(file, flags).and_then(|db| {
        db.busy_timeout(BUSY)?;
        db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        db.pragma_update(None, "query_only", true)?;
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(db)
    });
    match opened {
        Err(error) if is_read_only(&error) => immutable(file),
        opened => Ok(opened?),
    }
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}

/// The database without a log, on a disk where none can be made.
fn immutable(file: &Path) -> Result<Connection, Fault> {
    let [_, log, _] = crate::store::database::files(file);
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let what = format!(
            "its log {} is still to be written into it, and the folder cannot be written; start a server on it once, or \
             make the folder writable",
            log.display()
        );
        return Err(Fault::Foreign(what));
    }
    Ok(connect::without_log(file)?)
}
