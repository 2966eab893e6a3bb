//! `fulmen`: draw pictures from the command line.
//!
//! `args` is what was typed; each command turns its part into one typed struct before work starts.

mod args;
mod aside;
mod backup;
mod bench;
mod cached;
mod console;
mod crash;
mod devices;
mod failure;
mod generate;
mod kernels;
mod matrix_units;
mod memory;
mod models;
mod pipe;
mod selftest;
mod serve;
mod signals;
mod tune;
mod upscale;

use std::process::ExitCode;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    // Before there are other threads.
    signals::carry_on();
    crash::keep_quiet();
    let code = match crash::guard(run).and_then(|()| written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    fulmen_server::finish_log();
    code
}

/// Whether all that standard output was given has been written.
fn written() -> Result<(), Failure> {
    match console::failed() {
        None => Ok(()),
        Some(error) => Err(Failure::Run(format!("cannot write to standard output: {error}"))),
    }
}

fn run() -> Result<(), Failure> {
    match args::parse()? {
        None => Ok(()),
        Some(Args { command }) => match command {
            Command::Generate(args) => generate::run(*args),
            Command::Upscale(args) => upscale::run(args),
            Command::Serve(args) => serve::run(*args),
            Command::Backup(args) => backup::run(&args),
            Command::Devices(args) => devices::run(&args),
            Command::Selftest(args) => selftest::run(&args),
            Command::Bench(args) => bench::run(&args),
            Command::Tune(args) => tune::run(&args),
            Command::MatrixUnits(args) => matrix_units::run(&args.device),
            Command::Models(args) => models::run(&args.command),
        },
    }
}
