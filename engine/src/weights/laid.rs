//! What is given to lie over a model's own UNet: a file, or a folder with a UNet in it.

use std::path::Path;

use serde_json::Value;

use super::archive::{self, Archive};
use super::component::Component;
use super::configs::Configs;
use super::file::{self, bad_file};
use super::place::{self, Place};
use super::source::Source;
use crate::error::Result;
use crate::quote;

/// A UNet on a disk.
pub(crate) struct Laid {
    pub(crate) archive: Archive,
    /// Its own configuration, where it came with one: the folder, and the file's name in it.
    pub(crate) config: Option<(Source, String)>,
}

impl Laid {
    /// A file; a diffusers folder or one with a subfolder `unet`; a repository of a UNet alone; a folder
    /// with one file of weights.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        let folder = match place::find(path)? {
            Place::File(file) => return Ok(Self { archive: Archive::open(&file)?, config: None }),
            Place::Folder(folder) => folder,
        };
        let source = Source::Folder(folder.clone());
        for (within, config) in [("unet", "unet/config.json"), ("", "config.json")] {
            if folder.join(config).is_file() {
                return Self::with_config(source, within, config);
            }
        }
        if let Some(archive) = Archive::find(&source, "unet", Component::Unet)? {
            return Ok(Self { archive, config: None });
        }
        let names = file::list(&folder)?;
        let is_file = |name: &String| name.ends_with(".safetensors") || name.ends_with(".gguf");
        let files: Vec<String> = names.into_iter().filter(is_file).collect();
        match &files[..] {
            [only] => Ok(Self { archive: Archive::open(&folder.join(only))?, config: None }),
            [] => Err(bad_file(
                path,
                "has neither a UNet nor a folder `unet` in it; give a UNet's file or folder",
            )),
            several => Err(bad_file(
                path,
                format!("has several files of weights; give one of {}", place::list(several)),
            )),
        }
    }

    fn with_config(source: Source, within: &str, config: &str) -> Result<Self> {
        let mut configs = Configs::sdxl_base()?;
        configs.take(Component::Unet, &source, config)?;
        let value = configs.value(Component::Unet)?;
        if let Some(class) = class(value).filter(|class| class != "UNet2DConditionModel") {
            let what = format!("is of a `{}`, not of a UNet that SDXL draws with", quote::quoted(&class));
            return Err(bad_file(&configs.file(Component::Unet), what));
        }
        match Archive::find(&source, within, Component::Unet)? {
            Some(archive) => Ok(Self { archive, config: Some((source, config.to_owned())) }),
            None => {
                let why = archive::why_absent(&source, within, Component::Unet)?;
                Err(bad_file(&source.path(within), why))
            }
        }
    }
}

/// What a configuration says that it is of.
fn class(value: &Value) -> Option<String> {
    let architecture = value["architectures"].get(0).and_then(Value::as_str);
    value["_class_name"].as_str().or(architecture).map(str::to_owned)
}
