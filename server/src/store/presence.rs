//! Whether the files that the server works on are still those that stand under their names.
//!
//! A directory or a file that is removed or replaced while it is open lives on without a name, and whatever is written
//! into it is lost when the server ends. So names are compared with what was opened before anything is acknowledged.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// What was opened, by its name.
#[derive(Debug)]
pub(super) struct Presence {
    watched: Vec<(PathBuf, Identity)>,
    /// Stays open: a file system may give the number of what no program has open to another.
    _open: Option<File>,
}

/// What tells a file from another one of the same name.
#[cfg(unix)]
type Identity = (u64, u64);

/// Windows replaces no file that is open; it can only be missing.
#[cfg(not(unix))]
type Identity = bool;

impl Presence {
    /// Notes what stands under these names now.
    pub(super) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, Fault> {
        let mut presence = Self { watched: vec![], _open: None };
        for path in paths {
            let about = fs::metadata(&path).map_err(Fault::file(&path))?;
            presence.watched.push((path, identity(&about)));
        }
        Ok(presence)
    }

    /// The same for a folder that nothing else keeps open.
    pub(super) fn with_folder(mut self, folder: &Path) -> Result<Self, Fault> {
        self._open = File::open(folder).ok();
        self.watched.push((folder.to_owned(), identity(&fs::metadata(folder).map_err(Fault::file(folder))?)));
        Ok(self)
    }

    /// Whether all of it is there still.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (path, noted) in &self.watched {
            match fs::metadata(path) {
                Ok(about) if identity(&about) == *noted => {}
                Ok(_) => return Err(Fault::Gone(format!("{} was replaced", path.display()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Fault::Gone(format!("{} is not there any more", path.display())));
                }
                Err(error) => return Err(Fault::file(path)(error)),
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn identity(about: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (about.dev(), about.ino())
}

#[cfg(not(unix))]
fn identity(about: &Metadata) -> Identity {
    about.is_dir()
}
