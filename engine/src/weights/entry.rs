//! One canonical tensor: where it is stored, and the weights that were made of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::file::bad_file;
use super::finite;
use super::header::StoredTensor;
use super::numbers::Numbers;
use super::scale;
use super::weight::{Patch, View, Weight};
use crate::error::{Error, Result};

/// A canonical tensor.
#[derive(Debug)]
pub(crate) struct Entry {
    stored: StoredTensor,
    view: View,
    /// What the numbers are multiplied by, where that stands beside them.
    scale: Option<StoredTensor>,
    /// What changes them then, in this order.
    patches: Vec<Arc<dyn Patch>>,
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
    pub(crate) fn new(stored: StoredTensor, view: View) -> Self {
        Self { stored, view, scale: None, patches: Vec::new(), made: Mutex::default() }
    }

    /// The same tensor with a scale.
    pub(crate) fn scaled(self, scale: Option<StoredTensor>) -> Self {
        Self { scale, ..self }
    }

    /// The same tensor with one more change.
    pub(crate) fn patched(&self, patch: Arc<dyn Patch>) -> Self {
        let patches = self.patches.iter().cloned().chain([patch]).collect();
        let (stored, scale) = (self.stored.clone(), self.scale.clone());
        let finite = self.made.lock().unwrap_or_else(PoisonError::into_inner).finite;
        let made = Mutex::new(Made { finite, weights: Vec::new() });
        Self { stored, view: self.view, scale, patches, made }
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
        let weight = Weight::of(name, wanted.to_vec(), numbers, self.view, bytes);
        let scale = self.scale.as_ref().map(|scale| scale::of(scale, &self.stored, self.view)).transpose()?;
        let patches = scale.into_iter().chain(self.patches.iter().cloned());
        let weight = Arc::new(patches.fold(weight, |weight, patch| weight.patched(patch)));
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
                "tensor `{}` is stored as {other}; Fulmen reads F16, BF16, F32, F8_E4M3 and F8_E5M2: fetch the model in one of these",
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
