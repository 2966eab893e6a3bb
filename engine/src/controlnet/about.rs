//! What a file is that holds a net which guides, told without drawing.

use std::path::Path;

use super::open::{GuideNet, Network};
use crate::Result;
use crate::unet::UNetConfig;
use crate::weights::{Checkpoint, Configs, Standalone, TensorSummary};

/// A net that guides, in short.
#[derive(Debug, Clone)]
pub struct GuideAbout {
    /// `ControlNet`, `ControlNet-Union` or `T2I-Adapter`.
    pub kind: &'static str,
    /// `full`, `mid` or `small`; none of an adapter.
    pub size: Option<&'static str>,
    /// Kinds of pictures that a union tells apart.
    pub kinds: Option<usize>,
    /// Bytes of its files.
    pub bytes: u64,
    /// Its tensors.
    pub tensors: TensorSummary,
    /// Tensors that it does not ask for.
    pub unused: Vec<String>,
    /// The model that it fits.
    pub fits: String,
}

/// What a file or folder is if it holds a net that guides a model; `None` if it holds something else. Every number is
/// read.
///
/// # Errors
/// The file cannot be read or is damaged, or the net is of a kind that is not drawn with, or does not fit `model`: by
/// default SDXL base.
pub fn about(path: &Path, model: Option<&Path>) -> Result<Option<GuideAbout>> {
    if !Standalone::is_guide(path)? {
        return Ok(None);
    }
    let configs = match model {
        Some(model) => Checkpoint::open(model)?.configs().clone(),
        None => Configs::sdxl_base()?,
    };
    let name = model.unwrap_or(Path::new("SDXL base"));
    let net = GuideNet::open(path, name, &UNetConfig::read(&configs)?)?;
    let (kind, size, kinds) = match &net.network {
        Network::Control(control_net) => {
            let kinds = control_net.union().map(super::Union::types);
            let kind = if kinds.is_some() { "ControlNet-Union" } else { "ControlNet" };
            (kind, Some(control_net.config().size()), kinds)
        }
        Network::Adapter(_) => ("T2I-Adapter", None, None),
    };
    Ok(Some(GuideAbout {
        kind,
        size,
        kinds,
        bytes: net.bytes(),
        tensors: net.tensors().summary(),
        unused: net.tensors().unused.clone(),
        fits: name.display().to_string(),
    }))
}
