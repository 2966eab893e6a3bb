//! The arguments of a second pass.

use std::path::PathBuf;

use clap::ValueEnum;
use fulmen_engine::request::{Enlarged, SecondPass};

/// A second pass over what was drawn.
#[derive(Debug, clap::Args)]
pub(crate) struct HiresArgs {
    /// Draw a second pass: what was drawn is enlarged by RATIO, 1 to 8, and drawn over. So a model draws more pixels than
    /// it was made for without repeating its subjects
    #[arg(long, value_name = "RATIO")]
    hires: Option<f64>,

    /// The share of the steps that the second pass takes, 0 to 1: the less, the more stays [default: 0.5]
    #[arg(long, value_name = "S", requires = "hires")]
    hires_strength: Option<f64>,

    /// What is enlarged between the passes: the latents, or the decoded picture [default: latents; pixels with
    /// --hires-upscaler]
    #[arg(long, value_name = "WHAT", requires = "hires")]
    hires_from: Option<HiresFromArg>,

    /// The upscaler's file that enlarges the picture between the passes, as --upscale takes it [default: Lanczos
    /// resampling]
    #[arg(long, value_name = "FILE", requires = "hires")]
    hires_upscaler: Option<PathBuf>,
}

/// What is enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HiresFromArg {
    /// Fast, and soft at a small strength
    Latents,
    /// Sharp, and decoded and encoded once more
    Pixels,
}

impl HiresArgs {
    pub(crate) fn second_pass(self) -> Option<SecondPass> {
        let is_pixels = self.hires_upscaler.is_some() || self.hires_from == Some(HiresFromArg::Pixels);
        let of = if is_pixels { Enlarged::Pixels(self.hires_upscaler) } else { Enlarged::Latents };
        let denoising_strength = self.hires_strength.unwrap_or(SecondPass::USUAL_STRENGTH);
        self.hires.map(|ratio| SecondPass { ratio, denoising_strength, of })
    }
}
