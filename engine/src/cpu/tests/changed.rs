use std::sync::Arc;

use super::{Maker, on_threads, recorded, run, worst};
use crate::backend::{Backend, CancelToken, HostTensor};
use crate::cpu::CpuBackend;
use crate::graph::{ConvWindow, Shape};
use crate::noise::TorchRng;
use crate::weights::{LowRank, Patch, Weight};

/// Adds `factor · up · down`, number by number.
#[derive(Debug)]
struct Product {
    up: Arc<Weight>,
    down: Arc<Weight>,
    factor: f32,
}

impl Patch for Product {
    fn apply(&self, start: usize, out: &mut [f32]) {
        let (up, down) = (self.up.to_f32(), self.down.to_f32());
        let (rank, columns) = (self.up.fan_in(), self.down.fan_in());
        for (at, out) in (start..).zip(out) {
            let (row, column) = (at / columns, at % columns);
            let sum: f32 = (0..rank).map(|k| up[row * rank + k] * down[k * columns + column]).sum();
            *out += self.factor * sum;
        }
    }

    fn low_rank(&self) -> Option<LowRank<'_>> {
        Some(LowRank { up: &self.up, down: &self.down, factor: self.factor })
    }
}

impl Maker {
    /// A weight with a difference of each rank.
    pub(super) fn changed_weight(&mut self, shape: &[usize], ranks: &[usize]) -> Arc<Weight> {
        let mut weight = Weight::clone(&self.half_weight(shape));
        for rank in ranks {
            let down = self.half_weight(&[&[*rank], &shape[1..]].concat());
            let up = self.half_weight(&[shape[0], *rank]);
            weight = weight.patched(Arc::new(Product { up, down, factor: 0.7 }));
        }
        Arc::new(weight)
    }
}

/// Rows of an image by which the difference is added at single rows, beside the product and within its panels.
const ROWS: [usize; 4] = [1, 9, 20, 600];

#[test]
fn products_with_changed_weights_are_those_with_the_merged_ones() {
    for rows in ROWS {
        for ranks in [&[3][..], &[70], &[16, 5]] {
            let linear = |wide: usize| {
                recorded(&[Shape::tokens(2, rows, 40)], |g, maker, x| {
                    g.linear(x[0], &maker.changed_weight(&[wide, 40], ranks), Some(&maker.weight(&[wide])))
                })
            };
            let geglu = recorded(&[Shape::tokens(2, rows, 40)], |g, maker, x| {
                g.linear_geglu(x[0], &maker.changed_weight(&[140, 40], ranks), &maker.weight(&[140]))
            });
            for (name, case) in [("48", linear(48)), ("wide", linear(203)), ("GEGLU", geglu)] {
                let error = worst(&case);
                assert!(error < 1e-11, "{name}, {rows} rows, ranks {ranks:?}: NMSE {error:e}");
            }
        }
    }
}

#[test]
fn convolutions_with_changed_weights_are_those_with_the_merged_ones() {
    for (height, width) in [(3, 5), (25, 24)] {
        for window in [ConvWindow::SAME, ConvWindow { stride: 2, ..ConvWindow::SAME }] {
            let case = recorded(&[Shape::image(2, height, width, 40)], |g, maker, x| {
                g.conv3x3(x[0], &maker.changed_weight(&[70, 40, 3, 3], &[4, 100]), None, window)
            });
            let error = worst(&case);
            assert!(error < 1e-11, "{height}×{width}: NMSE {error:e}");
        }
    }
}

#[test]
fn changed_weights_give_the_same_bits_in_a_batch_and_on_any_number_of_threads() {
    for rows in ROWS {
        let case = |images: usize| {
            let shape = Shape::tokens(images, rows, 40);
            let mut case = recorded(&[shape], |g, _, x| {
                let mut maker = Maker(TorchRng::seed(2));
                g.linear(x[0], &maker.changed_weight(&[203, 40], &[16]), None)
            });
            let image = Maker(TorchRng::seed(1)).numbers(rows * 40);
            case.inputs[0].1 = HostTensor::f32(shape, image.repeat(images));
            case
        };
        let alone = on_threads(1, || run(&case(1)));
        let batch = on_threads(3, || run(&case(3)));
        for image in batch.as_f32().chunks(alone.as_f32().len()) {
            assert!(image == alone.as_f32(), "{rows} rows");
        }
    }
}

#[test]
fn the_weight_under_a_difference_beside_it_stays_and_changes_no_bit() {
    // Of 600 rows the difference is within.
    for (rows, stays) in [(1, false), (9, true), (20, true), (600, false)] {
        let case = recorded(&[Shape::tokens(2, rows, 40)], |g, maker, x| {
            g.linear(x[0], &maker.changed_weight(&[203, 40], &[16]), None)
        });
        for backend in CpuBackend::all().chain(CpuBackend::in_bf16()) {
            let mut program = backend.compile(case.graph.clone()).expect("compiles");
            let mut run = |often: bool| {
                if often {
                    program.run_often();
                    assert_eq!(program.memory().weights > 0, stays, "{rows} rows");
                }
                program.run(&case.given(), &CancelToken::default()).expect("runs").remove(0)
            };
            let right = run(false);
            assert!(run(true) == right && run(false) == right, "{rows} rows, by {:?}", backend.arithmetic);
        }
    }
}
