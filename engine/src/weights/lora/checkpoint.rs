//! A checkpoint that is changed by LoRAs. Tensors that they do not touch stay what they were, so that
//! devices keep their copies; taking the LoRAs away gives the tensors from before.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::adapter::Adapter;
use super::apply::fit;
use super::patch::Applied;
use crate::error::Result;
use crate::weights::checkpoint::{Checkpoint, Slot};
use crate::weights::file::bad_file;
use crate::weights::listing::NetworkSpec;
use crate::weights::part::Part;

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
    adapter: Arc<Adapter>,
    unet: f32,
    used: usize,
    unused: Option<String>,
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

/// What LoRAs may change of a model, without its weights.
#[derive(Clone)]
pub(crate) struct Changeable(Arc<[(Part, NetworkSpec)]>);

impl Changeable {
    /// That some modules of a LoRA are not in the model, naming the first.
    ///
    /// # Errors
    /// As [`Checkpoint::with_lora`].
    pub(crate) fn unused(&self, file: &Path) -> Result<Option<String>> {
        Ok(fit(&*Adapter::open(file)?, &self.0).map_err(|what| bad_file(file, what))?.unused)
    }
}

impl Checkpoint {
    /// What LoRAs may change.
    pub(crate) fn changeable(&self) -> Result<Changeable> {
        Ok(Changeable(self.networks()?.into()))
    }

    /// Changes the model by a LoRA, after those that it is changed by already.
    pub(crate) fn with_lora(self, file: &LoraFile) -> Result<Self> {
        self.with_adapter(&Adapter::open(&file.path)?, file.unet, file.text_encoders)
    }

    /// The same with a LoRA that is open.
    pub(crate) fn with_adapter(
        mut self,
        adapter: &Arc<Adapter>,
        unet: f32,
        text_encoders: f32,
    ) -> Result<Self> {
        if !(unet.is_finite() && text_encoders.is_finite()) {
            return Err(bad_file(
                adapter.path(),
                "was given a weight that is not a number; 1 is as it was trained",
            ));
        }
        let networks = self.networks()?;
        let fit = fit(adapter, &networks).map_err(|what| bad_file(adapter.path(), what))?;
        for (part, network) in &networks {
            let weight = if *part == Part::Unet { unet } else { text_encoders };
            let Some(Slot::Here(tensors)) = self.parts.get(part) else { continue };
            let mut changed = Vec::new();
            for spec in network.tensors.iter().filter(|_| weight != 0.0) {
                let key = (*part as usize, spec.name.clone());
                for delta in fit.deltas.get(&key).into_iter().flatten() {
                    changed.push((spec, delta));
                }
            }
            if !changed.is_empty() {
                let mut tensors = tensors.shared(&adapter.files);
                for (spec, delta) in changed {
                    tensors
                        .patch(&spec.name, &spec.shape, |base| Arc::new(Applied::new(delta, weight, base)))?;
                }
                self.parts.insert(*part, Slot::Here(Arc::new(tensors)));
            }
        }
        // What DoRA was measured by is read again when it is needed.
        self.release();
        let warning = fit.unused.as_ref().map(|unused| format!("{}: {unused}", adapter.path().display()));
        self.warnings.extend(warning);
        self.loras.push(Lora { adapter: adapter.clone(), unet, used: fit.used, unused: fit.unused });
        Ok(self)
    }

    /// What LoRAs may change: the networks that are here.
    fn networks(&self) -> Result<Vec<(Part, NetworkSpec)>> {
        let parts = [Part::Unet, Part::TextEncoder, Part::TextEncoder2];
        let here = parts.into_iter().filter(|part| matches!(self.parts.get(part), Some(Slot::Here(_))));
        here.map(|part| Ok((part, (self.describe)(&self.configs, part)?))).collect()
    }

    /// The LoRAs that the model is changed by, in their order.
    pub(crate) fn loras(&self) -> &[Lora] {
        &self.loras
    }
}
