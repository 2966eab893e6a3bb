//! A net that guides, opened from its file for the UNet that it guides.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::unet::UNetConfig;
use crate::weights::{GuideKind, Opened, Standalone};

use super::adapter::{Adapter, AdapterConfig};
use super::config::Reading;
use super::net::ControlNet;
use super::union::Union;

/// A net with its file.
#[derive(Debug)]
pub(crate) struct GuideNet {
    id: u64,
    path: PathBuf,
    tensors: Opened,
    bytes: u64,
    pub(crate) network: Network,
}

/// What kind of net it is.
#[derive(Debug)]
pub(crate) enum Network {
    /// Run at every step.
    Control(Box<ControlNet>),
    /// Run once.
    Adapter(Adapter),
}

impl GuideNet {
    /// Opens a file or folder and looks through all its numbers.
    ///
    /// # Errors
    /// It cannot be read, is damaged or something else, or was made for another UNet than this one of `model`.
    pub(crate) fn open(path: &Path, model: &Path, unet: &UNetConfig) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let file = Standalone::open(path)?;
        let (kind, layout) = file.guide()?;
        let misfit = |what: String| {
            file.error(format!(
                "does not fit {}: it {what}; give one that was made for this model",
                model.display()
            ))
        };
        let (network, tensors) = match kind {
            GuideKind::ControlNet => {
                let (config, spec, names) = Reading::new(&file, unet, layout).config().map_err(misfit)?;
                let tensors = file.tensors("controlnet", &spec, names)?;
                let net = ControlNet::load(&tensors.weights(), config)?;
                (Network::Control(Box::new(net)), tensors)
            }
            GuideKind::Adapter => {
                let (config, spec, names) = AdapterConfig::of(&file, unet, layout).map_err(misfit)?;
                let tensors = file.tensors("adapter", &spec, names)?;
                (Network::Adapter(Adapter::load(&tensors.weights(), config)?), tensors)
            }
        };
        let (id, path, bytes) = (NEXT.fetch_add(1, Ordering::Relaxed), file.path().to_owned(), file.bytes());
        Ok(Self { id, path, tensors, bytes, network })
    }

    /// What tells its programs from those of others.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What the user named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its tensors.
    pub(crate) fn tensors(&self) -> &Opened {
        &self.tensors
    }

    /// An error unless its files are as they were when they were opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        self.tensors.unchanged()
    }

    /// Gives the pages of its files that were read back to the system.
    pub(crate) fn release(&self) {
        self.tensors.release();
    }

    /// What a net for several kinds of pictures has besides.
    pub(crate) fn union(&self) -> Option<&Union> {
        self.control()?.union()
    }

    /// The net that is run once.
    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        match &self.network {
            Network::Adapter(adapter) => Some(adapter),
            Network::Control(_) => None,
        }
    }

    /// The net that is run at every step.
    pub(crate) fn control(&self) -> Option<&ControlNet> {
        match &self.network {
            Network::Control(net) => Some(net),
            Network::Adapter(_) => None,
        }
    }
}
