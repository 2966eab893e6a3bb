//! The configuration of every component.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::component::Component;
use super::file::{self, bad_file};
use super::source::Source;
use crate::error::Result;

/// The configurations of a pipeline, as JSON.
#[derive(Debug, Clone)]
pub struct Configs {
    source: Source,
    /// In the order of [`Component::ALL`].
    values: Vec<Option<Value>>,
}

/// What stability.ai published with SDXL base 1.0, for files that carry no configuration.
static SDXL_BASE: &[(&str, &[u8])] = &[
    ("unet/config.json", include_bytes!("configs/unet.json")),
    ("vae/config.json", include_bytes!("configs/vae.json")),
    ("text_encoder/config.json", include_bytes!("configs/text_encoder.json")),
    ("text_encoder_2/config.json", include_bytes!("configs/text_encoder_2.json")),
    ("scheduler/scheduler_config.json", include_bytes!("configs/scheduler.json")),
    ("model_index.json", include_bytes!("configs/model_index.json")),
];

impl Configs {
    /// Those of SDXL base 1.0.
    ///
    /// # Errors
    /// None that a user could meet: the files are part of the binary.
    pub fn sdxl_base() -> Result<Self> {
        Self::read(Source::Embedded("the built-in SDXL base", SDXL_BASE))
    }

    /// Those of a diffusers folder; weights need not lie in it.
    ///
    /// # Errors
    /// A file that is not JSON, or cannot be read.
    pub fn folder(path: &Path) -> Result<Self> {
        Self::read(Source::Folder(path.to_path_buf()))
    }

    pub(crate) fn read(source: Source) -> Result<Self> {
        let value = |component: &Component| {
            let name = component.config_file();
            let Some(bytes) = source.read(name, file::CONFIG)? else { return Ok(None) };
            let value: Value = serde_json::from_slice(&bytes)
                .map_err(|e| bad_file(&source.path(name), format!("is not valid JSON: {e}")))?;
            if !value.is_object() {
                return Err(bad_file(&source.path(name), "is not a JSON object"));
            }
            Ok(Some(value))
        };
        let values = Component::ALL.iter().map(value).collect::<Result<_>>()?;
        Ok(Self { source, values })
    }

    /// Where a component's configuration lies, for messages.
    #[must_use]
    pub fn file(&self, component: Component) -> PathBuf {
        self.source.path(component.config_file())
    }

    /// Whether a component has one.
    #[must_use]
    pub fn has(&self, component: Component) -> bool {
        self.values[component as usize].is_some()
    }

    /// A component's configuration as JSON.
    ///
    /// # Errors
    /// There is none.
    pub fn value(&self, component: Component) -> Result<&Value> {
        self.values[component as usize].as_ref().ok_or_else(|| {
            let what = format!("has no {}; is it a folder with an SDXL model?", component.config_file());
            bad_file(self.source.root(), what)
        })
    }

    /// A component's configuration, read into `T`.
    ///
    /// # Errors
    /// There is none, or it does not fit `T`.
    pub fn get<T: DeserializeOwned>(&self, component: Component) -> Result<T> {
        T::deserialize(self.value(component)?).map_err(|e| bad_file(&self.file(component), e.to_string()))
    }

    /// Takes one component's configuration from another set.
    pub(crate) fn or_from(&mut self, component: Component, other: &Self) {
        let mine = &mut self.values[component as usize];
        *mine = mine.take().or_else(|| other.values[component as usize].clone());
    }
}
