//! Parts from other files, laid over those of a checkpoint.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Archive;
use super::checkpoint::{Checkpoint, Slot};
use super::configs::Configs;
use super::file::bad_file;
use super::kind;
use super::names::Layout;
use super::part::Part;
use super::part_file::PartFile;
use super::place;
use super::source::Source;
use super::tensors::Tensors;
use crate::error::Result;

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
        let tensors = Tensors::find(&archive, &network, part, layout, &mut used);
        self.parts.insert(part, Slot::Here(Arc::new(tensors)));
        let mut extra = archive.unused(&used);
        // The other parts of a whole file were not asked for.
        extra.retain(|key| key.starts_with(&prefix));
        self.warnings.extend(archive.warnings);
        if part == Part::Unet {
            self.warnings.extend(kind::homeless(path, extra.iter()));
            self.path = place::named(path).to_path_buf();
            self.about = archive.about;
        }
        self.laid.insert(part, place::named(path).to_path_buf());
        self.unused.extend(extra);
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
        let sdxl = Configs::sdxl_base()?;
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
