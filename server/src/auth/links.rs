//! Links that show a picture to whoever has them, until they expire.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::hex;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::problem::Problem;
use crate::store::{random, sync_folder};

/// The file of the key, in the data directory.
const FILE: &str = "link.key";

/// Says what is signed, so that a signature of something else is none of a link.
const LINK: &str = "fulmen link 1";
const UPLOAD: &str = "fulmen upload 1";

/// Makes links, and tells whether one is ours.
pub(crate) struct Links([u8; 32]);

impl std::fmt::Debug for Links {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Links")
    }
}

impl Links {
    /// Reads the key of a data directory, or makes one.
    ///
    /// # Errors
    /// The key cannot be read or written, or is not one.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let file = directory.join(FILE);
        let wrong = |what: String| Error::Data { at: file.clone(), what };
        match fs::read(&file) {
            Ok(bytes) => {
                let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
                    wrong(format!(
                        "the key of the links has {} bytes, not 32; put back a copy of it, or delete it: a new one is \
                         made, and links given out before are void",
                        bytes.len()
                    ))
                })?;
                make_private(&file)
                    .map_err(|error| wrong(format!("its mode cannot be made 0600: {error}")))?;
                Ok(Self(key))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = random();
                create(directory, &key).map_err(|error| wrong(format!("it cannot be written: {error}")))?;
                Ok(Self(key))
            }
            Err(error) => Err(wrong(format!("it cannot be read: {error}"))),
        }
    }

    /// The link to a picture's file, good until `expires`.
    pub(crate) fn sign(&self, base: &str, name: &str, expires: Timestamp) -> String {
        let expires = expires.as_second();
        let signature = hex::encode(self.code(LINK, name, expires).finalize().into_bytes().into());
        format!("{base}/files/{name}?expires={expires}&signature={signature}")
    }

    /// Whether a request came through a link to this file that is still good.
    ///
    /// # Errors
    /// 403 where the signature is missing or is not of this file and time, 410 where the time is over.
    pub(crate) fn check(&self, name: &str, request: &Request, now: Timestamp) -> Result<(), Problem> {
        self.check_parts(name, (request.query("expires"), request.query("signature")), now)
    }

    /// The same of a link that stands somewhere else: of its `expires` and its `signature`.
    ///
    /// # Errors
    /// As [`Links::check`].
    pub(crate) fn check_parts(
        &self,
        name: &str,
        (expires, signature): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<(), Problem> {
        match self.expiry((LINK, name), (expires, signature)) {
            None => {
                let message =
                    "the link is not as this server made it; copy it whole, with `expires` and `signature`";
                Err(Problem::new(403, "invalid_signature", message))
            }
            Some(expires) if now.as_second() >= expires => {
                Err(Problem::new(410, "expired", "the link has expired; ask for the picture again"))
            }
            Some(_) => Ok(()),
        }
    }

    /// What lets somebody without a key send the picture of this id, until `expires`: that time, and a signature.
    pub(crate) fn sign_upload(&self, id: &str, expires: Timestamp) -> (String, String) {
        let expires = expires.as_second();
        let signature = hex::encode(self.code(UPLOAD, id, expires).finalize().into_bytes().into());
        (expires.to_string(), signature)
    }

    /// Whether this was signed for the picture of this id, and its time is not over.
    ///
    /// # Errors
    /// 403 in either case.
    pub(crate) fn check_upload(
        &self,
        id: &str,
        (expires, signature): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<(), Problem> {
        let expires = self.expiry((UPLOAD, id), (expires, signature));
        if expires.is_some_and(|expires| now.as_second() < expires) {
            return Ok(());
        }
        let message = "the fields of the form are not as this server gave them, or an hour has passed since; send them \
                       unchanged, before the file, or ask for new ones";
        Err(Problem::new(403, "invalid_signature", message))
    }

    /// The time that something was signed for, if it was.
    fn expiry(
        &self,
        (what, name): (&str, &str),
        (expires, signature): (Option<&str>, Option<&str>),
    ) -> Option<i64> {
        let (expires, signature) = (seconds(expires?)?, hex::decode(signature?)?);
        // Compares in constant time.
        self.code(what, name, expires).verify_slice(&signature).ok().map(|()| expires)
    }

    /// The code of a file and a time. The time has no line break and stands before the name, so that no two pairs make
    /// the same message.
    fn code(&self, what: &str, name: &str, expires: i64) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        code.update(format!("{what}\n{expires}\n{name}").as_bytes());
        code
    }
}

/// Seconds since 1970: digits alone, no more than a number holds.
fn seconds(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Writes the key aside and gives it its name when it is whole. Only the server that has locked the directory does.
fn create(directory: &Path, key: &[u8; 32]) -> io::Result<()> {
    let part = directory.join("link.key.part");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&part)?;
    // One left over from a crash keeps its mode when it is opened again.
    make_private(&part)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&part, directory.join(FILE))?;
    sync_folder(directory)
}

/// Lets only this user read a file.
#[cfg(unix)]
fn make_private(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    match fs::metadata(file)?.permissions().mode() & 0o777 {
        0o600 | 0o400 => Ok(()),
        _ => fs::set_permissions(file, fs::Permissions::from_mode(0o600)),
    }
}

/// Elsewhere a file has the rights of its folder.
#[cfg(not(unix))]
fn make_private(_file: &Path) -> io::Result<()> {
    Ok(())
}
