//! Every kernel against its CPU twin, on devices of every poverty.
//!
//! The table of cases runs on each [`device`] configuration, with guards around every buffer; each node
//! is compared with the plain loops fed with the very values that the device had. Two runs, and a run
//! and a trace, must have the same bits. What becomes the very same dispatches in several of them runs in the first.

mod device;
mod kernels;
mod lasting;
mod pictures;
mod runtime;
mod winograd;

use device::{Configuration, configurations};
use fulmen_engine::backend::{CancelToken, HostTensor, Program, Values};
use fulmen_engine::cases::Case;
use fulmen_engine::gpu::Lowered;

/// Runs cases on every configuration.
fn check(cases: impl Iterator<Item = Case>) {
    for case in cases {
        let mut ran = vec![];
        configurations().iter().for_each(|configuration| check_on(configuration, &case, &mut ran));
    }
}

/// Runs a case, if it becomes anything there that did not run. The very same dispatches on a device that was opened alike
/// would only do the same once more, and some drivers compile all of it anew.
fn check_on(configuration: &Configuration, case: &Case, ran: &mut Vec<Lowered>) {
    let place = format!("{} {}, {}", case.kernel, case.variant, configuration.name);
    let fail = |error| -> ! { panic!("{place}: {error}") };
    let (mut program, lowered) = configuration.compile(&case.graph).unwrap_or_else(|e| fail(e));
    if ran.contains(&lowered) {
        return;
    }
    ran.push(lowered);
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
