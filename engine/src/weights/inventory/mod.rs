//! Which tensors a component has, derived from its configuration.
//!
//! The list is what loaders check a checkpoint against before a model is built, what names of other
//! dialects are derived from, and what the generator of synthetic models writes.

mod clip;
mod unet;
mod vae;

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::component::Component;
use super::configs::Configs;
use super::file::bad_file;
use crate::error::{Error, Result};

pub(crate) use unet::{UnetLevel, UnetShape};
pub(crate) use vae::VaeShape;

/// Channels and table rows that no model comes near; larger ones are mistakes, or an attack.
const MAX_EXTENT: usize = 1 << 20;
/// The same for levels of resolution, for blocks of a level, and for layers in a row. Together they
/// bound the list: no configuration makes it longer than some hundred thousand names.
const MAX_LEVELS: usize = 8;
const MAX_BLOCKS: usize = 16;
const MAX_LAYERS: usize = 128;

/// A tensor that a component has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// In diffusers' naming, within the component: `conv_in.weight`.
    pub name: String,
    /// Outermost extent first.
    pub shape: Vec<usize>,
    /// Whether checkpoints may lack it: the VAE's encoder, which drawing from text does not need.
    pub optional: bool,
}

impl TensorSpec {
    /// How many numbers.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The tensors of a component, in the order of the network.
///
/// # Errors
/// The component has no configuration, or one of a network that is not of SDXL's kind.
pub fn inventory(configs: &Configs, component: Component) -> Result<Vec<TensorSpec>> {
    let file = configs.file(component);
    let mut inventory = Inventory::default();
    match component {
        Component::Unet => UnetShape::read(configs)?.tensors(&mut inventory),
        Component::Vae => VaeShape::read(configs)?.tensors(&mut inventory),
        Component::TextEncoder | Component::TextEncoder2 => {
            clip::ClipShape::read(configs, component)?.tensors(&mut inventory);
        }
        Component::Scheduler | Component::ModelIndex => {
            return Err(bad_file(&file, "describes a part that has no weights"));
        }
    }
    Ok(inventory.tensors)
}

/// A list in the making; layers add their tensors under the names that they have in diffusers.
#[derive(Debug, Default)]
struct Inventory {
    tensors: Vec<TensorSpec>,
    optional: bool,
}

impl Inventory {
    fn add(&mut self, name: String, shape: &[usize]) {
        self.tensors.push(TensorSpec { name, shape: shape.to_vec(), optional: self.optional });
    }

    /// A matrix with no bias.
    fn matrix(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.add(format!("{name}.weight"), &[outputs, inputs]);
    }

    fn linear(&mut self, name: &str, outputs: usize, inputs: usize) {
        self.matrix(name, outputs, inputs);
        self.add(format!("{name}.bias"), &[outputs]);
    }

    /// A square convolution: kernel 3 or 1 wide.
    fn conv(&mut self, name: &str, outputs: usize, inputs: usize, kernel: usize) {
        self.add(format!("{name}.weight"), &[outputs, inputs, kernel, kernel]);
        self.add(format!("{name}.bias"), &[outputs]);
    }

    fn norm(&mut self, name: &str, channels: usize) {
        self.add(format!("{name}.weight"), &[channels]);
        self.add(format!("{name}.bias"), &[channels]);
    }

    /// A residual block; only the UNet's are told the `time`.
    fn res_block(&mut self, name: &str, inputs: usize, outputs: usize, time: Option<usize>) {
        self.norm(&format!("{name}.norm1"), inputs);
        self.conv(&format!("{name}.conv1"), outputs, inputs, 3);
        if let Some(time) = time {
            self.linear(&format!("{name}.time_emb_proj"), outputs, time);
        }
        self.norm(&format!("{name}.norm2"), outputs);
        self.conv(&format!("{name}.conv2"), outputs, outputs, 3);
        if inputs != outputs {
            self.conv(&format!("{name}.conv_shortcut"), outputs, inputs, 1);
        }
    }
}

/// A number for all levels, or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them, one a level")]
enum PerLevel {
    Same(usize),
    Each(Vec<usize>),
}

impl PerLevel {
    fn over(&self, levels: usize) -> Option<Vec<usize>> {
        match self {
            Self::Same(value) => Some(vec![*value; levels]),
            Self::Each(values) => (values.len() == levels).then(|| values.clone()),
        }
    }
}

/// Reads a component's configuration and reports its faults under its file's name.
struct ConfigReader {
    file: PathBuf,
}

impl ConfigReader {
    fn open<T: DeserializeOwned>(configs: &Configs, component: Component) -> Result<(Self, T)> {
        Ok((Self { file: configs.file(component) }, configs.get(component)?))
    }

    fn fault(&self, what: impl Into<String>) -> Error {
        bad_file(&self.file, what)
    }

    /// Extents must be positive and of this world.
    fn extents(&self, field: &str, values: &[usize]) -> Result<()> {
        self.within(field, values, MAX_EXTENT)
    }

    fn blocks(&self, field: &str, values: &[usize]) -> Result<()> {
        self.within(field, values, MAX_BLOCKS)
    }

    fn layers(&self, field: &str, values: &[usize]) -> Result<()> {
        self.within(field, values, MAX_LAYERS)
    }

    fn within(&self, field: &str, values: &[usize], most: usize) -> Result<()> {
        if !(1..=MAX_LEVELS).contains(&values.len()) {
            return Err(self.fault(format!("`{field}` must have 1 to {MAX_LEVELS} entries")));
        }
        if values.iter().all(|value| (1..=most).contains(value)) {
            return Ok(());
        }
        Err(self.fault(format!("`{field}` must be from 1 to {most}")))
    }

    fn per_level(&self, field: &str, value: &PerLevel, levels: usize) -> Result<Vec<usize>> {
        value
            .over(levels)
            .ok_or_else(|| self.fault(format!("`{field}` must have {levels} entries, one a level")))
    }
}
