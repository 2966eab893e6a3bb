//! Picture files: `pictures/xx/` and 32 random hexadecimal digits, of which `xx` are the first two.
//!
//! A file has its final name only when its bytes are on the disk, and a row is written only after that. So no crash
//! leaves a row without its file, or half a file under a row; what it can leave is a file without a row, which the
//! next start removes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::ids::new_file_name;

/// Ends the name of a file that is being written.
const PART: &str = ".part";

/// The folder of picture files.
#[derive(Debug)]
pub(super) struct Pictures {
    folder: PathBuf,
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
    /// Files that were being written.
    pub(super) parts: Vec<PathBuf>,
}

impl Written<'_> {
    /// The rows are committed: the files stay.
    pub(super) fn keep(mut self) {
        self.files.clear();
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        for file in &self.files {
            self.pictures.remove(file);
        }
    }
}

impl Pictures {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file lies. The name is one of ours, from a row or from the listing.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file.get(..2).unwrap_or_default()).join(file)
    }

    /// Writes a file for each picture. When this returns they survive a power cut.
    pub(super) fn write<'a>(&self, pictures: impl Iterator<Item = &'a [u8]>) -> Result<Written<'_>, Fault> {
        let mut written = Written { pictures: self, files: vec![] };
        // Those of one call share a folder, so that one sync is enough for all their names.
        let start = new_file_name();
        let (folder, start) = (self.folder.join(&start[..2]), &start[..2]);
        make_folder(&folder)?;
        for bytes in pictures {
            let file = format!("{start}{}", &new_file_name()[2..]);
            // Noted before it is there: what fails half-way is removed too.
            written.files.push(file.clone());
            write_one(&self.path(&file), bytes)?;
        }
        // The outer one too: who made the inner one may not have come to that. It costs nothing where nothing changed.
        for folder in [&folder, &self.folder] {
            sync_folder(folder).map_err(Fault::file(folder))?;
        }
        Ok(written)
    }

    /// Makes the folder of all pictures where there is none.
    pub(super) fn make(&self) -> Result<(), Fault> {
        make_folder(&self.folder)?;
        let parent = self.folder.parent().unwrap_or(&self.folder);
        sync_folder(parent).map_err(Fault::file(parent))
    }

    /// Removes a file that no row speaks of any more. If that fails, the next start does it.
    pub(super) fn remove(&self, file: &str) {
        let path = self.path(file);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(
                    "{} cannot be removed: {error}; it is tried again at the next start",
                    path.display()
                );
            }
            _ => {}
        }
    }

    /// Every file of ours. What else lies in the folder is not ours and is left alone.
    pub(super) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            let start = folder.file_name().and_then(|name| name.to_str()).filter(|name| is_hex(name, 2));
            let Some(start) = start.filter(|_| folder.is_dir()) else { continue };
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| name.starts_with(start)) else { continue };
                if is_hex(name, 32) {
                    listing.whole.push((name.to_owned(), entry.metadata()?.len()));
                } else if name.strip_suffix(PART).is_some_and(|name| is_hex(name, 32)) {
                    listing.parts.push(entry.path());
                }
            }
        }
        Ok(listing)
    }
}

/// Makes a folder unless there is one.
fn make_folder(folder: &Path) -> Result<(), Fault> {
    match private_folder().create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Fault::file(folder)(error)),
        _ => Ok(()),
    }
}

/// Writes a file aside, and gives it its name when its bytes are on the disk.
fn write_one(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let part = path.with_extension(&PART[1..]);
    let aside = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    aside().map_err(|source| {
        let _ = fs::remove_file(&part);
        Fault::file(path)(source)
    })
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
