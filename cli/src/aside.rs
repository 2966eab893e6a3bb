//! Files that are there whole or not at all: written beside their place, then renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::{Builder, TempPath};

use crate::failure::Failure;

/// Files being written, for the one way out that runs no destructors.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what is half written; the process ends.
pub(crate) fn remove_unfinished() {
    for file in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        drop(std::fs::remove_file(file));
    }
}

/// A file in the making.
pub(crate) enum Aside {
    /// Beside its place; gone if it is dropped.
    Beside { file: File, path: TempPath, place: PathBuf },
    /// A device or a pipe, which must be written to and never be replaced.
    Through { file: File },
}

impl Aside {
    /// Begins a file that will stand at `place`. Fails where `place` cannot be written, and so
    /// serves as a check before long work.
    pub(crate) fn create(place: &Path) -> io::Result<Self> {
        // Through a link the file itself is replaced, not the link.
        let place = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_path_buf());
        match std::fs::metadata(&place) {
            Ok(about) if about.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
            Ok(about) if !about.is_file() => {
                Ok(Self::Through { file: File::options().write(true).open(&place)? })
            }
            Ok(about) if about.permissions().readonly() => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file that is there is read-only"))
            }
            _ => Self::beside(place),
        }
    }

    fn beside(place: PathBuf) -> io::Result<Self> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = Builder::new();
        builder.prefix(".fulmen-").suffix(".part");
        // tempfile's files are private; a picture is as open as the user's umask lets files be.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, path) = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?.into_parts();
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_path_buf());
        Ok(Self::Beside { file, path, place })
    }

    /// Puts the file in its place, over whatever was there.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Through { mut file } => file.flush(),
            Self::Beside { file, path, place } => {
                // Windows renames no open file.
                drop(file);
                finished(&path);
                path.persist(place).map_err(|error| error.error)
            }
        }
    }

    /// Puts the file in its place if that is free; otherwise it is lost and `Ok(false)` answered.
    pub(crate) fn finish_new(self) -> io::Result<bool> {
        match self {
            Self::Through { .. } => Ok(false),
            Self::Beside { file, path, place } => {
                drop(file);
                finished(&path);
                match path.persist_noclobber(place) {
                    Ok(()) => Ok(true),
                    Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(error) => Err(error.error),
                }
            }
        }
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside { file, .. } | Self::Through { file } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside { file, .. } | Self::Through { file } => file.flush(),
        }
    }
}

fn finished(path: &Path) {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|unfinished| unfinished != path);
}

/// Fails unless a file can be written at `place`.
pub(crate) fn check(place: &Path) -> Result<(), Failure> {
    Aside::create(place).map(drop).map_err(|error| cannot_write(place, &error))
}

/// What to say of a file that could not be written.
pub(crate) fn cannot_write(place: &Path, error: &io::Error) -> Failure {
    Failure::Run(format!("cannot write {}: {error}", place.display()))
}
