//! What a start changes so that rows and files agree: rows first, then files, as always.

use std::fs;

use super::database::Database;
use super::fault::Fault;
use super::images;
use super::lost::Lost;
use super::pictures::{Pictures, on_disk};
use super::record::Image;
use super::rows::{self, IMAGE, signed};
use super::survey::Survey;

/// Puts back what an earlier start moved aside and what matches again. Returns what the pictures take.
pub(super) fn put_back(database: &Database, pictures: &Pictures, survey: &Survey) -> Result<u64, Fault> {
    let mut kept = 0;
    for (file, from) in &survey.returning_pictures {
        pictures.take_in(from, file)?;
        kept += fs::metadata(pictures.path(file)).map_or(0, |about| on_disk(about.len()));
    }
    if !survey.returning_records.is_empty() {
        database.write(|transaction| {
            survey.returning_records.iter().try_for_each(|image| images::insert(transaction, image))
        })?;
    }
    let records = survey.returning_records.len();
    if kept > 0 || records > 0 {
        tracing::warn!(
            "{} pictures and {records} records that an earlier start moved aside match again and are put back",
            survey.returning_pictures.len()
        );
    }
    Ok(kept + survey.returning_records.iter().map(|image| on_disk(image.size)).sum::<u64>())
}

/// Moves what does not match to its folder. Records are written down there before their rows go.
pub(super) fn move_aside(
    database: &Database,
    pictures: &Pictures,
    survey: &Survey,
    lost: &Lost,
) -> Result<(), Fault> {
    let records = database.read(|db| {
        let mut statement = db.prepare(&format!("SELECT {IMAGE} FROM images WHERE file = ?1"))?;
        let found = survey.lost_records.iter().map(|(file, _)| statement.query_row([file], rows::image));
        Ok(found.collect::<rusqlite::Result<Vec<Image>>>()?)
    })?;
    if !records.is_empty() {
        lost.records(&records)?;
        database.write(|transaction| {
            let mut statement = transaction.prepare("DELETE FROM images WHERE file = ?1")?;
            survey.lost_records.iter().try_for_each(|(file, _)| Ok(statement.execute([file]).map(drop)?))
        })?;
    }
    for file in survey.lost_pictures.iter().map(|(file, _)| file).chain(&survey.torn) {
        // One that is torn may not have come to its name.
        let paths = [pictures.path(file), pictures.part(file)];
        paths.iter().filter(|path| path.exists()).try_for_each(|path| lost.picture(path, file))?;
    }
    Ok(())
}

/// Finishes what was begun before the server ended: deletions, and drawings that it did not survive.
pub(super) fn finish_what_was_begun(
    database: &Database,
    pictures: &Pictures,
    survey: &Survey,
) -> Result<(), Fault> {
    for file in &survey.garbage {
        tracing::info!("{file} was deleted or never finished before the server ended, and is removed");
        pictures.remove(file)?;
        pictures.sync_removed(file)?;
    }
    for (file, size) in &survey.resized {
        tracing::warn!(
            "the record of {file} had a wrong size; the picture is whole, and the record is put right"
        );
        database.write(|transaction| {
            let sql = "UPDATE images SET size = ?2 WHERE file = ?1";
            Ok(transaction.execute(sql, (file, signed(*size))).map(drop)?)
        })?;
    }
    database.write(|transaction| {
        // The files are gone.
        transaction.execute("DELETE FROM removals", [])?;
        // What was being drawn ended with its server: the attempt counts.
        transaction
            .execute("UPDATE generations SET drawing = 0 WHERE state = 'pending' AND drawing = 1", [])?;
        Ok(())
    })
}
