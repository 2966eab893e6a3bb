//! A second pass: what was drawn is enlarged and drawn over, so that a model draws more pixels than it was made for
//! without repeating its subjects. AUTOMATIC1111 calls it Hires. fix.

use std::path::PathBuf;

use super::{check_pixels, refuse};
use crate::Result;
use crate::message::Setting;

/// What is enlarged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Enlarged {
    /// The latents, between their neighbours: takes nothing, and needs much noise to become sharp.
    #[default]
    Latents,
    /// The picture, by an upscaler's file or by Lanczos, and then encoded again.
    Pixels(Option<PathBuf>),
}

/// A second pass.
#[derive(Debug, Clone, PartialEq)]
pub struct SecondPass {
    /// What width and height are multiplied by.
    pub ratio: f64,
    /// The share of the steps that is taken again, 0 to 1. The less, the more stays of what was drawn.
    pub denoising_strength: f64,
    /// What is enlarged.
    pub of: Enlarged,
}

impl SecondPass {
    /// Sides that are multiplied by more have little to do with what was drawn.
    pub const MOST: f64 = 8.0;

    /// The share of steps where nothing else was said.
    pub const USUAL_STRENGTH: f64 = 0.5;

    /// An error unless it is possible.
    pub(crate) fn validate(&self) -> Result<()> {
        let Self { ratio, denoising_strength: strength, .. } = self;
        if !(1.0..=Self::MOST).contains(ratio) {
            let most = Self::MOST;
            return refuse(Setting::Hires, format!(" {ratio} is not possible; use 1 to {most}"));
        }
        if !(0.0..=1.0).contains(strength) {
            return refuse(Setting::HiresStrength, format!(" {strength} is not possible; use 0 to 1"));
        }
        Ok(())
    }

    /// Width and height of the second pass, of which one latent covers `grain` pixels each way.
    pub(crate) fn size(&self, (width, height): (usize, usize), grain: usize) -> Result<(usize, usize)> {
        let side = |side: usize| ((side as f64 * self.ratio / grain as f64).round() as usize).max(1) * grain;
        let (width, height) = (side(width), side(height));
        check_pixels(width, height)?;
        Ok((width, height))
    }
}
