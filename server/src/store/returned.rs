//! What an earlier start moved aside, and what matches again: a disk was mounted late, a restore was finished, or the
//! right database came back. It is put back where it was.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use super::fault::Fault;
use super::lost;
use super::record::{Image, ImageKind, InputKind};
use super::rows;
use super::survey::Survey;

/// What was ever moved aside, by the names of files.
#[derive(Debug, Default)]
struct Aside {
    pictures: HashMap<String, PathBuf>,
    records: HashMap<String, Image>,
}

/// Takes out of the loss what can be put back.
pub(super) fn take_back(survey: &mut Survey, directory: &Path, db: Option<&Connection>) -> Result<(), Fault> {
    if !survey.is_loss() {
        return Ok(());
    }
    let mut aside = Aside::read(directory);
    survey.returning_pictures = take_out(&mut survey.lost_records, |file, size| {
        let path = aside.pictures.remove(file)?;
        fs::metadata(&path).is_ok_and(|about| about.len() == size).then_some((file.to_owned(), path))
    });
    let Some(db) = db else { return Ok(()) };
    let mut possible = HashMap::new();
    for (file, _) in &survey.lost_pictures {
        let Some(image) = aside.records.remove(file) else { continue };
        if fits(db, &image)? {
            possible.insert(file.clone(), image);
        }
    }
    survey.returning_records = take_out(&mut survey.lost_pictures, |file, size| {
        possible.remove(file).filter(|image| image.size == size)
    });
    Ok(())
}

/// Takes those out of a list that something can be found for.
fn take_out<T>(list: &mut Vec<(String, u64)>, mut find: impl FnMut(&str, u64) -> Option<T>) -> Vec<T> {
    let mut found = vec![];
    list.retain(|(file, size)| match find(file, *size) {
        Some(one) => {
            found.push(one);
            false
        }
        None => true,
    });
    found
}

/// Whether the record can be among those that are there.
fn fits(db: &Connection, image: &Image) -> Result<bool, Fault> {
    let exists = |sql: &str, id: &str| db.prepare_cached(sql)?.exists([id]);
    let has_generation = match &image.kind {
        ImageKind::Generation { id, .. } => exists("SELECT 1 FROM generations WHERE id = ?1", id)?,
        ImageKind::Named | ImageKind::Link | ImageKind::Input(_) => true,
    };
    Ok(has_generation && !exists("SELECT 1 FROM images WHERE id = ?1", &image.id)?)
}

impl Aside {
    /// Everything that can be read; what is not as it was written is not ours.
    fn read(directory: &Path) -> Self {
        let mut aside = Self::default();
        for start in children(&directory.join(lost::FOLDER)) {
            for picture in children(&start.join(lost::PICTURES)).iter().flat_map(|inner| children(inner)) {
                if let Some(name) = picture.file_name().and_then(|name| name.to_str()) {
                    aside.pictures.insert(name.to_owned(), picture.clone());
                }
            }
            let records = fs::read_to_string(start.join(lost::RECORDS)).unwrap_or_default();
            let images = records.lines().filter_map(|line| image(&serde_json::from_str(line).ok()?));
            aside.records.extend(images.map(|image| (image.file.clone(), image)));
        }
        aside
    }
}

/// What is in a folder, in the order of names: later starts have later names.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A record as `lost` wrote it.
fn image(record: &Value) -> Option<Image> {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let number = |name: &str| record[name].as_u64();
    let time = |name: &str| jiff::Timestamp::from_millisecond(record[name].as_i64()?).ok();
    let kind = match record["kind"].as_str()? {
        "named" => ImageKind::Named,
        "link" => ImageKind::Link,
        "generation" => {
            ImageKind::Generation { id: text("generation")?, position: number("position")? as usize }
        }
        word => ImageKind::Input(InputKind::of(word)?),
    };
    Some(Image {
        id: text("id")?,
        owner: text("owner")?,
        kind,
        name: text("name")?,
        width: number("width")? as usize,
        height: number("height")? as usize,
        format: rows::format(record["format"].as_str()?)?,
        seed: number("seed")?,
        expires_at: if record["expires_at"].is_null() { None } else { Some(time("expires_at")?) },
        size: number("size")?,
        created_at: time("created_at")?,
        public: record["public"].as_bool()?,
        file: text("file")?,
    })
}
