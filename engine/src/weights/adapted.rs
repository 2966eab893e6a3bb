//! A checkpoint that is changed by LoRAs. Tensors that they do not touch stay what they were, so that
//! devices keep their copies; taking the LoRAs away gives the tensors from before.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::archive::Archive;
use super::checkpoint::{Checkpoint, Slot};
use super::file::{GoOn, bad_file};
use super::lora::{Adapter, Applied, Lora, LoraFile, Places, fit};
use super::network::NetworkSpec;
use super::part::Part;
use crate::error::Result;

/// What LoRAs may change of a model, without its weights.
#[derive(Clone)]
pub(crate) struct Changeable {
    networks: Arc<[(Part, NetworkSpec)]>,
    /// Made when a file is asked for the first time.
    places: Arc<OnceLock<Places>>,
}

impl Changeable {
    /// That some modules of a LoRA are not in the model, naming the first.
    pub(crate) fn unused(&self, file: &Path, go_on: GoOn<'_>) -> Result<Option<String>> {
        let fit = fit(&*Adapter::open(file, go_on)?, &self.networks);
        Ok(fit.map_err(|what| bad_file(file, what))?.unused)
    }

    /// Whether a file is a LoRA for the model, by its header.
    pub(crate) fn takes(&self, file: &Path) -> bool {
        let places = self.places.get_or_init(|| Places::of(&self.networks));
        Archive::open_unread(file).is_ok_and(|archive| places.take(&archive))
    }
}

impl Checkpoint {
    /// What LoRAs may change.
    pub(crate) fn changeable(&self) -> Result<Changeable> {
        Ok(Changeable { networks: self.networks()?.into(), places: Arc::default() })
    }

    /// Changes the model by a LoRA, after those that it is changed by already.
    pub(crate) fn with_lora(self, file: &LoraFile, go_on: GoOn<'_>) -> Result<Self> {
        self.with_adapter(&Adapter::open(&file.path, go_on)?, (file.unet, file.text_encoders), go_on)
    }

    /// The same with a LoRA that is open.
    pub(crate) fn with_adapter(
        mut self,
        adapter: &Arc<Adapter>,
        (unet, text_encoders): (f32, f32),
        go_on: GoOn<'_>,
    ) -> Result<Self> {
        if !(unet.is_finite() && text_encoders.is_finite()) {
            let what = "was given a weight that is not a number; 1 is as it was trained";
            return Err(bad_file(adapter.path(), what));
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
                    go_on()?;
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
