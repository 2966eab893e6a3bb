//! How a model is fitted into the memory of its device.

use clap::ValueEnum;
use fulmen_engine::engine::{Options, VaeStrips, WeightFormat};

/// What `generate` and `serve` take alike.
#[derive(Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    /// How weights are kept: in 16 bits on a GPU and as the files have them on the CPU, or in 8 bits with scales, which
    /// takes half the memory of 16 and changes pictures slightly
    #[arg(long, value_name = "W", default_value = "auto")]
    weights: WeightsArg,

    /// How the VAE goes over a picture: whole; in strips of so many rows of 8 pixels, which take less memory and give the
    /// same picture; or in strips where the whole does not fit
    #[arg(long, value_name = "auto|off|ROWS", default_value = "auto")]
    vae_strips: VaeStrips,
}

impl MemoryArgs {
    /// What engines are opened with.
    pub(crate) fn options(&self) -> Options {
        Options { weights: self.weights.into(), vae_strips: self.vae_strips, ..Options::default() }
    }
}

/// How weights are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WeightsArg {
    Auto,
    Q8,
}

impl From<WeightsArg> for WeightFormat {
    fn from(weights: WeightsArg) -> Self {
        match weights {
            WeightsArg::Auto => Self::Own,
            WeightsArg::Q8 => Self::Q8,
        }
    }
}
