//! `fulmen models`: looking into model files, and making some up.

mod adapter;
mod guide;
mod image_net;
mod inspect;
mod synth;
mod upscaler;

use crate::args::ModelsCommand;
use crate::failure::Failure;

pub(crate) fn run(command: &ModelsCommand) -> Result<(), Failure> {
    match command {
        ModelsCommand::Inspect(args) => inspect::run(args),
        ModelsCommand::Synth(args) => synth::run(args),
    }
}
