//! What AMD's shader compiler makes of every kernel, without a card.
//!
//! Mesa's RADV, told which GPU to be by `RADV_FORCE_FAMILY`, compiles pipelines for a card that is not there, with the
//! compiler that Radeon users run. Registers, waves, spills, workgroup memory, code size and the instructions themselves
//! are then known. `tools/offline/run` sets it up for RDNA 2, 3 and 4.

mod accepted;
mod cards;
mod device;
mod inner_loop;
mod layouts;
mod modules;
mod prediction;
mod report;
mod spirv;
mod variants;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use cards::Family;
use device::Device;
use report::Row;
use spirv::Environment;
use variants::Matrices;

/// Compiles every kernel variant for the GPU that RADV_FORCE_FAMILY names and prints what its compiler says.
#[derive(Parser)]
struct Arguments {
    /// Only kernels with this in their name.
    #[arg(long, value_name = "PART")]
    kernel: Option<String>,
    /// Print the instructions of every variant too.
    #[arg(long)]
    isa: bool,
    /// Append what was found to this file, a JSON object a line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail where a product, a convolution or an attention spills, or holds fewer waves than in this file.
    #[arg(long, value_name = "FILE")]
    accepted: Option<PathBuf>,
    /// Print what a call of SDXL's UNet would take at best on cards of this generation.
    #[arg(long)]
    predict: bool,
    /// Write every kernel as SPIR-V below this folder, for a validator, and compile nothing.
    #[arg(long, value_name = "FOLDER", exclusive = true)]
    spirv: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("offline: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    if let Some(folder) = &arguments.spirv {
        println!("{} modules", modules::write(folder)?);
        return Ok(());
    }
    let device = Device::open()?;
    let family = Family::of(device.family())?;
    let wanted = |name: &str| arguments.kernel.as_ref().is_none_or(|part| name.contains(part));
    let mut rows: Vec<Row> = Vec::new();
    // The driver gives kernels for matrix units 64 lanes, and lists those of RDNA 4 in later versions only.
    let has_matrices = family != Family::Rdna2 && device.lanes() == 64;
    let matrices = if has_matrices { Matrices::OfSdxl } else { Matrices::None };
    let all = variants::all(device.lanes(), matrices)?;
    for variant in all.into_iter().filter(|variant| wanted(variant.kernel.name)) {
        let compiled = device.compile(&spirv::of(&variant.kernel, Environment::Trusted)?)?;
        if arguments.isa {
            println!("== {} {}, {}", variant.kernel.name, variant.kernel.sizes, variant.label);
            println!("{:?}\n{}", compiled.statistics, compiled.isa);
        }
        rows.push(Row::new(&device, family, &variant, &compiled));
    }
    let rows = report::worst(rows);
    print!("{}", report::table(&rows));
    if arguments.predict {
        print!("{}", prediction::table(family, &rows)?);
    }
    if let Some(file) = &arguments.json {
        report::append(file, &rows)?;
    }
    arguments.accepted.as_ref().map_or(Ok(()), |file| accepted::check(file, &rows))
}
