//! Checkpoints: files of named tensors, mapped into memory and read where they lie.
//!
//! Opening one is told in four files: `checkpoint` (a folder or a single file, part by part; `overlay` for parts
//! from elsewhere), `archive` (the files of a part, and the tensors in them), `names` (what those are called in
//! each dialect) and `tensors` (the tensors of a network, as [`Weights`] that layers load from). What a model must
//! have is what its networks' `load` asks for (`listing`). LoRAs and VAEs are opened the same way.
//!
//! Every file is hostile until it has been checked: nothing here panics, or allocates more than a
//! few times a file's header, whatever the bytes are.

mod about;
mod adapted;
mod alone;
mod archive;
mod blocks;
mod checkpoint;
mod configs;
mod file;
mod foreign;
mod gguf;
mod guard;
mod header;
mod hub;
mod kind;
mod listing;
mod lora;
mod made;
mod names;
mod ncnn;
mod network;
mod network_file;
mod numbers;
mod overlay;
mod part;
mod pickle;
mod place;
mod quantised;
mod scale;
mod source;
mod stacked;
mod standalone;
mod stored;
mod tensors;
mod tokenizer;
mod torch;
mod upscaler;
mod vectors;
mod weight;
mod zip;

pub use about::About;
pub(crate) use adapted::Changeable;
pub(crate) use blocks::Quantisation;
pub use checkpoint::Checkpoint;
pub use configs::Configs;
pub(crate) use configs::python_json;
pub(crate) use foreign::{instead_of, instead_of_lines};
pub(crate) use kind::{GuideKind, is_inpainting, other_channels};
pub(crate) use listing::listed;
pub use lora::{Adapter, Lora, LoraFile};
pub(crate) use names::{ADAPTER_LAYERS, Dialect, HINT_BLOCKS, Layout, NameTable};
pub use network::TensorSpec;
pub(crate) use network::{Level, NetworkSpec};
pub use network_file::NetworkAbout;
pub(crate) use network_file::{NetworkFile, NetworkFolder};
pub use numbers::NumberFormat;
pub(crate) use overlay::class_in;
pub use part::Part;
pub(crate) use quantised::{CHANNELS as BLOCK_CHANNELS, QuantisedBlock};
pub(crate) use standalone::{Opened, Standalone};
pub use tensors::{TensorSummary, Weights};
pub use tokenizer::TokenizerFiles;
pub(crate) use upscaler::UpscalerFile;
pub(crate) use vectors::vectorised;
#[cfg(test)]
pub(crate) use weight::Patch;
pub use weight::Weight;
pub(crate) use weight::{LowRank, View};

#[cfg(test)]
mod tests;
