//! `fulmen`: draw pictures from the command line.
//!
//! `args` is what was typed; each command turns its part into one typed struct before work starts.

mod args;
mod aside;
mod console;
mod crash;
mod devices;
mod failure;
mod generate;
mod interrupt;
mod memory;
mod models;
mod selftest;
mod serve;

use std::process::ExitCode;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    crash::keep_quiet();
    match crash::guard(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run() -> Result<(), Failure> {
    match args::parse()? {
        None => Ok(()),
        Some(Args { command }) => match command {
            Command::Generate(args) => generate::run(args),
            Command::Serve(args) => serve::run(*args),
            Command::Devices(args) => devices::run(&args),
            Command::Selftest(args) => selftest::run(&args),
            Command::Models(args) => models::run(&args.command),
        },
    }
}
