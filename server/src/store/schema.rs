//! The database's tables, and how those of older versions become those of this one.

use rusqlite::{Connection, TransactionBehavior};

/// One script for each version, in order. A script that was ever released is never changed: the next one is added.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("migrations/1.sql"), include_str!("migrations/2.sql"), include_str!("migrations/3.sql")];

/// Marks a SQLite file as ours: `FULM`.
pub(super) const APPLICATION: i32 = 0x46_55_4c_4d;

/// The version of the tables; 0 where there are none yet.
pub(super) fn version(db: &Connection) -> rusqlite::Result<usize> {
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // A negative version is none of ours, and larger than any.
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Whether the file is ours, or has nothing in it yet.
pub(super) fn is_ours(db: &Connection) -> rusqlite::Result<bool> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(application == APPLICATION || (application == 0 && tables == 0))
}

/// Brings the tables to the newest version. Each script counts wholly or not at all.
pub(super) fn migrate(db: &mut Connection, scripts: &[&str]) -> rusqlite::Result<()> {
    for (at, script) in scripts.iter().enumerate().skip(version(db)?) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(script)?;
        transaction.pragma_update(None, "user_version", super::rows::signed(at + 1))?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.commit()?;
    }
    Ok(())
}
