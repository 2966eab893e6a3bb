//! What a single file is, by the names of its tensors.

use super::archive::Archive;
use super::file::bad_file;
use super::names::{self, Dialect};
use crate::error::{Error, Result};

impl Archive {
    fn has(&self, prefix: &str) -> bool {
        self.tensors.keys().any(|key| key.starts_with(prefix))
    }

    /// The dialect of the UNet in it, if there is one.
    fn unet_dialect(&self) -> Option<Dialect> {
        let dialects = [
            (names::UNET, Dialect::Original),
            ("down_blocks.", Dialect::Diffusers),
            ("input_blocks.", Dialect::Bare),
        ];
        dialects.into_iter().find(|(prefix, _)| self.has(prefix)).map(|(_, dialect)| dialect)
    }

    /// An error unless this is a whole SDXL checkpoint with the original names.
    pub(crate) fn expect_checkpoint(&self) -> Result<()> {
        if self.has(names::UNET) && self.has(names::CLIP_G) {
            return Ok(());
        }
        let what = self.other_kind().unwrap_or_else(|| {
            let unet = self.unet_dialect().is_some();
            let alone = "holds a UNet without text encoders; give it with --unet, over a whole model";
            if unet { alone.into() } else { self.unknown() }
        });
        Err(self.not_sdxl(&what))
    }

    /// The dialect of the UNet in it; an error if this is something else.
    pub(crate) fn expect_unet(&self) -> Result<Dialect> {
        if let Some(what) = self.other_kind() {
            return Err(self.not_sdxl(&what));
        }
        self.unet_dialect().ok_or_else(|| self.not_sdxl(&self.unknown()))
    }

    /// Files that are often taken for an SDXL checkpoint, as a sentence.
    fn other_kind(&self) -> Option<String> {
        let is_lora = |key: &String| key.contains("lora_") || key.contains(".lora.");
        if self.tensors.is_empty() {
            return Some("holds no tensors; fetch it again".into());
        }
        if self.tensors.keys().any(is_lora) {
            return Some("holds a LoRA, which changes a model and is none; fetch the full model".into());
        }
        if self.has("cond_stage_model.") {
            return Some("is a Stable Diffusion 1 or 2 checkpoint; Fulmen draws with SDXL".into());
        }
        if self.has("conditioner.embedders.0.model.") {
            return Some("is the SDXL refiner; Fulmen draws with SDXL base and models made from it".into());
        }
        let control_net = self.has("input_hint_block.") || self.has("controlnet_cond_embedding.");
        control_net.then(|| "is a ControlNet; Fulmen draws with SDXL base and models made from it".into())
    }

    fn unknown(&self) -> String {
        let first = self.tensors.keys().min().map_or("", String::as_str);
        format!("is not an SDXL model: its first tensor is `{first}`")
    }

    fn not_sdxl(&self, what: &str) -> Error {
        bad_file(&self.origin, what)
    }
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
    averages || training || buffers
}
