//! Small files in the user's cache folder, which remember what was found of a device with its driver.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fulmen_engine::gpu::AdapterDescription;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes of a file that are read.
pub(crate) const LARGEST: u64 = 16 << 20;

/// What a file has.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<T> {
    /// There is none.
    Nothing,
    /// It cannot be read, or is not what was written.
    Damaged,
    Whole(T),
}

/// This program's folder in the user's cache folder, where the user has one.
pub(crate) fn folder() -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("fulmen"))
}

/// A device with its driver and the version of this program: what was found of another is of no use.
pub(crate) fn key(device: &AdapterDescription) -> String {
    let AdapterDescription { name, backend, driver, .. } = device;
    format!("{name} ({backend}), driver {driver}, fulmen {}", env!("CARGO_PKG_VERSION"))
}

/// What a file holds.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Found<T> {
    let Ok(about) = fs::metadata(file) else { return Found::Nothing };
    let text = (about.is_file() && about.len() <= LARGEST).then(|| fs::read(file).ok()).flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok()).map_or(Found::Damaged, Found::Whole)
}

/// Aside, then renamed: another program that reads it meanwhile finds the old one or the new one.
pub(crate) fn write(file: &Path, contents: &impl Serialize) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(&serde_json::to_vec_pretty(contents)?)?;
    aside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_was_found_is_remembered_and_a_damaged_file_is_not_believed() {
        type Known = BTreeMap<String, bool>;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deeper").join("known.json");
        assert_eq!(read::<Known>(&file), Found::Nothing);
        let known = Known::from([("a device".to_owned(), false), ("another".to_owned(), true)]);
        write(&file, &known).unwrap();
        assert_eq!(read(&file), Found::Whole(known));
        fs::write(&file, b"{\"a device\": tru").unwrap();
        assert_eq!(read::<Known>(&file), Found::Damaged);
        assert_eq!(read::<Known>(folder.path()), Found::Damaged);
    }
}
