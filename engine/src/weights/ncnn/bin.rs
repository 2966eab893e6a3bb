//! The numbers of the layers, one after the other, without names.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::param::Layer;
use crate::weights::numbers::{NumberFormat, Numbers};
use crate::weights::stored::StoredTensor;

/// How the numbers of a convolution are stored, as the word before them says.
const HALVES: u32 = 0x0130_6B47;
const FLOATS: u32 = 0;
const EIGHT_BITS: u32 = 0x000D_4B38;

/// The tensors of all layers that have numbers, which are called `names`.
pub(super) fn tensors(
    file: &Path,
    bytes: &Bytes,
    layers: &[Layer],
    names: &[String],
) -> Result<Vec<StoredTensor>, String> {
    let mut reader = Reader { file: file.into(), bytes: bytes.clone(), at: 0 };
    let numbered = layers.iter().filter(|layer| ["Convolution", "PReLU"].contains(&layer.kind.as_str()));
    let mut tensors = Vec::new();
    for (layer, name) in numbered.zip(names) {
        let (outputs, weight) = (layer.count(0), format!("{name}.weight"));
        if layer.kind == "PReLU" {
            tensors.push(reader.take(weight, vec![outputs], NumberFormat::F32)?);
            continue;
        }
        let inputs =
            layer.count(6) / outputs.checked_mul(9).filter(|outputs| *outputs > 0).ok_or_else(damaged)?;
        let format = reader.format()?;
        tensors.push(reader.take(weight, vec![outputs, inputs, 3, 3], format)?);
        reader.align();
        tensors.push(reader.take(format!("{name}.bias"), vec![outputs], NumberFormat::F32)?);
    }
    if reader.at != bytes.len() {
        let rest = bytes.len() - reader.at;
        return Err(format!(
            "has {rest} bytes more than its layers need; the .param file is not that of this .bin file"
        ));
    }
    Ok(tensors)
}

fn damaged() -> String {
    "ends before its last layer; the download did not finish, or the .param file is not that of this .bin file".into()
}

struct Reader {
    file: Arc<Path>,
    bytes: Bytes,
    at: usize,
}

impl Reader {
    fn format(&mut self) -> Result<NumberFormat, String> {
        let word = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or_else(damaged)?;
        self.at += 4;
        match u32::from_le_bytes(*word) {
            HALVES => Ok(NumberFormat::F16),
            FLOATS => Ok(NumberFormat::F32),
            EIGHT_BITS => Err("holds weights in eight bits; give the network with halves or floats".into()),
            other => Err(format!(
                "holds weights that are stored as {other:#010x}; give the network with halves or floats"
            )),
        }
    }

    fn take(&mut self, key: String, shape: Vec<usize>, format: NumberFormat) -> Result<StoredTensor, String> {
        let count =
            shape.iter().try_fold(format.size(), |all, side| all.checked_mul(*side)).ok_or_else(damaged)?;
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len()).ok_or_else(damaged)?;
        let bytes = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(StoredTensor { file: self.file.clone(), key, numbers: Ok(Numbers::Plain(format)), shape, bytes })
    }

    /// Numbers of a layer begin with a whole word.
    fn align(&mut self) {
        self.at = self.at.next_multiple_of(4).min(self.bytes.len());
    }
}
