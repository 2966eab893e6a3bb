//! A LoRA that a model is changed by, and how strongly.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::Arc;

use super::adapter::Adapter;

/// A LoRA's file, and how strongly it is applied.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFile {
    /// The file.
    pub path: PathBuf,
    /// How strongly it changes the UNet: 1 is as it was trained, 0 changes nothing.
    pub unet: f32,
    /// The same of the text encoders.
    pub text_encoders: f32,
}

impl LoraFile {
    /// A file that is applied as strongly everywhere.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, weight: f32) -> Self {
        Self { path: path.into(), unet: weight, text_encoders: weight }
    }
}

/// A LoRA that a model is changed by.
#[derive(Debug, Clone)]
pub struct Lora {
    pub(in crate::weights) adapter: Arc<Adapter>,
    pub(in crate::weights) unet: f32,
    pub(in crate::weights) used: usize,
    pub(in crate::weights) unused: Option<String>,
}

impl Lora {
    /// The file.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// How strongly it is applied to the UNet; 1 is as it was trained.
    #[must_use]
    pub fn weight(&self) -> f32 {
        self.unet
    }

    /// How many of its modules are in this model.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// That some were not, naming the first.
    #[must_use]
    pub fn unused(&self) -> Option<&str> {
        self.unused.as_deref()
    }
}

/// `LoRA fox.safetensors, weight 0.8: 124 of 124 modules used`.
impl Display for Lora {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, modules) = (self.adapter.path().display(), self.adapter.modules());
        write!(f, "LoRA {path}, weight {}: {} of {modules} modules used", self.unet, self.used)
    }
}
