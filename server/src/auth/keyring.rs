//! The keys that may ask, and whose they are.
//!
//! Only digests are kept, in the file and in memory. Keys made by `--new-key` have 256 random bits, so that a plain
//! SHA-256 of one reveals nothing.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::attempts::Attempts;
use super::hex;
use crate::config::Keys;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::problem::Problem;

/// Who asks where there are no keys.
const NOBODY: &str = "local";

/// The name of the key from the environment.
const FROM_ENVIRONMENT: &str = "default";

/// The longest name of a key.
const LONGEST_NAME: usize = 64;

/// The keys that may ask.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    entries: Vec<Entry>,
    /// The digest of the key that only reads metrics.
    metrics: Option<[u8; 32]>,
    attempts: Attempts,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    digest: [u8; 32],
}

impl Keyring {
    /// Reads the keys that an operator named.
    ///
    /// # Errors
    /// The file cannot be read, a line is not `name:sha256`, or a name or a key stands there twice; the sentence names
    /// the file and the line.
    pub(crate) fn open(keys: &Keys) -> Result<Self> {
        let mut entries = keys.file.as_deref().map(read).transpose()?.unwrap_or_default();
        if let Some(key) = &keys.key {
            check_signs("FULMEN_API_KEY", key)?;
            let entry = Entry { name: FROM_ENVIRONMENT.into(), digest: digest(key) };
            unlike(&entries, &entry).map_err(|what| Error::Options(format!("FULMEN_API_KEY: {what}")))?;
            entries.push(entry);
        }
        let metrics = keys.metrics.as_deref().map(|key| metrics_digest(key, &entries)).transpose()?;
        Ok(Self { entries, metrics, attempts: Attempts::default() })
    }

    /// Whether there are no keys: everybody may ask, as `local`.
    pub(crate) fn is_open(&self) -> bool {
        self.entries.is_empty()
    }

    /// The name of the key that a request was sent with.
    ///
    /// # Errors
    /// 401, the same for a key that is missing and for one that is wrong; 429 where too many wrong ones came from there.
    pub(crate) fn owner(&self, request: &Request) -> Result<String, Problem> {
        if self.is_open() {
            return Ok(NOBODY.into());
        }
        let name = given(request).find_map(|key| self.find(key));
        name.map(str::to_owned).ok_or_else(|| {
            if given(request).any(|key| self.is_for_metrics(key)) {
                return Problem::new(403, "metrics_only", "this key opens /metrics and nothing else");
            }
            self.invalid(request)
        })
    }

    /// Whether a request may read the metrics: with any key, or with the one that is for nothing else.
    ///
    /// # Errors
    /// As [`Keyring::owner`].
    pub(crate) fn reads_metrics(&self, request: &Request) -> Result<(), Problem> {
        let may = |key: &str| self.find(key).is_some() || self.is_for_metrics(key);
        let free = self.is_open() && self.metrics.is_none();
        if free || given(request).any(may) { Ok(()) } else { Err(self.invalid(request)) }
    }

    /// Why a request without a right key is not answered.
    fn invalid(&self, request: &Request) -> Problem {
        let tried = given(request).any(|key| !key.is_empty());
        let too_many = request.client.address().filter(|_| tried).and_then(|from| self.attempts.wrong(from));
        match too_many {
            None => invalid(),
            Some(seconds) => {
                let message = format!(
                    "too many wrong keys came from this address; wait {seconds} s before the next; a right one is let in \
                     at any time"
                );
                Problem::too_many("too_many_wrong_keys", message, seconds)
            }
        }
    }

    fn is_for_metrics(&self, key: &str) -> bool {
        self.metrics.is_some_and(|own| bool::from(own.ct_eq(&digest(key))))
    }

    /// The name of a key. Takes the same time wherever the key stands, and whether or not it does.
    fn find(&self, key: &str) -> Option<&str> {
        let digest = digest(key);
        let mut found = u64::MAX;
        for (at, entry) in (0..).zip(&self.entries) {
            found.conditional_assign(&at, entry.digest.ct_eq(&digest));
        }
        self.entries.get(usize::try_from(found).ok()?).map(|entry| entry.name.as_str())
    }
}

/// The keys that a request was sent with.
fn given(request: &Request) -> impl Iterator<Item = &str> {
    let bearer = request.header("authorization").and_then(bearer);
    [request.header("x-api-key"), request.header("api-key"), bearer].into_iter().flatten()
}

fn invalid() -> Problem {
    let message = "a valid key is needed: send it as `x-api-key: KEY` or as `Authorization: Bearer KEY`";
    Problem::new(401, "invalid_api_key", message)
}

/// What is kept of the key that only reads metrics.
fn metrics_digest(key: &str, entries: &[Entry]) -> Result<[u8; 32]> {
    check_signs("the metrics key (--metrics-key, FULMEN_METRICS_KEY)", key)?;
    let own = digest(key);
    match entries.iter().find(|entry| entry.digest == own) {
        None => Ok(own),
        Some(entry) => Err(Error::Options(format!(
            "--metrics-key is the key of {:?}, which draws; give one that is for nothing else",
            entry.name
        ))),
    }
}

/// Whether a key in the clear can stand in a header.
fn check_signs(whose: &str, key: &str) -> Result<()> {
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::Options(format!(
        "{whose} must be letters, digits and signs of ASCII without spaces; leave it out, or set one that \
         `fulmen serve --new-key NAME` makes"
    )))
}

/// The key of `Bearer KEY`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The entries of a file of keys.
fn read(file: &Path) -> Result<Vec<Entry>> {
    let wrong = |what: String| Error::Options(format!("the file of keys {}{what}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(format!(" cannot be read: {error}")))?;
    let entries = parse(&text).map_err(|(line, what)| wrong(format!(", line {line}: {what}")))?;
    // Whoever names a file wants keys to be required: an empty one must not let everybody in.
    if entries.is_empty() {
        return Err(wrong(" has no keys; make one with `fulmen serve --new-key NAME`".into()));
    }
    Ok(entries)
}

/// The entries of a file's text, or the number of the line that is wrong, and what is.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let mut entries = vec![];
    // Some editors begin a file with a mark.
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let entry = entry(text).map_err(|what| (line, what))?;
        unlike(&entries, &entry).map_err(|what| (line, what))?;
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(line: &str) -> Result<Entry, String> {
    // The line may be a key that was pasted in by mistake: it is not repeated.
    let (name, digest) = line.split_once(':').ok_or("a line is `name:sha256`")?;
    check_name(name)?;
    let digest =
        hex::decode(digest).ok_or("after the name come the 64 hexadecimal digits of the key's SHA-256")?;
    Ok(Entry { name: name.into(), digest })
}

/// Whether an entry's name and key are new.
fn unlike(entries: &[Entry], new: &Entry) -> Result<(), String> {
    match entries.iter().find(|entry| entry.name == new.name || entry.digest == new.digest) {
        Some(entry) if entry.name == new.name => {
            Err(format!("there is already a key with the name {:?}", new.name))
        }
        Some(entry) => Err(format!("this is the same key as that of {:?}; each needs its own", entry.name)),
        None => Ok(()),
    }
}

/// Whether a key may have this name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed);
    fits.then_some(()).ok_or_else(|| {
        format!(
            "the name of a key has 1 to {LONGEST_NAME} letters, digits, dots, hyphens or underscores of ASCII"
        )
    })
}

/// What is kept of a key.
pub(super) fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}
