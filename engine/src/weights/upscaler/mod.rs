//! Files with a network that enlarges pictures: safetensors, PyTorch's and ncnn's, told apart by what is in them.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::file::{self, Mapped, bad_file};
use super::foreign;
use super::ncnn;
use super::network::TensorSpec;
use super::stored::StoredTensor;
use super::tensors::Weights;
use super::weight::{View, Weight};
use crate::error::{Error, Result};

/// The tensors of a file with an upscaler, under the names of Real-ESRGAN's files, whatever the file calls them.
#[derive(Debug)]
pub(crate) struct UpscalerFile {
    pub(crate) path: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
    files: Vec<(PathBuf, Mapped)>,
    /// What its picture is to be made smaller by at its end.
    pub(crate) reduction: f64,
}

impl UpscalerFile {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (archive, reduction) = opened(path)?;
        let renamed = names::canonical(&archive.tensors);
        let tensors = match renamed {
            Some(tensors) => tensors,
            None => return Err(bad_file(path, archive.instead_of_upscaler())),
        };
        Ok(Self { path: path.to_path_buf(), tensors, files: archive.files, reduction })
    }

    /// Whether a file is one, for those that take files of other kinds too; an error where it is, but damaged.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>> {
        if !path.is_file() {
            return Ok(None);
        }
        if is_ncnn(path)? {
            return Self::open(path).map(Some);
        }
        // What is wrong with other files is said where they are opened as models.
        let Ok((archive, _)) = opened(path) else { return Ok(None) };
        let known = names::canonical(&archive.tensors).is_some();
        known.then(|| Self::open(path)).transpose()
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// What a network loads from, if it is made of `network` and nothing else.
    pub(crate) fn weights(&self, network: &[TensorSpec]) -> Result<Weights> {
        let mut unknown: BTreeSet<&str> = self.names().collect();
        let weights = network.iter().map(|spec| {
            unknown.remove(spec.name.as_str());
            self.weight(spec)
        });
        let weights: Vec<Weight> = weights.collect::<Result<_>>()?;
        match unknown.first() {
            None => Ok(Weights::of(&weights)),
            Some(first) => {
                let key = self.tensors.get(*first).map_or(*first, |tensor| tensor.key.as_str());
                let what = format!(
                    "has a tensor `{}` that is not in RRDBNet or SRVGG, so it is a variant that Fulmen does not have; \
                     give another upscaler",
                    crate::quote::quoted(key)
                );
                Err(bad_file(&self.path, what))
            }
        }
    }

    fn weight(&self, spec: &TensorSpec) -> Result<Weight> {
        let missing = || Error::MissingTensor { file: self.path.clone(), name: spec.name.clone() };
        let stored = self.tensors.get(&spec.name).ok_or_else(missing)?;
        let (file, name) = (stored.file.to_path_buf(), stored.key.clone());
        let numbers = stored.numbers.clone().map_err(|other| {
            let what = format!("has its tensor `{name}` stored as {other}; give the upscaler in F32 or F16");
            bad_file(&file, what)
        })?;
        if stored.shape != spec.shape {
            let (found, wanted) = (stored.shape.clone(), spec.shape.clone());
            return Err(Error::TensorShape { file, name, found, wanted });
        }
        if !numbers.all_finite(&stored.bytes) {
            return Err(Error::TensorNotFinite { file, name });
        }
        Ok(Weight::of(spec.name.as_str(), spec.shape.clone(), numbers, View::Whole, stored.bytes.clone()))
    }

    /// How many numbers there are, and how they are stored.
    pub(crate) fn parameters(&self) -> (usize, BTreeSet<String>) {
        let count = self.tensors.values().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
        let format =
            |tensor: &StoredTensor| tensor.numbers.clone().map_or_else(|other| other, |n| n.to_string());
        (count, self.tensors.values().map(format).collect())
    }

    /// An error unless the file is as it was when it was opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        let changed = self.files.iter().find(|(_, mapped)| !mapped.is_unchanged());
        changed.map_or(Ok(()), |(file, _)| Err(file::changed(file)))
    }
}

/// Whether a file is ncnn's, by how it begins or by what lies beside it.
fn is_ncnn(path: &Path) -> Result<bool> {
    use std::io::Read as _;
    // Whatever is no file is refused before it is opened.
    file::size_of(path)?;
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    read.map_err(|source| Error::Read { file: path.to_path_buf(), source })?;
    Ok(ncnn::is_one(&start) || ncnn::has_list(path))
}

/// The tensors of a file of any of the forms, under its own names, and what its picture is made smaller by.
fn opened(path: &Path) -> Result<(Archive, f64)> {
    if is_ncnn(path)? {
        let network = ncnn::open(path)?;
        return Ok((network.archive, network.reduction));
    }
    let archive = Archive::open_network(path);
    let is_unknown = |mapped: Mapped| foreign::recognise(&mapped.bytes).is_none();
    let is_numbers = archive.is_err() && path.extension().is_some_and(|end| end == "bin");
    if is_numbers && file::weights(path, file::SMALL)?.is_some_and(is_unknown) {
        let what = "is none of the files that Fulmen reads; ncnn's numbers need the .param file of the same name beside \
                    them";
        return Err(bad_file(path, what));
    }
    archive.map(|archive| (archive, 1.0))
}
