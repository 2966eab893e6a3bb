//! Scales that stand beside weights in eight bits: what was divided by when they were rounded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::archive::Archive;
use super::file::bad_file;
use super::numbers::{NumberFormat, Numbers};
use super::stored::StoredTensor;
use super::weight::{Patch, View, Weight};
use crate::error::Result;
use crate::quote;

/// What a scale is called beside `layer.weight`.
const ENDINGS: [&str; 2] = ["scale_weight", "weight_scale"];
/// What stands there besides, of which weights know nothing: scales of what a layer is given, the way in
/// which it was quantised, and that some layers are.
const EXTRAS: [&str; 4] = [".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8"];

/// Whether a tensor tells of quantisation what weights need not know.
pub(crate) fn is_extra(key: &str) -> bool {
    EXTRAS.iter().any(|end| key.ends_with(end))
}

/// Scales and the like of other kinds, by the layers that they belong to.
pub(crate) struct Strangers<'a>(HashMap<&'a str, &'a str>);

impl<'a> Strangers<'a> {
    pub(crate) fn of(archive: &'a Archive) -> Self {
        let stranger = |key: &'a String| {
            let (layer, last) = key.rsplit_once('.')?;
            let is_one = last.contains("scale") || last.contains("zero_point");
            (is_one && !ENDINGS.contains(&last) && !is_extra(key)).then_some((layer, key.as_str()))
        };
        Self(archive.tensors.keys().filter_map(stranger).collect())
    }

    /// An error where a weight in eight bits would be read without what it was divided by.
    pub(crate) fn refuse(&self, stored: &StoredTensor, key: &str) -> Result<()> {
        let is_eight_bits =
            matches!(stored.numbers, Ok(Numbers::Plain(NumberFormat::F8E4m3 | NumberFormat::F8E5m2)));
        let layer = key.strip_suffix(".weight").filter(|_| is_eight_bits);
        layer.and_then(|layer| self.0.get(layer)).map_or(Ok(()), |scale| {
            let (key, scale) = (quote::quoted(key), quote::quoted(scale));
            let what = format!(
                "tensor `{key}` is in eight bits with `{scale}` beside it, a kind of scale that Fulmen does not know; \
                 fetch the model in F16, or with the scales that ComfyUI writes"
            );
            Err(bad_file(&stored.file, what))
        })
    }
}

/// The scale of a tensor, if there is one.
pub(crate) fn beside(archive: &Archive, key: &str, used: &mut HashSet<String>) -> Option<StoredTensor> {
    let layer = key.strip_suffix("weight").filter(|layer| layer.is_empty() || layer.ends_with('.'))?;
    let name =
        ENDINGS.iter().map(|end| format!("{layer}{end}")).find(|name| archive.tensors.contains_key(name))?;
    let scale = archive.tensors.get(&name).cloned();
    used.insert(name);
    scale
}

/// What multiplies a tensor, or a view of it, by its scale: one for all of it, or one for each row.
pub(crate) fn of(scale: &StoredTensor, stored: &StoredTensor, view: View) -> Result<Arc<dyn Patch>> {
    let wrong = || {
        let (shape, of) = (&scale.shape, &stored.shape);
        let what = format!(
            "the scale `{}` of shape {shape:?} is neither one number nor one for each row of {of:?}; fetch the \
             model in another format",
            scale.key
        );
        bad_file(&scale.file, what)
    };
    let numbers = scale.numbers.clone().map_err(|_| wrong())?;
    let whole =
        Weight::of(scale.key.as_str(), scale.shape.clone(), numbers, View::Whole, scale.bytes.clone());
    let factors = whole.to_f32();
    if factors.iter().any(|factor| !factor.is_finite()) {
        return Err(crate::Error::TensorNotFinite {
            file: scale.file.to_path_buf(),
            name: scale.key.clone(),
        });
    }
    let rows = stored.shape.first().copied().unwrap_or(1);
    let columns = stored.shape.iter().skip(1).product();
    match (factors.len(), view) {
        (1, _) => Ok(Arc::new(Scaled { factors, columns: usize::MAX })),
        (count, View::Whole) if count == rows => Ok(Arc::new(Scaled { factors, columns })),
        (count, View::Third(third)) if count == rows => {
            let factors = factors[usize::from(third) * rows / 3..][..rows / 3].to_vec();
            Ok(Arc::new(Scaled { factors, columns }))
        }
        _ => Err(wrong()),
    }
}

impl Weight {
    /// The same tensor, times a factor whenever it is read.
    pub(crate) fn times(&self, factor: f32) -> Self {
        self.patched(Arc::new(Scaled { factors: vec![factor], columns: usize::MAX }))
    }
}

#[derive(Debug)]
struct Scaled {
    factors: Vec<f32>,
    /// Numbers that one factor is for.
    columns: usize,
}

impl Patch for Scaled {
    fn apply(&self, start: usize, out: &mut [f32]) {
        let (mut at, mut rest) = (start, out);
        while !rest.is_empty() {
            let (row, within) = (at / self.columns, at % self.columns);
            let (piece, after) = rest.split_at_mut((self.columns - within).min(rest.len()));
            piece.iter_mut().for_each(|value| *value *= self.factors[row]);
            at += piece.len();
            rest = after;
        }
    }
}
