//! What does not match at a start is moved to a folder of its own in `DATA/lost/`, and never deleted.
//!
//! ```text
//! DATA/lost/2026-08-24T07-30-00Z/
//!   fulmen.db         a damaged database, and its log
//!   records.jsonl     records without a picture, a line of JSON each
//!   pictures/xx/…     pictures without a record, under their old names
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::Fault;
use super::pictures::{make_folder, on_disk, shift, sync_folder};
use super::record::Image;
use super::rows::format_name;

/// The folder of them all, and what is in that of one start.
pub(super) const FOLDER: &str = "lost";
pub(super) const RECORDS: &str = "records.jsonl";
pub(super) const PICTURES: &str = "pictures";

/// The folder of one start.
#[derive(Debug)]
pub(super) struct Lost {
    folder: PathBuf,
}

impl Lost {
    /// Makes a folder that was not there before.
    pub(super) fn make(directory: &Path) -> Result<Self, Fault> {
        let all = directory.join(FOLDER);
        make_folder(&all)?;
        sync_folder(directory).map_err(Fault::file(directory))?;
        let now = crate::clock::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let names = (1..).map(|at| if at == 1 { now.clone() } else { format!("{now}-{at}") });
        for name in names {
            let folder = all.join(name);
            if make_folder(&folder)? {
                sync_folder(&all).map_err(Fault::file(&all))?;
                return Ok(Self { folder });
            }
        }
        unreachable!("one of all names is free")
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes records down. They survive a power cut when this returns.
    pub(super) fn records(&self, images: &[Image]) -> Result<(), Fault> {
        let path = self.folder.join(RECORDS);
        let write = || {
            let mut file = File::create_new(&path)?;
            for image in images {
                writeln!(file, "{}", record(image))?;
            }
            file.sync_all()?;
            sync_folder(&self.folder)
        };
        write().map_err(Fault::file(&path))
    }

    /// Copies a file here. The copy survives a power cut when this returns.
    pub(super) fn copy(&self, from: &Path) -> Result<(), Fault> {
        let to = self.folder.join(from.file_name().unwrap_or_default());
        let copy = || {
            fs::copy(from, &to)?;
            File::open(&to)?.sync_all()?;
            sync_folder(&self.folder)
        };
        copy().map_err(Fault::file(&to))
    }

    /// Moves a file here, under `pictures/` and its own name.
    pub(super) fn picture(&self, from: &Path, file: &str) -> Result<(), Fault> {
        let pictures = self.folder.join(PICTURES);
        let inner = pictures.join(file.get(..2).unwrap_or_default());
        make_folder(&pictures)?;
        make_folder(&inner)?;
        let name = from.file_name().unwrap_or_default();
        shift(from, &inner.join(name)).map_err(Fault::file(from))
    }
}

/// Bytes of everything that was ever moved here.
pub(super) fn size(directory: &Path) -> u64 {
    let mut folders = vec![directory.join(FOLDER)];
    let mut size = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) => size += on_disk(about.len()),
                Err(_) => {}
            }
        }
    }
    size
}

/// A row in the words of its columns.
fn record(image: &Image) -> Value {
    let (kind, generation, position) = image.kind.columns();
    json!({
        "id": image.id,
        "owner": image.owner,
        "kind": kind,
        "generation": generation,
        "position": position,
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "format": format_name(image.format),
        "seed": image.seed,
        "size": image.size,
        "created_at": image.created_at.as_millisecond(),
        "expires_at": image.expires_at.map(Timestamp::as_millisecond),
        "public": image.public,
        "file": image.file,
    })
}
