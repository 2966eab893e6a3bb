//! Checkpoints whose numbers were made here, not read from a file.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::archive::Archive;
use super::checkpoint::{Checkpoint, Slot};
use super::configs::Configs;
use super::names::{Layout, NameTable};
use super::network::Describe;
use super::numbers::{NumberFormat, Numbers};
use super::part::Part;
use super::stored::StoredTensor;
use super::tensors::Tensors;
use crate::error::Result;

/// Gives the f16 numbers of a tensor, by its part and its name there.
pub(crate) type MakeNumbers<'a> = dyn FnMut(Part, &str, &[usize]) -> Bytes + 'a;

impl Checkpoint {
    /// A model of these configurations, under a name for messages.
    ///
    /// # Errors
    /// A configuration is not of SDXL's kind.
    pub(crate) fn made(
        name: &Path,
        configs: &Configs,
        describe: Describe,
        make: &mut MakeNumbers<'_>,
    ) -> Result<Self> {
        let mut checkpoint = Self::new(name, configs.clone(), describe);
        for part in Part::WITH_WEIGHTS {
            let network = describe(configs, part)?;
            let names = NameTable::new(part, Layout::FOLDER, &network.levels);
            let mut archive = Archive { origin: name.to_path_buf(), ..Archive::default() };
            for spec in &network.tensors {
                let key = names.usual_place(&spec.name).key;
                let tensor = StoredTensor {
                    file: name.into(),
                    key: key.clone(),
                    numbers: Ok(Numbers::Plain(NumberFormat::F16)),
                    shape: spec.shape.clone(),
                    bytes: make(part, &spec.name, &spec.shape),
                };
                archive.tensors.insert(key, tensor);
            }
            let tensors = Tensors::find(&archive, &network, part, Layout::FOLDER, &mut HashSet::new())?;
            checkpoint.parts.insert(part, Slot::Here(Arc::new(tensors)));
        }
        Ok(checkpoint)
    }
}
