//! The arguments of `fulmen generate`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use fulmen_engine::engine::Precision;
use fulmen_engine::noise::Rng;
use fulmen_engine::picture::Format;
use fulmen_engine::prompt::{LongPrompts, PromptSyntax};
use fulmen_engine::schedule::{Prediction, SamplerName, Sigmas, TimestepSpacing};
use fulmen_engine::weights::LoraFile;

use super::help;
use super::lora::lora;
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

    /// What to keep out of the picture: by guidance if it is above 1, otherwise by steering attention away from it
    #[arg(long, value_name = "TEXT", help_heading = "Picture")]
    pub(crate) negative: Option<String>,

    /// Steps of the sampler [default: what the model was made for]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Picture")]
    pub(crate) steps: Option<usize>,

    /// How closely to follow the prompt; above 1 every step takes twice as long [default: what the model was
    /// made for]
    #[arg(long, value_name = "G", help_heading = "Picture")]
    pub(crate) guidance: Option<f32>,

    /// How far to steer attention away from the negative prompt without guidance; 1 has no effect
    /// [default: 3]
    #[arg(long, value_name = "S", help_heading = "Picture")]
    pub(crate) nag_scale: Option<f32>,

    /// How much larger the output of attention may become by that, as a multiple [default: 2.5]
    #[arg(long, value_name = "T", help_heading = "Picture")]
    pub(crate) nag_tau: Option<f32>,

    /// How much of that is blended in, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "A", help_heading = "Picture")]
    pub(crate) nag_alpha: Option<f32>,

    /// The sampler, which moves the latents from step to step [default: what the model was made for]
    #[arg(long, value_name = "SAMPLER", value_parser = words(&SamplerName::WORDS), help_heading = "Picture")]
    pub(crate) sampler: Option<SamplerName>,

    /// The noise schedule [default: the model's own]
    #[arg(long, value_name = "SIGMAS", value_parser = words(&Sigmas::WORDS), help_heading = "Picture")]
    pub(crate) sigmas: Option<Sigmas>,

    /// The share of fresh noise in every step, 0 to 1; only euler-a, ddim and tcd use it [default: 1, 0
    /// and 0.3]
    #[arg(long, value_name = "ETA", help_heading = "Picture")]
    pub(crate) eta: Option<f32>,

    /// Which noise levels the steps use [default: what the model was made for]
    #[arg(long, value_name = "SPACING", help_heading = "Picture")]
    pub(crate) spacing: Option<SpacingArg>,

    /// What the model's UNet predicts: noise, velocity, or the picture [default: what the model was
    /// made for]
    #[arg(long, value_name = "P", help_heading = "Picture")]
    pub(crate) prediction: Option<PredictionArg>,

    /// How prompts are read: with AUTOMATIC1111's weights, BREAK and LoRA tags, or as plain words [default: a1111]
    #[arg(long, value_name = "SYNTAX", help_heading = "Picture")]
    pub(crate) prompt_syntax: Option<PromptSyntaxArg>,

    /// What to do with prompts of more than 75 tokens [default: chunk; cut with plain words]
    #[arg(long, value_name = "WHAT", help_heading = "Picture")]
    pub(crate) long_prompts: Option<LongPromptsArg>,

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

    /// auto, cpu, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Device")]
    pub(crate) device: String,

    /// How values are stored between layers [default: f16 on a GPU, f32 on the CPU]
    #[arg(long, value_name = "P", help_heading = "Device")]
    pub(crate) precision: Option<PrecisionArg>,

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
}

/// One of some words of the engine's, and what it means there.
pub(crate) fn words<T: Copy + Send + Sync + 'static>(
    words: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).map(|chosen| {
        let (_, meaning) =
            words.iter().find(|(word, _)| *word == chosen).expect("only these words are taken");
        *meaning
    })
}

/// Which levels of noise.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SpacingArg {
    /// From the noisiest level in equal strides: distilled models
    #[value(alias = "sgm-uniform", alias = "sgm_uniform")]
    Trailing,
    /// Equal strides up from the cleanest level: SDXL's own
    Leading,
    /// From the noisiest level to the cleanest, both included
    Linspace,
}

impl From<SpacingArg> for TimestepSpacing {
    fn from(spacing: SpacingArg) -> Self {
        match spacing {
            SpacingArg::Trailing => Self::Trailing,
            SpacingArg::Leading => Self::Leading,
            SpacingArg::Linspace => Self::Linspace,
        }
    }
}

/// What the UNet predicts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PredictionArg {
    /// The noise in the picture: SDXL and most others
    #[value(alias = "eps")]
    Epsilon,
    /// The velocity between noise and picture: v-prediction models
    #[value(alias = "v_prediction", alias = "v-prediction", alias = "velocity")]
    V,
    /// The picture itself: one-step Lightning
    #[value(alias = "x0")]
    Sample,
}

impl From<PredictionArg> for Prediction {
    fn from(prediction: PredictionArg) -> Self {
        match prediction {
            PredictionArg::Epsilon => Self::Epsilon,
            PredictionArg::V => Self::Velocity,
            PredictionArg::Sample => Self::Sample,
        }
    }
}

/// How prompts are read.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PromptSyntaxArg {
    /// (word:1.3), ((word)), [word], \(, BREAK and <lora:name:weight>
    #[value(alias = "automatic1111")]
    A1111,
    /// Words alone
    Plain,
}

impl From<PromptSyntaxArg> for PromptSyntax {
    fn from(syntax: PromptSyntaxArg) -> Self {
        match syntax {
            PromptSyntaxArg::A1111 => Self::A1111,
            PromptSyntaxArg::Plain => Self::Plain,
        }
    }
}

/// What to do with long prompts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LongPromptsArg {
    /// All is read, 75 tokens at a time
    Chunk,
    /// The first 75 tokens are read
    Cut,
}

impl From<LongPromptsArg> for LongPrompts {
    fn from(long: LongPromptsArg) -> Self {
        match long {
            LongPromptsArg::Chunk => Self::Chunk,
            LongPromptsArg::Cut => Self::Cut,
        }
    }
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

/// How values are stored.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionArg {
    F32,
    F16,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::F32 => Self::F32,
            PrecisionArg::F16 => Self::F16,
        }
    }
}
