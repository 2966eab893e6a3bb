//! The networks of a model: which tensors each has, as its `load` tells, and so which files hold them.

use std::path::Path;

use crate::Result;
use crate::error::Error;
use crate::text::{ClipConfig, ClipEncoder};
use crate::unet::{UNet, UNetConfig};
use crate::vae::{NetworkConfig, TinyDecoder, VaeDecoder, VaeEncoder};
use crate::weights::{Checkpoint, Component, Configs, Network, TensorSpec, listed};

/// The tensors of a component's network, in the order in which they are loaded.
///
/// # Errors
/// The component has no configuration, or one of a network that is not of SDXL's kind.
pub fn inventory(configs: &Configs, component: Component) -> Result<Vec<TensorSpec>> {
    describe(configs, component).map(|network| network.tensors)
}

/// What a component's network is made of.
pub(crate) fn describe(configs: &Configs, component: Component) -> Result<Network> {
    match component {
        Component::Unet => {
            let config = UNetConfig::read(configs)?;
            let levels = config.numbering();
            Ok(Network { tensors: listed(|w| UNet::load(w, config).map(drop))?, levels })
        }
        Component::Vae => describe_vae(NetworkConfig::read(configs)?),
        Component::TextEncoder | Component::TextEncoder2 => {
            let config = ClipConfig::read(configs, component)?;
            let pooled = component == Component::TextEncoder2;
            let tensors = listed(|w| ClipEncoder::load(w, &config, pooled).map(drop))?;
            Ok(Network { tensors, levels: Vec::new() })
        }
        Component::Scheduler | Component::ModelIndex => {
            let what = "describes a part that has no weights".into();
            Err(Error::File { file: configs.file(component), what })
        }
    }
}

fn describe_vae(config: NetworkConfig) -> Result<Network> {
    match config {
        NetworkConfig::Kl(config) => {
            let levels = config.numbering();
            let mut tensors = listed(|w| VaeEncoder::load(w, &config).map(drop))?;
            tensors.iter_mut().for_each(|spec| spec.optional = true);
            tensors.extend(listed(|w| VaeDecoder::load(w, config).map(drop))?);
            Ok(Network { tensors, levels })
        }
        NetworkConfig::Tiny(config) => {
            let tensors = listed(|w| TinyDecoder::load(w, config).map(drop))?;
            Ok(Network { tensors, levels: Vec::new() })
        }
    }
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

    /// Opens a single file whose network is not of SDXL base's shape.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn single_file(path: &Path, configs: &Configs) -> Result<Self> {
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
