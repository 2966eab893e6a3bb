//! How a connection to the database is set up.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::schema;

/// How long to wait for another program to let go of the database.
pub(super) const BUSY: Duration = Duration::from_secs(2);

/// Statements that stay compiled: more than there are.
const STATEMENTS: usize = 64;

/// SQLite's number for a database that gives pages back on request.
const INCREMENTAL: i64 = 2;

/// The connection that writes; the tables are those of the newest version.
pub(super) fn writer(file: &Path) -> Result<Connection, Fault> {
    create(file)?;
    let mut db = Connection::open(file)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Counts for a database that has no tables yet, and for one that is vacuumed.
    db.pragma_update(None, "auto_vacuum", "incremental")?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::Foreign(format!(
            "SQLite chose the journal mode {mode}; is the disk a local one?"
        )));
    }
    // When the log is written into the database is decided in `database`.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "full")?;
    // On macOS a plain sync leaves the data in the disk's own memory.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    schema::migrate(&mut db, schema::MIGRATIONS)?;
    give_pages_back(&db)?;
    Ok(db)
}

/// A connection that reads, while another writes.
pub(super) fn reader(file: &Path) -> Result<Connection, Fault> {
    // It could write, so that the one that is closed last removes the log.
    let db = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// A connection to the database's file as it is, as if there was no log, and no other program changed it.
pub(super) fn without_log(file: &Path) -> rusqlite::Result<Connection> {
    const PATH: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC.remove(b'/');
    let path = file.to_string_lossy();
    let address = format!("file:{}?immutable=1", percent_encoding::utf8_percent_encode(&path, PATH));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(address, flags)
}

/// Makes the file, so that only this user can read the prompts. SQLite gives its log the same mode.
fn create(file: &Path) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(Fault::file(file))
}

/// Databases of older versions kept the room of what was deleted: they are rewritten, once. Where there is no room
/// for that, the next start does it.
fn give_pages_back(db: &Connection) -> Result<(), Fault> {
    let mode: i64 = db.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode == INCREMENTAL {
        return Ok(());
    }
    tracing::info!("the database is of an older version and is rewritten, so that it can become smaller");
    if let Err(error) = db.execute_batch("VACUUM") {
        tracing::warn!("the database cannot be rewritten: {error}; the next start tries again");
    }
    // The log has all of it, or what there was room for.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
