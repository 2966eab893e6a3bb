//! The networks of a model: which tensors each has, as its `load` tells, and so which files hold them.

use std::path::Path;

use crate::Result;
use crate::error::Error;
use crate::text::{ClipConfig, ClipEncoder};
use crate::unet::{UNet, UNetConfig};
use crate::vae::{NetworkConfig, TinyDecoder, TinyEncoder, VaeDecoder, VaeEncoder};
use crate::weights::{Checkpoint, Configs, NetworkSpec, Part, TensorSpec, listed};

/// The tensors of a part's network, in the order in which they are loaded.
///
/// # Errors
/// The part has no configuration, or one of a network that is not of SDXL's kind.
pub fn inventory(configs: &Configs, part: Part) -> Result<Vec<TensorSpec>> {
    describe(configs, part).map(|network| network.tensors)
}

/// What a part's network is made of.
pub(crate) fn describe(configs: &Configs, part: Part) -> Result<NetworkSpec> {
    match part {
        Part::Unet => {
            let config = UNetConfig::read(configs)?;
            let levels = config.numbering();
            Ok(NetworkSpec { tensors: listed(|w| UNet::load(w, config).map(drop))?, levels })
        }
        Part::Vae => describe_vae(NetworkConfig::read(configs)?),
        Part::TextEncoder | Part::TextEncoder2 => {
            let config = ClipConfig::read(configs, part)?;
            let pooled = part == Part::TextEncoder2;
            let tensors = listed(|w| ClipEncoder::load(w, &config, pooled).map(drop))?;
            Ok(NetworkSpec { tensors, levels: Vec::new() })
        }
        Part::Scheduler | Part::ModelIndex => {
            let what = "describes a part that has no weights".into();
            Err(Error::File { file: configs.file(part), what })
        }
    }
}

fn describe_vae(config: NetworkConfig) -> Result<NetworkSpec> {
    let mut encoder = match &config {
        NetworkConfig::Kl(config) => listed(|w| VaeEncoder::load(w, config).map(drop))?,
        NetworkConfig::Tiny(config) if !config.has_encoder() => Vec::new(),
        NetworkConfig::Tiny(config) => listed(|w| TinyEncoder::load(w, config).map(drop))?,
    };
    encoder.iter_mut().for_each(|spec| spec.optional = true);
    let (levels, decoder) = match config {
        NetworkConfig::Kl(config) => (config.numbering(), listed(|w| VaeDecoder::load(w, config).map(drop))?),
        NetworkConfig::Tiny(config) => (Vec::new(), listed(|w| TinyDecoder::load(w, &config).map(drop))?),
    };
    Ok(NetworkSpec { tensors: encoder.into_iter().chain(decoder).collect(), levels })
}

/// How checkpoints are opened whose networks are those above.
impl Checkpoint {
    /// Opens a diffusers folder, or a single SDXL file with the original names.
    ///
    /// # Errors
    /// The file or folder cannot be read, is damaged, or is something else.
    pub fn open(path: &Path) -> Result<Self> {
        Self::find(path, describe)
    }

    /// Opens a file or folder with some of a model's parts, to look into it; `None` where it is a whole model, or nothing
    /// that a model has.
    ///
    /// # Errors
    /// The file or folder cannot be read, is damaged, or has a part that is not SDXL's.
    pub fn open_parts(path: &Path) -> Result<Option<Self>> {
        Self::find_parts(path, describe)
    }

    /// Opens a single file whose network is not of SDXL base's shape.
    #[cfg(test)]
    pub(crate) fn single_file(path: &Path, configs: &Configs) -> Result<Self> {
        Self::file(path, configs, describe)
    }

    /// The small model that is part of this binary.
    ///
    /// # Errors
    /// None that a user could meet.
    pub fn embedded_demo() -> Result<Self> {
        Self::demo(describe)
    }
}
