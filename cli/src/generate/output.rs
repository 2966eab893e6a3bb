//! Where pictures go, and under which names.

use std::io::Write;
use std::path::{Path, PathBuf};

use fulmen_engine::engine::Drawn;
use fulmen_engine::picture::Format;

use crate::aside::{self, Aside};
use crate::failure::Failure;

/// Where pictures go.
pub(super) enum Output {
    /// `fulmen-SEED.png` in this folder, replacing nothing.
    Default,
    /// As the user says, replacing what is there.
    Named {
        /// With several pictures, each has its seed in the name.
        path: PathBuf,
        format: Format,
    },
}

impl Output {
    /// From `-o`, whose extension chooses the format.
    pub(super) fn new(path: Option<PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Default) };
        let format = Format::of(&path)?;
        Ok(Self::Named { path, format })
    }

    /// Fails unless pictures can be written.
    pub(super) fn check(&self, images: usize) -> Result<(), Failure> {
        match self {
            Self::Named { path, .. } if images == 1 => aside::check(path),
            Self::Named { path, .. } => aside::check(&with_stem(path, "check")),
            Self::Default => aside::check(Path::new("fulmen-check.png")),
        }
    }

    /// Writes one of `images` pictures, and answers where.
    pub(super) fn save(&self, drawn: &Drawn, images: usize) -> Result<PathBuf, Failure> {
        match self {
            Self::Named { path, format } => {
                let place = if images == 1 { path.clone() } else { with_stem(path, &drawn.seed.to_string()) };
                let bytes = drawn.picture.encode(*format, Some(&drawn.parameters))?;
                let put = begin(&place, &bytes).and_then(Aside::finish);
                put.map(|()| place.clone()).map_err(|error| aside::cannot_write(&place, &error))
            }
            Self::Default => {
                save_new(drawn.seed, &drawn.picture.encode(Format::Png, Some(&drawn.parameters))?)
            }
        }
    }
}

/// `fulmen-SEED.png`, or the first of `fulmen-SEED-2.png`, … that is free.
fn save_new(seed: u64, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let first = PathBuf::from(format!("fulmen-{seed}.png"));
    let others = (2u64..).map(|number| with_stem(&first, &number.to_string()));
    for place in std::iter::once(first.clone()).chain(others) {
        if place.symlink_metadata().is_ok() {
            continue;
        }
        // Another process may have taken the name by the time that the picture is written.
        match begin(&place, bytes).and_then(Aside::finish_new) {
            Ok(true) => return Ok(place),
            Ok(false) => {}
            Err(error) => return Err(aside::cannot_write(&place, &error)),
        }
    }
    unreachable!("the numbers do not end")
}

fn begin(place: &Path, bytes: &[u8]) -> std::io::Result<Aside> {
    let mut file = Aside::create(place)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// `fox.png` and `7` to `fox-7.png`.
fn with_stem(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pictures_have_their_seeds_in_their_names() {
        assert_eq!(with_stem(Path::new("out/a.b.png"), "7"), Path::new("out/a.b-7.png"));
    }
}
