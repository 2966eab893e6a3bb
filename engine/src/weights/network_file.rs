//! A network that is no part of a checkpoint, from a file or folder of its own: an adapter, an encoder of pictures.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::archive::{self, Archive};
use super::configs::python_json;
use super::file::{self, Mapped, bad_file};
use super::foreign;
use super::place::{self, Location};
use super::scale;
use super::source::Source;
use super::tensors::{Entry, TensorSource, TensorSummary, Weights};
use super::weight::{View, Weight};
use crate::error::{Error, Result};
use crate::quote;

/// What transformers calls a file of PyTorch's, without its ending.
const PYTORCH: &str = "pytorch_model";

/// How a network's folder is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NetworkFolder {
    /// What the file of weights is called, without its ending: `model`, `diffusion_pytorch_model`.
    pub(crate) stem: &'static str,
    /// A folder in which the network may lie within the one that was named: `image_encoder`.
    pub(crate) within: &'static str,
}

impl NetworkFolder {
    /// The weights that a path leads to, with their configuration where there is one: a file, which has one where it is
    /// called as in such a folder; a folder, or the one within it; a folder with one file of weights. PyTorch's files are
    /// read where there are no others.
    pub(super) fn find(self, path: &Path) -> Result<(Archive, Option<Value>)> {
        let root = match place::find(path)? {
            Location::Folder(root) => Source::Folder(root),
            Location::File(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let beside = Source::Folder(file.with_file_name(""));
                let is_own = name.starts_with(&format!("{}.", self.stem));
                let config = is_own.then(|| configuration(&beside, "")).transpose()?.flatten();
                return Ok((Archive::open_network(&file)?, config));
            }
        };
        for within in ["", self.within] {
            let Some(config) = configuration(&root, within)? else { continue };
            if let Some(archive) = self.weights(&root, within)? {
                return Ok((archive, Some(config)));
            }
        }
        if let Some(archive) = self.weights(&root, "")? {
            return Ok((archive, None));
        }
        let several = weights_among(root.list("")?);
        let what = match &several[..] {
            [] => "is a folder without a file of weights; give a file".into(),
            several => format!("has several files of weights; give one of {}", quote::list(several)),
        };
        Err(bad_file(path, what))
    }

    /// The weights in a folder of the source.
    pub(super) fn weights(self, source: &Source, folder: &str) -> Result<Option<Archive>> {
        if let Some(archive) = Archive::find_named(source, folder, self.stem)? {
            return Ok(Some(archive));
        }
        let names = weights_among(source.list(folder)?);
        let is_own = |name: &&String| [self.stem, PYTORCH].iter().any(|stem| **name == format!("{stem}.bin"));
        let name = match &names[..] {
            [only] => Some(only),
            // What trainers leave beside it is theirs.
            several => {
                several.iter().find(is_own).filter(|_| several.iter().all(|name| archive::is_pickled(name)))
            }
        };
        name.map(|name| Archive::open_network(&source.path(folder).join(name))).transpose()
    }
}

/// The files of weights among these; PyTorch's count where there are no others.
fn weights_among(names: Vec<String>) -> Vec<String> {
    let (tensors, others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| name.ends_with(".safetensors"));
    if tensors.is_empty() {
        return others.into_iter().filter(|name| archive::is_pickled(name)).collect();
    }
    tensors
}

/// The config.json in a folder of the source.
fn configuration(source: &Source, folder: &str) -> Result<Option<Value>> {
    let name = if folder.is_empty() { "config.json".into() } else { format!("{folder}/config.json") };
    let Some(bytes) = source.read(&name, file::CONFIG)? else { return Ok(None) };
    let refused = |e| bad_file(&source.path(&name), foreign::instead_of(&bytes, "is not valid JSON", &e));
    python_json(&bytes).map(Some).map_err(refused)
}

/// A network's tensors under the names that its file has for them, and its configuration where there is one.
#[derive(Debug, Clone)]
pub(crate) struct NetworkFile {
    path: PathBuf,
    config: Option<Arc<Value>>,
    tensors: Arc<FileTensors>,
    files: Vec<(PathBuf, Mapped)>,
}

impl NetworkFile {
    /// Opens a file of weights, or a folder with one and its config.json. `label` stands before the names of weights
    /// where they are spoken of.
    pub(crate) fn open(path: &Path, folder: NetworkFolder, label: &'static str) -> Result<Self> {
        let (archive, config) = folder.find(path)?;
        let strangers = scale::Strangers::of(&archive);
        let (mut entries, mut used) = (BTreeMap::new(), HashSet::new());
        for (key, stored) in &archive.tensors {
            strangers.refuse(stored, key)?;
            let scale = scale::beside(&archive, key, &mut used);
            entries.insert(key.clone(), Arc::new(Entry::new(stored.clone(), View::Whole, scale)));
        }
        let tensors = FileTensors { label, origin: archive.origin, entries };
        Ok(Self {
            path: place::named(path).to_path_buf(),
            config: config.map(Arc::new),
            tensors: Arc::new(tensors),
            files: archive.files,
        })
    }

    /// The same where tensors of two halves, one above the other, are two: `to_kv` is `to_k` and `to_v`.
    pub(crate) fn halved(self, whole: &str, halves: [&str; 2]) -> Self {
        let mut entries = self.tensors.entries.clone();
        for (name, entry) in self.tensors.entries.iter().filter(|(name, _)| name.contains(whole)) {
            for (half, at) in halves.iter().zip(0..) {
                entries.insert(name.replace(whole, half), Arc::new(entry.half(at)));
            }
        }
        let (label, origin) = (self.tensors.label, self.tensors.origin.clone());
        Self { tensors: Arc::new(FileTensors { label, origin, entries }), ..self }
    }

    /// What the user named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> Option<&Value> {
        self.config.as_deref()
    }

    /// The names of all tensors, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, where it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.entries.get(name).map(|entry| entry.stored_shape())
    }

    /// How much there is of it.
    pub(crate) fn about(&self) -> NetworkAbout {
        let bytes = self.files.iter().map(|(_, mapped)| mapped.bytes.len() as u64).sum();
        NetworkAbout { bytes, tensors: TensorSummary::of(&self.tensors.entries) }
    }

    /// All tensors, for layers to load from.
    pub(crate) fn weights(&self) -> Weights {
        Weights::new(self.tensors.clone())
    }

    /// An error about this file.
    pub(crate) fn refused(&self, what: impl Into<String>) -> Error {
        bad_file(&self.path, what)
    }

    /// An error if the file was changed or truncated since it was opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        let changed = self.files.iter().find(|(_, mapped)| !mapped.is_unchanged());
        changed.map_or(Ok(()), |(file, _)| Err(file::changed(file)))
    }

    /// Gives the pages of the file that were read back to the system.
    pub(crate) fn release(&self) {
        self.files.iter().for_each(|(_, mapped)| mapped.release());
    }
}

/// A network's files in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAbout {
    /// Bytes of its files.
    pub bytes: u64,
    /// Its tensors.
    pub tensors: TensorSummary,
}

/// Tensors by the names that a file has for them.
#[derive(Debug)]
struct FileTensors {
    label: &'static str,
    origin: PathBuf,
    entries: BTreeMap<String, Arc<Entry>>,
}

impl TensorSource for FileTensors {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Arc<Weight>> {
        match self.entries.get(name) {
            Some(entry) => entry.weight(&format!("{}.{name}", self.label), shape),
            None => Err(Error::MissingTensor { file: self.origin.clone(), name: name.to_owned() }),
        }
    }
}
