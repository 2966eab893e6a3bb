//! A LoRA's file: its changes by layer, as the file names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change::{Delta, Layer, Method, Parts};
use super::names::{self, Role};
use super::stated::Stated;
use super::strangers;
use crate::error::Result;
use crate::quote;
use crate::weights::about::About;
use crate::weights::archive::Archive;
use crate::weights::file::{GoOn, Mapped, bad_file};
use crate::weights::part::Part;
use crate::weights::place::{self, Location};

/// A LoRA, or another file of changes: nothing of a model in it.
#[derive(Debug)]
pub struct Adapter {
    path: PathBuf,
    pub(super) layers: Vec<Layer>,
    /// Tensors that are no part of any change.
    pub(super) strays: Vec<String>,
    about: About,
    /// Those from which numbers are read while drawing.
    pub(in crate::weights) files: Vec<(PathBuf, Mapped)>,
}

impl Adapter {
    /// Opens a LoRA: kohya's, diffusers', PEFT's or LyCORIS' file.
    pub(crate) fn open(path: &Path, go_on: GoOn<'_>) -> Result<Arc<Self>> {
        let archive = Archive::open_while(&place::file_of_weights(path)?, go_on)?;
        let read = Self::read(path, &archive, go_on)?.map(Arc::new);
        read.ok_or_else(|| bad_file(path, archive.instead_of_lora()))
    }

    /// The same; `None` where a file is something else.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn find(path: &Path) -> Result<Option<Self>> {
        match place::find(path)? {
            Location::Folder(_) => Ok(None),
            // What it holds is asked for elsewhere.
            Location::File(file) if Archive::is_pytorchs(&file)? => Ok(None),
            Location::File(file) => Self::read(path, &Archive::open(&file)?, &|| Ok(())),
        }
    }

    /// The same of a file that is open.
    pub(crate) fn read(path: &Path, archive: &Archive, go_on: GoOn<'_>) -> Result<Option<Self>> {
        let mut parts: BTreeMap<&str, Parts> = BTreeMap::new();
        let mut strays = Vec::new();
        for (key, stored) in &archive.tensors {
            match names::split(key) {
                Some((layer, role)) => _ = parts.entry(layer).or_default().0.insert(role, stored.clone()),
                None => strays.push(key.clone()),
            }
        }
        strays.sort_unstable();
        if let Some(what) = strangers::unknown_method(archive) {
            return Err(bad_file(path, what));
        }
        let stated = Stated::of(path, &archive.about)?;
        let mut layers = Vec::new();
        for (name, parts) in parts {
            let Some(method) = parts.method() else { continue };
            go_on()?;
            let change = parts.change(|rank| stated.scale(name, rank)).map_err(|what| {
                bad_file(path, format!("layer `{}` {what}; fetch the file again", quote::quoted(name)))
            })?;
            layers.push(Layer { name: name.to_owned(), change, method });
        }
        let (about, files) = (archive.about.clone(), archive.files.clone());
        let adapter = Self { path: path.to_path_buf(), layers, strays, about, files };
        // What was looked through is read again when it is needed.
        adapter.files.iter().for_each(|(_, mapped)| mapped.release());
        Ok((!adapter.layers.is_empty()).then_some(adapter))
    }

    /// Whose names its layers have.
    #[must_use]
    pub fn dialect(&self) -> &'static str {
        let is_any = |start: &str| self.layers.iter().any(|layer| layer.name.starts_with(start));
        match () {
            () if is_any("lora_") => "kohya",
            () if is_any("lycoris_") => "LyCORIS",
            () if is_any("base_model.model.") => "PEFT",
            () if is_any("unet.") || is_any("text_encoder") => "diffusers",
            () => "its network",
        }
    }

    /// The file. Published ones say in their names how a model is drawn with them.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of itself.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// How many layers it changes.
    #[must_use]
    pub fn modules(&self) -> usize {
        self.layers.len()
    }

    /// Bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let copied = self.files.iter().map(|(_, mapped)| mapped.copied_bytes()).sum::<usize>();
        copied + self.deltas().map(|delta| delta.matrix.bytes()).sum::<usize>()
    }

    /// The least and the greatest rank, where there are any.
    #[must_use]
    pub fn ranks(&self) -> Option<(usize, usize)> {
        let ranks = || self.deltas().filter_map(|delta| delta.rank);
        Some((ranks().min()?, ranks().max()?))
    }

    /// What it is in the field's words: `LoRA`, `LoHa`, `DoRA` …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let method =
            self.layers.iter().map(|layer| layer.method).filter(|method| *method != Method::Full).min();
        let is_decomposed = self.deltas().any(|delta| delta.magnitude.is_some());
        match (method, is_decomposed) {
            (Some(Method::LoHa), false) => "LoHa",
            (Some(Method::LoKr), false) => "LoKr",
            (Some(Method::LoHa), true) => "LoHa with DoRA",
            (Some(Method::LoKr), true) => "LoKr with DoRA",
            (Some(_), false) => "LoRA",
            (Some(_), true) => "DoRA",
            (None, _) => "full differences",
        }
    }

    /// How many layers of each part it changes, by their names.
    #[must_use]
    pub fn parts(&self) -> Vec<(Part, usize)> {
        let of = |part| self.layers.iter().filter(|layer| names::part(&layer.name).0 == part).count();
        let parts = [Part::Unet, Part::TextEncoder, Part::TextEncoder2];
        parts.into_iter().map(|part| (part, of(part))).filter(|(_, count)| *count > 0).collect()
    }

    /// The family that it is for, if that is known and is not SDXL.
    #[must_use]
    pub fn other_family(&self) -> Option<&'static str> {
        strangers::family(self.widths())
    }

    /// The layers by name, each with the inputs of its change, where that is one of a weight.
    pub(super) fn widths(&self) -> impl Iterator<Item = (&str, Option<usize>)> + Clone {
        let width = |layer: &Layer| layer.change.weight.as_ref().map(|delta| delta.matrix.columns());
        self.layers.iter().map(move |layer| (layer.name.as_str(), width(layer)))
    }

    fn deltas(&self) -> impl Iterator<Item = &Arc<Delta>> {
        self.layers.iter().flat_map(|layer| [&layer.change.weight, &layer.change.bias]).flatten()
    }
}

impl Parts {
    /// The method by which the tensors make a change; `None` where none of them is a weight.
    fn method(&self) -> Option<Method> {
        self.0.keys().filter_map(|role| role.method()).min()
    }
}

impl Role {
    /// The method of which a tensor is a part; `None` where it only goes with others.
    pub(super) fn method(self) -> Option<Method> {
        match self {
            Self::Alpha | Self::Magnitude | Self::RowMagnitude => None,
            Self::Down | Self::Up | Self::Mid | Self::UpBias => Some(Method::LoRa),
            Self::Diff | Self::DiffBias => Some(Method::Full),
            Self::HadaW1A | Self::HadaW1B | Self::HadaW2A | Self::HadaW2B | Self::HadaT1 | Self::HadaT2 => {
                Some(Method::LoHa)
            }
            Self::LokrW1 | Self::LokrW1A | Self::LokrW1B => Some(Method::LoKr),
            Self::LokrW2 | Self::LokrW2A | Self::LokrW2B | Self::LokrT2 => Some(Method::LoKr),
        }
    }
}
