//! Nets that guide a model by a picture: which one a file holds, under whose names, and what it is if it is none.

use crate::quote;
use crate::weights::archive::Archive;
use crate::weights::names::{Dialect, Layout};

use super::parts::{PartKind, kind};

/// A net that guides a model by a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GuideKind {
    /// One net for several kinds of pictures, or for one.
    ControlNet,
    /// Convolutions alone, run once for a picture.
    Adapter,
}

/// Tensors by which a net is known, in each dialect.
const ANCHORS: &[(GuideKind, Dialect, &str)] = &[
    (GuideKind::ControlNet, Dialect::Original, "input_hint_block.0.weight"),
    (GuideKind::ControlNet, Dialect::Diffusers, "controlnet_cond_embedding.conv_in.weight"),
    (GuideKind::Adapter, Dialect::Diffusers, "body.0.resnets.0.block1.weight"),
    (GuideKind::Adapter, Dialect::Original, "body.0.block1.weight"),
];

/// Nets that guide a model in ways that are not drawn with. Some have a ControlNet's names, too.
const OTHERS: &[PartKind] = &[
    kind(
        "is a Control-LoRA, a ControlNet as a difference from SDXL's UNet, which Fulmen does not read; give a full \
         ControlNet of its kind, such as diffusers/controlnet-canny-sdxl-1.0",
        &[&["lora_controlnet"], &["input_hint_block.0.", "input_blocks.1.0.in_layers.2.down"]],
    ),
    kind(
        "is a ControlNet-LLLite, which Fulmen does not read; give a full ControlNet of its kind, such as \
         diffusers/controlnet-canny-sdxl-1.0",
        &[&["lllite_"]],
    ),
    kind(
        "is a ControlNet-XS, which Fulmen does not read; give a full ControlNet of its kind, such as \
         diffusers/controlnet-canny-sdxl-1.0",
        &[&["ctrl_model."], &["base_down_subblocks."], &["base_to_ctrl."], &["ctrl_to_base."]],
    ),
    kind(
        "is a T2I-Adapter of the light kind, which no model of SDXL has; give one for SDXL",
        &[&["body.0.out_conv."]],
    ),
    kind(
        "is a ControlNet of another family; Fulmen draws with SDXL: give one for SDXL",
        &[&["controlnet_x_embedder."], &["controlnet_blocks."], &["pos_embed_input."], &["control_layers."]],
    ),
];

impl Archive {
    /// Which net it holds, and how it names the tensors; otherwise what it is, as the rest of a sentence.
    pub(crate) fn guide(&self) -> Result<(GuideKind, Layout), String> {
        if let Some(what) = self.packed() {
            return Err(what);
        }
        if let Some(other) = OTHERS.iter().find(|other| self.is_one(other.marks)) {
            return Err(other.what.into());
        }
        let found = ANCHORS.iter().find_map(|(kind, dialect, anchor)| {
            let prefixes = self.tensors.keys().filter_map(|key| key.strip_suffix(anchor));
            let prefix =
                prefixes.filter(|p| p.is_empty() || p.ends_with('.')).min_by_key(|p| (p.len(), *p))?;
            Some((kind.clone(), Layout { dialect: *dialect, prefix: prefix.to_owned() }))
        });
        found.ok_or_else(|| self.instead_of_guide())
    }

    /// Whether it is a net that guides, of whatever kind.
    pub(crate) fn is_guide(&self) -> bool {
        let others = || OTHERS.iter().any(|other| self.is_one(other.marks));
        ANCHORS.iter().any(|(_, _, anchor)| self.tensors.keys().any(|key| key.ends_with(anchor))) || others()
    }

    /// What a file is that was taken for a net that guides.
    fn instead_of_guide(&self) -> String {
        let unet = || self.foreign_unet(&self.layout(super::Part::Unet)?);
        if let Some(what) = self.other_model().or_else(|| self.other_part()).or_else(unet) {
            return what;
        }
        if !self.parts_alone().is_empty() {
            return "is a model or a part of one, not a ControlNet or T2I-Adapter".into();
        }
        let first = self.tensors.keys().min().map_or("", String::as_str);
        let count = self.tensors.len();
        format!(
            "is not a ControlNet or T2I-Adapter for SDXL: the first of its {count} tensors is `{}`",
            quote::quoted(first)
        )
    }
}
