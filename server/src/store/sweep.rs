//! Images whose time has come.

use jiff::Timestamp;
use rusqlite::params;

use super::{Result, Store, rows};
use crate::problem::Problem;

/// Rows of one transaction: few, so that others are served between, and so that little room is needed to make room.
const BATCH: usize = 32;

impl Store {
    /// Removes every image that expired before now, rows first, then files. How many there were.
    ///
    /// # Errors
    /// 503 where the disk refuses; what was not removed is removed the next time.
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, Problem> {
        let sql = "DELETE FROM images WHERE number IN (SELECT number FROM images WHERE expires_at <= ?1 \
                   ORDER BY expires_at LIMIT ?2) RETURNING file, size";
        let mut swept = 0;
        loop {
            let gone = self.write_less(|transaction| {
                let mut statement = transaction.prepare_cached(sql)?;
                let rows =
                    statement.query_map(params![now.as_millisecond(), rows::signed(BATCH)], rows::file)?;
                Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
            })?;
            self.remove(&gone);
            swept += gone.len();
            if gone.len() < BATCH {
                return Ok(swept);
            }
        }
    }
}
