//! How the VAE goes over a picture: whole, or in strips where memory asks for it.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// What may be asked for with `--vae-strips`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VaeStrips {
    /// Strips where the whole does not fit in memory.
    #[default]
    Auto,
    /// The whole at once, or not at all.
    Off,
    /// Strips of so many rows of latents.
    Rows(usize),
}

impl FromStr for VaeStrips {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            ("off", _) => Ok(Self::Off),
            (_, Ok(rows)) if rows > 0 => Ok(Self::Rows(rows)),
            _ => Err(Error::Request("strips of the VAE are auto, off, or rows of latents from 1 on".into())),
        }
    }
}

impl fmt::Display for VaeStrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::Rows(rows) => write!(f, "{rows}"),
        }
    }
}

/// What was asked for, and the rows of strips of what is drawn at the moment; none where the VAE goes whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct VaeCut {
    pub(super) asked: VaeStrips,
    pub(super) rows: Option<usize>,
}

impl VaeCut {
    pub(super) fn new(asked: VaeStrips) -> Self {
        Self { asked, rows: None }
    }

    /// The rows of strips for latents of this height.
    pub(super) fn rows(&self, height: usize) -> Option<usize> {
        self.rows.filter(|rows| *rows < height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_are_asked_for_by_a_word_or_by_rows() {
        for (text, asked) in [("auto", VaeStrips::Auto), ("off", VaeStrips::Off), ("8", VaeStrips::Rows(8))] {
            assert_eq!(text.parse::<VaeStrips>().unwrap(), asked);
            assert_eq!(asked.to_string(), text);
        }
        for text in ["", "0", "-1", "on", "1.5"] {
            assert!(text.parse::<VaeStrips>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_picture_no_higher_than_a_strip_goes_whole() {
        let cut = VaeCut { asked: VaeStrips::Rows(8), rows: Some(8) };
        assert_eq!((cut.rows(8), cut.rows(9)), (None, Some(8)));
    }
}
