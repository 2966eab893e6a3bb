//! Files and folders with some of a model's parts, opened to be looked into: nothing is drawn with them alone.

use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::checkpoint::{Checkpoint, Slot};
use super::configs::Configs;
use super::file;
use super::network::Describe;
use super::overlay::class_in;
use super::part::Part;
use super::place::{self, Location};
use crate::error::Result;

impl Checkpoint {
    /// Opens a file or folder with some of a model's parts; `None` where it is a whole model, or nothing that a model
    /// has.
    pub(crate) fn find_parts(path: &Path, describe: Describe) -> Result<Option<Self>> {
        let place = match place::find(path)? {
            Location::File(file) => with_its_config(&file).map_or(Location::File(file), Location::Folder),
            folder => folder,
        };
        let (place, parts) = match place {
            Location::File(file) => {
                let parts = Archive::open(&file)?.parts_alone();
                (file, parts)
            }
            Location::Folder(folder) => {
                let parts = parts_in(&folder)?;
                (folder, parts)
            }
        };
        if parts.is_empty() || parts.len() == Part::WITH_WEIGHTS.len() {
            return Ok(None);
        }
        let mut configs = Configs::sdxl_base()?;
        // Which text a UNet by itself is given, nobody knows.
        let encoders = [Part::TextEncoder, Part::TextEncoder2].into_iter();
        encoders.filter(|part| !parts.contains(part)).for_each(|part| configs.forget(part));
        let empty = Self::new(place::named(path), configs, describe);
        let name = empty.path.clone();
        let laid = parts.into_iter().try_fold(empty, |laid, part| laid.with_part(part, &place))?;
        // What the user named, not where it was found.
        Ok(Some(Self { path: name, ..laid }))
    }

    /// Whether a part has weights.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        matches!(self.parts.get(&part), Some(Slot::Here(_)))
    }

    /// Whether the VAE is a tiny one.
    #[must_use]
    pub fn has_tiny_vae(&self) -> bool {
        self.configs.value(Part::Vae).is_ok_and(|config| config["_class_name"] == Configs::TINY_VAE)
    }
}

/// The folder of a file that is one part of a model, as diffusers and transformers call them.
fn with_its_config(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    let is_part = name.starts_with("diffusion_pytorch_model.") || name.starts_with("model.");
    file.parent().filter(|folder| is_part && folder.join("config.json").is_file()).map(Path::to_path_buf)
}

/// The parts in a folder that is no model.
fn parts_in(folder: &Path) -> Result<Vec<Part>> {
    let is_model = folder.join("model_index.json").is_file() || folder.join("unet/config.json").is_file();
    if is_model {
        return Ok(Vec::new());
    }
    if let Some(class) = class_in(&folder.join("config.json"))? {
        return Ok(match class.as_str() {
            "UNet2DConditionModel" => vec![Part::Unet],
            "AutoencoderKL" | Configs::TINY_VAE => vec![Part::Vae],
            "CLIPTextModel" => vec![Part::TextEncoder],
            "CLIPTextModelWithProjection" => vec![Part::TextEncoder2],
            _ => Vec::new(),
        });
    }
    let names = file::list(folder)?;
    let is_file = |name: &&String| name.ends_with(".safetensors") || name.ends_with(".gguf");
    match names.iter().filter(is_file).collect::<Vec<_>>()[..] {
        [only] => Ok(Archive::open(&folder.join(only))?.parts_alone()),
        _ => Ok(Vec::new()),
    }
}
