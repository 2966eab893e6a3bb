//! Products of bf16 against their definition, operands rounded and sums in f64. Where the processor has none, only
//! what it says of that is looked at.

use std::sync::Arc;

use half::bf16;

use super::super::linear::FEW_ROWS;
use super::super::{CpuBackend, reference};
use super::{Maker, a_block, on_threads, recorded, run};
use crate::backend::{Backend, CancelToken, HostTensor, Program};
use crate::cases::{self, Case, nmse};
use crate::graph::{ConvWindow, Node, Op, Shape};
use crate::weights::Weight;

/// Three times the worst that was measured, 3.7e-14: sums of pairs in f32.
const BOUND: f64 = 1.1e-13;
/// Three times the worst that was measured of whole products on rounded operands: each is off by up to 2⁻⁹ of itself.
const ROUNDED: f64 = 4e-5;

/// The backend, or none where this processor has no such products.
fn backend() -> Option<CpuBackend> {
    match CpuBackend::in_bf16() {
        Ok(backend) => Some(backend),
        Err(error) => {
            assert!(error.to_string().contains("--precision f32"), "{error}");
            None
        }
    }
}

fn round(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().map(|x| bf16::from_f32(*x).to_f32()).collect()
}

fn round_weight(weight: &Arc<Weight>) -> Arc<Weight> {
    Arc::new(Weight::from_f32(weight.name(), weight.shape().to_vec(), &round(&weight.to_f32())))
}

/// What a node is to be, from the values of its inputs.
fn definition(node: &Node, inputs: &[&HostTensor]) -> HostTensor {
    let mut node = node.clone();
    match &mut node.op {
        Op::Linear { weight, .. } if node.shape.pixels() > FEW_ROWS => *weight = round_weight(weight),
        Op::Conv3x3 { weight, .. } => *weight = round_weight(weight),
        _ => return reference::evaluate(&node, inputs),
    }
    let x = HostTensor::f32(inputs[0].shape, round(inputs[0].as_f32()));
    let inputs: Vec<&HostTensor> = std::iter::once(&x).chain(inputs[1..].iter().copied()).collect();
    reference::evaluate(&node, &inputs)
}

/// How far the worst node is from its definition.
fn worst(program: &mut dyn Program, case: &Case) -> f64 {
    let (mut values, mut worst) = (Vec::<HostTensor>::new(), 0.0f64);
    let visited = program.trace(&case.given(), &mut |node, value| {
        if !matches!(node.op, Op::Input { .. }) {
            let inputs: Vec<&HostTensor> = node.inputs.iter().map(|&id| &values[id]).collect();
            worst = worst.max(nmse(value, &definition(node, &inputs)));
        }
        values.push(value.clone());
        Ok(())
    });
    visited.expect("it runs");
    worst
}

#[test]
fn products_are_those_of_rounded_numbers() {
    let Some(backend) = backend() else { return };
    let (mut wrong, mut most) = (Vec::new(), 0.0f64);
    let cases = cases::of("linear").chain(cases::of("conv3x3"));
    for case in cases.filter(|case| case.variant.starts_with("f32")) {
        let mut program = backend.compile(case.graph.clone()).expect("it compiles");
        let worst = worst(program.as_mut(), &case);
        most = most.max(worst);
        let bound = if case.bound == 0.0 { 0.0 } else { BOUND };
        if worst.is_nan() || worst > bound {
            wrong.push(format!("{} {}: NMSE {worst:e}", case.kernel, case.variant));
        }
    }
    println!("worst of all {most:e}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn run_on(backend: &CpuBackend, case: &Case) -> HostTensor {
    let mut program = backend.compile(case.graph.clone()).expect("compiles");
    program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0)
}

#[test]
fn the_number_of_threads_changes_no_bit_in_bf16() {
    let Some(backend) = backend() else { return };
    let case = a_block();
    let alone = on_threads(1, || run_on(&backend, &case));
    assert!(alone.as_f32().iter().all(|x| x.is_finite()));
    for threads in [2, 3, 16] {
        assert!(on_threads(threads, || run_on(&backend, &case)) == alone, "on {threads} threads");
    }
}

#[test]
fn differences_of_weights_are_rounded_beside_the_product_and_within() {
    let Some(backend) = backend() else { return };
    for side in [3, 5, 30] {
        let case = recorded(&[Shape::image(1, side, side, 41)], |g, maker, x| {
            let y = g.conv3x3(x[0], &maker.changed_weight(&[70, 41, 3, 3], &[3, 4]), None, ConvWindow::SAME);
            g.linear(y, &maker.changed_weight(&[33, 70], &[5]), None)
        });
        let error = nmse(&run_on(&backend, &case), &run(&case));
        println!("{side}: {error:e}");
        assert!(error > 1e-8 && error < ROUNDED, "{side}: NMSE {error:e}");
    }
}

#[test]
fn memory_of_what_is_rounded_is_foretold() {
    let Some(backend) = backend() else { return };
    let case = recorded(&[Shape::image(1, 30, 20, 41)], |g, maker: &mut Maker, x| {
        g.linear(x[0], &maker.half_weight(&[8, 41]), None)
    });
    let scratch =
        |backend: &CpuBackend| backend.compile(case.graph.clone()).expect("it compiles").memory().scratch;
    // 600 rows of 41 numbers, and a panel of 64 times as many, which is half as large too.
    let (rows, panel) = (600 * 21 * 4, 64 * (41 - 21) * 4);
    assert_eq!(scratch(&backend) - scratch(&CpuBackend::new()), rows + 64 - panel);
}
