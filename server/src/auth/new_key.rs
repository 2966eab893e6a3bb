//! A new key: shown once, and only its digest kept.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::{hex, keyring};
use crate::error::{Error, Result};
use crate::store::{random, sync_folder};

/// How long to wait for others who make a key at the same time. Each needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether they are done.
const LOOK: Duration = Duration::from_millis(10);

/// A key that was made just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What a client sends. It is kept nowhere.
    pub key: String,
    /// The line for the file of keys.
    pub line: String,
    /// Whether the line stands in the file already.
    pub written: bool,
}

/// Makes a key, and puts its line into a file of keys where one is named.
///
/// # Errors
/// The name is not one, or the file has a key with this name, or it cannot be read or written; it is unchanged then.
pub fn new_key(name: &str, file: Option<&Path>) -> Result<NewKey> {
    keyring::check_name(name).map_err(Error::Options)?;
    let key = format!("fulmen_{}", BASE64_URL_SAFE_NO_PAD.encode(random::<32>()));
    let line = format!("{name}:{}", hex::encode(keyring::digest(&key)));
    if let Some(file) = file {
        append(file, name, &line)?;
    }
    Ok(NewKey { key, line, written: file.is_some() })
}

fn append(file: &Path, name: &str, line: &str) -> Result<()> {
    let wrong = |what: String| Error::Options(format!("the file of keys {}{what}", file.display()));
    // Behind a link stands the file that is meant.
    let named = fs::canonicalize(file).or_else(|_| std::path::absolute(file));
    let named = named.map_err(|error| wrong(format!(" cannot be found: {error}")))?;
    // From reading to writing: what another adds meanwhile would be lost.
    let _locked = locked(&named).map_err(|error| {
        wrong(format!(
            " cannot be locked: {error}; it is as it was; make the key without --api-keys and add its line"
        ))
    })?;
    let text = match fs::read_to_string(&named) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(wrong(format!(" cannot be read: {error}"))),
    };
    let entries = keyring::parse(&text).map_err(|(line, what)| wrong(format!(", line {line}: {what}")))?;
    if entries.iter().any(|entry| entry.name == name) {
        return Err(wrong(format!(
            " has a key with the name {name:?}; choose another, or delete that line first"
        )));
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    replace(&named, format!("{text}{end}{line}\n").as_bytes())
        .map_err(|error| wrong(format!(" cannot be written: {error}; it is as it was")))
}

/// No other process makes a key while this is held.
fn locked(file: &Path) -> io::Result<File> {
    let lock = lock_of(file)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > end => {
                return Err(io::Error::other("another program holds it"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
        }
    }
}

/// What is locked for a file of keys: its folder, since the file itself is replaced.
#[cfg(unix)]
fn lock_of(file: &Path) -> io::Result<File> {
    File::open(folder_of(file)?)
}

/// Elsewhere a folder cannot be opened, so an empty file lies beside.
#[cfg(not(unix))]
fn lock_of(file: &Path) -> io::Result<File> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    fs::OpenOptions::new().write(true).create(true).truncate(false).open(folder_of(file)?.join(name))
}

fn folder_of(file: &Path) -> io::Result<&Path> {
    file.parent().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Replaces a file at once: whoever reads it sees the old text or the new one, whatever happens.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let folder = folder_of(file)?;
    // The library makes its files readable for their owner alone.
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(text)?;
    like(file, aside.as_file())?;
    aside.as_file().sync_all()?;
    aside.persist(file)?;
    sync_folder(folder)
}

/// Gives the new file the owner and the mode of the old one, so that a server that could read that can read this.
#[cfg(unix)]
fn like(old: &Path, new: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let Ok(old) = fs::metadata(old) else { return Ok(()) };
    let made = new.metadata()?;
    if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(old.permissions())
}

/// Elsewhere a file has the rights of its folder.
#[cfg(not(unix))]
fn like(_old: &Path, _new: &File) -> io::Result<()> {
    Ok(())
}
