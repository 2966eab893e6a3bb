//! The arguments of `fulmen upscale`.

use std::path::PathBuf;

use fulmen_engine::request::Upscale;

use super::device::DeviceArgs;
use super::generate::{FormatArg, PrecisionArg};
use super::help;

/// Enlarges a picture: with an upscaler's file, or by Lanczos resampling
#[derive(Debug, clap::Args)]
#[command(after_help = help::UPSCALE)]
pub(crate) struct UpscaleArgs {
    /// A PNG, JPEG or WebP file
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,

    /// An upscaler: RRDBNet (ESRGAN, Real-ESRGAN) or SRVGG, as .safetensors, .pth, or ncnn's .param with its .bin
    /// [default: Lanczos resampling]
    #[arg(long = "with", value_name = "FILE")]
    pub(crate) with: Option<PathBuf>,

    /// What width and height are multiplied by, 1 to 16 [default: what the upscaler is made for, or 2]
    #[arg(long = "by", value_name = "R")]
    pub(crate) by: Option<f64>,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    /// How values are stored between layers. bf16 stores f32 and rounds what is multiplied, which takes half the time on
    /// CPUs with AVX512_BF16, and draws slightly different pictures [default: f16 on a GPU, f32 on the CPU]
    #[arg(long, value_name = "P")]
    pub(crate) precision: Option<PrecisionArg>,

    /// The file to write; its extension chooses PNG, JPEG or WebP. An existing file is replaced. `-` is standard
    /// output, for a pipe [default: IMAGE-WIDTHxHEIGHT.png in this folder, which never replaces a file]
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,

    /// Format of the file, if the name does not say it [default: png]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<FormatArg>,

    /// Print events as JSON lines on standard output, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

impl UpscaleArgs {
    pub(crate) fn upscale(&self) -> Upscale {
        Upscale { file: self.with.clone(), by: self.by }
    }
}
