//! What a network is made of.

use super::configs::Configs;
use super::part::Part;
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
