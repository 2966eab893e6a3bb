//! A component's tensors under canonical names, and the view of them that models load from.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::archive::Archive;
use super::component::Component;
use super::configs::Configs;
use super::entry::Entry;
use super::file::{self, Mapped};
use super::inventory::{TensorSpec, inventory};
use super::names::{Layout, NameTable};
use super::weight::Weight;
use crate::error::{Error, Result};

/// Looked through before their pages are given back: some hundred megabytes of SDXL.
const TENSORS_AT_ONCE: usize = 64;

/// A component's tensors, from whatever file.
#[derive(Debug)]
pub(crate) struct Tensors {
    component: Component,
    /// The file or folder that was searched, for messages.
    origin: PathBuf,
    /// The files that are mapped.
    pub(crate) files: Vec<(PathBuf, Mapped)>,
    names: NameTable,
    /// Ordered, so that all tensors of a layer stand together.
    entries: BTreeMap<String, Entry>,
    /// The first tensor that the network needs and the file lacks.
    missing: Option<String>,
}

impl Tensors {
    /// Finds the tensors that the component's configuration asks for. `used` collects the names, as
    /// they are in the file, of those that were found.
    pub(crate) fn find(
        archive: &Archive,
        configs: &Configs,
        (component, layout): (Component, Layout),
        used: &mut HashSet<String>,
    ) -> Result<Self> {
        let names = NameTable::new(configs, component, layout)?;
        let mut entries = BTreeMap::new();
        let mut missing = None;
        for TensorSpec { name, optional, .. } in inventory(configs, component)? {
            let found = names.places(&name).into_iter().find_map(|place| {
                let stored = archive.tensors.get(&place.key)?.clone();
                used.insert(place.key);
                Some(Entry::new(stored, place.part))
            });
            match found {
                Some(entry) => _ = entries.insert(name, entry),
                None if optional => {}
                None => _ = missing.get_or_insert(name),
            }
        }
        let (origin, files) = (archive.origin.clone(), archive.files.clone());
        Ok(Self { component, origin, files, names, entries, missing })
    }

    /// Looks through all numbers, on all threads, and keeps none of them in memory.
    pub(crate) fn verify(&self) -> Result<()> {
        let entries: Vec<&Entry> = self.entries.values().collect();
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

    /// An error unless every tensor that the network needs is there. Checked before a model is built,
    /// because layers take a missing bias for one that was never meant to be.
    pub(crate) fn complete(&self) -> Result<()> {
        self.missing.as_ref().map_or(Ok(()), |name| Err(self.lacks(name)))
    }

    fn lacks(&self, name: &str) -> Error {
        Error::MissingTensor { file: self.origin.clone(), name: self.names.usual_place(name).key }
    }
}

/// The tensors of a component, or of one layer of it: what models load from. Cheap to clone.
///
/// Names are diffusers' names, whatever the file calls them.
#[derive(Debug, Clone)]
pub struct Weights {
    tensors: Arc<Tensors>,
    /// Empty, or with a dot at its end.
    prefix: String,
}

impl Weights {
    pub(crate) fn new(tensors: Arc<Tensors>) -> Self {
        Self { tensors, prefix: String::new() }
    }

    /// A view of tensors that were made here, not read: for layers outside of a checkpoint.
    ///
    /// # Errors
    /// None that a user could meet.
    pub fn of(weights: &[Weight]) -> Result<Self> {
        let origin = PathBuf::from("memory");
        let entries = weights.iter().map(|w| (w.name().to_owned(), Entry::of(w, &origin))).collect();
        let names = NameTable::new(&Configs::sdxl_base()?, Component::Unet, Layout::FOLDER)?;
        let component = Component::Unet;
        Ok(Self::new(Arc::new(Tensors { component, origin, files: vec![], names, entries, missing: None })))
    }

    /// The tensors under a name: `w.at("norm1").tensor("weight", …)` is `norm1.weight`.
    #[must_use]
    pub fn at(&self, name: &str) -> Self {
        Self { tensors: self.tensors.clone(), prefix: format!("{}{name}.", self.prefix) }
    }

    /// The tensors under a name, if there are any.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Self> {
        let part = self.at(name);
        let exists = part.under().next().is_some();
        exists.then_some(part)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.entries.contains_key(&format!("{}{name}", self.prefix))
    }

    /// A tensor of a known shape. Asking twice gives the same one.
    ///
    /// # Errors
    /// It is missing, has another shape, is not stored as F16, BF16 or F32, or holds NaN or infinity:
    /// each with the file's name and the tensor's name in it.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        let name = format!("{}{name}", self.prefix);
        let entry = self.tensors.entries.get(&name).ok_or_else(|| self.tensors.lacks(&name))?;
        entry.weight(&format!("{}.{name}", self.tensors.component), shape)
    }

    /// A tensor of one dimension.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn vector(&self, name: &str, len: usize) -> Result<Arc<Weight>> {
        self.tensor(name, &[len])
    }

    /// The canonical names of the tensors here, with the component, in byte order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.under().map(|name| format!("{}.{name}", self.tensors.component)).collect()
    }

    fn under(&self) -> impl Iterator<Item = &String> {
        let names = self.tensors.entries.range(self.prefix.clone()..).map(|(name, _)| name);
        names.take_while(|name| name.starts_with(&self.prefix))
    }
}
