//! A change of a weight that is made while the weight is read.

use std::sync::Arc;

use rayon::prelude::*;

use super::change::{Delta, Magnitude};
use super::matrix::{Matrix, Place, pieces};
use crate::weights::weight::{LowRank, Patch, Weight};

/// Added to lengths before something is divided by them, as LyCORIS does.
const EPSILON: f32 = f32::EPSILON;
/// Rows whose squares are summed by one task.
const ROWS: usize = 16;

/// One layer's change at some strength.
#[derive(Debug)]
pub(in crate::weights) struct Applied {
    delta: Arc<Delta>,
    /// Strength and the change's own scale together.
    factor: f32,
    /// What the changed numbers are multiplied by, for DoRA.
    lengths: Option<Lengths>,
}

#[derive(Debug)]
enum Lengths {
    OfRows(Vec<f32>),
    OfColumns(Vec<f32>),
}

impl Applied {
    /// The change of this weight. The weight is read once where its rows' lengths matter.
    pub(in crate::weights) fn new(delta: &Arc<Delta>, strength: f32, weight: &Weight) -> Self {
        let factor = strength * delta.scale;
        let bare = Self { delta: delta.clone(), factor, lengths: None };
        let scale = |magnitudes: &[f32], squares: Vec<f64>| {
            let one = |(magnitude, square): (&f32, f64)| {
                let scale = magnitude / (square.sqrt() as f32 + EPSILON);
                strength * (scale - 1.0) + 1.0
            };
            magnitudes.iter().zip(squares).map(one).collect()
        };
        let lengths = delta.magnitude.as_ref().map(|magnitude| match magnitude {
            Magnitude::OfRows(of) => Lengths::OfRows(scale(of, bare.squares_of_rows(weight))),
            Magnitude::OfColumns(of) => {
                Lengths::OfColumns(scale(of, bare.squares_of_columns(weight, of.len())))
            }
        });
        Self { lengths, ..bare }
    }

    /// The sum of squares of each changed row.
    fn squares_of_rows(&self, weight: &Weight) -> Vec<f64> {
        let blocks = (0..weight.outputs()).into_par_iter().step_by(ROWS);
        let of_rows = |first: usize| {
            let rows = self.changed_rows(weight, first);
            let square = |row: &[f32]| row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
            rows.chunks_exact(weight.fan_in()).map(square).collect::<Vec<f64>>()
        };
        blocks.flat_map_iter(of_rows).collect()
    }

    /// The same of the inputs, each with all taps of its kernel.
    fn squares_of_columns(&self, weight: &Weight, inputs: usize) -> Vec<f64> {
        let taps = weight.fan_in() / inputs;
        let mut sums = vec![0.0; inputs];
        for first in (0..weight.outputs()).step_by(ROWS) {
            for row in self.changed_rows(weight, first).chunks_exact(weight.fan_in()) {
                for (sum, values) in sums.iter_mut().zip(row.chunks(taps)) {
                    *sum += values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
                }
            }
        }
        sums
    }

    /// A block of rows with the difference added.
    fn changed_rows(&self, weight: &Weight, first: usize) -> Vec<f32> {
        let (columns, rows) = (weight.fan_in(), ROWS.min(weight.outputs() - first));
        let mut numbers = vec![0.0; rows * columns];
        weight.read_rows(first * columns, columns, columns, &mut numbers);
        let place = Place { row: first, start: 0, count: columns };
        self.delta.matrix.add(place, self.factor, &mut numbers);
        numbers
    }

    /// Scales a piece of one row.
    fn scale(&self, row: usize, start: usize, out: &mut [f32]) {
        match &self.lengths {
            None => {}
            Some(Lengths::OfRows(by)) => out.iter_mut().for_each(|value| *value *= by[row]),
            Some(Lengths::OfColumns(by)) => {
                let taps = self.delta.matrix.columns() / by.len();
                out.iter_mut().enumerate().for_each(|(i, value)| *value *= by[(start + i) / taps]);
            }
        }
    }
}

impl Patch for Applied {
    fn apply(&self, start: usize, out: &mut [f32]) {
        for (row, start, out) in pieces(start, out, self.delta.matrix.columns()) {
            self.delta.matrix.add(Place { row, start, count: out.len() }, self.factor, out);
            self.scale(row, start, out);
        }
    }

    fn apply_rows(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let columns = self.delta.matrix.columns();
        let place = Place { row: start / columns, start: start % columns, count };
        // Vectors have rows of one number; they are read whole.
        if step != columns || place.start + count > columns {
            let pieces = out.chunks_exact_mut(count).enumerate();
            return pieces.for_each(|(row, out)| self.apply(start + row * step, out));
        }
        self.delta.matrix.add(place, self.factor, out);
        let rows = out.chunks_exact_mut(count).enumerate();
        rows.for_each(|(i, out)| self.scale(place.row + i, place.start, out));
    }

    fn low_rank(&self) -> Option<LowRank<'_>> {
        match (&self.delta.matrix, &self.lengths) {
            (Matrix::LowRank { up, down }, None) => Some(LowRank { up, down, factor: self.factor }),
            _ => None,
        }
    }
}
