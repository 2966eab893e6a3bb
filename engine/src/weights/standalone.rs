//! A network in a file or folder of its own, opened beside a model.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::archive::Archive;
use super::file::bad_file;
use super::kind::GuideKind;
use super::names::{Layout, NameTable};
use super::network::NetworkSpec;
use super::network_file::NetworkFolder;
use super::part::Part;
use super::place::{self, Location};
use super::source::Source;
use super::tensors::{TensorSummary, Tensors, Weights};
use crate::error::{Error, Result};
use crate::threads;

/// Networks of diffusers' other kinds have the names of a UNet's files.
const FOLDER: NetworkFolder = NetworkFolder { stem: Part::Unet.weights_stem(), within: "" };

/// The files of one network, with its configuration where there is one.
#[derive(Debug)]
pub(crate) struct Standalone {
    path: PathBuf,
    archive: Archive,
    config: Option<Value>,
}

/// The tensors of one network that were found, and what else there is.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    tensors: Arc<Tensors>,
    /// Tensors that the network does not ask for.
    pub(crate) unused: Vec<String>,
}

impl Standalone {
    /// A file; a folder as diffusers writes it; a folder with one file of weights.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (archive, config) = FOLDER.find(path)?;
        Ok(Self { path: place::named(path).to_path_buf(), archive, config })
    }

    /// Whether a file or folder holds a net that guides a model, or something of that kind.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged.
    pub(crate) fn is_guide(path: &Path) -> Result<bool> {
        // What is wrong with PyTorch's files, of which any may lie there, is said where they are opened.
        let archive = match place::find(path)? {
            Location::File(file) if Archive::is_pytorchs(&file)? => Archive::open_network(&file).ok(),
            Location::File(file) => Some(Archive::open(&file)?),
            Location::Folder(folder) => {
                let source = Source::Folder(folder);
                let usual = Archive::find(&source, "", Part::Unet)?;
                usual.or_else(|| FOLDER.weights(&source, "").ok().flatten())
            }
        };
        Ok(archive.is_some_and(|archive| archive.is_guide()))
    }

    /// What the user named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A member of the configuration; `None` where there is none, or no configuration.
    pub(crate) fn setting(&self, name: &str) -> Option<&Value> {
        self.config.as_ref()?.get(name).filter(|value| !value.is_null())
    }

    /// Which net that guides a model it is, and how its tensors are named.
    ///
    /// # Errors
    /// It is another file.
    pub(crate) fn guide(&self) -> Result<(GuideKind, Layout)> {
        self.archive.guide().map_err(|what| self.error(what))
    }

    /// The shape of a stored tensor.
    pub(crate) fn shape(&self, names: &NameTable, name: &str) -> Option<Vec<usize>> {
        let place = names.usual_place(name);
        Some(self.archive.tensors.get(&place.key)?.shape.clone())
    }

    /// An error about it.
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        bad_file(&self.path, what)
    }

    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.archive.files.iter().map(|(_, mapped)| mapped.bytes.len() as u64).sum()
    }

    /// The tensors of its network, each looked through; `label` is what they are called by.
    pub(crate) fn tensors(
        &self,
        label: &'static str,
        network: &NetworkSpec,
        names: NameTable,
    ) -> Result<Opened> {
        let mut used = HashSet::new();
        let tensors = Tensors::named(&self.archive, network, label, names, &mut used)?;
        threads::start();
        tensors.verify().and(tensors.unchanged())?;
        Ok(Opened { tensors: Arc::new(tensors), unused: self.archive.unused(&used) })
    }
}

impl Opened {
    /// What layers load from.
    pub(crate) fn weights(&self) -> Weights {
        Weights::new(self.tensors.clone())
    }

    /// How much there is of it.
    pub(crate) fn summary(&self) -> TensorSummary {
        self.tensors.summary()
    }

    /// An error unless the files are as they were when they were opened.
    pub(crate) fn unchanged(&self) -> Result<()> {
        self.tensors.unchanged()
    }

    /// Gives the pages of the files that were read back to the system.
    pub(crate) fn release(&self) {
        self.tensors.release();
    }
}
