//! Transparent pictures (LayerDiffuse; Zhang & Agrawala 2024, arXiv 2402.17113): a UNet that was changed to draw what
//! stands free, and a decoder that reads from its latents how opaque each pixel is.
//!
//! `decoder` is the network; `orientation` turns and mirrors what it is asked about, and takes the median of its answers;
//! `folder` finds the published files.

mod about;
mod decoder;
mod folder;
mod orientation;

pub use about::about;
pub use decoder::TransparentDecoder;
pub use folder::LayerDiffuseFiles;
pub use orientation::{Orientation, median};
