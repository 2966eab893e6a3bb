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
use super::tensors::{Entry, TensorSource, Weights};
use super::weight::{View, Weight};
use crate::error::{Error, Result};
use crate::quote;

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
    /// called as in such a folder; a folder, or the one within it; a folder with one file of weights.
    pub(super) fn find(self, path: &Path) -> Result<(Archive, Option<Value>)> {
        let root = match place::find(path)? {
            Location::Folder(root) => Source::Folder(root),
            Location::File(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let beside = Source::Folder(file.with_file_name(""));
                let is_own = name.starts_with(&format!("{}.", self.stem));
                let config = is_own.then(|| configuration(&beside, "")).transpose()?.flatten();
                return Ok((Archive::open(&file)?, config));
            }
        };
        for within in ["", self.within] {
            let Some(config) = configuration(&root, within)? else { continue };
            if let Some(archive) = Archive::find_named(&root, within, self.stem)? {
                return Ok((archive, Some(config)));
            }
        }
        if let Some(archive) = Archive::find_named(&root, "", self.stem)? {
            return Ok((archive, None));
        }
        let names = root.list("")?;
        let several: Vec<String> =
            names.iter().filter(|name| name.ends_with(".safetensors")).cloned().collect();
        let what = match &several[..] {
            [] => archive::only_pickled(&names)
                .unwrap_or_else(|| "is a folder without a .safetensors file; give a file".into()),
            several => format!("has several files of weights; give one of {}", quote::list(several)),
        };
        Err(bad_file(path, what))
    }
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
