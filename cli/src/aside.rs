//! Files that are there whole or not at all: written beside their place, then renamed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fulmen_engine::backend::CancelToken;
use tempfile::{Builder, TempPath};

use crate::failure::Failure;
use crate::pipe::{self, Pipe};

/// Files being written, for the one way out that runs no destructors. A file begins and ends under this lock, so that
/// a signal finds every one of them.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what is half written. As long as the guard lives nothing new is begun.
pub(crate) fn remove_unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    let mut files = unfinished();
    for path in files.drain(..) {
        // Threads that still write into a folder may be faster than its removal, but not for long.
        for _ in 0..20 {
            if std::fs::remove_file(&path).is_ok() || std::fs::remove_dir_all(&path).is_ok() || !path.exists()
            {
                break;
            }
        }
    }
    files
}

/// A file or a folder that is not there yet and that others write: to be removed too.
pub(crate) fn also_unfinished(path: PathBuf) {
    if path.symlink_metadata().is_err() {
        unfinished().push(path);
    }
}

/// A file in the making.
pub(crate) enum Aside {
    /// Beside its place; gone if it is dropped.
    Beside { file: File, path: TempPath, place: PathBuf },
    /// A device or a pipe, which must be written to and never be replaced.
    Through(Pipe),
}

/// What stands at a place already.
enum Found {
    Nothing(PathBuf),
    File(PathBuf, Metadata),
    Pipe,
}

/// Links to links that are followed where the last of them points to nothing.
const MOST_LINKS: usize = 40;

/// Where a file at `place` really stands: links are followed, also one that points to nothing yet, because the file
/// is what is replaced, not the link.
fn real(place: &Path) -> PathBuf {
    let mut real = place.to_path_buf();
    // What is open without a name has a link, under /proc, that only the system can follow.
    if place.exists() {
        return std::fs::canonicalize(place).unwrap_or(real);
    }
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&real) {
            Ok(target) => real = folder(&real).join(target),
            Err(_) => break,
        }
    }
    match (std::fs::canonicalize(folder(&real)), real.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => real,
    }
}

/// Looks at `place`. Fails where nothing could be written there.
fn look(place: &Path) -> io::Result<Found> {
    let real = real(place);
    let refused = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match std::fs::metadata(&real) {
        Ok(about) if about.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
        Ok(about) if about.is_file() && about.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file that is there is read-only"))
        }
        Ok(about) if about.is_file() => Ok(Found::File(real, about)),
        Ok(about) if !pipe::takes_bytes(&about) => refused("it is neither a file nor a pipe"),
        Ok(_) => pipe::check(&real).map(|()| Found::Pipe),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing(real)),
        // A name that is too long, links in a circle: no file beside it would find this out.
        Err(error) => Err(error),
    }
}

/// Whether a file at one place would replace one at the other.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let file = |place| match look(place) {
        Ok(Found::Nothing(real) | Found::File(real, _)) => Some(real),
        Ok(Found::Pipe) | Err(_) => None,
    };
    file(one).is_some_and(|one| file(other) == Some(one))
}

impl Aside {
    /// Begins a file that will stand at `place`. A pipe that nobody reads yet is waited for, until `cancel`.
    pub(crate) fn create(place: &Path, cancel: &CancelToken) -> io::Result<Self> {
        match look(place)? {
            Found::Pipe => pipe::open(place, cancel).map(Self::Through),
            Found::Nothing(real) => Self::beside(real, None),
            Found::File(real, about) => Self::beside(real, Some(&about)),
        }
    }

    fn beside(place: PathBuf, old: Option<&Metadata>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // As open as the user's umask lets files be; private until it is as open as what it replaces.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if old.is_none() { 0o666 } else { 0o600 });
        let (file, path) = {
            let mut unfinished = unfinished();
            // With tempfile's own opening its errors would have the name of a file that nobody asked for.
            let open = |path: &Path| options.open(path);
            let made = Builder::new().prefix(".fulmen-").suffix(".part").make_in(folder(&place), open)?;
            unfinished.push(made.path().to_path_buf());
            made.into_parts()
        };
        if let Some(old) = old {
            like(old, &file)?;
        }
        Ok(Self::Beside { file, path, place })
    }

    /// Puts the file in its place, over whatever was there.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self {
            Self::Through(mut pipe) => pipe.flush(),
            Self::Beside { file, path, place } => {
                // Windows renames no open file.
                drop(file);
                rename(path, |path| path.persist(place))
            }
        }
    }

    /// Puts the file in its place if that is free; otherwise it is lost and `Ok(false)` answered.
    pub(crate) fn finish_new(self) -> io::Result<bool> {
        match self {
            Self::Through(_) => Ok(false),
            Self::Beside { file, path, place } => {
                drop(file);
                match rename(path, |path| path.persist_noclobber(place)) {
                    Ok(()) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                    Err(error) => Err(error),
                }
            }
        }
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside { file, .. } => file.write(bytes),
            Self::Through(pipe) => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside { file, .. } => file.flush(),
            Self::Through(pipe) => pipe.flush(),
        }
    }
}

fn folder(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn rename(
    path: TempPath,
    persist: impl FnOnce(TempPath) -> Result<(), tempfile::PathPersistError>,
) -> io::Result<()> {
    let mut unfinished = unfinished();
    unfinished.retain(|unfinished| unfinished != &*path);
    persist(path).map_err(|error| error.error)
}

/// Gives the new file the owner, as far as we may, and the mode of the one that it replaces.
#[cfg(unix)]
fn like(old: &Metadata, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let made = new.metadata()?;
    if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        drop(fchown(new, Some(old.uid()), Some(old.gid())));
    }
    new.set_permissions(old.permissions())
}

/// Elsewhere a file has the rights of its folder.
#[cfg(not(unix))]
fn like(_old: &Metadata, _new: &File) -> io::Result<()> {
    Ok(())
}

/// Fails unless a file can be written at `place`, so that long work is not done in vain.
pub(crate) fn check(place: &Path) -> io::Result<()> {
    match look(place)? {
        Found::Pipe => Ok(()),
        Found::Nothing(real) | Found::File(real, _) => Aside::beside(real, None).map(drop),
    }
}

/// What to say of a file that could not be written.
pub(crate) fn cannot_write(place: &Path, error: &io::Error) -> Failure {
    if pipe::is_cancelled(error) {
        return Failure::Engine(fulmen_engine::Error::Cancelled);
    }
    let folder = folder(place);
    let why = if error.kind() == io::ErrorKind::NotFound && !folder.exists() {
        format!("there is no folder {}", folder.display())
    } else {
        error.to_string()
    };
    Failure::Run(format!("cannot write {}: {why}", place.display()))
}
