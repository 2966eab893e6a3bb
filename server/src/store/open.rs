//! Opening a data directory: one server only, checked before anything is changed, then put in order.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::Fault;
use super::pictures::{Pictures, private_folder};
use super::room::Room;
use super::spare::Spare;
use super::{Store, rows, schema};
use crate::error::{Error, Result};

/// How long to wait for another program to let go of the database. Everybody else waits meanwhile.
const BUSY: Duration = Duration::from_secs(2);

/// Statements that stay compiled: more than there are.
const STATEMENTS: usize = 64;

pub(super) fn open(directory: &Path, max_storage: Option<u64>) -> Result<Store> {
    make_directory(directory)?;
    let lock = lock(directory)?;
    let file = directory.join("fulmen.db");
    let pictures = Pictures::new(directory.join("pictures"));
    let spare = Spare::new(directory);
    let prepare = || check(&file, &pictures).and_then(|()| connect(&file));
    let prepared = prepare().or_else(|fault| match fault.is_full() && spare.give_up() {
        true => prepare(),
        false => Err(fault),
    });
    let mut db = prepared.map_err(|fault| unusable(&file, &fault))?;
    let kept = reconcile(&mut db, &pictures).map_err(|fault| unusable(directory, &fault))?;
    spare.make();
    Ok(Store { db: Mutex::new(db), pictures, room: Room::new(max_storage, kept), spare, _lock: lock })
}

/// Pictures and prompts are private: other users of the machine see nothing of a directory that we make.
fn make_directory(directory: &Path) -> Result<()> {
    private_folder()
        .recursive(true)
        .create(directory)
        .map_err(|error| data(directory, format!("it cannot be made: {error}; choose another with --data")))
}

/// The directory is ours as long as this lives.
#[derive(Debug)]
pub(super) struct Lock(File);

#[cfg(test)]
impl Lock {
    /// What a child has of it.
    pub(super) fn inherited(&self) -> File {
        self.0.try_clone().expect("a descriptor more")
    }
}

impl Drop for Lock {
    /// Closing the file would not always be enough: a program that is started in this very moment has it too, until
    /// it comes to its own.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!("the data directory cannot be let go before the server ends: {error}");
        }
    }
}

fn lock(directory: &Path) -> Result<Lock> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock"));
    let file = opened.map_err(|error| {
        data(
            directory,
            format!("it cannot be written: {error}; make it writable, or choose another with --data"),
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => {
            let what =
                "another server uses it; stop that one, or give this one a directory of its own with --data";
            Err(data(directory, what))
        }
        Err(TryLockError::Error(error)) => {
            let what = format!(
                "its file system cannot lock files ({error}), so two servers could use it at once; choose a local disk \
                 with --data"
            );
            Err(data(directory, what))
        }
    }
}

/// Reads the database through a connection that cannot write, so that a damaged one is left as it is.
fn check(file: &Path, pictures: &Pictures) -> Result<(), Fault> {
    let version = match fs::metadata(file) {
        Ok(found) if found.len() > 0 => match examine(file) {
            // A creation that a crash cut short, which only a writer can undo: nothing was in it yet.
            Err(Fault::Database(error)) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => 0,
            examined => examined?,
        },
        _ => 0,
    };
    if version > schema::MIGRATIONS.len() {
        let what = "it was written by a newer version of this server; start that one, or choose another directory \
                    with --data";
        return Err(Fault::Foreign(what.into()));
    }
    let orphans = version == 0 && pictures.list().is_ok_and(|files| !files.whole.is_empty());
    if orphans {
        let what = format!(
            "it is missing or empty, but there are pictures in {}; put back a copy of it, or move the pictures away \
             to begin anew",
            pictures.folder().display()
        );
        return Err(Fault::Foreign(what));
    }
    Ok(())
}

/// The version of a database that is sound.
fn examine(file: &Path) -> Result<usize, Fault> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(BUSY)?;
    // Closing must not tidy up either.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Fault::Damaged(verdict));
    }
    if !schema::is_ours(&db)? {
        let what = "it belongs to another program; choose another directory with --data";
        return Err(Fault::Foreign(what.into()));
    }
    Ok(schema::version(&db)?)
}

fn connect(file: &Path) -> Result<Connection, Fault> {
    create(file)?;
    let mut db = Connection::open(file)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Foreign(format!(
            "SQLite chose the journal mode {mode}; is the disk a local one?"
        )));
    }
    db.pragma_update(None, "synchronous", "full")?;
    // On macOS a plain sync leaves the data in the disk's own memory.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    schema::migrate(&mut db, schema::MIGRATIONS)?;
    Ok(db)
}

/// Makes the file, so that only this user can read what was asked to be drawn. SQLite gives its log the same mode.
fn create(file: &Path) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(Fault::file(file))
}

/// Makes rows and files agree. Returns how many bytes the pictures have.
fn reconcile(db: &mut Connection, pictures: &Pictures) -> Result<u64, Fault> {
    let mut rows: HashMap<String, (String, u64)> = HashMap::new();
    let mut statement = db.prepare("SELECT file, size, id FROM images")?;
    let found = statement.query_map([], |row| Ok((rows::file(row)?, row.get(2)?)))?;
    for row in found {
        let ((file, size), id) = row?;
        rows.insert(file, (id, size));
    }
    drop(statement);
    make_pictures(pictures, rows.len())?;
    let listing = pictures.list().map_err(Fault::file(pictures.folder()))?;
    let mut kept = 0;
    let mut orphans = listing.parts;
    for (file, size) in listing.whole {
        match rows.get(&file) {
            Some((_, expected)) if *expected == size => {
                kept += size;
                rows.remove(&file);
            }
            _ => orphans.push(pictures.path(&file)),
        }
    }
    // Rows first, as always.
    forget(db, &rows)?;
    for orphan in orphans {
        tracing::info!("{} is left over from a crash and is removed", orphan.display());
        fs::remove_file(&orphan).map_err(Fault::file(&orphan))?;
    }
    Ok(kept)
}

/// Where there are rows the folder must be there: without it they would all be taken for lost.
fn make_pictures(pictures: &Pictures, rows: usize) -> Result<(), Fault> {
    let folder = pictures.folder();
    if rows > 0 && !folder.is_dir() {
        let what = format!(
            "it has {rows} images, but the folder {} is missing; put it back, or move fulmen.db away to begin anew",
            folder.display()
        );
        return Err(Fault::Foreign(what));
    }
    pictures.make()
}

/// Removes the rows of pictures that are missing or not whole.
fn forget(db: &mut Connection, lost: &HashMap<String, (String, u64)>) -> Result<(), Fault> {
    let transaction = db.transaction()?;
    for (file, (id, _)) in lost {
        tracing::warn!("the picture of {id}, {file}, is missing or not whole; the record is removed");
        transaction.execute("DELETE FROM images WHERE file = ?1", [file])?;
    }
    Ok(transaction.commit()?)
}

/// Why a directory cannot be opened, and what to do.
fn unusable(at: &Path, fault: &Fault) -> Error {
    let what = match fault {
        Fault::Foreign(what) => what.clone(),
        fault if fault.is_damage() => format!(
            "it is damaged or no database ({fault}); nothing was changed; put back a copy of it, or move it and the \
             folder `pictures` away to begin anew"
        ),
        fault if fault.is_full() => {
            format!("its disk is full ({fault}); nothing was lost; make room and start again")
        }
        fault if fault.is_locked() => {
            "another program has locked it; close that program and start again".to_owned()
        }
        fault => format!("it cannot be used ({fault}); make it readable and writable for this user"),
    };
    data(at, what)
}

fn data(at: &Path, what: impl Into<String>) -> Error {
    Error::Data { at: at.to_owned(), what: what.into() }
}
