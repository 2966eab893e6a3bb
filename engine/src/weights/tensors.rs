//! A part's tensors under canonical names, and the view of them that models load from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::archive::Archive;
use super::file::{self, Mapped, bad_file};
use super::names::{Layout, NameTable};
use super::network::NetworkSpec;
use super::numbers::Numbers;
use super::part::Part;
use super::scale;
use super::stored::StoredTensor;
use super::weight::{Patch, View, Weight};
use crate::error::{Error, Result};

/// Looked through before their pages are given back: some hundred megabytes of SDXL.
const TENSORS_AT_ONCE: usize = 64;

/// A part's tensors, from whatever file.
#[derive(Debug)]
pub(crate) struct Tensors {
    /// What canonical names begin with.
    label: &'static str,
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
    ///
    /// # Errors
    /// A tensor is stored in a way that is not understood.
    pub(crate) fn find(
        archive: &Archive,
        network: &NetworkSpec,
        part: Part,
        layout: Layout,
        used: &mut HashSet<String>,
    ) -> Result<Self> {
        let names = NameTable::new(part, layout, &network.levels);
        Self::named(archive, network, part.name(), names, used)
    }

    /// The same of a network that is no part of a pipeline, whose tensors are called by a label.
    pub(crate) fn named(
        archive: &Archive,
        network: &NetworkSpec,
        label: &'static str,
        names: NameTable,
        used: &mut HashSet<String>,
    ) -> Result<Self> {
        let strangers = scale::Strangers::of(archive);
        let mut entries = BTreeMap::new();
        for spec in &network.tensors {
            let mut places = names.places(&spec.name).into_iter();
            let found = places.find_map(|place| Some((archive.tensors.get(&place.key)?.clone(), place)));
            let Some((stored, place)) = found else { continue };
            strangers.refuse(&stored, &place.key)?;
            let scale = scale::beside(archive, &place.key, used);
            used.insert(place.key);
            entries.insert(spec.name.clone(), Arc::new(Entry::new(stored, place.view, scale)));
        }
        let (origin, files) = (archive.origin.clone(), archive.files.clone());
        Ok(Self { label, origin, files, names, entries })
    }

    /// The same tensors, to be changed by what is in these files, too.
    pub(crate) fn shared(&self, files: &[(PathBuf, Mapped)]) -> Self {
        Self {
            label: self.label,
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
        let base = entry.weight(&format!("{}.{name}", self.label), shape)?;
        *entry = Arc::new(entry.patched(patch(&base)));
        Ok(())
    }

    fn entry(&self, name: &str) -> Result<&Entry> {
        self.entries.get(name).map(|entry| &**entry).ok_or_else(|| {
            let name = self.names.usual_place(name).key;
            Error::MissingTensor { file: self.origin.clone(), name }
        })
    }

    /// How much there is of it.
    pub(crate) fn summary(&self) -> TensorSummary {
        TensorSummary::of(&self.entries)
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

/// How much there is of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSummary {
    /// Tensors.
    pub tensors: usize,
    /// Numbers in them.
    pub parameters: usize,
    /// How those are stored.
    pub formats: BTreeSet<String>,
}

impl TensorSummary {
    pub(super) fn of(entries: &BTreeMap<String, Arc<Entry>>) -> Self {
        let formats = entries.values().filter_map(|entry| entry.numbers().ok());
        Self {
            tensors: entries.len(),
            parameters: entries.values().map(|entry| entry.len()).sum(),
            formats: formats.map(|numbers| numbers.to_string()).collect(),
        }
    }
}

/// A canonical tensor.
#[derive(Debug)]
pub(super) struct Entry {
    stored: StoredTensor,
    view: View,
    /// What the numbers are multiplied by, where that stands beside them.
    scale: Option<StoredTensor>,
    /// What changes them then, in this order.
    patches: Vec<Arc<dyn Patch>>,
    made: Mutex<Made>,
}

/// What has been handed out: whoever asks again gets the same.
#[derive(Debug, Default)]
struct Made {
    /// Whether the numbers have been looked through.
    finite: bool,
    /// One for each shape that was asked for; in practice one.
    weights: Vec<Arc<Weight>>,
}

impl Entry {
    pub(super) fn new(stored: StoredTensor, view: View, scale: Option<StoredTensor>) -> Self {
        Self { stored, view, scale, patches: Vec::new(), made: Mutex::default() }
    }

    /// The upper half of a tensor's rows, or the lower one.
    pub(super) fn half(&self, half: u8) -> Self {
        Self::new(self.stored.clone(), View::Half(half), self.scale.clone())
    }

    /// The shape in the file.
    pub(super) fn stored_shape(&self) -> &[usize] {
        &self.stored.shape
    }

    /// The same tensor with one more change.
    fn patched(&self, patch: Arc<dyn Patch>) -> Self {
        let patches = self.patches.iter().cloned().chain([patch]).collect();
        let (stored, scale) = (self.stored.clone(), self.scale.clone());
        let finite = self.made.lock().unwrap_or_else(PoisonError::into_inner).finite;
        let made = Mutex::new(Made { finite, weights: Vec::new() });
        Self { stored, view: self.view, scale, patches, made }
    }

    /// Its numbers, counted.
    fn len(&self) -> usize {
        let stored: usize = self.stored.shape.iter().product();
        if matches!(self.view, View::Third(_)) { stored / 3 } else { stored }
    }

    /// The tensor under its canonical name, in the wanted shape.
    pub(super) fn weight(&self, name: &str, wanted: &[usize]) -> Result<Arc<Weight>> {
        self.weight_in(name, wanted, false)
    }

    /// The same, quantised where that is asked for and can be.
    fn weight_in(&self, name: &str, wanted: &[usize], quantised: bool) -> Result<Arc<Weight>> {
        // Asked first: what is quantised has other shapes, too.
        let numbers = self.numbers()?;
        // A 1×1 convolution `[out, in, 1, 1]` is the matrix `[out, in]`.
        if matrix(&self.stored.shape) != matrix(&self.view.whole_shape(wanted)) {
            return Err(Error::TensorShape {
                file: self.stored.file.to_path_buf(),
                name: self.stored.key.clone(),
                found: self.stored.shape.clone(),
                wanted: self.view.whole_shape(wanted),
            });
        }
        // A thread that panicked here left a list that is still whole.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = made.weights.iter().filter(|weight| weight.shape() == wanted);
        if let Some(weight) = known.find(|weight| weight.quantisation().is_some() == quantised) {
            return Ok(weight.clone());
        }
        if quantised {
            drop(made);
            let weight = self.weight_in(name, wanted, false)?;
            let Some(quantised) = weight.quantised().map(Arc::new) else { return Ok(weight) };
            self.made.lock().unwrap_or_else(PoisonError::into_inner).weights.push(quantised.clone());
            return Ok(quantised);
        }
        self.look_through(&mut made, numbers)?;
        let bytes = self.stored.bytes.clone();
        let weight = Weight::of(name, wanted.to_vec(), numbers, self.view, bytes);
        let scale = self.scale.as_ref().map(|scale| scale::of(scale, &self.stored, self.view)).transpose()?;
        let patches = scale.into_iter().chain(self.patches.iter().cloned());
        let weight = Arc::new(patches.fold(weight, |weight, patch| weight.patched(patch)));
        made.weights.push(weight.clone());
        Ok(weight)
    }

    /// Looks through the numbers, unless that was done before.
    fn verify(&self) -> Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_through(&mut made, self.numbers()?)
    }

    fn look_through(&self, made: &mut Made, numbers: Numbers) -> Result<()> {
        let all = &self.stored.bytes;
        let seen = match self.view {
            View::Third(third) => {
                let third = usize::from(third);
                &all[third * all.len() / 3..(third + 1) * all.len() / 3]
            }
            View::Half(half) => {
                let half = usize::from(half);
                &all[half * all.len() / 2..(half + 1) * all.len() / 2]
            }
            View::Whole | View::Transposed => all,
        };
        if !made.finite && !numbers.all_finite(seen) {
            let name = self.stored.key.clone();
            return Err(Error::TensorNotFinite { file: self.stored.file.to_path_buf(), name });
        }
        made.finite = true;
        Ok(())
    }

    fn numbers(&self) -> Result<Numbers> {
        self.stored.numbers.clone().map_err(|other| {
            let what = format!(
                "tensor `{}` is stored as {other}; Fulmen reads F16, BF16, F32, F8_E4M3 and F8_E5M2: fetch the model in one of these",
                self.stored.key
            );
            bad_file(&self.stored.file, what)
        })
    }
}

/// Where layers get their tensors from.
pub(crate) trait TensorSource: Debug + Send + Sync {
    /// A tensor of a known shape, under diffusers' name. Asking twice gives the same one.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>>;

    /// The same quantised, where it can be.
    fn quantised(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        let weight = self.tensor(name, shape)?;
        Ok(weight.quantised().map_or(weight, Arc::new))
    }
}

impl TensorSource for Tensors {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        self.entry(name)?.weight(&format!("{}.{name}", self.label), shape)
    }

    fn quantised(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        self.entry(name)?.weight_in(&format!("{}.{name}", self.label), shape, true)
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
    /// Whether matrices and kernels are quantised.
    quantised: bool,
}

impl Weights {
    pub(crate) fn new(source: Arc<dyn TensorSource>) -> Self {
        Self { source, prefix: String::new(), quantised: false }
    }

    /// The same with matrices and kernels quantised, if that is asked for.
    pub(crate) fn quantised(self, asked: bool) -> Self {
        Self { quantised: asked, ..self }
    }

    /// A view of tensors that were made here, not read: for layers outside of a checkpoint.
    #[must_use]
    pub fn of(weights: &[Weight]) -> Self {
        Self::new(Arc::new(InMemory(weights.iter().map(|w| (w.name().to_owned(), w.clone())).collect())))
    }

    /// The tensors under a name: `w.at("norm1").tensor("weight", …)` is `norm1.weight`.
    #[must_use]
    pub fn at(&self, name: &str) -> Self {
        Self { prefix: format!("{}{name}.", self.prefix), ..self.clone() }
    }

    /// A tensor of a known shape. Asking twice gives the same one.
    ///
    /// # Errors
    /// It is missing, has another shape, is not stored as F16, BF16 or F32, or holds NaN or infinity:
    /// each with the file's name and the tensor's name in it.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        self.source.tensor(&format!("{}{name}", self.prefix), shape)
    }

    /// What products and convolutions multiply with.
    pub(crate) fn matrix(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        let name = format!("{}{name}", self.prefix);
        if self.quantised { self.source.quantised(&name, shape) } else { self.source.tensor(&name, shape) }
    }

    /// A tensor of one dimension.
    pub(crate) fn vector(&self, name: &str, len: usize) -> Result<Arc<Weight>> {
        self.tensor(name, &[len])
    }
}

/// A shape without the trailing ones that follow two dimensions.
pub(crate) fn matrix(shape: &[usize]) -> &[usize] {
    match shape {
        [rest @ .., 1] if rest.len() >= 2 => matrix(rest),
        _ => shape,
    }
}
