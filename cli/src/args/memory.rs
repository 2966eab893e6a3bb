//! How a model is fitted into the memory of its device.

use clap::ValueEnum;
use fulmen_engine::engine::{MemoryOptions, Options, VaeStrips, WeightFormat};

/// What `generate` and `serve` take alike.
#[derive(Debug, clap::Args)]
pub(crate) struct MemoryArgs {
    /// How weights are kept: in 16 bits on a GPU and as the files have them on the CPU, or in 8 bits with scales, which
    /// takes half the memory of 16 and changes pictures slightly; what GGUF files have in 4 bits then stays in 4
    #[arg(long, value_name = "W", default_value = "auto")]
    weights: WeightsArg,

    /// How the VAE goes over a picture: whole; in strips of so many rows of 8 pixels, which take less memory and give the
    /// same picture; or in strips where the whole does not fit
    #[arg(long, value_name = "auto|off|ROWS", default_value = "auto")]
    vae_strips: VaeStrips,

    #[command(flatten)]
    device: DeviceMemoryArgs,
}

/// What may be taken of a GPU's memory.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct DeviceMemoryArgs {
    /// GiB of the GPU's memory that may be taken [default: nine tenths of what its driver says is free]
    #[arg(long, value_name = "GIB", value_parser = gib)]
    memory_budget: Option<u64>,

    /// Take little of the GPU's memory, 3 GiB for SDXL: its weights are copied there in every step, which takes longer
    #[arg(long)]
    low_memory: bool,
}

impl DeviceMemoryArgs {
    pub(crate) fn options(self) -> MemoryOptions {
        MemoryOptions { budget: self.memory_budget, low: self.low_memory }
    }
}

/// Bytes of so many GiB.
fn gib(text: &str) -> Result<u64, String> {
    let gib: f64 = text.parse().map_err(|_| "a number of GiB is expected, such as 6 or 7.5".to_owned())?;
    if !(gib > 0.0 && gib <= 4096.0) {
        return Err("expected are GiB above 0, such as 6 or 7.5".into());
    }
    Ok((gib * (1u64 << 30) as f64) as u64)
}

impl MemoryArgs {
    /// What engines are opened with.
    pub(crate) fn options(&self) -> Options {
        Options {
            weights: self.weights.into(),
            vae_strips: self.vae_strips,
            memory: self.device.options(),
            ..Options::default()
        }
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
