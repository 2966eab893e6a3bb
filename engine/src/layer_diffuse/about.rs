//! What a file is that transparent pictures are decoded with, told without drawing.

use std::path::Path;

use super::decoder::TransparentDecoder;
use super::folder::LayerDiffuseFiles;
use crate::Result;
use crate::weights::NetworkAbout;

/// LayerDiffuse's decoder, in a file of its own or in a folder with what changes the UNet; `None` if there is none. Every
/// number is read.
///
/// # Errors
/// It is one, and cannot be read or is damaged.
pub fn about(path: &Path) -> Result<Option<NetworkAbout>> {
    let decoder = match path.is_dir() {
        true => LayerDiffuseFiles::find(path).ok().map(|files| files.decoder),
        false => TransparentDecoder::is_one(path).then(|| path.to_path_buf()),
    };
    decoder.map(|file| TransparentDecoder::open(&file).map(|decoder| decoder.about())).transpose()
}
