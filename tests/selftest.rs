//! What `fulmen selftest` asks of a user's machine, asked here: the table must be right before it judges a
//! driver.

use std::collections::BTreeSet;

use fulmen_engine::cases;
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::selftest::check;

use crate::devices::open_gpu;

#[test]
fn every_operation_of_the_gpu_backend_agrees_with_plain_loops() {
    let backend = open_gpu(GpuOptions::default());
    for case in cases::all() {
        let name = format!("{} {}", case.kernel, case.variant);
        let verdict = check(case, &backend).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(verdict.agrees, "{name}: NMSE {:e} > {:e}", verdict.nmse, verdict.tolerance);
    }
}

#[test]
fn the_table_has_cases_of_every_operation() {
    let found: BTreeSet<&str> = cases::all()
        .flat_map(|case| case.graph.nodes().iter().map(|n| n.op.name()).collect::<Vec<_>>())
        .collect();
    let operations = [
        "input",
        "linear",
        "conv3x3",
        "attention",
        "guide",
        "moments",
        "normalise",
        "layer_norm",
        "add",
        "add_per_image",
        "add_scaled",
        "activate",
        "prelu",
        "concat",
        "upsample",
        "pad",
        "rows",
        "convert",
        "embed",
        "take_token",
        "picture",
    ];
    assert_eq!(found, BTreeSet::from(operations));
}
