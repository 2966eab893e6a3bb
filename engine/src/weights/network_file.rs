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
        let (archive, config) = match place::find(path)? {
            Location::File(file) => (Archive::open(&file)?, None),
            Location::Folder(root) => in_folder(path, &root, folder)?,
        };
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

/// The weights in a folder, or in the one within it, with their configuration.
fn in_folder(path: &Path, root: &Path, folder: NetworkFolder) -> Result<(Archive, Option<Value>)> {
    let source = Source::Folder(root.to_path_buf());
    for within in ["", folder.within] {
        let config = if within.is_empty() { "config.json".into() } else { format!("{within}/config.json") };
        let Some(bytes) = source.read(&config, file::CONFIG)? else { continue };
        let file = source.path(&config);
        let value: Value = python_json(&bytes)
            .map_err(|e| bad_file(&file, foreign::instead_of(&bytes, "is not valid JSON", &e)))?;
        let absent = |names: &[String]| {
            archive::only_pickled(names).unwrap_or_else(|| format!("has no {}.safetensors", folder.stem))
        };
        return match Archive::find_named(&source, within, folder.stem)? {
            Some(archive) => Ok((archive, Some(value))),
            None => Err(bad_file(&source.path(within), absent(&source.list(within)?))),
        };
    }
    let names = file::list(root)?;
    match names.iter().filter(|name| name.ends_with(".safetensors")).collect::<Vec<_>>()[..] {
        [only] => Ok((Archive::open(&root.join(only))?, None)),
        [] => Err(bad_file(
            path,
            archive::only_pickled(&names)
                .unwrap_or_else(|| "is a folder without a config.json or a .safetensors file".into()),
        )),
        ref several => {
            let several: Vec<String> = several.iter().map(|name| (*name).clone()).collect();
            Err(bad_file(
                path,
                format!("has several files of weights; give one of {}", quote::list(&several)),
            ))
        }
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
