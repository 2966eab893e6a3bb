//! How a finished picture is enlarged.

use std::path::{Path, PathBuf};

use super::{LONGEST_SIDE, MOST_PIXELS, refuse};
use crate::Result;
use crate::message::Setting;

/// What a picture is enlarged by where nothing else says so.
const USUAL: f64 = 2.0;

/// Enlarging a finished picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upscale {
    /// A network's file; `None`: Lanczos.
    pub file: Option<PathBuf>,
    /// What the sides are multiplied by; `None`: what the network is made for, or 2.
    pub by: Option<f64>,
}

impl Upscale {
    /// Sides that are multiplied by more are no use to anyone.
    pub const MOST: f64 = 16.0;

    /// An error unless it is possible.
    pub(crate) fn validate(&self) -> Result<()> {
        match self.by {
            Some(by) if !(1.0..=Self::MOST).contains(&by) => {
                let most = Self::MOST;
                refuse(Setting::UpscaleBy, format!(" {by} is not possible; use 1 to {most}"))
            }
            _ => Ok(()),
        }
    }

    /// What the sides are multiplied by, where the network is made for `usual`.
    pub(crate) fn ratio(&self, usual: Option<f64>) -> f64 {
        self.by.or(usual).unwrap_or(USUAL)
    }

    /// What a record calls what enlarges.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.file.as_deref().and_then(Path::file_stem);
        name.map_or_else(|| "Lanczos".into(), |name| name.to_string_lossy().into_owned())
    }

    /// Width and height of a picture that is enlarged by so much.
    pub(crate) fn enlarged([width, height]: [usize; 2], ratio: f64) -> Result<[usize; 2]> {
        let sides = [width, height].map(|side| ((side as f64 * ratio).round() as usize).max(1));
        let [width, height] = sides;
        if width > LONGEST_SIDE || height > LONGEST_SIDE || width.saturating_mul(height) > MOST_PIXELS {
            let what = format!(
                " {ratio} makes {width}x{height} pixels; the most are {LONGEST_SIDE} a side and {} million",
                MOST_PIXELS >> 20
            );
            return refuse(Setting::UpscaleBy, what).map(|()| sides);
        }
        Ok(sides)
    }
}
