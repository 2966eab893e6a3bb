//! Files that are there wholly or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::{Error, Result};

/// Write a file aside and rename it into place, so that no reader and no full disk ever leaves half of one.
pub(super) fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    // Renaming would replace a link rather than what it points to.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let is_device = fs::metadata(&target).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
    let written = if is_device { write_through(&target, bytes) } else { write_aside(&target, bytes) };
    written.map_err(|source| Error::Write { file: file.to_path_buf(), source })
}

/// Devices and pipes are written to; a rename would put a plain file in their place.
fn write_through(target: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::OpenOptions::new().write(true).open(target)?.write_all(bytes)
}

fn write_aside(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut options = tempfile::Builder::new();
    options.prefix(".fulmen-").suffix(".part");
    // A temporary file is private by default; a picture is what the user's umask makes of it, or the file before it was.
    #[cfg(unix)]
    let old = fs::metadata(target).ok();
    #[cfg(unix)]
    if old.is_none() {
        options.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let mut aside = options.tempfile_in(folder).map_err(|error| plain(&error))?;
    aside.write_all(bytes)?;
    #[cfg(unix)]
    if let Some(old) = old {
        aside.as_file().set_permissions(old.permissions())?;
    }
    aside.as_file().sync_all()?;
    aside.persist(target).map_err(|error| plain(&error.error))?;
    Ok(())
}

/// The system's own words, without the name of the temporary file around them.
fn plain(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|outer| outer.source()?.downcast_ref::<io::Error>());
    let inner = inner.unwrap_or(error);
    inner.raw_os_error().map_or_else(|| inner.kind().into(), io::Error::from_raw_os_error)
}
