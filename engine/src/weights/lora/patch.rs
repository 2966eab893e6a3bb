//! A change of a weight that is made while the weight is read.

use std::sync::Arc;

use rayon::prelude::*;

use super::change::{Delta, Magnitude};
use crate::weights::weight::{Patch, Weight};

/// Added to lengths before something is divided by them, as LyCORIS does.
const EPSILON: f32 = f32::EPSILON;
/// Rows whose squares are summed by one task.
const ROWS: usize = 64;

/// One layer's change at some strength.
#[derive(Debug)]
pub(super) struct Applied {
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
    pub(super) fn new(delta: &Arc<Delta>, strength: f32, weight: &Weight) -> Self {
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
        let columns = weight.fan_in();
        let square = |row: usize| {
            let numbers = self.changed_row(weight, row, columns);
            numbers.iter().map(|v| f64::from(*v) * f64::from(*v)).sum()
        };
        (0..weight.outputs()).into_par_iter().with_min_len(ROWS).map(square).collect()
    }

    /// The same of the inputs, each with all taps of its kernel.
    fn squares_of_columns(&self, weight: &Weight, inputs: usize) -> Vec<f64> {
        let columns = weight.fan_in();
        let taps = columns / inputs;
        let add = |mut sums: Vec<f64>, row: usize| {
            for (sum, values) in sums.iter_mut().zip(self.changed_row(weight, row, columns).chunks(taps)) {
                *sum += values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>();
            }
            sums
        };
        (0..weight.outputs()).fold(vec![0.0; inputs], add)
    }

    fn changed_row(&self, weight: &Weight, row: usize, columns: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; columns];
        weight.read(row * columns, &mut numbers);
        self.delta.matrix.add(row, 0, self.factor, &mut numbers);
        numbers
    }

    /// Changes a piece of one row.
    fn change(&self, row: usize, start: usize, out: &mut [f32]) {
        self.delta.matrix.add(row, start, self.factor, out);
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
        let columns = self.delta.matrix.columns();
        let (mut at, mut rest) = (start, out);
        while !rest.is_empty() {
            let within = at % columns;
            let (piece, after) = rest.split_at_mut((columns - within).min(rest.len()));
            self.change(at / columns, within, piece);
            at += piece.len();
            rest = after;
        }
    }
}
