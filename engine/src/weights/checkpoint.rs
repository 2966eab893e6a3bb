//! A checkpoint, of whatever kind.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::about::About;
use super::archive::{self, Archive};
use super::configs::{self, Configs};
use super::file::bad_file;
use super::kind;
use super::lora::Lora;
use super::names::Layout;
use super::network::Describe;
use super::part::Part;
use super::place::{self, Location};
use super::source::{self, Source};
use super::tensors::{Tensors, Weights};
use super::tokenizer::TokenizerFiles;
use crate::error::{Error, Result};
use crate::threads;

/// A model on a disk (or in this binary): configurations, tokenizers, and tensors that stay in their
/// files until they are used. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What the user named last: the model, or the UNet laid over it.
    pub(super) path: PathBuf,
    pub(super) source: Option<Source>,
    pub(super) configs: Configs,
    /// What networks are made of.
    pub(super) describe: Describe,
    pub(super) parts: BTreeMap<Part, Slot>,
    /// What the tensors are changed by.
    pub(super) loras: Vec<Lora>,
    /// A VAE for previews alone, and the configurations that it is one of.
    pub(super) preview: Option<(Configs, Arc<Tensors>)>,
    pub(super) unused: Vec<String>,
    /// What lies over the model's own parts, as the user named it.
    pub(super) laid: BTreeMap<Part, PathBuf>,
    /// What the file says of itself that the UNet comes from.
    pub(super) about: About,
    /// What the user should know of the files.
    pub(super) warnings: Vec<String>,
    /// Whether the UNet and the text encoders are quantised.
    pub(super) quantised: bool,
}

/// A part's tensors.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    Here(Arc<Tensors>),
    /// Not there: which file or folder, and why.
    Absent(PathBuf, String),
}

impl Checkpoint {
    /// Opens what a path leads to: a diffusers folder, or a single file.
    pub(crate) fn find(path: &Path, describe: Describe) -> Result<Self> {
        let checkpoint = match place::find(path)? {
            Location::Folder(folder) => Self::folder(Source::Folder(folder), describe)?,
            Location::File(file) => Self::file(&file, &Configs::sdxl_base()?, describe)?,
        };
        // What the user named: a snapshot in the hub's cache has a name that says nothing.
        Ok(Self { path: place::named(path).to_path_buf(), ..checkpoint })
    }

    /// Opens a single file.
    pub(crate) fn file(path: &Path, configs: &Configs, describe: Describe) -> Result<Self> {
        let archive = Archive::open(path)?;
        let mut configs = configs.clone();
        archive.layout(Part::Unet).inspect(|layout| archive.adapt(layout, &mut configs));
        archive.expect_checkpoint(&configs, describe)?;
        let mut checkpoint = Self::new(path, configs, describe);
        if archive.has_tiny_vae() {
            checkpoint.configs.take_tiny_vae(path);
        }
        let mut used = HashSet::new();
        for part in Part::WITH_WEIGHTS {
            let slot = match archive.layout(part) {
                Some(layout) => {
                    let network = describe(&checkpoint.configs, part)?;
                    Slot::Here(Arc::new(Tensors::find(&archive, &network, part, layout, &mut used)?))
                }
                // A VAE may lie elsewhere; whatever else is missing was refused above.
                None => Slot::Absent(path.to_path_buf(), kind::NO_VAE.into()),
            };
            checkpoint.parts.insert(part, slot);
        }
        let unet = archive.layout(Part::Unet).map(|layout| layout.prefix);
        let unused = archive.unused(&used);
        checkpoint.note(archive, unet.as_deref(), &unused);
        Ok(Self { unused, ..checkpoint })
    }

    /// Without any parts yet.
    pub(super) fn new(path: &Path, configs: Configs, describe: Describe) -> Self {
        Self {
            path: path.to_path_buf(),
            source: None,
            configs,
            describe,
            parts: BTreeMap::new(),
            loras: Vec::new(),
            preview: None,
            unused: Vec::new(),
            laid: BTreeMap::new(),
            about: About::default(),
            warnings: Vec::new(),
            quantised: false,
        }
    }

    /// Keeps what a file says of itself. Of the UNet's file also its marks, and what it holds `unused` behind the
    /// UNet's prefix.
    pub(super) fn note(&mut self, archive: Archive, unet: Option<&str>, unused: &[String]) {
        self.warnings.extend(archive.warnings);
        if let Some(prefix) = unet {
            let extra = unused.iter().filter(|key| key.starts_with(prefix));
            self.warnings.extend(kind::homeless(&archive.origin, extra));
            self.about = archive.about;
        }
    }

    /// The small model that is part of this binary.
    pub(crate) fn demo(describe: Describe) -> Result<Self> {
        Self::folder(source::demo(), describe)
    }

    fn folder(source: Source, describe: Describe) -> Result<Self> {
        let configs = Configs::read(source.clone())?;
        if let Some(what) = kind::other_pipeline(&configs) {
            return Err(bad_file(source.root(), what));
        }
        if !configs.has(Part::ModelIndex) && !configs.has(Part::Unet) {
            return Err(bad_file(source.root(), place::why_no_model(source.root())?));
        }
        let mut checkpoint = Self::new(source.root(), configs, describe);
        for part in Part::WITH_WEIGHTS {
            let slot = checkpoint.read(&source, part)?;
            checkpoint.parts.insert(part, slot);
        }
        Ok(Self { source: Some(source), ..checkpoint })
    }

    /// Reads a part's folder.
    fn read(&mut self, source: &Source, part: Part) -> Result<Slot> {
        if !self.configs.has(part) {
            return Ok(Slot::Absent(source.root().to_path_buf(), configs::lacks(part)));
        }
        let folder = part.name();
        let Some(archive) = Archive::find(source, folder, part)? else {
            return Ok(Slot::Absent(source.path(folder), archive::why_absent(source, folder, part)?));
        };
        // In whichever dialect: a VAE in the original names is often put into a folder.
        let layout = archive.own_layout(part).unwrap_or(Layout::FOLDER);
        let network = match (self.describe)(&self.configs, part) {
            // Another may be laid over it, so this is said when it is asked for.
            Err(Error::File { file, what }) => return Ok(Slot::Absent(file, what)),
            network => network?,
        };
        let mut used = HashSet::new();
        let tensors = Tensors::find(&archive, &network, part, layout, &mut used)?;
        let unused = archive.unused(&used);
        self.note(archive, (part == Part::Unet).then_some(""), &unused);
        self.unused.extend(unused.iter().map(|key| format!("{part}.{key}")));
        Ok(Slot::Here(Arc::new(tensors)))
    }

    /// A part's configuration, read into `T` ([`serde_json::Value`] for all of it).
    ///
    /// # Errors
    /// There is none, or it does not fit `T`.
    pub fn config<T: DeserializeOwned>(&self, part: Part) -> Result<T> {
        self.configs.get(part)
    }

    /// All configurations.
    #[must_use]
    pub fn configs(&self) -> &Configs {
        &self.configs
    }

    /// Whether the configurations came with the model. Those of a single file are SDXL base's, and say
    /// nothing of how that model is meant to be sampled.
    #[must_use]
    pub fn has_own_configs(&self) -> bool {
        self.source.is_some()
    }

    /// A part's tensors.
    ///
    /// # Errors
    /// The part is not there.
    pub fn weights(&self, part: Part) -> Result<Weights> {
        match self.parts.get(&part) {
            Some(Slot::Here(tensors)) => {
                let quantised = self.quantised && part != Part::Vae;
                Ok(Weights::new(tensors.clone()).quantised(quantised))
            }
            Some(Slot::Absent(file, why)) => Err(bad_file(file, why)),
            None => Err(bad_file(&self.path, format!("a {part} has no weights"))),
        }
    }

    /// The same with the matrices and kernels of UNet and text encoders quantised, if that is asked for.
    pub(crate) fn quantised(self, asked: bool) -> Self {
        Self { quantised: asked, ..self }
    }

    /// The VAE for previews, where one was given, with the configurations that it is one of.
    pub(crate) fn preview_vae(&self) -> Option<(Weights, &Configs)> {
        let (configs, tensors) = self.preview.as_ref()?;
        Some((Weights::new(tensors.clone()), configs))
    }

    /// The tokenizer's files that belong to a text encoder.
    pub(crate) fn tokenizer(&self, encoder: Part) -> Result<TokenizerFiles> {
        match &self.source {
            Some(source) => TokenizerFiles::read(source, encoder),
            None => Ok(TokenizerFiles::clip(encoder)),
        }
    }

    /// The path that the user gave last (of the model, or of the UNet laid over it). Published files
    /// say in their names how they are meant to be sampled: `sdxl_lightning_4step_unet`.
    pub(crate) fn file_name_hint(&self) -> &Path {
        &self.path
    }

    /// Where that path is, with names where it is only `.`, or a file in the current folder.
    pub(crate) fn place(&self) -> PathBuf {
        let whole = place::resolved(&self.path);
        place::named(&whole).to_path_buf()
    }

    /// Whether a UNet was laid over the model's own.
    pub(crate) fn is_laid(&self) -> bool {
        self.laid.contains_key(&Part::Unet)
    }

    /// What was laid over a part of the model's own.
    pub(crate) fn laid(&self, part: Part) -> Option<&Path> {
        self.laid.get(&part).map(PathBuf::as_path)
    }

    /// What the file says of itself that the UNet comes from.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Bytes of all mapped files.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        // A single file is shared by its parts.
        self.here()
            .flat_map(|tensors| &tensors.files)
            .map(|(file, mapped)| (file, mapped.bytes.len() as u64))
            .collect::<BTreeMap<_, _>>()
            .values()
            .sum()
    }

    /// Tensors that no part of the model asks for, by their names in the file; those that are known to
    /// be carried along (averages, buffers) are left out.
    #[must_use]
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    /// Sentences about the files that the user should read once: what is drawn all the same.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Looks through all numbers of all tensors, on all threads.
    ///
    /// # Errors
    /// A tensor holds NaN or infinity, or a file was changed meanwhile.
    pub fn verify(&self) -> Result<()> {
        threads::start();
        self.still(self.here().try_for_each(|tensors| tensors.verify()))
    }

    /// An error if a file was changed or truncated since it was opened: what was read from it is not to
    /// be believed.
    pub(crate) fn unchanged(&self) -> Result<()> {
        self.here().try_for_each(|tensors| tensors.unchanged())
    }

    /// What came of work with the files, unless they were changed meanwhile: then that is what is wrong.
    pub(crate) fn still<T>(&self, result: Result<T>) -> Result<T> {
        match result {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            result => self.unchanged().and(result),
        }
    }

    /// Gives the pages of the files that were read so far back to the system: what one stage has read,
    /// the next does not need. They come back by themselves when they are read again.
    pub(crate) fn release(&self) {
        self.here().for_each(|tensors| tensors.release());
    }

    fn here(&self) -> impl Iterator<Item = &Arc<Tensors>> {
        let own = self.parts.values().filter_map(|slot| match slot {
            Slot::Here(tensors) => Some(tensors),
            Slot::Absent(..) => None,
        });
        own.chain(self.preview.iter().map(|(_, tensors)| tensors))
    }
}
