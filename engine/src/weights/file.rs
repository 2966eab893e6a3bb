//! Opening files that may be anything at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::Mmap;

use crate::error::{Error, Result};

/// A configuration's limit. JSON in memory may be sixteen times its size in the file.
pub(crate) const CONFIG: u64 = 1 << 20;
/// The limit of an index of shards: names, some thousands.
pub(crate) const INDEX: u64 = 16 << 20;
/// A tokenizer's limit: CLIP's vocabulary is one megabyte.
pub(crate) const VOCABULARY: u64 = 64 << 20;

/// An error about a file's content.
pub(crate) fn bad_file(file: &Path, what: impl Into<String>) -> Error {
    Error::File { file: file.to_path_buf(), what: what.into() }
}

fn cannot_read(file: &Path) -> impl Fn(io::Error) -> Error {
    |source| Error::Read { file: file.to_path_buf(), source }
}

/// The size of a regular file; `None` where there is nothing of this name.
pub(crate) fn size_of(path: &Path) -> Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() => Ok(Some(about.len())),
        Ok(about) if about.is_dir() => Err(bad_file(path, "is a folder where a file was expected")),
        // Opening a pipe or a device could block for ever.
        Ok(_) => Err(bad_file(path, "is neither a file nor a folder")),
        Err(source) if source.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(bad_file(path, "is a link to a file that is not there; fetch the model again")),
            Err(_) => Ok(None),
        },
        Err(source) => Err(cannot_read(path)(source)),
    }
}

/// A large file's bytes: mapped, or part of this binary.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    pub(crate) bytes: Bytes,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "pages are given back on Linux only"))]
    map: Option<Arc<Mmap>>,
}

/// What keeps a map alive for as long as someone holds bytes of it.
struct Owner(Arc<Mmap>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Mapped {
    /// A file that is part of this binary.
    pub(crate) fn embedded(bytes: Bytes) -> Self {
        Self { bytes, map: None }
    }

    fn new(map: Mmap) -> Self {
        let map = Arc::new(map);
        Self { bytes: Bytes::from_owner(Owner(map.clone())), map: Some(map) }
    }

    /// Gives the pages that were read back to the system. They stay in its cache, and come back by
    /// themselves when they are read again.
    pub(crate) fn release(&self) {
        #[cfg(target_os = "linux")]
        if let Some(map) = &self.map {
            // SAFETY: the map is of a file, read-only and never written to, so a page that is dropped
            // is read again from the file with the same bytes.
            let released = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // Only a saving: without it the program is larger, not wrong.
            let _ = released;
        }
    }
}

/// Maps a file into memory; `None` where there is nothing of this name.
pub(crate) fn map(path: &Path) -> Result<Option<Mapped>> {
    match size_of(path)? {
        None => return Ok(None),
        Some(0) => return Err(bad_file(path, "is empty; the download did not finish, fetch it again")),
        Some(_) => {}
    }
    let file = File::open(path).map_err(cannot_read(path))?;
    // SAFETY: the map is read-only and every offset into it has been checked against its length. What
    // cannot be checked is another process: one that writes to the file while it is mapped changes
    // weights under us (wrong pictures, no worse), and one that truncates it ends this process with a
    // bus error at the next read. Programs that replace files, as all downloaders do, write a new file
    // and rename it, which leaves ours as it was. Reading 7 GB into memory instead would cost every
    // user twice the memory to guard against that.
    let mapped = unsafe { Mmap::map(&file) }.map_err(cannot_read(path))?;
    Ok(Some(Mapped::new(mapped)))
}

/// Reads a small file, of at most `limit` bytes; `None` where there is nothing of this name.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Bytes>> {
    let Some(size) = size_of(path)? else { return Ok(None) };
    if size > limit {
        return Err(bad_file(path, format!("has {} MiB, which is too large for what it is", size >> 20)));
    }
    let file = File::open(path).map_err(cannot_read(path))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(cannot_read(path))?;
    Ok(Some(Bytes::from(bytes)))
}

/// Names of what lies in a folder, sorted; none if it is not there.
pub(crate) fn list(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(cannot_read(folder)(source)),
    };
    let names: io::Result<Vec<String>> =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect();
    let mut names = names.map_err(cannot_read(folder))?;
    names.sort_unstable();
    Ok(names)
}
