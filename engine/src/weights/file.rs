//! Opening files that may be anything at all.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use memmap2::Mmap;

use super::guard::Guard;

use crate::error::{Error, Result};

/// A configuration's limit. JSON in memory may be sixteen times its size in the file.
pub(crate) const CONFIG: u64 = 1 << 20;
/// The limit of an index of shards: names, some thousands.
pub(crate) const INDEX: u64 = 16 << 20;
/// Weights of at most this size are read into memory; what is mapped, others can change while it is in use.
pub(crate) const SMALL: u64 = 64 << 20;
/// A tokenizer's limit: CLIP's vocabulary is one megabyte.
pub(crate) const VOCABULARY: u64 = 64 << 20;

/// What a file is read in between two questions whether to go on.
const PIECE: u64 = 1 << 20;

/// Asked again and again while files are read; its error ends the reading.
pub(crate) type GoOn<'a> = &'a dyn Fn() -> Result<()>;

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

/// A file of weights: mapped, read into memory, or part of this binary.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    pub(crate) bytes: Bytes,
    map: Option<Arc<Watched>>,
}

/// A map, and what its file was like when it was made. The guard stands first: it goes before the map.
#[derive(Debug)]
struct Watched {
    guard: Guard,
    map: Mmap,
    file: File,
    seen: Seen,
}

/// By what a file that was written to is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    len: u64,
    /// Not every file system has one.
    modified: Option<SystemTime>,
}

impl Seen {
    fn of(file: &File) -> io::Result<Self> {
        let about = file.metadata()?;
        Ok(Self { len: about.len(), modified: about.modified().ok() })
    }
}

/// What keeps a map alive for as long as someone holds bytes of it.
struct Owner(Arc<Watched>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.map
    }
}

impl Mapped {
    /// Bytes that no one else can change.
    pub(crate) fn fixed(bytes: Bytes) -> Self {
        Self { bytes, map: None }
    }

    /// Bytes that the file takes in memory where it is not mapped.
    pub(crate) fn copied_bytes(&self) -> usize {
        if self.map.is_none() { self.bytes.len() } else { 0 }
    }

    /// Whether the file still holds what was read from it. A file that was replaced by another of its
    /// name does: we have the old one.
    pub(crate) fn is_unchanged(&self) -> bool {
        let Some(watched) = &self.map else { return true };
        !watched.guard.is_broken() && Seen::of(&watched.file).is_ok_and(|seen| seen == watched.seen)
    }

    /// Gives the pages that were read back to the system. They stay in its cache, and come back by
    /// themselves when they are read again.
    pub(crate) fn release(&self) {
        #[cfg(target_os = "linux")]
        if let Some(watched) = &self.map {
            // SAFETY: the map is of a file, read-only and never written to, so a page that is dropped
            // is read again from the file with the same bytes.
            let released = unsafe { watched.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            // Only a saving: without it the program is larger, not wrong.
            let _ = released;
        }
    }
}

/// Gives the pages of a mapped file that hold nothing but these bytes back to the system, as [`Mapped::release`] does for
/// a whole file. Bytes that are not a map's stay.
pub(crate) fn release(bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    super::guard::release(bytes);
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

/// That a file did not stay as it was while it was needed.
pub(crate) fn changed(file: &Path) -> Error {
    bad_file(file, "was changed or truncated while it was in use; put the file back and try again")
}

/// Opens a file of weights; `None` where there is nothing of this name. It is read into memory if it has
/// at most `small` bytes, and mapped otherwise.
pub(crate) fn weights(path: &Path, small: u64) -> Result<Option<Mapped>> {
    weights_while(path, small, &|| Ok(()))
}

/// The same, as long as nobody stops it.
pub(crate) fn weights_while(path: &Path, small: u64, go_on: GoOn<'_>) -> Result<Option<Mapped>> {
    match size_of(path)? {
        None => return Ok(None),
        Some(0) => return Err(bad_file(path, "is empty; the download did not finish, fetch it again")),
        Some(_) => {}
    }
    let file = File::open(path).map_err(cannot_read(path))?;
    let seen = Seen::of(&file).map_err(cannot_read(path))?;
    if seen.len <= small {
        return copied(path, &file, seen, go_on).map(Some);
    }
    // SAFETY: the map is read-only and every offset into it has been checked against its length. What
    // cannot be checked is another process that writes to the file meanwhile. One that truncates it would
    // end this process with a bus error at the next read, were it not for the guard; one that overwrites
    // it changes weights under us, which `is_unchanged` tells before they become a picture. Programs that
    // replace files, as all downloaders do, write a new file and rename it, which leaves ours as it was.
    let map = unsafe { Mmap::map(&file) }.map_err(cannot_read(path))?;
    let watched = Arc::new(Watched { guard: Guard::over(&map), map, file, seen });
    Ok(Some(Mapped { bytes: Bytes::from_owner(Owner(watched.clone())), map: Some(watched) }))
}

/// A small file in memory, where nothing can happen to it any more.
fn copied(path: &Path, file: &File, seen: Seen, go_on: GoOn<'_>) -> Result<Mapped> {
    let (mut bytes, mut rest) = (Vec::new(), file.take(seen.len + 1));
    while rest.by_ref().take(PIECE).read_to_end(&mut bytes).map_err(cannot_read(path))? > 0 {
        go_on()?;
    }
    if bytes.len() as u64 != seen.len || Seen::of(file).map_err(cannot_read(path))? != seen {
        return Err(changed(path));
    }
    Ok(Mapped::fixed(Bytes::from(bytes)))
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
