//! What was typed: the first of two stages. Nothing here has been checked against anything else.

mod backup;
mod bench;
mod control;
mod device;
mod drawing;
mod enlarging;
mod generate;
mod help;
mod hires;
mod image_prompt;
mod init;
mod listen;
mod lora;
mod memory;
mod model;
mod models;
mod nets;
mod number;
mod parts;
mod serve;
mod tune;
mod upscale;

use std::ffi::OsString;
use std::io::Write as _;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

pub(crate) use backup::BackupArgs;
pub(crate) use bench::BenchArgs;
pub(crate) use control::{ControlArg, ControlArgs};
pub(crate) use generate::GenerateArgs;
pub(crate) use image_prompt::ImagePromptArg;
pub(crate) use init::InitArgs;
pub(crate) use memory::DeviceMemoryArgs;
pub(crate) use model::ModelArg;
pub(crate) use models::{InspectArgs, ModelsArgs, ModelsCommand, SynthArgs};
pub(crate) use number::SeedArg;
pub(crate) use serve::{LogArg, ServeArgs};
pub(crate) use tune::TuneArgs;
pub(crate) use upscale::UpscaleArgs;

use crate::console;
use crate::failure::{self, Failure};

/// Generates images with SDXL-Lightning on any GPU, or on the CPU, without CUDA or Python.
#[derive(Debug, Parser)]
#[command(name = "fulmen", version, after_help = help::AFTER, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Generate(Box<GenerateArgs>),
    Upscale(UpscaleArgs),
    Serve(Box<ServeArgs>),
    Backup(BackupArgs),
    Devices(DevicesArgs),
    Selftest(SelftestArgs),
    Bench(BenchArgs),
    Tune(TuneArgs),
    Models(ModelsArgs),
    #[command(hide = true)]
    MatrixUnits(MatrixUnitsArgs),
}

/// Lists the devices that can draw, what they offer, and which one `auto` takes
#[derive(Debug, clap::Args)]
#[command(after_help = help::DEVICES)]
pub(crate) struct DevicesArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Checks every kernel on this machine's driver, then the demo model layer by layer
#[derive(Debug, clap::Args)]
#[command(after_help = help::SELFTEST)]
pub(crate) struct SelftestArgs {
    /// auto, cpu, gpu, gpu:N, or part of a device's name; `fulmen devices` lists them
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Tries the matrix units of a GPU; the program runs this by itself, once for each driver
#[derive(Debug, clap::Args)]
pub(crate) struct MatrixUnitsArgs {
    /// gpu, gpu:N, or part of a device's name
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: String,
}

/// Reads the command line; `None` after `--help` and `--version`, which have been printed.
pub(crate) fn parse() -> Result<Option<Args>, Failure> {
    let words: Vec<OsString> = std::env::args_os().collect();
    // An error in the arguments is an event too, so this is asked before they are understood.
    if words.iter().any(|word| word == "--json") {
        failure::also_as_json();
    }
    if logs_as_json(&words) {
        failure::log_as_json();
    }
    match Args::try_parse_from(words) {
        Ok(args) => Ok(Some(args)),
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            console::note(help.print().and_then(|()| std::io::stdout().flush()));
            Ok(None)
        }
        Err(error) => Err(Failure::Clap(error)),
    }
}

/// Whether `serve` is asked for with `--log json`; what stands last counts.
fn logs_as_json(words: &[OsString]) -> bool {
    let follows = |at: usize| words.get(at + 1).is_some_and(|form| form == "json");
    let form = |(at, word): (usize, &OsString)| match word.to_str()?.strip_prefix("--log")? {
        "" => Some(follows(at)),
        form => Some(form.strip_prefix('=')? == "json"),
    };
    words.get(1).is_some_and(|command| command == "serve")
        && words.iter().enumerate().filter_map(form).next_back() == Some(true)
}
