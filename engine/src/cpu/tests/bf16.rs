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

/// Whether other numbers are rounded than the weight and the pixels: `large_convolutions_are_of_rounded_squares` says which.
fn is_of_squares(from: Shape, to: Shape) -> bool {
    from.channels >= 128 && to.width >= 12
}

/// What a node is to be, from the values of its inputs; in f32 where it is of squares.
fn definition(node: &Node, inputs: &[&HostTensor]) -> HostTensor {
    let mut node = node.clone();
    match &mut node.op {
        Op::Linear { weight, .. } if node.shape.pixels() > FEW_ROWS => *weight = round_weight(weight),
        Op::Conv3x3 { weight, .. } if !is_of_squares(inputs[0].shape, node.shape) => {
            *weight = round_weight(weight);
        }
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
        let (from, to) = (case.inputs[0].1.shape, case.graph.nodes().last().expect("a node").shape);
        let bound = match case.bound {
            0.0 => 0.0,
            _ if case.kernel == "conv3x3" && is_of_squares(from, to) => ROUNDED,
            _ => BOUND,
        };
        if bound == BOUND {
            most = most.max(worst);
        }
        if worst.is_nan() || worst > bound {
            wrong.push(format!("{} {}: NMSE {worst:e}", case.kernel, case.variant));
        }
    }
    println!("worst of all {most:e}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pixels of two lines and columns by F(2×2, 3×3), with the numbers that are multiplied rounded and their sums in f64.
/// Lavin and Gray's matrices; all of one image, with zeros around it.
mod squares {
    use super::*;

    /// A square of numbers times a matrix from both sides, rounded after each.
    fn both_sides<const N: usize, const M: usize>(matrix: [[f32; N]; M], of: [[f32; N]; N]) -> [[f32; M]; M] {
        let times = |numbers: [f32; N]| {
            // In pairs from both ends, as numbers of this few taps are added.
            matrix.map(|row| {
                let at = |place: usize| row[place] * numbers[place];
                if N == 3 { (at(0) + at(2)) + at(1) } else { (0..N).map(at).sum() }
            })
        };
        let lines = of.map(times);
        let mut made = [[0.0; M]; M];
        for x in 0..M {
            let column = times(std::array::from_fn(|y| lines[y][x]));
            (0..M).for_each(|y| made[y][x] = column[y]);
        }
        made
    }

    const PIXELS: [[f32; 4]; 4] =
        [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]];
    const TAPS: [[f32; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    const SUMS: [[f64; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]];

    fn rounded(x: f32) -> f64 {
        f64::from(bf16::from_f32(x).to_f32())
    }

    pub(super) fn definition(x: &HostTensor, weight: &Weight) -> HostTensor {
        let Shape { width, height, channels, .. } = x.shape;
        let (numbers, weights, outputs) = (x.as_f32(), weight.to_f32(), weight.outputs());
        let pixel = |y: usize, x: usize, channel: usize| {
            // Counted with the line and column of zeros before the picture.
            let inside = (1..=height).contains(&y) && (1..=width).contains(&x);
            if inside { numbers[((y - 1) * width + x - 1) * channels + channel] } else { 0.0 }
        };
        let kernel = |output: usize, channel: usize| {
            let taps = &weights[(output * channels + channel) * 9..][..9];
            both_sides(TAPS, std::array::from_fn(|y| std::array::from_fn(|x| taps[3 * y + x])))
        };
        let kernels: Vec<_> =
            (0..outputs * channels).map(|place| kernel(place / channels, place % channels)).collect();
        let mut made = vec![0.0; width * height * outputs];
        for (top, left) in (0..height).step_by(2).flat_map(|y| (0..width).step_by(2).map(move |x| (y, x))) {
            let seen: Vec<_> = (0..channels)
                .map(|c| std::array::from_fn(|y| std::array::from_fn(|x| pixel(top + y, left + x, c))))
                .map(|seen| both_sides(PIXELS, seen))
                .collect();
            for output in 0..outputs {
                let mut sums = [[0.0; 4]; 4];
                for (seen, kernel) in seen.iter().zip(&kernels[output * channels..]) {
                    for (y, x) in (0..16).map(|place| (place / 4, place % 4)) {
                        sums[y][x] += rounded(seen[y][x]) * rounded(kernel[y][x]);
                    }
                }
                for (y, x) in (0..4).map(|place| (place / 2, place % 2)) {
                    let of = |v: usize, u: usize| SUMS[y][v] * SUMS[x][u] * sums[v][u];
                    let sum: f64 = (0..16).map(|place| of(place / 4, place % 4)).sum();
                    if top + y < height && left + x < width {
                        made[((top + y) * width + left + x) * outputs + output] = sum as f32;
                    }
                }
            }
        }
        HostTensor::f32(Shape::image(1, height, width, outputs), made)
    }
}

#[test]
fn large_convolutions_are_of_rounded_squares() {
    let Some(backend) = backend() else { return };
    let case = recorded(&[Shape::image(1, 9, 17, 128)], |g, maker, x| {
        g.conv3x3(x[0], &maker.half_weight(&[70, 128, 3, 3]), None, ConvWindow::SAME)
    });
    let Op::Conv3x3 { weight, .. } = &case.graph.nodes()[1].op else { panic!("a convolution") };
    let found = run_on(&backend, &case);
    let error = nmse(&found, &squares::definition(&case.inputs[0].1, weight));
    let (rounding, of_all) = (nmse(&found, &run(&case)), nmse(&direct(&case), &run(&case)));
    println!("{error:e}; from f32 {rounding:e}, with all products rounded {of_all:e}");
    assert!(error < BOUND, "NMSE {error:e}");
    // 3.4 times: sums of two and four numbers are rounded where pixels are.
    assert!(rounding < 4.0 * of_all, "NMSE {rounding:e} beside {of_all:e}");
}

/// Of the squares of the picture as it is written doubled, the numbers between equal lines are 0, and the others halved and
/// doubled, which rounding does not see.
#[test]
fn convolutions_of_doubled_pictures_are_of_the_rounded_squares_of_those() {
    let Some(backend) = backend() else { return };
    let (small, large) = (Shape::image(1, 5, 9, 128), Shape::image(1, 10, 18, 128));
    let case = recorded(&[small], |g, maker, x| {
        let x = g.upsample(x[0], large.height, large.width);
        g.conv3x3(x, &maker.half_weight(&[70, 128, 3, 3]), None, ConvWindow::SAME)
    });
    let Op::Conv3x3 { weight, .. } = &case.graph.nodes()[1].op else { panic!("a convolution") };
    let pixel = |place: usize| {
        let (y, x) = (place / 128 / large.width, place / 128 % large.width);
        case.inputs[0].1.as_f32()[(y / 2 * small.width + x / 2) * 128 + place % 128]
    };
    let written = HostTensor::f32(large, (0..large.len()).map(pixel).collect());
    let error = nmse(&run_on(&backend, &case), &squares::definition(&written, weight));
    assert!(error < BOUND, "NMSE {error:e}");
}

/// The same with every product of rounded numbers.
fn direct(case: &Case) -> HostTensor {
    let mut node = case.graph.nodes()[1].clone();
    if let Op::Conv3x3 { weight, .. } = &mut node.op {
        *weight = round_weight(weight);
    }
    let (shape, numbers) = (case.inputs[0].1.shape, round(case.inputs[0].1.as_f32()));
    reference::evaluate(&node, &[&HostTensor::f32(shape, numbers)])
}

#[test]
fn a_picture_of_a_batch_has_the_bits_that_it_has_alone_in_bf16() {
    let Some(backend) = backend() else { return };
    let shape = Shape::image(3, 13, 16, 128);
    let all = recorded(&[shape], |g, maker, x| {
        g.conv3x3(x[0], &maker.half_weight(&[64, 128, 3, 3]), None, ConvWindow::SAME)
    });
    let right = on_threads(1, || run_on(&backend, &all));
    assert!(on_threads(3, || run_on(&backend, &all)) == right);
    let Op::Conv3x3 { weight, .. } = &all.graph.nodes()[1].op else { panic!("a convolution") };
    let one = Shape::image(1, 13, 16, 128);
    let mut alone = recorded(&[one], |g, _, x| g.conv3x3(x[0], weight, None, ConvWindow::SAME));
    alone.inputs[0].1 = HostTensor::f32(one, all.inputs[0].1.as_f32()[one.len()..2 * one.len()].to_vec());
    let made = one.pixels() * 64;
    let mut program = backend.compile(alone.graph.clone()).expect("compiles");
    program.run_often();
    for _ in 0..2 {
        let found = program.run(&alone.given(), &CancelToken::default()).expect("runs").remove(0);
        assert!(found.as_f32() == &right.as_f32()[made..2 * made]);
    }
}

/// Attention with the queries (scaled), keys, values and weights that are multiplied rounded, of keys that are one block.
fn rounded_attention(inputs: &[(String, HostTensor)], heads: usize, causal: bool) -> HostTensor {
    let [q, k, v] = [0, 1, 2].map(|place| inputs[place].1.as_f32());
    let (shape, keys) = (inputs[0].1.shape, inputs[1].1.shape.pixels());
    let (channels, head_dim) = (shape.channels, shape.channels / heads);
    let scale = std::f32::consts::LOG2_E / (head_dim as f32).sqrt();
    let rounded = |x: f32| f64::from(bf16::from_f32(x).to_f32());
    let mut out = vec![0.0; shape.len()];
    for (query, head) in (0..shape.pixels()).flat_map(|query| (0..heads).map(move |head| (query, head))) {
        let at = |row: usize, place: usize| row * channels + head * head_dim + place;
        let score = |key: usize| -> f64 {
            (0..head_dim).map(|i| rounded(q[at(query, i)] * scale) * rounded(k[at(key, i)])).sum()
        };
        let scores: Vec<f64> = (0..if causal { query + 1 } else { keys }).map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp2()).collect();
        let total: f64 = weights.iter().sum();
        for place in 0..head_dim {
            let of = |(key, weight): (usize, &f64)| rounded(*weight as f32) * rounded(v[at(key, place)]);
            let sum: f64 = weights.iter().enumerate().map(of).sum();
            out[at(query, place)] = (sum / total) as f32;
        }
    }
    HostTensor::f32(shape, out)
}

fn attending((queries, keys): (usize, usize), (heads, head_dim): (usize, usize), causal: bool) -> Case {
    let shapes = [queries, keys, keys].map(|tokens| Shape::tokens(1, tokens, heads * head_dim));
    recorded(&shapes, |g, _, x| g.attention(x[0], x[1], x[2], heads, causal))
}

#[test]
fn attention_is_of_rounded_numbers() {
    let Some(backend) = backend() else { return };
    for (tokens, dims, causal) in [
        ((70, 77), (2, 24), false),
        ((256, 256), (1, 64), false),
        ((77, 77), (3, 25), true),
        ((3, 1), (1, 1), false),
    ] {
        let case = attending(tokens, dims, causal);
        let error = nmse(&run_on(&backend, &case), &rounded_attention(&case.inputs, dims.0, causal));
        println!("{tokens:?} {dims:?}: {error:e}");
        // Three times the worst that was measured.
        assert!(error < 2e-13, "{tokens:?} {dims:?}: NMSE {error:e}");
    }
    // Several blocks of keys, and a head of more channels than a product has rows.
    for (tokens, dims) in [((40, 600), (2, 64)), ((9, 30), (1, 1030))] {
        let case = attending(tokens, dims, false);
        let error = nmse(&run_on(&backend, &case), &run(&case));
        println!("{tokens:?} {dims:?}: {error:e} from f32");
        assert!(error > 1e-8 && error < ROUNDED, "{tokens:?} {dims:?}: NMSE {error:e}");
    }
}

/// Words that no number fills are multiplied with zeros, which does not help where they are not numbers.
#[test]
fn what_was_left_in_working_space_changes_nothing() {
    let Some(backend) = backend() else { return };
    let mut broken = attending((64, 256), (1, 64), false);
    let shape = broken.inputs[0].1.shape;
    broken.inputs[0].1 = HostTensor::f32(shape, vec![f32::NAN; shape.len()]);
    let case = attending((70, 77), (2, 25), false);
    on_threads(1, || {
        assert!(run_on(&backend, &broken).as_f32().iter().all(|x| x.is_nan()));
        let found = run_on(&backend, &case);
        assert!(nmse(&found, &rounded_attention(&case.inputs, 2, false)) < 2e-13);
        found
    });
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

/// Of so few outputs that each task rounds its own rows, block by block of depth, and of more.
#[test]
fn rows_are_rounded_alike_wherever_that_is_done() {
    let Some(backend) = backend() else { return };
    for (inputs, outputs) in [(2600, 70), (2600, 330), (1301, 5)] {
        let case = recorded(&[Shape::image(1, 5, 7, inputs)], |g, maker: &mut Maker, x| {
            g.linear(x[0], &maker.half_weight(&[outputs, inputs]), None)
        });
        let error = nmse(&run_on(&backend, &case), &run(&case));
        println!("{inputs} → {outputs}: {error:e}");
        assert!(error > 1e-8 && error < ROUNDED, "{inputs} → {outputs}: NMSE {error:e}");
    }
}

/// What one task multiplies it rounds itself; rows of several are rounded before, and stand there as a whole.
#[test]
fn memory_of_what_is_rounded_is_foretold() {
    let Some(backend) = backend() else { return };
    let scratch = |backend: &CpuBackend, outputs: usize| {
        let case = recorded(&[Shape::image(1, 30, 20, 41)], |g, maker: &mut Maker, x| {
            g.linear(x[0], &maker.half_weight(&[outputs, 41]), None)
        });
        backend.compile(case.graph.clone()).expect("it compiles").memory().scratch as i64
    };
    // 600 rows of 41 numbers, and panels of 64 times as many, which are half as large too.
    let (rows, panel) = (600 * 21 * 4, 64 * (41 - 21) * 4);
    for (outputs, panels, before) in [(8, 1, 0), (320, 5, 0), (321, 6, rows + 64)] {
        let more = scratch(&backend, outputs) - scratch(&CpuBackend::new(), outputs);
        assert_eq!(more, before - panels * panel, "{outputs} outputs");
    }
}
