//! What lies in a data directory.

use std::path::Path;

use crate::error::Error;

/// The database's file.
pub(super) const DATABASE: &str = "fulmen.db";

/// The folder of pictures.
pub(super) const PICTURES: &str = "pictures";

/// Why it cannot be used.
pub(super) fn data(at: &Path, what: impl Into<String>) -> Error {
    Error::Data { at: at.to_owned(), what: what.into() }
}
