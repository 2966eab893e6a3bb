//! The arguments of `fulmen generate`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use fulmen_engine::engine::Precision;
use fulmen_engine::graph::Tiling;
use fulmen_engine::noise::Rng;
use fulmen_engine::picture::Format;
use fulmen_engine::weights::LoraFile;

use super::control::ControlArgs;
use super::device::DeviceArgs;
use super::drawing::DrawingArgs;
use super::enlarging::EnlargingArgs;
use super::help;
use super::hires::HiresArgs;
use super::image_prompt::{ImagePromptArg, image_prompt};
use super::init::InitArgs;
use super::lora::lora;
use super::memory::MemoryArgs;
use super::number::{SeedArg, count, seed};
use super::parts::PartArgs;

/// Generates images from a text prompt
#[derive(Debug, clap::Args)]
#[command(after_help = help::GENERATE, allow_negative_numbers = true)]
pub(crate) struct GenerateArgs {
    /// The text prompt; `-` reads it from standard input. It may be empty
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: OsString,

    /// A diffusers folder, or a single .safetensors or .gguf file with the whole model [default: the small
    /// demo model inside this program]
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub(crate) model: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) parts: PartArgs,

    /// A LoRA, DoRA, LoHa or LoKr file that changes the model, and how strongly [default: 1]; any number of them
    #[arg(long = "lora", value_name = "FILE[=WEIGHT]", value_parser = lora, help_heading = "Model")]
    pub(crate) loras: Vec<LoraFile>,

    /// The folder with the LoRAs that prompts ask for: `<lora:NAME:0.8>`
    #[arg(long, value_name = "DIR", help_heading = "Model")]
    pub(crate) lora_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) control: ControlArgs,
    /// An IP-Adapter and a picture that the result is to be like, and how strongly [default: 1]; any number of them. The
    /// same FILE again: another picture that counts with the first
    #[arg(long = "ip-adapter", value_name = "FILE=IMAGE[=SCALE]", value_parser = image_prompt, help_heading = "Picture")]
    pub(crate) ip_adapters: Vec<ImagePromptArg>,

    /// What the IP-Adapter sees pictures with (CLIP Vision): transformers' folder, or a single .safetensors file
    #[arg(long, value_name = "PATH", help_heading = "Model")]
    pub(crate) image_encoder: Option<PathBuf>,

    /// Make what is like the picture's border transparent, or draw with --layer-diffuse; for PNG and WebP
    #[arg(long, help_heading = "Picture")]
    pub(crate) transparent: bool,

    /// The folder of LayerDiffuse's files, with which --transparent draws what stands free, and its opacity
    #[arg(long, value_name = "DIR", help_heading = "Model")]
    pub(crate) layer_diffuse: Option<PathBuf>,

    /// What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention away from it
    #[arg(long, value_name = "TEXT", help_heading = "Picture")]
    pub(crate) negative: Option<String>,

    #[command(flatten, next_help_heading = "Picture")]
    pub(crate) drawing: DrawingArgs,

    /// Draw a picture that continues on its opposite sides, so that copies of it fit together without a seam: left and
    /// right, above and below, or both [default where no axis is named: both]
    #[arg(long, value_name = "AXES", num_args = 0..=1, default_missing_value = "both", help_heading = "Picture")]
    pub(crate) tile: Option<TileArg>,

    /// Width in pixels, a multiple of 8 [default: the model's own]
    #[arg(long, value_name = "W", value_parser = count, help_heading = "Picture")]
    pub(crate) width: Option<usize>,

    /// Height in pixels, a multiple of 8 [default: the model's own]
    #[arg(long, value_name = "H", value_parser = count, help_heading = "Picture")]
    pub(crate) height: Option<usize>,

    /// Seed of the noise: the same seed, the same picture; -1 is a new one every time [default: -1]
    #[arg(long, value_name = "S", value_parser = seed, help_heading = "Picture")]
    pub(crate) seed: Option<SeedArg>,

    /// Pictures to draw, with the seeds S, S+1, …
    #[arg(short = 'n', long = "images", value_name = "COUNT", default_value = "1", value_parser = count, help_heading = "Picture")]
    pub(crate) images: usize,

    /// Whose noise generator a seed is for: PyTorch's on the CPU (ComfyUI, diffusers) or on NVIDIA cards (A1111)
    #[arg(long, value_name = "RNG", default_value = "torch", help_heading = "Picture")]
    pub(crate) rng: RngArg,

    #[command(flatten)]
    pub(crate) init: InitArgs,

    #[command(flatten, next_help_heading = "Enlargement")]
    pub(crate) hires: HiresArgs,

    #[command(flatten, next_help_heading = "Enlargement")]
    pub(crate) enlarging: EnlargingArgs,

    #[command(flatten, next_help_heading = "Device")]
    pub(crate) device: DeviceArgs,

    /// How values are stored between layers. bf16 stores f32 and rounds what is multiplied, which takes half the time on
    /// CPUs with AVX512_BF16, and draws slightly different pictures [default: f16 on a GPU, f32 on the CPU]
    #[arg(long, value_name = "P", help_heading = "Device")]
    pub(crate) precision: Option<PrecisionArg>,

    #[command(flatten, next_help_heading = "Device")]
    pub(crate) memory: MemoryArgs,

    /// The file to write; its extension chooses PNG, JPEG or WebP. An existing file is replaced. `-` is standard
    /// output, for a pipe [default: fulmen-SEED.png, which never replaces a file]
    #[arg(short, long, value_name = "OUT", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Format of the file, if the name does not say it [default: png]
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<FormatArg>,

    /// Whether the file carries its settings, including prompt and seed; in JPEG and WebP too
    #[arg(long, value_name = "TEXT", default_value = "full", help_heading = "Output")]
    pub(crate) png_text: PngTextArg,

    /// Write every layer's shape, mean, sigma, minimum, maximum and first 8 values to FILE: a table with
    /// tabs, or JSON lines where the name ends in .jsonl. Slow
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) trace: Option<PathBuf>,

    /// Print events as JSON lines on standard output, for programs
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Draw nothing: say what would be drawn, and the memory that it would take
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
}

/// Kinds of files.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatArg {
    Png,
    #[value(alias = "jpg")]
    Jpeg,
    Webp,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Png => Self::Png,
            FormatArg::Jpeg => Self::Jpeg,
            FormatArg::Webp => Self::WebP,
        }
    }
}

/// Where pictures continue on their opposite sides.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TileArg {
    /// Left and right
    X,
    /// Above and below
    Y,
    Both,
}

impl From<TileArg> for Tiling {
    fn from(tile: TileArg) -> Self {
        match tile {
            TileArg::X => Self { x: true, y: false },
            TileArg::Y => Self { x: false, y: true },
            TileArg::Both => Self { x: true, y: true },
        }
    }
}

/// Whose noise.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RngArg {
    Torch,
    Philox,
}

impl From<RngArg> for Rng {
    fn from(rng: RngArg) -> Self {
        match rng {
            RngArg::Torch => Self::Torch,
            RngArg::Philox => Self::Philox,
        }
    }
}

/// What a file says of how it was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PngTextArg {
    Full,
    None,
}

impl PngTextArg {
    pub(crate) fn is_full(self) -> bool {
        self == Self::Full
    }
}

/// How values are stored and multiplied.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionArg {
    F32,
    F16,
    Bf16,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::F16 => Self::F16,
            PrecisionArg::Bf16 => Self::Bf16,
        }
    }
}
