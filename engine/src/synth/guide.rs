//! Nets that guide a model, made on the spot.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::aside::Aside;
use super::plan::FilePlan;
use super::{OnProgress, SynthLayout, SynthSize, make_folder, put, write_files};
use crate::controlnet::{AdapterConfig, ControlNetConfig, NetSize};
use crate::error::Result;
use crate::unet::UNetConfig;
use crate::weights::{Configs, Dialect, Layout, NameTable, NetworkSpec, Part};

/// A net that guides a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynthGuide {
    /// A ControlNet with all of the UNet's encoder.
    ControlNet,
    /// One with few layers.
    ControlNetMid,
    /// One without transformers.
    ControlNetSmall,
    /// One for six kinds of pictures.
    ControlNetUnion,
    /// A T2I-Adapter.
    Adapter,
}

impl SynthGuide {
    /// A word for each.
    pub const WORDS: &[(&str, Self)] = &[
        ("controlnet", Self::ControlNet),
        ("controlnet-mid", Self::ControlNetMid),
        ("controlnet-small", Self::ControlNetSmall),
        ("controlnet-union", Self::ControlNetUnion),
        ("t2i-adapter", Self::Adapter),
    ];

    /// What it is made of, for this UNet: what its tensors are called by, and its class.
    fn network(self, unet: &UNetConfig) -> Result<(&'static str, &'static str, NetworkSpec)> {
        let control_net = |size, types| ControlNetConfig::usual(unet, size, types).network();
        let (class, network) = match self {
            Self::ControlNet => ("ControlNetModel", control_net(NetSize::Full, None)?),
            Self::ControlNetMid => ("ControlNetModel", control_net(NetSize::Mid, None)?),
            Self::ControlNetSmall => ("ControlNetModel", control_net(NetSize::Small, None)?),
            Self::ControlNetUnion => ("ControlNetUnionModel", control_net(NetSize::Full, Some(TYPES))?),
            Self::Adapter => return Ok(("adapter", "T2IAdapter", AdapterConfig::usual(unet).network()?)),
        };
        Ok(("controlnet", class, network))
    }
}

/// Kinds of pictures that the first union of its kind tells apart.
const TYPES: usize = 6;

/// What a ControlNet's configuration says as its UNet's does.
const SHARED: [&str; 9] = [
    "in_channels",
    "block_out_channels",
    "layers_per_block",
    "norm_num_groups",
    "cross_attention_dim",
    "attention_head_dim",
    "addition_embed_type",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
];

/// How large a net would be.
///
/// # Errors
/// A configuration is not of SDXL's kind.
pub fn guide_size(configs: &Configs, guide: SynthGuide) -> Result<SynthSize> {
    let (_, _, network) = guide.network(&UNetConfig::read(configs)?)?;
    let numbers: usize = network.tensors.iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
    Ok(SynthSize { tensors: network.tensors.len(), bytes: 2 * numbers as u64 })
}

/// Writes a net for a model of these configurations to `out`, which must not exist yet: a diffusers folder, or a file with
/// the original names.
///
/// # Errors
/// `out` exists or cannot be written, a configuration is not of SDXL's kind, or `progress` said stop.
pub fn write_guide(
    configs: &Configs,
    guide: SynthGuide,
    out: &Path,
    layout: SynthLayout,
    progress: &OnProgress,
) -> Result<()> {
    let unet = UNetConfig::read(configs)?;
    let (label, class, network) = guide.network(&unet)?;
    let dialect = if layout == SynthLayout::Folder { Dialect::Diffusers } else { Dialect::Original };
    let is_adapter = guide == SynthGuide::Adapter;
    let prefix = match layout {
        SynthLayout::Folder if is_adapter => "adapter.",
        SynthLayout::SingleFile if !is_adapter => "control_model.",
        _ => "",
    };
    let of = Layout { dialect, prefix: prefix.into() };
    let names =
        if is_adapter { NameTable::adapter(of) } else { NameTable::control_net(of, &unet.numbering()) };
    let plan = FilePlan::network(label, network, &names)?;
    let aside = Aside::of(out)?;
    let file = match layout {
        SynthLayout::SingleFile => aside.path().to_path_buf(),
        SynthLayout::Folder => {
            make_folder(aside.path())?;
            let config = config(configs.value(Part::Unet)?, class);
            put(aside.path(), "config.json", format!("{config:#}\n").as_bytes())?;
            aside.path().join("diffusion_pytorch_model.safetensors")
        }
    };
    let files: [(PathBuf, FilePlan); 1] = [(file, plan)];
    write_files(&files, progress)?;
    aside.keep()
}

fn config(unet: &Value, class: &str) -> Value {
    let mut config = json!({ "_class_name": class });
    if class == "T2IAdapter" {
        config["adapter_type"] = "full_adapter_xl".into();
        return config;
    }
    for name in SHARED {
        config[name] = unet[name].clone();
    }
    config
}
