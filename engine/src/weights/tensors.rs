//! A part's tensors under canonical names, and the view of them that models load from.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::archive::Archive;
use super::entry::{Entry, matrix};
use super::file::{self, Mapped};
use super::listing::NetworkSpec;
use super::names::{Layout, NameTable};
use super::part::Part;
use super::scale;
use super::weight::{Patch, Weight};
use crate::error::{Error, Result};

/// Looked through before their pages are given back: some hundred megabytes of SDXL.
const TENSORS_AT_ONCE: usize = 64;

/// A part's tensors, from whatever file.
#[derive(Debug)]
pub(crate) struct Tensors {
    part: Part,
    /// The file or folder that was searched, for messages.
    origin: PathBuf,
    /// The files that are mapped.
    pub(crate) files: Vec<(PathBuf, Mapped)>,
    names: NameTable,
    /// Ordered, so that all tensors of a layer stand together.
    entries: BTreeMap<String, Arc<Entry>>,
}

impl Tensors {
    /// Finds the tensors of a part's network, as far as they are there. `used` collects the names, as
    /// they are in the file, of those that were found.
    pub(crate) fn find(
        archive: &Archive,
        network: &NetworkSpec,
        part: Part,
        layout: Layout,
        used: &mut HashSet<String>,
    ) -> Self {
        let names = NameTable::new(part, layout, &network.levels);
        let mut entries = BTreeMap::new();
        for spec in &network.tensors {
            let found = names.places(&spec.name).into_iter().find_map(|place| {
                let stored = archive.tensors.get(&place.key)?.clone();
                used.insert(place.key.clone());
                let scale = scale::beside(archive, &place.key, used);
                Some(Arc::new(Entry::new(stored, place.view).scaled(scale)))
            });
            entries.extend(found.map(|entry| (spec.name.clone(), entry)));
        }
        let (origin, files) = (archive.origin.clone(), archive.files.clone());
        Self { part, origin, files, names, entries }
    }

    /// The same tensors, to be changed by what is in these files, too.
    pub(crate) fn shared(&self, files: &[(PathBuf, Mapped)]) -> Self {
        Self {
            part: self.part,
            origin: self.origin.clone(),
            files: [&self.files, files].concat(),
            names: self.names.clone(),
            entries: self.entries.clone(),
        }
    }

    /// Changes a tensor, if it is there, by what `patch` makes for it as it is now.
    pub(crate) fn patch(
        &mut self,
        name: &str,
        shape: &[usize],
        patch: impl FnOnce(&Weight) -> Arc<dyn Patch>,
    ) -> Result<()> {
        let Some(entry) = self.entries.get_mut(name) else { return Ok(()) };
        let base = entry.weight(&format!("{}.{name}", self.part), shape)?;
        *entry = Arc::new(entry.patched(patch(&base)));
        Ok(())
    }

    /// Looks through all numbers, on all threads, and keeps none of them in memory.
    pub(crate) fn verify(&self) -> Result<()> {
        let entries: Vec<&Arc<Entry>> = self.entries.values().collect();
        entries.chunks(TENSORS_AT_ONCE).try_for_each(|some| {
            some.par_iter().try_for_each(|entry| entry.verify())?;
            self.release();
            Ok(())
        })
    }

    /// An error unless the files are as they were when they were opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        let changed = self.files.iter().find(|(_, mapped)| !mapped.is_unchanged());
        changed.map_or(Ok(()), |(file, _)| Err(file::changed(file)))
    }

    /// Gives the pages of the files that were read back to the system.
    pub(crate) fn release(&self) {
        self.files.iter().for_each(|(_, mapped)| mapped.release());
    }
}

/// Where layers get their tensors from.
pub(crate) trait TensorSource: Debug + Send + Sync {
    /// A tensor of a known shape, under diffusers' name. Asking twice gives the same one.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>>;
}

impl TensorSource for Tensors {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        match self.entries.get(name) {
            Some(entry) => entry.weight(&format!("{}.{name}", self.part), shape),
            None => {
                let name = self.names.usual_place(name).key;
                Err(Error::MissingTensor { file: self.origin.clone(), name })
            }
        }
    }
}

/// In the place of a file's name.
const MEMORY: &str = "memory";

/// Tensors that were made here, not read.
#[derive(Debug)]
struct InMemory(BTreeMap<String, Weight>);

impl TensorSource for InMemory {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        match self.0.get(name) {
            None => Err(Error::MissingTensor { file: MEMORY.into(), name: name.to_owned() }),
            Some(weight) if matrix(weight.shape()) == matrix(shape) => {
                Ok(Arc::new(weight.reshaped(name, shape)))
            }
            Some(weight) => Err(Error::TensorShape {
                file: MEMORY.into(),
                name: name.to_owned(),
                found: weight.shape().to_vec(),
                wanted: shape.to_vec(),
            }),
        }
    }
}

/// The tensors of a part, or of one layer of it: what models load from. Cheap to clone.
///
/// Names are diffusers' names, whatever the file calls them.
#[derive(Debug, Clone)]
pub struct Weights {
    source: Arc<dyn TensorSource>,
    /// Empty, or with a dot at its end.
    prefix: String,
}

impl Weights {
    pub(crate) fn new(source: Arc<dyn TensorSource>) -> Self {
        Self { source, prefix: String::new() }
    }

    /// A view of tensors that were made here, not read: for layers outside of a checkpoint.
    #[must_use]
    pub fn of(weights: &[Weight]) -> Self {
        Self::new(Arc::new(InMemory(weights.iter().map(|w| (w.name().to_owned(), w.clone())).collect())))
    }

    /// The tensors under a name: `w.at("norm1").tensor("weight", …)` is `norm1.weight`.
    #[must_use]
    pub fn at(&self, name: &str) -> Self {
        Self { source: self.source.clone(), prefix: format!("{}{name}.", self.prefix) }
    }

    /// A tensor of a known shape. Asking twice gives the same one.
    ///
    /// # Errors
    /// It is missing, has another shape, is not stored as F16, BF16 or F32, or holds NaN or infinity:
    /// each with the file's name and the tensor's name in it.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        self.source.tensor(&format!("{}{name}", self.prefix), shape)
    }

    /// A tensor of one dimension.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn vector(&self, name: &str, len: usize) -> Result<Arc<Weight>> {
        self.tensor(name, &[len])
    }
}
