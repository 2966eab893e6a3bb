//! What a file or folder is, by the names and shapes of its tensors, and what to do with it.
//!
//! Asked before tensors are looked for, so that a file that is whole is not called damaged, and
//! a model of another family is called by its name.

mod families;
mod guide;
mod part;
mod parts;
mod unet;

use std::collections::HashSet;
use std::path::Path;

use self::families::FAMILIES;
pub(crate) use self::guide::GuideKind;
use self::parts::{ADAPTERS, PACKED, PARTS, UPSCALER};
pub(crate) use self::unet::{is_inpainting, other_channels};
use super::about;
use super::archive::Archive;
use super::configs::Configs;
use super::file::bad_file;
use super::network::Describe;
use super::part::Part;
use super::scale;
use crate::error::{Error, Result};
use crate::quote;

/// More tensors than any checkpoint of this kind has, averages and optimizers included.
const MOST_TENSORS: usize = 50_000;

/// Elements of a word's embedding, for each text encoder.
const EMBEDDINGS: [usize; 3] = [768, 1024, 1280];

impl Archive {
    /// An error unless this is a whole SDXL checkpoint; a VAE may be missing.
    pub(crate) fn expect_checkpoint(&self, configs: &Configs, describe: Describe) -> Result<()> {
        let has = |part| self.layout(part).is_some();
        let texts = has(Part::TextEncoder) && has(Part::TextEncoder2);
        if let Some(what) = self.packed() {
            return Err(self.not_sdxl(&what));
        }
        if let Some(layout) = self.layout(Part::Unet).filter(|_| texts) {
            let other = self.other_unet(&layout, &[configs], describe);
            return other.map_or(Ok(()), |what| Err(self.not_sdxl(&what)));
        }
        let what = self.other_kind(configs, describe).unwrap_or_else(|| self.in_parts());
        Err(self.not_sdxl(&what))
    }

    /// Files that are often taken for an SDXL checkpoint, as the rest of a sentence.
    fn other_kind(&self, configs: &Configs, describe: Describe) -> Option<String> {
        let unet = || self.other_unet(&self.layout(Part::Unet)?, &[configs], describe);
        self.other_name().or_else(unet)
    }

    /// The same, by names alone.
    fn other_name(&self) -> Option<String> {
        self.other_model().or_else(|| self.other_part())
    }

    /// That its weights are packed in a way that is not read.
    fn packed(&self) -> Option<String> {
        PACKED.iter().find(|packed| self.is_one(packed.marks)).map(|packed| packed.what.into())
    }

    /// That it changes a model, or is of another family.
    fn other_model(&self) -> Option<String> {
        let count = self.tensors.len();
        if count == 0 {
            return Some("holds no tensors; fetch it again".into());
        }
        if count > MOST_TENSORS {
            return Some(format!("holds {count} tensors, far more than SDXL has; give an SDXL model"));
        }
        if self.is_textual_inversion() {
            return Some(
                "is a textual inversion, which adds a word to a model but is not one; \
                 Fulmen does not support these yet: give an SDXL model"
                    .into(),
            );
        }
        if let Some(adapter) = ADAPTERS.iter().find(|adapter| self.is_one(adapter.marks)) {
            return Some(adapter.what.into());
        }
        // Before the parts: whole models of these families have text encoders in them.
        FAMILIES.iter().find(|family| self.is_one(family.marks)).map(|family| of_family(family.name))
    }

    /// That it is neither a UNet nor a VAE, but something else that draws no pictures.
    fn other_part(&self) -> Option<String> {
        // A UNet or a VAE is no part of the table: what to do depends on what else there is.
        let is_bare = self.layout(Part::Unet).is_none() && self.layout(Part::Vae).is_none();
        let part = PARTS.iter().chain([&UPSCALER]).find(|part| is_bare && self.is_one(part.marks))?;
        Some(self.text_encoder().unwrap_or_else(|| part.what.into()))
    }

    /// What a file is that was taken for a LoRA.
    pub(crate) fn instead_of_lora(&self) -> String {
        let unet = || self.foreign_unet(&self.layout(Part::Unet)?);
        if let Some(what) = self.packed().or_else(|| self.other_model()).or_else(unet) {
            return what;
        }
        let parts = Part::WITH_WEIGHTS.into_iter().filter(|part| self.layout(*part).is_some());
        match parts.collect::<Vec<_>>()[..] {
            [] => self.other_part().unwrap_or_else(|| {
                let first = self.tensors.keys().min().map_or("", String::as_str);
                let count = self.tensors.len();
                format!("is not a LoRA: the first of its {count} tensors is `{}`", quote::quoted(first))
            }),
            [only] => {
                let (noun, flag) = (only.noun(), only.flag().unwrap_or("--model"));
                format!("is {noun} alone, not a LoRA; give it with {flag}, over a whole model")
            }
            _ => "is a model, not a LoRA; give it with --model".into(),
        }
    }

    /// What a file is that was taken for an upscaler.
    pub(crate) fn instead_of_upscaler(&self) -> String {
        if let Some(what) = self.packed().or_else(|| self.other_model()) {
            return what;
        }
        match &self.nouns()[..] {
            [] if self.is_one(UPSCALER.marks) => {
                "is an upscaler of a kind that Fulmen does not have; give an RRDBNet (ESRGAN, \
                                                  Real-ESRGAN) or an SRVGG (Real-ESRGAN's small one)"
                    .into()
            }
            [] => self.other_part().unwrap_or_else(|| {
                let first = self.tensors.keys().min().map_or("", String::as_str);
                let count = self.tensors.len();
                format!("is not an upscaler: the first of its {count} tensors is `{}`", quote::quoted(first))
            }),
            [only] => format!("is {only} alone, not an upscaler"),
            _ => "is a model, not an upscaler; give it with --model".into(),
        }
    }

    /// Whether the names have all marks of one of the groups.
    fn is_one(&self, marks: &[&[&str]]) -> bool {
        marks.iter().any(|group| group.iter().all(|mark| self.mentions(mark)))
    }

    fn mentions(&self, mark: &str) -> bool {
        self.tensors.keys().any(|key| key.contains(mark))
    }

    /// A few rows as wide as a word, under any names.
    fn is_textual_inversion(&self) -> bool {
        let is_word = |shape: &[usize]| match shape {
            [width] | [1..=128, width] => EMBEDDINGS.contains(width),
            _ => false,
        };
        self.tensors.len() <= 4 && self.tensors.values().all(|tensor| is_word(&tensor.shape))
    }

    /// Which parts are there, where they are not enough.
    fn in_parts(&self) -> String {
        const FIRST: &str = Part::TextEncoder.noun();
        const SECOND: &str = Part::TextEncoder2.noun();
        let here = self.nouns();
        match here[..] {
            [] => self.unknown(),
            ["a UNet", ..] => {
                let missing = match here.last() {
                    Some(&FIRST) => SECOND,
                    Some(&SECOND) => FIRST,
                    _ => "the text encoders",
                };
                format!(
                    "holds {} without {missing}; give it with --unet, over a whole model",
                    here.join(" and ")
                )
            }
            ["a VAE"] if self.foreign_vae().is_some() => self.foreign_vae().unwrap_or_default(),
            ["a VAE"] if self.has_tiny_vae() => "is a tiny VAE (TAESD) alone; give it with --vae, or with \
                                                 --preview-vae for previews, over a whole model"
                .into(),
            ["a VAE"] => "is a VAE alone; give it with --vae, over a whole model".into(),
            _ => format!("holds {}, but no UNet; give a whole model", here.join(" and ")),
        }
    }

    /// Tensors that are neither used nor known to be carried along, sorted.
    pub(crate) fn unused(&self, used: &HashSet<String>) -> Vec<String> {
        let unknown = |key: &&String| !used.contains(*key) && !is_known_extra(key);
        let mut keys: Vec<String> = self.tensors.keys().filter(unknown).cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// The parts that it has.
    fn nouns(&self) -> Vec<&'static str> {
        let here = Part::WITH_WEIGHTS.into_iter().filter(|part| self.layout(*part).is_some());
        here.map(Part::noun).collect()
    }

    fn unknown(&self) -> String {
        let first = self.tensors.keys().min().map_or("", String::as_str);
        let count = self.tensors.len();
        format!("is not an SDXL model: the first of its {count} tensors is `{}`", quote::quoted(first))
    }

    fn not_sdxl(&self, what: &str) -> Error {
        bad_file(&self.origin, what)
    }
}

/// Why there is no VAE to draw with, where the rest is there.
pub(crate) const NO_VAE: &str = "holds a UNet and both text encoders, but no VAE; give one with --vae (SDXL's own is published by itself), \
     or take the release with the VAE in it (“baked”)";

/// That a VAE, which scales latents by so much, is not of the family of a model with a usual factor. Nothing else
/// tells the VAE of Stable Diffusion 1 and 2 apart from SDXL's: they have the same shapes.
pub(crate) fn other_vae(factor: Option<f64>, usual: Option<f64>) -> Option<String> {
    const SD: f64 = 0.18215;
    let is_sd = |factor: &f64| (factor - SD).abs() < 1e-4;
    let factor = factor.filter(is_sd)?;
    (!usual.as_ref().is_some_and(is_sd)).then(|| {
        format!(
            "is the VAE of Stable Diffusion 1 or 2: it scales latents by {factor}, SDXL's by 0.13025; give a VAE \
             of SDXL"
        )
    })
}

/// That a tiny VAE is, by its name, not one of SDXL's latents. Nothing else tells: all have the same shapes.
pub(crate) fn other_tiny_vae(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let is_other = name.contains("taesd") && !name.contains("xl");
    is_other.then(|| {
        format!(
            "{} is by its name the tiny VAE of Stable Diffusion 1 and 2, which shows SDXL's latents in wrong \
             colours; SDXL's is TAESDXL",
            path.display()
        )
    })
}

/// That a model is of another family.
fn of_family(name: &str) -> String {
    format!("is of another family, {name}; Fulmen draws with SDXL and models made from it")
}

/// What a diffusers folder is by its model_index.json, if that is not SDXL.
pub(crate) fn other_pipeline(configs: &Configs) -> Option<String> {
    let index = configs.value(Part::ModelIndex).ok()?;
    let class = index["_class_name"].as_str().unwrap_or_default();
    let is_null =
        |part: &str| index[part].as_array().is_some_and(|pair| pair.iter().all(serde_json::Value::is_null));
    if is_null("text_encoder") && class.contains("StableDiffusionXL") {
        return Some(of_family("the SDXL refiner"));
    }
    families::of_pipeline(class).map(of_family)
}

/// That a UNet has more in it than SDXL's: it is drawn with, but not as its makers meant it.
pub(crate) fn homeless<'a>(file: &Path, mut unused: impl Iterator<Item = &'a String>) -> Option<String> {
    let first = quote::quoted(unused.next()?);
    let others = match unused.count() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "the UNet of {} holds more than SDXL's does: `{first}`{others}; pictures may not be what its makers meant",
        file.display()
    ))
}

/// Tensors that checkpoints carry along and that drawing does not need, by their names in the file.
fn is_known_extra(key: &str) -> bool {
    const SCHEDULE: [&str; 10] = [
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "betas",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "log_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
        "denoiser.sigmas",
        "logvar",
    ];
    let averages = key.starts_with("model_ema.");
    let training = key.starts_with("first_stage_model.loss.") || key.starts_with("posterior_");
    let buffers = key.ends_with("position_ids") || key.ends_with("logit_scale") || SCHEDULE.contains(&key);
    averages
        || training
        || buffers
        || is_tiny_encoder(key)
        || about::mark(key).is_some()
        || scale::is_extra(key)
}

/// Whether this is of a tiny VAE's encoder: convolutions, alone or three in a block.
fn is_tiny_encoder(key: &str) -> bool {
    let layer = key.strip_prefix("encoder.layers.").and_then(|key| key.split_once('.'));
    layer.is_some_and(|(_, rest)| rest == "weight" || rest == "bias" || rest.starts_with("conv."))
}
