//! Checkpoints: files of named tensors, mapped into memory and read where they lie.

mod weight;

pub use weight::{Format, Weight};
