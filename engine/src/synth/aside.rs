//! A place beside the final one, so that nobody ever finds half a model.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// `NAME.partial` beside `NAME`: where a model is written until it is whole.
#[must_use]
pub fn partial(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".partial");
    name.into()
}

/// Removed when it is dropped, unless it was kept.
pub(super) struct Aside {
    partial: PathBuf,
    out: PathBuf,
}

impl Aside {
    /// `NAME.partial` beside `NAME`; neither may exist.
    pub(super) fn of(out: &Path) -> Result<Self> {
        let partial = partial(out);
        for path in [out, &partial] {
            // `symlink_metadata`, because a dangling link is in the way, too.
            if fs::symlink_metadata(path).is_ok() {
                let what = format!("{} is there already; remove it, or name another place", path.display());
                return Err(Error::Request(what.into()));
            }
        }
        Ok(Self { partial, out: out.to_path_buf() })
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// Moves what was written to its place.
    pub(super) fn keep(self) -> Result<()> {
        fs::rename(&self.partial, &self.out).map_err(|source| Error::Write { file: self.out.clone(), source })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After `keep` nothing is there; if removing fails there is nobody left to tell.
        let _gone: io::Result<()> = if self.partial.is_dir() {
            fs::remove_dir_all(&self.partial)
        } else {
            fs::remove_file(&self.partial)
        };
    }
}
