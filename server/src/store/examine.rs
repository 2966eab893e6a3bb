//! A data directory is read before anything in it is changed.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::connect::{self, BUSY};
use super::fault::Fault;
use super::pictures::Pictures;
use super::survey::{Known, Survey};
use super::{returned, schema};

/// What matches and what does not. The database is read through a connection that cannot write, so that a damaged one
/// is left as it is.
pub(super) fn survey(directory: &Path, database: &Path, pictures: &Pictures) -> Result<Survey, Fault> {
    let db = sound(database)?;
    let known = db.as_ref().map(Known::read).transpose()?.unwrap_or_default();
    let listing = match pictures.list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
        listed => listed.map_err(Fault::file(pictures.folder()))?,
    };
    let mut survey = known.compare(listing, pictures);
    returned::take_back(&mut survey, directory, db.as_ref())?;
    Ok(survey)
}

/// The database, if it has tables and they are sound.
fn sound(file: &Path) -> Result<Option<Connection>, Fault> {
    if !fs::metadata(file).is_ok_and(|found| found.len() > 0) {
        return Ok(None);
    }
    let db = match examine(file) {
        Err(Fault::Database(error)) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            return unfinished(file);
        }
        examined => examined?,
    };
    match schema::version(&db)? {
        0 => Ok(None),
        version if version > schema::MIGRATIONS.len() => {
            let what = "it was written by a newer version of this server; start that one, or choose another directory \
                        with --data";
            Err(Fault::Foreign(what.into()))
        }
        _ => Ok(Some(db)),
    }
}

/// What only a writer could undo, by the journal beside it: mostly a creation that a crash cut short, when nothing was
/// in it yet.
fn unfinished(file: &Path) -> Result<Option<Connection>, Fault> {
    let without = connect::without_log(file)?;
    let version: i64 = without.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        return Ok(None);
    }
    let what = "the file `fulmen.db-journal` beside it is not of this server; move it away";
    Err(Fault::Foreign(what.into()))
}

/// A connection to a database that is whole and ours.
fn examine(file: &Path) -> Result<Connection, Fault> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(BUSY)?;
    // Closing must not tidy up either.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Not the quick one: that does not compare tables with their indices, and would miss a name of one letter changed.
    let verdict: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Fault::Damaged(verdict));
    }
    if !schema::is_ours(&db)? {
        let what = "it belongs to another program; choose another directory with --data";
        return Err(Fault::Foreign(what.into()));
    }
    Ok(db)
}
