//! What is given to lie over a part of a model: a file, or a folder with that part in it.

use std::path::Path;

use serde_json::Value;

use super::archive::{self, Archive};
use super::configs::{Configs, python_json};
use super::file::{self, bad_file};
use super::part::Part;
use super::place::{self, Location};
use super::source::Source;
use crate::error::Result;
use crate::quote;

/// A part of a model on a disk.
pub(crate) struct PartFile {
    pub(crate) archive: Archive,
    /// Its own configuration, where it came with one: the folder, and the file's name in it.
    pub(crate) config: Option<(Source, String)>,
}

impl PartFile {
    /// A file; a diffusers folder or one with a subfolder of the part's name; a repository of the part
    /// alone; a folder with one file of weights.
    pub(crate) fn find(part: Part, path: &Path) -> Result<Self> {
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
                format!("has several files of weights; give one of {}", place::list(several)),
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
pub(super) fn class_in(file: &Path) -> Result<Option<String>> {
    let text = file::read(file, file::CONFIG)?;
    Ok(text.and_then(|text| class(&python_json(&text).ok()?)))
}

/// What a configuration says that it is of.
fn class(value: &Value) -> Option<String> {
    let architecture = value["architectures"].get(0).and_then(Value::as_str);
    value["_class_name"].as_str().or(architecture).map(str::to_owned)
}
