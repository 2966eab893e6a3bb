//! Checkpoints: files of named tensors, mapped into memory and read where they lie.
//!
//! Three kinds of checkpoint come in: a diffusers folder, a single file with the original names,
//! and a UNet alone that is laid over one of them. One kind comes out: [`Weights`], tensors under
//! diffusers' names. What a model must have is what its networks' `load` asks for (`listing`), what a
//! tensor is called in a file stands in the tables in `names`.
//!
//! Every file is hostile until it has been checked: nothing here panics, or allocates more than a
//! few times a file's header, whatever the bytes are.

mod about;
mod alone;
mod archive;
mod blocks;
mod checkpoint;
mod configs;
mod entry;
mod file;
mod finite;
mod foreign;
mod fp8;
mod gguf;
mod guard;
mod header;
mod hub;
mod kind;
mod laying;
mod listing;
mod lora;
mod names;
mod numbers;
mod part;
mod part_file;
mod place;
mod scale;
mod source;
mod tensors;
mod tokenizer;
mod weight;

pub use about::About;
pub use checkpoint::Checkpoint;
pub use configs::Configs;
pub(crate) use configs::python_json;
pub(crate) use foreign::{instead_of, instead_of_lines};
pub(crate) use kind::other_channels;
pub use listing::TensorSpec;
pub(crate) use listing::{Level, NetworkSpec, listed};
pub use lora::{Adapter, Lora, LoraFile};
pub(crate) use names::{Layout, NameTable};
pub use numbers::NumberFormat;
pub use part::Part;
pub use tensors::Weights;
pub use tokenizer::TokenizerFiles;
pub(crate) use weight::View;
pub use weight::Weight;

#[cfg(test)]
mod tests;
