//! The published files in a folder, by their names.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::error::Error;

/// What changes the UNet, the one that is taken first first: differences of its attention, or of all other layers.
const CHANGES: [&str; 2] = ["layer_xl_transparent_attn.safetensors", "layer_xl_transparent_conv.safetensors"];
/// The decoder.
const DECODER: &str = "vae_transparent_decoder.safetensors";

/// What transparent pictures are drawn with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerDiffuseFiles {
    /// What changes the UNet.
    pub change: PathBuf,
    /// The decoder of opacity.
    pub decoder: PathBuf,
}

impl LayerDiffuseFiles {
    /// Those of a folder.
    ///
    /// # Errors
    /// One of the two is not there.
    pub fn find(folder: &Path) -> Result<Self> {
        let lacks = |what: &str| Error::File {
            file: folder.to_path_buf(),
            what: format!(
                "has no {what}; give a folder with {} (or {}) and {DECODER}, as LayerDiffuse publishes them",
                CHANGES[0], CHANGES[1]
            ),
        };
        let there = |name: &str| Some(folder.join(name)).filter(|file| file.is_file());
        let change = CHANGES.into_iter().find_map(there).ok_or_else(|| lacks(CHANGES[0]))?;
        Ok(Self { change, decoder: there(DECODER).ok_or_else(|| lacks(DECODER))? })
    }

    /// Whether a file is, by its name, what changes the UNet.
    #[must_use]
    pub fn is_change(file: &Path) -> bool {
        file.file_name().is_some_and(|name| CHANGES.iter().any(|change| name == *change))
    }
}
