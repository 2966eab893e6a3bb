//! What a file or folder is, by the names and shapes of its tensors, and what to do with it.
//!
//! Asked before tensors are looked for, so that nobody is sent to fetch a file again that is whole, and
//! a model of another family is called by its name.

mod families;
mod parts;
mod unet;

use self::families::FAMILIES;
use self::parts::{ADAPTERS, PARTS};
pub(crate) use self::unet::other_channels;
use super::about;
use super::archive::Archive;
use super::component::Component;
use super::configs::Configs;
use super::file::bad_file;
use super::listing::Describe;
use super::names::Layout;
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
        let has = |component| self.layout(component).is_some();
        let texts = has(Component::TextEncoder) && has(Component::TextEncoder2);
        if let Some(layout) = self.layout(Component::Unet).filter(|_| texts) {
            let other = self.other_unet(&layout, &[configs], describe);
            return other.map_or(Ok(()), |what| Err(self.not_sdxl(&what)));
        }
        let what = self.other_kind(configs, describe).unwrap_or_else(|| self.in_parts());
        Err(self.not_sdxl(&what))
    }

    /// Where the UNet stands in it; an error if there is none, or it fits neither these configurations
    /// nor SDXL.
    pub(crate) fn expect_unet(&self, configs: &[&Configs], describe: Describe) -> Result<Layout> {
        let whole = self.layout(Component::TextEncoder2).is_some() && self.layout(Component::Unet).is_some();
        if !whole && let Some(what) = self.other_name() {
            return Err(self.not_sdxl(&what));
        }
        let Some(layout) = self.layout(Component::Unet) else {
            return Err(self.not_sdxl(&self.in_parts()));
        };
        let other = self.other_unet(&layout, configs, describe);
        other.map_or(Ok(layout), |what| Err(self.not_sdxl(&what)))
    }

    /// Files that are often taken for an SDXL checkpoint, as the rest of a sentence.
    fn other_kind(&self, configs: &Configs, describe: Describe) -> Option<String> {
        let unet = || self.other_unet(&self.layout(Component::Unet)?, &[configs], describe);
        self.other_name().or_else(unet)
    }

    /// The same, by names alone.
    fn other_name(&self) -> Option<String> {
        let count = self.tensors.len();
        if count == 0 {
            return Some("holds no tensors; fetch it again".into());
        }
        if count > MOST_TENSORS {
            return Some(format!("holds {count} tensors, far more than SDXL has; give an SDXL model"));
        }
        let is_one =
            |marks: &[&[&str]]| marks.iter().any(|group| group.iter().all(|mark| self.mentions(mark)));
        if self.is_textual_inversion() {
            return Some(
                "is a textual inversion, which adds a word to a model and is none; \
                 Fulmen has none of these yet: give an SDXL model"
                    .into(),
            );
        }
        if let Some(adapter) = ADAPTERS.iter().find(|adapter| is_one(adapter.marks)) {
            return Some(adapter.what.into());
        }
        // Before the parts: whole models of these families have text encoders in them.
        if let Some(family) = FAMILIES.iter().find(|family| is_one(family.marks)) {
            return Some(of_family(family.name));
        }
        // A UNet or a VAE is no part of the table: what to do depends on what else there is.
        let is_bare = self.layout(Component::Unet).is_none() && self.layout(Component::Vae).is_none();
        PARTS.iter().find(|part| is_bare && is_one(part.marks)).map(|part| part.what.into())
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
        const FIRST: &str = "the first text encoder";
        const SECOND: &str = "the second text encoder";
        let names = [
            (Component::Unet, "a UNet"),
            (Component::Vae, "a VAE"),
            (Component::TextEncoder, FIRST),
            (Component::TextEncoder2, SECOND),
        ];
        let here = names.iter().filter(|(component, _)| self.layout(*component).is_some());
        let here: Vec<&str> = here.map(|(_, name)| *name).collect();
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
            ["a VAE"] => "is a VAE alone; Fulmen takes the VAE from the model: give a whole checkpoint \
                          with its VAE in it, or a diffusers folder"
                .into(),
            _ => format!("holds {}, but no UNet; give a whole model", here.join(" and ")),
        }
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
pub(crate) const NO_VAE: &str = "holds a UNet and both text encoders, but no VAE; take the release with the VAE in it (“baked”), a \
     diffusers folder that has one, or lay this UNet over a whole model with --unet";

/// That a model is of another family.
fn of_family(name: &str) -> String {
    format!("is of another family, {name}; Fulmen draws with SDXL and models made from it")
}

/// What a diffusers folder is by its model_index.json, if that is not SDXL.
pub(crate) fn other_pipeline(configs: &Configs) -> Option<String> {
    let index = configs.value(Component::ModelIndex).ok()?;
    let class = index["_class_name"].as_str().unwrap_or_default();
    let is_null =
        |part: &str| index[part].as_array().is_some_and(|pair| pair.iter().all(serde_json::Value::is_null));
    if is_null("text_encoder") && class.contains("StableDiffusionXL") {
        return Some(of_family("the SDXL refiner"));
    }
    families::of_pipeline(class).map(of_family)
}

/// Tensors that checkpoints carry along and that drawing does not need, by their names in the file.
pub(crate) fn is_known_extra(key: &str) -> bool {
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
    averages || training || buffers || about::mark(key).is_some() || scale::is_extra(key)
}
