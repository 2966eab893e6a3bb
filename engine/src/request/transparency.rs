//! Pictures that are transparent where nothing was drawn.

use std::path::PathBuf;

/// How a picture becomes transparent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transparency {
    /// By its own colours: what is like its border, and joined to that, becomes transparent, with a soft edge.
    Matte,
    /// By LayerDiffuse, whose files lie in this folder: the model is changed to draw what stands free, and a network reads
    /// from its latents how opaque each pixel is. Glass and hair come out as such.
    LayerDiffuse(PathBuf),
}
