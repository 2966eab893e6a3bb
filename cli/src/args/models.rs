//! The arguments of `fulmen models`.

use std::path::PathBuf;

use fulmen_engine::synth::SynthGuide;

use super::drawing::words;
use super::help;
use super::parts::PartArgs;

/// Looks into model files, and makes some up for tests
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ModelsCommand {
    Inspect(InspectArgs),
    Synth(SynthArgs),
}

/// Says what a file or folder is: parts, parameters, precision, and the settings it is drawn with
#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// A model, a part of one, a LoRA, a ControlNet, a T2I-Adapter or an upscaler: a folder, a file, or a repository in
    /// the hub's cache
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    #[command(flatten)]
    pub(crate) parts: PartArgs,

    /// The model that a ControlNet or T2I-Adapter is to guide [default: SDXL base]
    #[arg(long, value_name = "PATH")]
    pub(crate) model: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Makes a model of made-up weights: the size and speed of the real one, pictures of nothing
#[derive(Debug, clap::Args)]
#[command(after_help = help::SYNTH)]
pub(crate) struct SynthArgs {
    /// `sdxl` for SDXL base's configuration, or a diffusers folder whose configuration to take
    #[arg(long, value_name = "CONFIG")]
    pub(crate) config: String,
    /// The folder to write; with --single-file the folder for the file, or the .safetensors file itself
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// A net that guides a model of this configuration, instead of the model
    #[arg(long, value_name = "NET", value_parser = words(SynthGuide::WORDS))]
    pub(crate) net: Option<SynthGuide>,
    /// Write one file with the original names instead of a diffusers folder
    #[arg(long)]
    pub(crate) single_file: bool,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Print events as JSON lines on standard output, for programs
    #[arg(long)]
    pub(crate) json: bool,
}
