//! What `fulmen selftest` asks of a user's machine, asked here: the table must be right before it judges a
//! driver.

use fulmen_engine::backend::Backend;
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::selftest::cases;

use crate::devices::open_gpu;

/// All cases that disagree, or that a backend cannot run, in one message.
fn assert_all_agree(backend: &dyn Backend) {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| {
            let name = format!("{} {}", case.kernel, case.variant);
            match case.check(backend) {
                Ok(verdict) if verdict.agrees => None,
                Ok(verdict) => Some(format!("{name}: NMSE {:e} > {:e}", verdict.nmse, verdict.tolerance)),
                Err(error) => Some(format!("{name}: {error}")),
            }
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases on {}:\n{}",
        wrong.len(),
        cases().len(),
        backend.name(),
        wrong.join("\n")
    );
}

#[test]
fn every_operation_of_the_cpu_backend_agrees_with_plain_loops() {
    assert_all_agree(&CpuBackend::new());
}

#[test]
fn every_operation_of_the_gpu_backend_agrees_with_plain_loops() {
    assert_all_agree(&open_gpu(GpuOptions::default()));
}

#[test]
fn the_table_has_cases_of_every_operation() {
    let operations = [
        "linear",
        "conv3x3",
        "attention",
        "guide",
        "moments",
        "normalise",
        "layer_norm",
        "add",
        "add_per_image",
        "activate",
        "concat",
        "upsample",
        "pad",
        "rows",
        "convert",
        "embed",
        "take_token",
        "picture",
    ];
    let cases = cases();
    for operation in operations {
        let found =
            cases.iter().filter(|case| case.graph.nodes().iter().any(|n| n.op.name() == operation)).count();
        assert!(found > 0, "{operation} has no case");
    }
}
