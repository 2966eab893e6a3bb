//! Whether a file is a LoRA for a model, by the names and shapes in its header: none of its numbers is read, so that a
//! folder of thousands can be asked.

use std::collections::HashMap;

use super::names::{self, Layers, Role};
use super::strangers;
use crate::weights::archive::Archive;
use crate::weights::network::NetworkSpec;
use crate::weights::part::Part;

/// Where a model can be changed.
pub(crate) struct Places {
    layers: Layers,
    /// How many inputs the weights of layers have, kernels' taps counted.
    inputs: HashMap<(Part, String), usize>,
}

impl Places {
    pub(crate) fn of(networks: &[(Part, NetworkSpec)]) -> Self {
        let tensors =
            networks.iter().flat_map(|(part, network)| network.tensors.iter().map(move |spec| (*part, spec)));
        let inputs = tensors.filter_map(|(part, spec)| {
            let layer = spec.name.strip_suffix(".weight")?;
            Some(((part, layer.to_owned()), spec.shape.iter().skip(1).product()))
        });
        Self { layers: Layers::of(networks), inputs: inputs.collect() }
    }

    /// Whether a file changes something here, as far as its header tells: that its numbers are those of a LoRA shows when
    /// it is drawn with.
    pub(crate) fn take(&self, archive: &Archive) -> bool {
        if strangers::unknown_method(archive).is_some() {
            return false;
        }
        let layers = layers(archive);
        let changed = layers.iter().filter(|(_, layer)| layer.is_changed);
        let widths = changed.map(|(name, layer)| (*name, layer.inputs.filter(|_| !layer.is_folded)));
        let used = widths.clone().filter(|(name, inputs)| self.has(name, *inputs)).count();
        used > 0 && (used == widths.clone().count() || strangers::family(widths).is_none())
    }

    /// Whether there is a layer of this name, with as many inputs where that is known.
    fn has(&self, name: &str, inputs: Option<usize>) -> bool {
        let Some((part, layer)) = self.layers.find(name) else { return false };
        let own = self.inputs.get(&(part, layer.to_owned()));
        inputs.is_none_or(|inputs| own.is_none_or(|own| *own == inputs))
    }
}

/// What the names and shapes of a layer's tensors tell of its change.
#[derive(Default)]
struct Outline {
    is_changed: bool,
    /// Whether a core stands between its factors: the shape of none tells the inputs.
    is_folded: bool,
    inputs: Option<usize>,
}

/// The layers of a file, as it calls them. Nothing is copied: there are thousands of tensors in thousands of files.
fn layers(archive: &Archive) -> HashMap<&str, Outline> {
    let mut layers: HashMap<&str, Outline> = HashMap::new();
    for (key, stored) in &archive.tensors {
        let Some((name, role)) = names::split(key) else { continue };
        let layer = layers.entry(name).or_default();
        layer.is_changed |= role.method().is_some();
        layer.is_folded |= matches!(role, Role::Mid | Role::HadaT1);
        if matches!(role, Role::Down | Role::HadaW1B | Role::Diff) {
            layer.inputs = Some(stored.shape.iter().skip(1).product());
        }
    }
    layers
}
