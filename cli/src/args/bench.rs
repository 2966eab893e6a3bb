//! The arguments of `fulmen bench`.

use std::path::PathBuf;

use super::generate::PrecisionArg;
use super::{DeviceMemoryArgs, help};

/// Measures how fast this machine draws, kernel by kernel if asked for; needs no model
#[derive(Debug, clap::Args)]
#[command(after_help = help::BENCH)]
pub(crate) struct BenchArgs {
    /// auto, cpu, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// How values are stored between layers, and multiplied: see `fulmen generate --help` [default: f16 on a GPU, f32 on
    /// the CPU]
    #[arg(long, value_name = "P")]
    pub(crate) precision: Option<PrecisionArg>,
    /// The model whose shapes are computed: SDXL, or the small one inside this program
    #[arg(long, value_name = "CONFIG", default_value = "sdxl", value_parser = ["sdxl", "demo"])]
    pub(crate) config: String,
    /// Width and height in pixels, a multiple of 8 [default: what the model was trained at]
    #[arg(long, value_name = "PIXELS")]
    pub(crate) size: Option<usize>,
    /// Steps of a picture
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) steps: u16,
    #[command(flatten)]
    pub(crate) memory: DeviceMemoryArgs,
    /// Run every layer on the kernel that rules choose, not on what was found to be fastest
    #[arg(long)]
    pub(crate) no_tuning: bool,
    /// Run layers on the kernels that this file chooses: what `fulmen tune --show --json` prints, perhaps changed by hand
    #[arg(long, value_name = "FILE", conflicts_with = "no_tuning")]
    pub(crate) kernels_from: Option<PathBuf>,
    /// Also time every kernel by itself
    #[arg(long)]
    pub(crate) kernels: bool,
    /// Print events as JSON lines on standard output, for programs
    #[arg(long)]
    pub(crate) json: bool,
}
