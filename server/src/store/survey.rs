//! What the database and the folder of pictures say of each other, before anything is changed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fault::Fault;
use super::pictures::{Listing, Pictures, on_disk};
use super::record::Image;
use super::rows::{self, GENERATION_TEXTS, IMAGE};

/// Of so many records or pictures one may be lost without the start being refused.
const ONE_OF: usize = 10;

/// What the database knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Size of the file of each image, by its name.
    images: HashMap<String, u64>,
    /// Files whose rows were deleted.
    removed: HashSet<String>,
}

/// What matches, and what does not.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Records of images, and pictures that have their names.
    pub(super) records: usize,
    pub(super) pictures: usize,
    /// Inner folders of pictures.
    pub(super) folders: u64,
    /// What pictures that have a record take of the disk.
    pub(super) kept: u64,
    /// Pictures that have a record, and not yet their name.
    pub(super) unnamed: Vec<String>,
    /// Pictures that are whole, but not of the size that their record says.
    pub(super) resized: Vec<(String, u64)>,
    /// Files of ours that no client was ever told of, or that were deleted.
    pub(super) garbage: Vec<String>,
    /// Records without a whole picture: the file and its size.
    pub(super) lost_records: Vec<(String, u64)>,
    /// Pictures without a record.
    pub(super) lost_pictures: Vec<(String, u64)>,
    /// Pictures that an earlier start moved aside, and whose records are there: the file, and where it is.
    pub(super) returning_pictures: Vec<(String, PathBuf)>,
    /// Records that an earlier start moved aside, and whose pictures are there.
    pub(super) returning_records: Vec<Image>,
    /// Pictures that are cut off; their records are lost.
    pub(super) torn: Vec<String>,
}

impl Known {
    /// Reads all of it. What cannot be read as it was written is damage that SQLite's own check does not see.
    pub(super) fn read(db: &Connection) -> Result<Self, Fault> {
        let mut known = Self::default();
        let mut statement = db.prepare(&format!("SELECT {IMAGE} FROM images"))?;
        let mut images = statement.query_map([], rows::image)?;
        while let Some(image) = images.next().transpose().map_err(unreadable)? {
            known.images.insert(image.file, image.size);
        }
        let sql = format!("SELECT {GENERATION_TEXTS} FROM generations");
        let mut statement = db.prepare(&sql)?;
        let mut generations = statement.query([])?;
        while let Some(row) = generations.next()? {
            rows::readable(row).map_err(unreadable)?;
        }
        if db.table_exists(None, "removals")? {
            let mut statement = db.prepare("SELECT file FROM removals")?;
            known.removed = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        }
        Ok(known)
    }

    /// Compares with the files.
    pub(super) fn compare(mut self, listing: Listing, pictures: &Pictures) -> Survey {
        let mut survey = Survey {
            records: self.images.len(),
            pictures: listing.whole.len(),
            folders: listing.folders,
            ..Survey::default()
        };
        let mut parts: HashMap<String, u64> = listing.parts.into_iter().collect();
        for (file, size) in listing.whole {
            match self.images.remove(&file) {
                Some(expected) if expected == size => survey.kept += on_disk(size),
                Some(_) if is_whole(&pictures.path(&file)) => {
                    survey.kept += on_disk(size);
                    survey.resized.push((file, size));
                }
                Some(expected) => {
                    survey.lost_records.push((file.clone(), expected));
                    survey.torn.push(file);
                }
                None if self.removed.contains(&file) => survey.garbage.push(file),
                None => survey.lost_pictures.push((file, size)),
            }
        }
        for (file, size) in self.images {
            match parts.remove(&file) {
                Some(part) if part == size => {
                    survey.kept += on_disk(size);
                    survey.unnamed.push(file);
                }
                part => {
                    survey.torn.extend(part.map(|_| file.clone()));
                    survey.lost_records.push((file, size));
                }
            }
        }
        survey.garbage.extend(parts.into_keys());
        survey
    }
}

impl Survey {
    /// Whether something does not match.
    pub(super) fn is_loss(&self) -> bool {
        !self.lost_records.is_empty() || !self.lost_pictures.is_empty()
    }

    /// Whether more than a tenth of the records or of the pictures does not match: then something else is wrong.
    pub(super) fn is_great_loss(&self) -> bool {
        // One alone is no sign of anything, unless it is the only one.
        let great = |lost: usize, of: usize| lost > 0 && (lost == of || lost > 1 && lost * ONE_OF > of);
        great(self.lost_records.len(), self.records) || great(self.lost_pictures.len(), self.pictures)
    }

    /// What a start would lose, and why that may be.
    pub(super) fn complaint(&self, directory: &Path) -> String {
        let Self { records, pictures, lost_records, lost_pictures, .. } = self;
        let losses = [
            (lost_records.len(), format!("{} of {records} records have no picture", lost_records.len())),
            (lost_pictures.len(), format!("{} of {pictures} pictures have no record", lost_pictures.len())),
        ];
        let losses: Vec<String> =
            losses.into_iter().filter(|(lost, _)| *lost > 0).map(|(_, what)| what).collect();
        let folder = directory.join("pictures");
        let folder = folder.display();
        let why = match (lost_records.len(), lost_pictures.len()) {
            (_, 0) if *pictures == 0 && !directory.join("pictures").is_dir() => {
                format!(
                    "the folder {folder} is missing; is its disk not mounted, or was a restore left half done?"
                )
            }
            (_, 0) if *pictures == 0 => {
                format!(
                    "the folder {folder} is empty; is its disk not mounted, or was a restore left half done?"
                )
            }
            (_, 0) => format!(
                "was a restore of {folder} left half done, or is part of it on a disk that is not mounted?"
            ),
            (0, _) if *records == 0 => {
                "fulmen.db is missing or empty; was a restore left half done?".to_owned()
            }
            (0, _) => "is fulmen.db an older copy than the pictures?".to_owned(),
            _ => "are fulmen.db and the pictures of different ages, or was a restore left half done?"
                .to_owned(),
        };
        format!(
            "{}: {why} Nothing was changed. Put back what is missing and start again; or start once with --accept-loss, \
             which moves what does not match to {} and deletes nothing",
            losses.join(", and "),
            directory.join("lost").display()
        )
    }
}

fn unreadable(error: rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(_) => error.into(),
        None => Fault::Damaged(format!("a record cannot be read: {error}")),
    }
}

/// Whether a file ends as a picture of its format does.
fn is_whole(path: &Path) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    let png = bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82");
    let jpeg = bytes.starts_with(b"\xff\xd8") && bytes.ends_with(b"\xff\xd9");
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes);
    let webp = bytes.starts_with(b"RIFF") && bytes.len() == length as usize + 8;
    png || jpeg || webp
}
