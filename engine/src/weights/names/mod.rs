//! What a tensor is called in each dialect of checkpoint.
//!
//! The table is asked in one direction only: from the canonical name, which the model uses, to the
//! names that a file may have for it, likeliest first. Blocks are numbered by the network's
//! configuration, so the table holds for any number of levels, blocks and layers.

mod clip;
mod unet;
mod vae;

use super::component::Component;
use super::configs::Configs;
use super::inventory::{UnetShape, VaeShape};
use crate::error::Result;

/// Where the UNet's tensors stand in a single-file checkpoint.
pub(crate) const UNET: &str = "model.diffusion_model.";
/// Where the VAE's do.
pub(crate) const VAE: &str = "first_stage_model.";
/// Where those of CLIP ViT-L do.
pub(crate) const CLIP_L: &str = "conditioner.embedders.0.transformer.";
/// Where those of OpenCLIP ViT-bigG do.
pub(crate) const CLIP_G: &str = "conditioner.embedders.1.model.";

/// Which part of a stored tensor a canonical one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// One third of its rows: query, key or value (0, 1, 2) of a fused projection.
    Third(usize),
    /// All of it, rows and columns exchanged.
    Transposed,
}

/// A name in a file, and what of that tensor is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: String,
    pub(crate) part: Part,
}

impl Place {
    fn whole(key: String) -> Self {
        Self { key, part: Part::Whole }
    }
}

/// How a file names its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// diffusers' and transformers' names, one file (or folder) a component.
    Diffusers,
    /// The names of the original code, everything in one file, each component under its prefix.
    Original,
    /// The same with no prefix.
    Bare,
}

/// The names of one component's tensors in one dialect.
#[derive(Debug, Clone)]
pub(crate) enum NameTable {
    Diffusers(Component),
    Unet { shape: UnetShape, prefix: &'static str },
    Vae { shape: VaeShape },
    ClipL,
    ClipG,
}

impl NameTable {
    pub(crate) fn new(configs: &Configs, component: Component, dialect: Dialect) -> Result<Self> {
        let prefix = if dialect == Dialect::Bare { "" } else { UNET };
        Ok(match (dialect, component) {
            (Dialect::Diffusers, _) => Self::Diffusers(component),
            (_, Component::Unet) => Self::Unet { shape: UnetShape::read(configs)?, prefix },
            (_, Component::Vae) => Self::Vae { shape: VaeShape::read(configs)? },
            (_, Component::TextEncoder2) => Self::ClipG,
            _ => Self::ClipL,
        })
    }

    /// The names that a file may have for a canonical name, likeliest first.
    pub(crate) fn places(&self, name: &str) -> Vec<Place> {
        match self {
            Self::Diffusers(component) => diffusers(*component, name),
            Self::Unet { shape, prefix } => {
                vec![Place::whole(format!("{prefix}{}", unet::original(shape, name)))]
            }
            Self::Vae { shape } => {
                vec![Place::whole(format!("{VAE}{}", vae::original(shape.levels(), name)))]
            }
            Self::ClipL => vec![Place::whole(format!("{CLIP_L}{name}"))],
            Self::ClipG => vec![clip::original(name)],
        }
    }

    /// The likeliest of them: the one to write, and to speak of in messages.
    pub(crate) fn usual_place(&self, name: &str) -> Place {
        self.places(name).swap_remove(0)
    }

    /// The shape that the original code gives to a stored tensor which is canonically of `shape`.
    pub(crate) fn shape_in_file(&self, name: &str, mut shape: Vec<usize>) -> Vec<usize> {
        let is_matrix = shape.len() == 2;
        if is_matrix && matches!(self, Self::Vae { .. }) && name.contains(".attentions.") {
            shape.extend([1, 1]);
        }
        shape
    }
}

/// diffusers' own names, today's and those of older and newer releases.
fn diffusers(component: Component, name: &str) -> Vec<Place> {
    let mut keys = vec![name.to_owned()];
    match component {
        Component::Vae => keys.extend(vae::before_attention_was_renamed(name)),
        // transformers 5 writes text encoders without the model's own name.
        Component::TextEncoder | Component::TextEncoder2 => {
            keys.extend(name.strip_prefix("text_model.").map(str::to_owned));
        }
        _ => {}
    }
    keys.into_iter().map(Place::whole).collect()
}
