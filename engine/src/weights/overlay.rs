//! Parts from other files and folders, laid over those of a checkpoint.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::archive::{self, Archive};
use super::checkpoint::{Checkpoint, Slot};
use super::configs::{Configs, python_json};
use super::file::{self, bad_file};
use super::kind;
use super::names::Layout;
use super::part::Part;
use super::place::{self, Location};
use super::source::Source;
use super::tensors::Tensors;
use crate::error::Result;
use crate::quote;

impl Checkpoint {
    /// Lays a part over this checkpoint's own: a file with it alone, that of a whole file, or a folder that
    /// has one.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, has no such part, or one that does not fit.
    pub fn with_part(mut self, part: Part, path: &Path) -> Result<Self> {
        let file = PartFile::find(part, path)?;
        let layout = self.fitting(part, path, &file)?;
        let archive = file.archive;
        if part == Part::Vae && archive.is_tiny_vae(&layout) {
            self.warnings.extend(kind::other_tiny_vae(place::named(path)));
        }
        let prefix = layout.prefix.clone();
        let network = (self.describe)(&self.configs, part)?;
        let mut used = HashSet::new();
        let tensors = Tensors::find(&archive, &network, part, layout, &mut used)?;
        self.parts.insert(part, Slot::Here(Arc::new(tensors)));
        let mut unused = archive.unused(&used);
        // The other parts of a whole file were not asked for.
        unused.retain(|key| key.starts_with(&prefix));
        self.note(archive, (part == Part::Unet).then_some(&prefix), &unused);
        if part == Part::Unet {
            self.path = place::named(path).to_path_buf();
        }
        self.laid.insert(part, place::named(path).to_path_buf());
        self.unused.extend(unused);
        Ok(self)
    }

    /// Lays several parts over this checkpoint's own.
    ///
    /// # Errors
    /// As [`Checkpoint::with_part`].
    pub fn with_parts(self, parts: &BTreeMap<Part, PathBuf>) -> Result<Self> {
        // The UNet comes last: it is held against the text that it will be given.
        parts.iter().rev().try_fold(self, |checkpoint, (part, path)| checkpoint.with_part(*part, path))
    }

    /// Takes a VAE for previews alone, from whatever [`Checkpoint::with_part`] takes.
    ///
    /// # Errors
    /// As [`Checkpoint::with_part`].
    pub fn with_preview_vae(self, path: &Path) -> Result<Self> {
        let mut laid = self.clone().with_part(Part::Vae, path)?;
        let preview = match laid.parts.remove(&Part::Vae) {
            Some(Slot::Here(tensors)) => Some((laid.configs, tensors)),
            _ => None,
        };
        Ok(Self { preview, warnings: laid.warnings, unused: laid.unused, ..self })
    }

    /// Where the part stands in its file. Its configuration replaces the model's own.
    fn fitting(&mut self, part: Part, path: &Path, file: &PartFile) -> Result<Layout> {
        let archive: &Archive = &file.archive;
        let usual = self.scaling_factor();
        let is_tiny = part == Part::Vae && archive.has_tiny_vae();
        match &file.config {
            Some((source, name)) => self.configs.take(part, source, name)?,
            None if is_tiny => self.configs.take_tiny_vae(&archive.origin),
            None => (),
        }
        if is_tiny {
            // Said here, for no other configuration fits.
            (self.describe)(&self.configs, part)?;
        }
        let mut sdxl = Configs::sdxl_base()?;
        if part == Part::Unet
            && file.config.is_none()
            && let Some(layout) = archive.layout(part)
        {
            archive.adapt(&layout, &mut self.configs);
            archive.adapt(&layout, &mut sdxl);
        }
        let (layout, fitting) = archive.expect_part(part, [&self.configs, &sdxl], self.describe)?;
        let is_sdxl = std::ptr::eq(fitting, &raw const sdxl);
        let other = match part {
            Part::Unet => self.unlike(archive.text_channels(&layout)),
            Part::Vae => kind::other_vae(self.scaling_factor(), usual),
            _ => None,
        };
        if let Some(what) = other {
            return Err(bad_file(path, what));
        }
        if file.config.is_none() && is_sdxl {
            self.configs.replace(part, &sdxl);
        }
        Ok(layout)
    }

    /// What latents are multiplied by, as the VAE's configuration says.
    fn scaling_factor(&self) -> Option<f64> {
        self.configs.value(Part::Vae).ok()?["scaling_factor"].as_f64()
    }

    /// Why a UNet that reads text of so many channels cannot lie over this model.
    fn unlike(&self, channels: Option<usize>) -> Option<String> {
        let width = |encoder| self.configs.value(encoder).ok()?["hidden_size"].as_u64();
        let mine = width(Part::TextEncoder)?.saturating_add(width(Part::TextEncoder2)?);
        let channels = channels.filter(|channels| *channels as u64 != mine)?;
        Some(match &self.source {
            Some(Source::Embedded(..)) => format!(
                "is a UNet of SDXL's size, and the demo model inside this program is not: give a whole SDXL \
                 model with --model, for this to lie over (its text has {channels} channels, the demo's {mine})"
            ),
            _ => format!(
                "is a UNet whose text has {channels} channels, and {} gives it {mine}; lay it over the model \
                 that it was made for",
                self.path.display()
            ),
        })
    }
}

/// A part of a model on a disk.
struct PartFile {
    archive: Archive,
    /// Its own configuration, where it came with one: the folder, and the file's name in it.
    config: Option<(Source, String)>,
}

impl PartFile {
    /// A file; a diffusers folder or one with a subfolder of the part's name; a repository of the part
    /// alone; a folder with one file of weights.
    fn find(part: Part, path: &Path) -> Result<Self> {
        let folder = match place::find(path)? {
            Location::File(file) => return Ok(Self { archive: Archive::open(&file)?, config: None }),
            Location::Folder(folder) => folder,
        };
        let source = Source::Folder(folder.clone());
        for (within, config) in [(part.name(), part.config_file()), ("", "config.json")] {
            if folder.join(config).is_file() {
                return Self::with_config(part, source, within, config);
            }
        }
        if let Some(archive) = Archive::find(&source, part.name(), part)? {
            return Ok(Self { archive, config: None });
        }
        let names = file::list(&folder)?;
        let is_file = |name: &str| name.ends_with(".safetensors") || name.ends_with(".gguf");
        let files: Vec<String> = names.iter().filter(|name| is_file(name)).cloned().collect();
        match &files[..] {
            [only] => Ok(Self { archive: Archive::open(&folder.join(only))?, config: None }),
            [] => {
                let neither = || {
                    let noun = part.noun();
                    format!(
                        "has neither {noun} nor a folder `{part}` in it; give a file or folder that has one"
                    )
                };
                Err(bad_file(path, archive::only_pickled(&names).unwrap_or_else(neither)))
            }
            several => Err(bad_file(
                path,
                format!("has several files of weights; give one of {}", quote::list(several)),
            )),
        }
    }

    fn with_config(part: Part, source: Source, within: &str, config: &str) -> Result<Self> {
        let mut configs = Configs::sdxl_base()?;
        configs.take(part, &source, config)?;
        let class = class(configs.value(part)?);
        if let Some(class) = class.filter(|class| !classes(part).contains(&class.as_str())) {
            let (class, noun) = (quote::quoted(&class), part.noun());
            let what = format!("is of a `{class}`, not of {noun} that SDXL draws with");
            return Err(bad_file(&configs.file(part), what));
        }
        match Archive::find(&source, within, part)? {
            Some(archive) => Ok(Self { archive, config: Some((source, config.to_owned())) }),
            None => {
                let why = archive::why_absent(&source, within, part)?;
                Err(bad_file(&source.path(within), why))
            }
        }
    }
}

/// What configurations call the classes of a part.
fn classes(part: Part) -> &'static [&'static str] {
    match part {
        Part::Unet => &["UNet2DConditionModel"],
        Part::Vae => &["AutoencoderKL", Configs::TINY_VAE],
        _ => &["CLIPTextModel", "CLIPTextModelWithProjection", "CLIPModel"],
    }
}

/// What a file of a configuration says that it is of; `None` where there is no such file.
pub(crate) fn class_in(file: &Path) -> Result<Option<String>> {
    let text = file::read(file, file::CONFIG)?;
    Ok(text.and_then(|text| class(&python_json(&text).ok()?)))
}

/// What a configuration says that it is of.
fn class(value: &Value) -> Option<String> {
    let architecture = value["architectures"].get(0).and_then(Value::as_str);
    value["_class_name"].as_str().or(architecture).map(str::to_owned)
}
