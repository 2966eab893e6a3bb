//! What a network is made of, as its `load` tells: run on a listing, which gives it whatever it asks for.

use std::sync::{Arc, Mutex, PoisonError};

use super::configs::Configs;
use super::part::Part;
use super::tensors::{TensorSource, Weights};
use super::weight::Weight;
use crate::error::Result;

/// A tensor that a network has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// In diffusers' naming, within the part: `conv_in.weight`.
    pub name: String,
    /// Outermost extent first.
    pub shape: Vec<usize>,
    /// Whether checkpoints may lack it: the VAE's encoder, which drawing from text does not need.
    pub optional: bool,
}

/// How the blocks of a level are counted, on which their names in other dialects depend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// Residual blocks on the way down; one more on the way up.
    pub(crate) blocks: usize,
    /// Whether they have attention on the way up.
    pub(crate) attention_up: bool,
}

/// What a network is made of.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSpec {
    /// In the order in which they are loaded.
    pub(crate) tensors: Vec<TensorSpec>,
    /// Outermost first; none in a text encoder.
    pub(crate) levels: Vec<Level>,
}

/// Says what a part's network is made of. Networks stand above files, so files are told.
pub(crate) type Describe = fn(&Configs, Part) -> Result<NetworkSpec>;

/// The tensors that `load` asks for.
pub(crate) fn listed(load: impl FnOnce(&Weights) -> Result<()>) -> Result<Vec<TensorSpec>> {
    let listing = Arc::new(Listing::default());
    load(&Weights::new(listing.clone()))?;
    // A thread that panicked here left a list that is still whole.
    Ok(std::mem::take(&mut *listing.0.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Has every tensor, without its numbers, and writes down which it was asked for.
#[derive(Debug, Default)]
struct Listing(Mutex<Vec<TensorSpec>>);

impl TensorSource for Listing {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        let spec = TensorSpec { name: name.to_owned(), shape: shape.to_vec(), optional: false };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(spec);
        Ok(Arc::new(Weight::without_numbers(name, shape.to_vec())))
    }
}
