//! One canonical tensor: where it is stored, and the weights that were made of it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use safetensors::Dtype;

use super::file::bad_file;
use super::finite;
use super::header::Stored;
use super::names::Part;
use super::weight::{Format, Weight};
use crate::error::{Error, Result};

/// A canonical tensor.
#[derive(Debug)]
pub(crate) struct Entry {
    stored: Stored,
    part: Part,
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
    pub(crate) fn new(stored: Stored, part: Part) -> Self {
        Self { stored, part, made: Mutex::default() }
    }

    /// A tensor that was made here.
    pub(crate) fn of(weight: &Weight, origin: &Path) -> Self {
        let dtype = match weight.format() {
            Format::F32 => Dtype::F32,
            Format::F16 => Dtype::F16,
            Format::Bf16 => Dtype::BF16,
        };
        let (key, shape, bytes) = (weight.name().to_owned(), weight.shape().to_vec(), weight.bytes().clone());
        Self::new(Stored { file: origin.into(), key, dtype, shape, bytes }, Part::Whole)
    }

    /// The tensor under its canonical name, in the wanted shape.
    pub(crate) fn weight(&self, name: &str, wanted: &[usize]) -> Result<Arc<Weight>> {
        // Asked first: what is quantised has other shapes, too.
        let format = self.format()?;
        if !self.is_shaped(wanted) {
            return Err(Error::TensorShape {
                file: self.stored.file.to_path_buf(),
                name: self.stored.key.clone(),
                found: self.stored.shape.clone(),
                wanted: self.part.whole_shape(wanted),
            });
        }
        // A thread that panicked here left a list that is still whole.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weight) = made.weights.iter().find(|weight| weight.shape() == wanted) {
            return Ok(weight.clone());
        }
        self.look_through(&mut made, format)?;
        let weight = Arc::new(Weight::new(name, wanted.to_vec(), format, self.bytes(format)));
        made.weights.push(weight.clone());
        Ok(weight)
    }

    /// Looks through the numbers, unless that was done before.
    pub(crate) fn verify(&self) -> Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_through(&mut made, self.format()?)
    }

    fn look_through(&self, made: &mut Made, format: Format) -> Result<()> {
        if !made.finite && !finite::all_finite(format, &self.stored_bytes()) {
            let name = self.stored.key.clone();
            return Err(Error::TensorNotFinite { file: self.stored.file.to_path_buf(), name });
        }
        made.finite = true;
        Ok(())
    }

    /// Whether the tensor is of this shape, or of one that differs by trailing ones: a 1×1 convolution
    /// `[out, in, 1, 1]` is the matrix `[out, in]`.
    fn is_shaped(&self, wanted: &[usize]) -> bool {
        matrix(&self.stored.shape) == matrix(&self.part.whole_shape(wanted))
    }

    fn format(&self) -> Result<Format> {
        match self.stored.dtype {
            Dtype::F32 => Ok(Format::F32),
            Dtype::F16 => Ok(Format::F16),
            Dtype::BF16 => Ok(Format::Bf16),
            other => {
                let what = format!(
                    "tensor `{}` is stored as {other}; Fulmen reads F16, BF16 and F32: fetch the model in one of these",
                    self.stored.key
                );
                Err(bad_file(&self.stored.file, what))
            }
        }
    }

    /// The bytes of this part as they are stored.
    fn stored_bytes(&self) -> Bytes {
        let all = &self.stored.bytes;
        match self.part {
            Part::Third(third) => all.slice(third * all.len() / 3..(third + 1) * all.len() / 3),
            Part::Whole | Part::Transposed => all.clone(),
        }
    }

    /// The bytes of this part in the canonical order.
    fn bytes(&self, format: Format) -> Bytes {
        match self.part {
            Part::Transposed => transposed(&self.stored.bytes, &self.stored.shape, format.size()),
            Part::Whole | Part::Third(_) => self.stored_bytes(),
        }
    }
}

impl Part {
    /// The shape of the stored tensor of which this part has `shape`.
    pub(crate) fn whole_shape(self, shape: &[usize]) -> Vec<usize> {
        let mut whole = shape.to_vec();
        match self {
            Self::Whole => {}
            Self::Third(_) => whole.iter_mut().take(1).for_each(|rows| *rows *= 3),
            Self::Transposed => whole.reverse(),
        }
        whole
    }
}

/// A shape without the trailing ones that follow two dimensions.
fn matrix(shape: &[usize]) -> &[usize] {
    match shape {
        [rest @ .., 1] if rest.len() >= 2 => matrix(rest),
        _ => shape,
    }
}

/// A matrix of numbers of `size` bytes with rows and columns exchanged.
fn transposed(bytes: &[u8], shape: &[usize], size: usize) -> Bytes {
    let columns = shape.get(1).copied().unwrap_or(1);
    let row = columns * size;
    let mut out = Vec::with_capacity(bytes.len());
    for column in 0..columns {
        for line in bytes.chunks_exact(row) {
            out.extend_from_slice(&line[column * size..(column + 1) * size]);
        }
    }
    Bytes::from(out)
}
