//! What can still be read of a damaged database, in a new one. The damaged one is moved aside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row};

use super::fault::Fault;
use super::lost::Lost;
use super::pictures::sync_folder;
use super::record::{Generation, Image, Upload};
use super::rows::{self, IMAGE, UPLOAD};
use super::{connect, database, generations, images, uploads};

/// The new database, until it is whole.
const NEW: &str = "fulmen.db.new";

/// Numbers of rows that are passed over where none can be read, and how often in a row.
const STEP: i64 = 16;
const STEPS: usize = 50_000;

/// Rows of a damaged database, by their numbers and ids.
#[derive(Default)]
struct Read {
    generations: BTreeMap<(i64, String), Generation>,
    images: BTreeMap<(i64, String), Image>,
    uploads: BTreeMap<(i64, String), Upload>,
    /// Generations, and what they are drawn from.
    uses: BTreeMap<i64, (String, String)>,
}

/// Puts a new database in the place of a damaged one.
pub(super) fn salvage(directory: &Path, file: &Path) -> Result<(), Fault> {
    let mut read = Read::default();
    // A log that is of another time than the database, as in a copy that was made file by file, spoils what is whole
    // without it. What the log has goes first.
    for db in [with_log(file), connect::without_log(file)] {
        match db.and_then(bearing_with) {
            Ok(db) => read.add(&db),
            Err(error) => tracing::warn!("a part of the damaged database cannot be read: {error}"),
        }
    }
    let new = file.with_file_name(NEW);
    for file in database::files(&new) {
        drop(fs::remove_file(file));
    }
    let (generations, images) = write(&new, &read)?;
    let lost = Lost::make(directory)?;
    let [_, log, memory] = database::files(file);
    lost.copy(file)?;
    if log.exists() {
        lost.copy(&log)?;
    }
    // The log must be gone before another database has its name.
    for part in [&log, &memory] {
        if part.exists() {
            fs::remove_file(part).map_err(Fault::file(part))?;
        }
    }
    fs::rename(&new, file).map_err(Fault::file(file))?;
    let folder = file.parent().unwrap_or(directory);
    sync_folder(folder).map_err(Fault::file(folder))?;
    tracing::warn!(
        "{images} records of images and {generations} of generations were read from the damaged database; it was moved \
         to {}",
        lost.folder().display()
    );
    Ok(())
}

fn with_log(file: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// By itself SQLite reads nothing of a file that has fewer pages than it says.
fn bearing_with(db: Connection) -> rusqlite::Result<Connection> {
    db.pragma_update(None, "writable_schema", true)?;
    Ok(db)
}

impl Read {
    /// Adds rows that are not there yet.
    fn add(&mut self, db: &Connection) {
        // The columns that older versions had.
        let second = rows::GENERATION.replace("variation_of", "NULL");
        let first = second.replace("attempts, failure", "0, NULL");
        for columns in [rows::GENERATION, &second, &first] {
            scan(db, &format!("{columns}, number FROM generations"), |row| {
                let key = (row.get("number")?, row.get("id")?);
                self.generations.entry(key).or_insert(rows::generation(row)?);
                Ok(())
            });
        }
        scan(db, &format!("{IMAGE}, number FROM images"), |row| {
            let key = (row.get("number")?, row.get("id")?);
            self.images.entry(key).or_insert(rows::image(row)?);
            Ok(())
        });
        scan(db, &format!("{UPLOAD}, number FROM uploads"), |row| {
            let key = (row.get("number")?, row.get("id")?);
            self.uploads.entry(key).or_insert(rows::upload(row)?);
            Ok(())
        });
        scan(db, "generation, image, number FROM uses", |row| {
            self.uses.entry(row.get("number")?).or_insert((row.get(0)?, row.get(1)?));
            Ok(())
        });
    }
}

/// Every row that can be read, whatever lies between. Indices are not asked: they may be what is damaged.
fn scan(db: &Connection, from: &str, mut add: impl FnMut(&Row<'_>) -> rusqlite::Result<()>) {
    let sql = format!("SELECT {from} NOT INDEXED WHERE number > ?1 ORDER BY number");
    let Ok(mut statement) = db.prepare(&sql) else { return };
    let (mut after, mut failed) = (0, 0);
    while failed < STEPS {
        let Ok(mut rows) = statement.query([after]) else { return };
        loop {
            match rows.next() {
                Ok(None) => return,
                Ok(Some(row)) => {
                    (after, failed) = (row.get("number").unwrap_or(after + 1), 0);
                    // A row that cannot be understood is passed over alone.
                    drop(add(row));
                }
                Err(_) => break,
            }
        }
        (after, failed) = (after + STEP, failed + 1);
    }
}

/// Writes a database with these rows. How many of each could be kept.
fn write(file: &Path, read: &Read) -> Result<(usize, usize), Fault> {
    let mut db = connect::writer(file)?;
    let transaction = db.transaction()?;
    let kept = |insert: &dyn Fn() -> Result<(), Fault>| usize::from(insert().is_ok());
    let generations =
        read.generations.values().map(|one| kept(&|| generations::insert(&transaction, one))).sum();
    let images = read.images.values().map(|one| kept(&|| images::insert(&transaction, one))).sum();
    for upload in read.uploads.values() {
        kept(&|| uploads::insert(&transaction, upload));
    }
    for (generation, image) in read.uses.values() {
        kept(&|| uploads::insert_use(&transaction, generation, image));
    }
    transaction.commit()?;
    // One file again.
    db.close().map_err(|(_, error)| error)?;
    Ok((generations, images))
}
