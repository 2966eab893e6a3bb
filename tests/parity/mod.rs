//! Every kernel against its CPU twin, on devices of every poverty.
//!
//! The table of cases runs on each [`device`] configuration, with guards around every buffer; each node
//! is compared with the plain loops fed with the very values that the device had. Two runs, and a run
//! and a trace, must have the same bits.

mod device;
mod kernels;
mod lasting;
mod pictures;
mod runtime;
mod winograd;

use device::{Configuration, configurations};
use fulmen_engine::backend::{Backend, CancelToken, HostTensor, Program, Values};
use fulmen_engine::cases::Case;

/// Runs cases on every configuration.
fn check(cases: impl Iterator<Item = Case>) {
    for case in cases {
        configurations().iter().for_each(|configuration| check_on(configuration, &case));
    }
}

fn check_on(configuration: &Configuration, case: &Case) {
    let place = format!("{} {}, {}", case.kernel, case.variant, configuration.name);
    let fail = |error| -> ! { panic!("{place}: {error}") };
    configuration.choose_kernels(&case.graph);
    let mut program = configuration.backend.compile(case.graph.clone()).unwrap_or_else(|e| fail(e));
    let run = |program: &mut Box<dyn Program>| {
        program.run(&case.given(), &CancelToken::default()).unwrap_or_else(|e| fail(e)).swap_remove(0)
    };
    let (first, second) = (run(&mut program), run(&mut program));
    assert!(same_bits(&first, &second), "{place}: two runs differ");
    let (worst, traced) = case.worst_node(program.as_mut()).unwrap_or_else(|e| fail(e));
    assert!(worst <= case.bound, "{place}: NMSE {worst:.1e}, {:.0e} is allowed", case.bound);
    assert!(same_bits(&first, &traced), "{place}: a run differs from a trace");
}

fn same_bits(a: &HostTensor, b: &HostTensor) -> bool {
    match (&a.values, &b.values) {
        (Values::F32(a), Values::F32(b)) => a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits())),
        _ => a == b,
    }
}
