//! The pictures of a copy, and the key of its links.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::fault::Fault;
use crate::store::pictures::{Pictures, make_folder, sync_folder};

/// Pictures of the source and of the copy.
pub(super) struct Files {
    from: Pictures,
    to: Pictures,
    folders: RefCell<BTreeSet<PathBuf>>,
    bytes: Cell<u64>,
}

/// How copying a picture ended.
pub(super) enum Found {
    /// It is the same file in both.
    Linked,
    Copied,
    /// There is no whole picture.
    Nothing,
}

impl Files {
    pub(super) fn new(from: Pictures, to: Pictures) -> Result<Self, Fault> {
        make_folder(to.folder())?;
        Ok(Self { from, to, folders: RefCell::default(), bytes: Cell::new(0) })
    }

    /// Copies a picture of this size. A picture's file never changes, so where both are on one disk they can share it.
    pub(super) fn copy(&self, file: &str, size: u64) -> Result<Found, Fault> {
        // It may be about to get its own name.
        let names = [self.from.path(file), self.from.part(file), self.from.path(file)];
        let whole =
            |path: &&PathBuf| fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() == size);
        let to = self.to.path(file);
        for from in names.iter().filter(whole) {
            self.make_folder_of(&to)?;
            let copied =
                if link(from, &to) { Ok(Found::Linked) } else { copy(from, &to).map(|()| Found::Copied) };
            match copied {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Fault::file(&to)(error)),
                Ok(found) => {
                    self.bytes.set(self.bytes.get() + size);
                    return Ok(found);
                }
            }
        }
        Ok(Found::Nothing)
    }

    /// All names are on the disk when this returns.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        let outer = self.to.folder();
        for folder in self.folders.borrow().iter().map(PathBuf::as_path).chain([outer]) {
            sync_folder(folder).map_err(Fault::file(folder))?;
        }
        Ok(())
    }

    /// Bytes of all pictures.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    fn make_folder_of(&self, file: &Path) -> Result<(), Fault> {
        let Some(folder) = file.parent() else { return Ok(()) };
        if self.folders.borrow_mut().insert(folder.to_owned()) {
            make_folder(folder)?;
        }
        Ok(())
    }
}

/// The same file under a second name, where that is possible. A link to a file is not what is meant.
fn link(from: &Path, to: &Path) -> bool {
    fs::symlink_metadata(from).is_ok_and(|about| about.is_file()) && fs::hard_link(from, to).is_ok()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copied = write(from, to);
    if copied.is_err() {
        drop(fs::remove_file(to));
    }
    copied
}

fn write(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut target = options.open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Copies a file that nobody else may read; where there is none there is nothing to do.
pub(super) fn copy_private(from: &Path, to: &Path) -> Result<(), Fault> {
    match write(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        copied => copied.map_err(Fault::file(to)),
    }
}
