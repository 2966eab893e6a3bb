//! Which tensors of a model a LoRA changes, and what of it finds no place.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::adapter::Adapter;
use super::change::{Delta, Layer, Magnitude};
use super::names::Layers;
use super::strangers;
use crate::quote;
use crate::weights::network::{NetworkSpec, TensorSpec};
use crate::weights::part::Part;

/// What a LoRA changes in a model.
#[derive(Debug, Default)]
pub(crate) struct Fit {
    /// By part and tensor.
    pub(crate) deltas: BTreeMap<(usize, String), Vec<Arc<Delta>>>,
    /// Layers that were found in the model.
    pub(crate) used: usize,
    /// That some were not, as a sentence.
    pub(crate) unused: Option<String>,
}

/// Finds the layers of a model that an adapter changes; an error, as the rest of a sentence, if there are none.
pub(crate) fn fit(adapter: &Adapter, networks: &[(Part, NetworkSpec)]) -> Result<Fit, String> {
    let layers = Layers::of(networks);
    let specs: BTreeMap<(usize, &str), &TensorSpec> = networks
        .iter()
        .flat_map(|(part, network)| {
            network.tensors.iter().map(|spec| ((*part as usize, spec.name.as_str()), spec))
        })
        .collect();
    let mut fit = Fit::default();
    let mut first = None;
    for layer in &adapter.layers {
        match place(layer, &layers, &specs) {
            Ok(placed) => {
                fit.used += 1;
                placed.into_iter().for_each(|(key, delta)| fit.deltas.entry(key).or_default().push(delta));
            }
            Err(why) => _ = first.get_or_insert_with(|| format!("`{}` {why}", quote::quoted(&layer.name))),
        }
    }
    let all = adapter.layers.len();
    let first = first.or_else(|| {
        let stray = adapter.strays.first()?;
        Some(format!("the tensor `{}` is not a known one", quote::quoted(stray)))
    });
    if let Some(family) = strangers::family(adapter.widths()).filter(|_| fit.used < all) {
        return Err(format!("is a LoRA for another family, {family}; give one for SDXL"));
    }
    if fit.used == 0 {
        let first = first.unwrap_or_default();
        return Err(format!(
            "changes nothing of this model: none of its {all} modules is in it, {first} is the first"
        ));
    }
    fit.unused = first.map(|first| format!("{} of {all} modules used; {first}", fit.used));
    Ok(fit)
}

type Placed = Vec<((usize, String), Arc<Delta>)>;

/// The tensors that a layer's change belongs to, or why it has none.
fn place(
    layer: &Layer,
    layers: &Layers,
    specs: &BTreeMap<(usize, &str), &TensorSpec>,
) -> Result<Placed, String> {
    let Some((part, name)) = layers.find(&layer.name) else {
        return Err("is not in the model".into());
    };
    let mut placed = Vec::new();
    let change = &layer.change;
    for (last, delta) in [("weight", &change.weight), ("bias", &change.bias)] {
        let Some(delta) = delta else { continue };
        let name = format!("{name}.{last}");
        let Some(spec) = specs.get(&(part as usize, name.as_str())) else {
            return Err(format!("changes a {last}, which that layer does not have"));
        };
        fits(delta, &spec.shape)?;
        placed.push(((part as usize, name), delta.clone()));
    }
    Ok(placed)
}

/// Whether a difference is of a tensor's shape; kernels of one tap count as none.
fn fits(delta: &Delta, shape: &[usize]) -> Result<(), String> {
    let (rows, columns) = (shape.first().copied().unwrap_or(1), shape.iter().skip(1).product::<usize>());
    let (my_rows, my_columns) = (delta.matrix.rows(), delta.matrix.columns());
    if (rows, columns) != (my_rows, my_columns) {
        return Err(format!("is of {my_rows}×{my_columns} numbers, where the model has {rows}×{columns}"));
    }
    let inputs = shape.get(1).copied().unwrap_or(1);
    match &delta.magnitude {
        Some(Magnitude::OfRows(of)) if of.len() != rows => {
            Err(format!("has {} magnitudes, where the model has {rows} rows", of.len()))
        }
        Some(Magnitude::OfColumns(of)) if of.len() != inputs => {
            Err(format!("has {} magnitudes, where the model has {inputs} columns", of.len()))
        }
        _ => Ok(()),
    }
}
