//! What PEFT says of a LoRA beside its weights: in `adapter_config.json`, or, from diffusers, in the
//! file's own header. There alpha stands, which other trainers write as a tensor.

use std::path::Path;

use serde_json::Value;

use super::names;
use crate::error::Result;
use crate::weights::about::About;
use crate::weights::configs::python_json;
use crate::weights::file::{self, bad_file};

/// The name in a header.
pub(super) const HEADER: &str = "lora_adapter_metadata";
/// What PEFT calls its files.
const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";

/// What is said of all layers, and of some.
#[derive(Debug, Default)]
pub(super) struct Stated {
    said: Value,
    /// Whether that is of one network, so that members have no prefix.
    alone: bool,
}

impl Stated {
    pub(super) fn of(path: &Path, about: &About) -> Result<Self> {
        if let Some(said) = about.text(HEADER) {
            let said = python_json(said.as_bytes());
            let said = said.map_err(|e| {
                bad_file(path, format!("says `{HEADER}` in its header, which is not JSON: {e}"))
            })?;
            return Ok(Self { said, alone: false });
        }
        if path.file_name().is_none_or(|name| name != WEIGHTS) {
            return Ok(Self::default());
        }
        let config = path.with_file_name(CONFIG);
        let Some(bytes) = file::read(&config, file::CONFIG)? else { return Ok(Self::default()) };
        let said = python_json(&bytes).map_err(|e| bad_file(&config, format!("is not valid JSON: {e}")))?;
        Ok(Self { said, alone: true })
    }

    /// What a layer's difference is multiplied by, if that is said.
    pub(super) fn scale(&self, layer: &str, rank: usize) -> Option<f32> {
        let (part, name) = names::part(layer);
        let member = |key: &str| match self.alone {
            true => &self.said[key],
            false => &self.said[format!("{part}.{key}")],
        };
        let is_of =
            |key: &str| name.strip_suffix(key).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let own = member("alpha_pattern").as_object().into_iter().flatten();
        let own = own.filter(|(key, _)| is_of(key)).find_map(|(_, alpha)| alpha.as_f64());
        let alpha = own.or_else(|| member("lora_alpha").as_f64())?;
        let by = if member("use_rslora") == true { (rank as f64).sqrt() } else { rank as f64 };
        Some((alpha / by) as f32)
    }
}
