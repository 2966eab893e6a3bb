//! One canonical tensor: where it is stored, and the weights that were made of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::file::bad_file;
use super::finite;
use super::header::Stored;
use super::numbers::Numbers;
use super::weight::{View, Weight};
use crate::error::{Error, Result};

/// A canonical tensor.
#[derive(Debug)]
pub(crate) struct Entry {
    stored: Stored,
    view: View,
    made: Mutex<Made>,
}

/// What has been handed out: whoever asks again gets the same.
#[derive(Debug, Default)]
struct Made {
    /// Whether the numbers have been looked through.
    finite: bool,
    /// One for each shape that was asked for; in practice one.
    weights: Vec<Arc<Weight>>,
}

impl Entry {
    pub(crate) fn new(stored: Stored, view: View) -> Self {
        Self { stored, view, made: Mutex::default() }
    }

    /// The tensor under its canonical name, in the wanted shape.
    pub(crate) fn weight(&self, name: &str, wanted: &[usize]) -> Result<Arc<Weight>> {
        // Asked first: what is quantised has other shapes, too.
        let numbers = self.numbers()?;
        // A 1×1 convolution `[out, in, 1, 1]` is the matrix `[out, in]`.
        if matrix(&self.stored.shape) != matrix(&self.view.whole_shape(wanted)) {
            return Err(Error::TensorShape {
                file: self.stored.file.to_path_buf(),
                name: self.stored.key.clone(),
                found: self.stored.shape.clone(),
                wanted: self.view.whole_shape(wanted),
            });
        }
        // A thread that panicked here left a list that is still whole.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weight) = made.weights.iter().find(|weight| weight.shape() == wanted) {
            return Ok(weight.clone());
        }
        self.look_through(&mut made, numbers)?;
        let bytes = self.stored.bytes.clone();
        let weight = Arc::new(Weight::of(name, wanted.to_vec(), (numbers, self.view), bytes));
        made.weights.push(weight.clone());
        Ok(weight)
    }

    /// Looks through the numbers, unless that was done before.
    pub(crate) fn verify(&self) -> Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_through(&mut made, self.numbers()?)
    }

    fn look_through(&self, made: &mut Made, numbers: Numbers) -> Result<()> {
        let all = &self.stored.bytes;
        let seen = match self.view {
            View::Third(third) => {
                let third = usize::from(third);
                &all[third * all.len() / 3..(third + 1) * all.len() / 3]
            }
            View::Whole | View::Transposed => all,
        };
        if !made.finite && !finite::all_finite(numbers, seen) {
            let name = self.stored.key.clone();
            return Err(Error::TensorNotFinite { file: self.stored.file.to_path_buf(), name });
        }
        made.finite = true;
        Ok(())
    }

    fn numbers(&self) -> Result<Numbers> {
        self.stored.numbers.clone().map_err(|other| {
            let what = format!(
                "tensor `{}` is stored as {other}; Fulmen reads F16, BF16 and F32: fetch the model in one of these",
                self.stored.key
            );
            bad_file(&self.stored.file, what)
        })
    }
}

/// A shape without the trailing ones that follow two dimensions.
pub(crate) fn matrix(shape: &[usize]) -> &[usize] {
    match shape {
        [rest @ .., 1] if rest.len() >= 2 => matrix(rest),
        _ => shape,
    }
}
