//! A copy of a data directory that fits together, from a server that runs or from one that does not.
//!
//! The database is copied first, in one snapshot. So every record of the copy was committed with its picture, and a
//! picture that is missing by the time it is copied was deleted meanwhile: then its record goes from the copy too. The
//! database gets its name last; until then the copy is no data directory, and no server starts on it.

mod files;
mod snapshot;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use self::files::{Files, Found};
use self::snapshot::Snapshot;
use super::directory::{DATABASE, PICTURES, data};
use super::fault::Fault;
use super::pictures::{Pictures, private_folder, sync_folder};
use crate::error::{Error, Result};

/// The database of a copy that is not finished.
const PART: &str = "fulmen.db.part";

/// What links are signed with.
const KEY: &str = "link.key";

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// So many of the database's pages are copied.
    Database {
        /// Copied.
        pages: u64,
        /// Of so many.
        of: u64,
    },
    /// So many pictures are copied.
    Pictures {
        /// Copied.
        pictures: u64,
        /// Of so many.
        of: u64,
    },
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Pictures with their records.
    pub pictures: u64,
    /// Generations.
    pub generations: u64,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Pictures that are the same file in both, because both are on one disk.
    pub linked: u64,
    /// Records whose pictures were missing or cut off already: the copy has the records only.
    pub missing: u64,
}

/// Copies a data directory into an empty folder, or one that is made. `tell` says whether to go on.
///
/// # Errors
/// There is no data directory, the folder is not empty, or something cannot be read or written; nothing of the copy is
/// left then.
pub fn backup(from: &Path, to: &Path, tell: &mut dyn FnMut(BackupProgress) -> bool) -> Result<BackedUp> {
    let source = Snapshot::source(&from.join(DATABASE)).map_err(|fault| unreadable(from, &fault))?;
    let target = Target::make(to)?;
    let copied = copy(&source, from, to, tell).map_err(|fault| match fault {
        fault if fault.is_full() => data(
            to,
            format!("the disk is full ({fault}); nothing of the copy was left; make room, or choose another"),
        ),
        Fault::Foreign(what) => data(to, what),
        fault => data(to, format!("the copy failed ({fault}); nothing of it was left")),
    })?;
    target.keep();
    Ok(copied)
}

/// A copy that was not finished is no data directory.
pub(super) fn refuse_unfinished(directory: &Path) -> Result<()> {
    if directory.join(PART).exists() && !directory.join(DATABASE).exists() {
        let what = "it is a copy that `fulmen backup` did not finish; make it again in an empty folder, or choose another \
                    with --data";
        return Err(data(directory, what));
    }
    Ok(())
}

fn copy(
    source: &Snapshot,
    from: &Path,
    to: &Path,
    tell: &mut dyn FnMut(BackupProgress) -> bool,
) -> Result<BackedUp, Fault> {
    let mut go_on = |progress| match tell(progress) {
        true => Ok(()),
        false => Err(Fault::Foreign("the copy was stopped; nothing of it was left".into())),
    };
    let part = to.join(PART);
    let mut copy = source.copy(&part, &mut |pages, of| go_on(BackupProgress::Database { pages, of }))?;
    let images = copy.images()?;
    let files = Files::new(Pictures::new(from.join(PICTURES)), Pictures::new(to.join(PICTURES)))?;
    let of = images.len() as u64;
    let mut done = BackedUp { generations: copy.generations()?, ..BackedUp::default() };
    let mut deleted = vec![];
    for (at, (file, size)) in images.iter().enumerate() {
        match files.copy(file, *size)? {
            Found::Linked => done.linked += 1,
            Found::Copied => {}
            Found::Nothing if !source.has(file)? => deleted.push(file.as_str()),
            Found::Nothing => done.missing += 1,
        }
        go_on(BackupProgress::Pictures { pictures: at as u64 + 1, of })?;
    }
    done.pictures = of - deleted.len() as u64 - done.missing;
    files.sync()?;
    files::copy_private(&from.join(KEY), &to.join(KEY))?;
    copy.forget(&deleted)?;
    copy.finish()?;
    done.bytes = files.bytes() + fs::metadata(&part).map_err(Fault::file(&part))?.len();
    let file = to.join(DATABASE);
    fs::rename(&part, &file).map_err(Fault::file(&file))?;
    sync_folder(to).map_err(Fault::file(to))?;
    Ok(done)
}

fn unreadable(from: &Path, fault: &Fault) -> Error {
    let file = from.join(DATABASE);
    match fault {
        Fault::Foreign(what) => data(&file, what.clone()),
        fault if fault.is_damage() => {
            data(&file, format!("it is damaged or no database ({fault}); a copy of it would be, too"))
        }
        fault => data(&file, format!("it cannot be read ({fault})")),
    }
}

/// The folder of the copy. What was put into it goes again unless it is kept.
struct Target {
    folder: PathBuf,
    /// Whether it was made for the copy.
    made: bool,
    kept: bool,
}

impl Target {
    fn make(folder: &Path) -> Result<Self> {
        let made = !folder.exists();
        let unusable = |error| data(folder, format!("the copy cannot be made there: {error}"));
        if made {
            private_folder().recursive(true).create(folder).map_err(unusable)?;
        }
        for entry in fs::read_dir(folder).map_err(unusable)? {
            // A disk's own folder.
            if entry.map_err(unusable)?.file_name() != "lost+found" {
                return Err(data(folder, "it is not empty; name an empty folder, or one that is to be made"));
            }
        }
        // Whoever makes this file has the folder: another copy that is begun at this moment does not.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(folder.join(PART)).map_err(unusable)?;
        Ok(Self { folder: folder.to_owned(), made, kept: false })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Of what it was, the last to go is the name that says that it is not finished.
        drop(fs::remove_dir_all(self.folder.join(PICTURES)));
        for name in
            [DATABASE, KEY, "fulmen.db.part-journal", "fulmen.db.part-wal", "fulmen.db.part-shm", PART]
        {
            drop(fs::remove_file(self.folder.join(name)));
        }
        if self.made {
            drop(fs::remove_dir(&self.folder));
        }
    }
}
