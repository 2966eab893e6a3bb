//! Picture files: `pictures/xx/` and 32 random hexadecimal digits, of which `xx` are the first two.
//!
//! A picture is written under a name that ends in `.part`, and gets its own name when its row is committed. So what
//! ends in `.part` and has no row was never acknowledged, and may be removed; one that has a row is given its name at
//! the next start. A file that has its own name and no row does not come from here, and is never removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::fault::Fault;
use super::ids::new_file_name;

/// Ends the name of a file that is being written.
const PART: &str = "part";

/// A file takes whole blocks of the disk, and a folder takes one.
pub(super) const BLOCK: u64 = 4096;

/// The folder of picture files.
#[derive(Debug)]
pub(super) struct Pictures {
    folder: PathBuf,
    /// How many inner folders there are.
    folders: AtomicU64,
    /// Inner folders are not removed while somebody writes.
    writing: RwLock<()>,
}

/// Files that no row speaks of yet: removed unless they are kept.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pictures: &'a Pictures,
    /// In the order in which they were given.
    pub(super) files: Vec<String>,
}

/// The files in the folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Name and size of each file that has its final name.
    pub(super) whole: Vec<(String, u64)>,
    /// Final name and size of each file that was being written.
    pub(super) parts: Vec<(String, u64)>,
    /// Inner folders.
    pub(super) folders: u64,
}

impl Written<'_> {
    /// The rows are committed: the files get their names. Where one cannot have it now, the next start does it; it is
    /// found under the other until then.
    pub(super) fn keep(mut self) {
        for file in self.files.drain(..) {
            if let Err(fault) = self.pictures.name(&file) {
                tracing::warn!("{fault}; the picture is named at the next start");
            }
        }
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        for file in &self.files {
            // If that fails, the next start does it.
            drop(fs::remove_file(self.pictures.part(file)));
            self.pictures.remove_folder(file);
        }
    }
}

impl Pictures {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, folders: AtomicU64::new(0), writing: RwLock::new(()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that the inner folders take.
    pub(super) fn folders_size(&self) -> u64 {
        self.folders.load(Ordering::Relaxed) * BLOCK
    }

    /// Where a file lies. The name is one of ours, from a row or from the listing.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.inner(file).join(file)
    }

    /// Where it lies until its row is committed.
    pub(super) fn part(&self, file: &str) -> PathBuf {
        self.path(file).with_extension(PART)
    }

    /// Writes a file for each picture. When this returns they survive a power cut.
    pub(super) fn write<'a>(&self, pictures: impl Iterator<Item = &'a [u8]>) -> Result<Written<'_>, Fault> {
        let _writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        let mut written = Written { pictures: self, files: vec![] };
        // Those of one call share a folder, so that one sync is enough for all their names.
        let start = new_file_name();
        let folder = self.inner(&start);
        if make_folder(&folder)? {
            self.folders.fetch_add(1, Ordering::Relaxed);
        }
        for bytes in pictures {
            let file = format!("{}{}", &start[..2], &new_file_name()[2..]);
            // Noted before it is there: what fails half-way is removed too.
            written.files.push(file.clone());
            write_one(&self.part(&file), bytes)?;
        }
        // The outer one too: who made the inner one may not have come to that. It costs nothing where nothing changed.
        for folder in [&folder, &self.folder] {
            sync_folder(folder).map_err(Fault::file(folder))?;
        }
        Ok(written)
    }

    /// A file's bytes, also before it has its name.
    pub(super) fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        fs::read(self.path(file))
            .or_else(|error| if missing(&error) { fs::read(self.part(file)) } else { Err(error) })
            // It got its name in between.
            .or_else(|error| if missing(&error) { fs::read(self.path(file)) } else { Err(error) })
    }

    /// Gives a file its name.
    pub(super) fn name(&self, file: &str) -> Result<(), Fault> {
        let part = self.part(file);
        fs::rename(&part, self.path(file)).map_err(Fault::file(&part))
    }

    /// Moves a file in from elsewhere, under its name.
    pub(super) fn take_in(&self, from: &Path, file: &str) -> Result<(), Fault> {
        let folder = self.inner(file);
        if make_folder(&folder)? {
            self.folders.fetch_add(1, Ordering::Relaxed);
        }
        shift(from, &self.path(file)).map_err(Fault::file(from))?;
        sync_folder(&folder).map_err(Fault::file(&folder))
    }

    /// Makes the folder of all pictures where there is none, and takes the inner ones into account.
    pub(super) fn make(&self, folders: u64) -> Result<(), Fault> {
        self.folders.store(folders, Ordering::Relaxed);
        make_folder(&self.folder)?;
        let parent = self.folder.parent().unwrap_or(&self.folder);
        sync_folder(parent).map_err(Fault::file(parent))
    }

    /// Removes a file whose row is gone, whether it had its name or not.
    pub(super) fn remove(&self, file: &str) -> Result<(), Fault> {
        for path in [self.path(file), self.part(file)] {
            match fs::remove_file(&path) {
                Err(error) if !is_missing(&error) => return Err(Fault::file(&path)(error)),
                _ => {}
            }
        }
        self.remove_folder(file);
        Ok(())
    }

    /// That the removal of files survives a power cut.
    pub(super) fn sync_removed(&self, file: &str) -> Result<(), Fault> {
        let folder = self.inner(file);
        match sync_folder(&folder) {
            Err(error) if !is_missing(&error) => Err(Fault::file(&folder)(error)),
            Err(_) => sync_folder(&self.folder).map_err(Fault::file(&self.folder)),
            Ok(()) => Ok(()),
        }
    }

    /// Every file of ours. What else lies in the folder is not ours and is left alone.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            let start = folder.file_name().and_then(|name| name.to_str()).filter(|name| is_hex(name, 2));
            let Some(start) = start.filter(|_| folder.is_dir()) else { continue };
            listing.folders += 1;
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| name.starts_with(start)) else { continue };
                // Through links too: some restore pictures as links to where they are kept.
                let Some(about) = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file) else {
                    continue;
                };
                let part = name.strip_suffix(PART).and_then(|name| name.strip_suffix('.'));
                if is_hex(name, 32) {
                    listing.whole.push((name.to_owned(), about.len()));
                } else if let Some(file) = part.filter(|name| is_hex(name, 32)) {
                    listing.parts.push((file.to_owned(), about.len()));
                }
            }
        }
        Ok(listing)
    }

    /// The inner folder of a file.
    fn inner(&self, file: &str) -> PathBuf {
        self.folder.join(file.get(..2).unwrap_or_default())
    }

    /// Removes the inner folder of a file if nothing is left in it, and nobody is about to write into it.
    fn remove_folder(&self, file: &str) {
        let Ok(_nobody) = self.writing.try_write() else { return };
        if fs::remove_dir(self.inner(file)).is_ok() {
            self.folders.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What a file of so many bytes takes of the disk.
pub(super) fn on_disk(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Makes a folder unless there is one; whether it was made.
pub(super) fn make_folder(folder: &Path) -> Result<bool, Fault> {
    match private_folder().create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Fault::file(folder)(error)),
    }
}

fn write_one(part: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = || {
        let mut file = options.open(part)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Fault::file(part))
}

/// Renames a file; where the other name is on another disk, copies it first.
pub(super) fn shift(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(from, to)?;
            File::open(to)?.sync_all()?;
            if let Some(folder) = to.parent() {
                sync_folder(folder)?;
            }
            fs::remove_file(from)
        }
        renamed => renamed,
    }
}

/// Whether this is so many hexadecimal digits as we write them.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Makes folders that other users of the machine cannot look into.
pub(super) fn private_folder() -> fs::DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Puts a folder's entries on the disk: a renamed file is only then sure to keep its name.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Windows journals names itself, and does not open folders as files.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
