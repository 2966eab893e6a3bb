//! PyTorch's files (`.pth`, `.pt`, `.bin`): an archive with a pickle that says what the tensors are called, and their numbers,
//! which are read where they lie.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::about::About;
use super::foreign;
use super::numbers::Numbers;
use super::pickle::{self, Place, Tensor, Value, Values};
use super::stored::{Contents, StoredTensor};
use super::zip::Zip;
use crate::quote;

/// How a file of PyTorch before 1.6 begins: a pickle of a number that it is known by.
const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
const OLD_FORM: &str = "is a PyTorch file of the form before version 1.6; open it once with a current PyTorch and save it \
                        again, or fetch the network as safetensors";

/// Dictionaries in which trainers wrap a network, the better one first: averages over the training draw better.
const WRAPPERS: [&str; 5] = ["params_ema", "params", "state_dict", "model", "generator"];
/// Dictionaries that together are one network, each with tensors of its own: an IP-Adapter's, and those of files that are
/// taken for one. Its tensors have the names that they have as safetensors, `part.tensor`.
const PARTS: [&str; 4] = ["image_proj", "ip_adapter", "id_encoder", "lora_weights"];
/// More tensors than any network has.
const MOST_TENSORS: usize = 50_000;
/// Wrappers within wrappers.
const DEEPEST: usize = 4;

/// Whether a file begins as PyTorch's do.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(super::zip::MAGIC) || bytes.starts_with(b"\x80\x02") || is_tar(bytes)
}

fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// The tensors of a PyTorch file.
pub(super) fn contents(file: &Path, bytes: &Bytes) -> Result<Contents, String> {
    if bytes.starts_with(OLD) || is_tar(bytes) {
        return Err(OLD_FORM.into());
    }
    let other =
        || foreign::recognise(bytes).unwrap_or_else(|| "is not a PyTorch file; fetch it again".into());
    if !bytes.starts_with(super::zip::MAGIC) {
        return Err(other());
    }
    let zip = Zip::read(bytes)?;
    let root = zip.names().find_map(|name| name.strip_suffix("data.pkl")).ok_or_else(other)?.to_owned();
    if zip.get(&format!("{root}byteorder")).is_some_and(|order| &order[..] == b"big") {
        return Err("was written on a machine of the other byte order; save it again on a usual one".into());
    }
    let pickle = zip.get(&format!("{root}data.pkl")).ok_or_else(other)?;
    let values = pickle::read(&pickle)?;
    let file: Arc<Path> = file.into();
    let mut tensors = HashMap::new();
    for (key, tensor) in network(&values)? {
        let stored = stored(&zip, &root, &values, tensor);
        let (numbers, bytes) =
            stored.map_err(|what| format!("has a tensor `{}` that {what}", quote::quoted(&key)))?;
        let shape = tensor.shape.clone();
        let tensor = StoredTensor { file: file.clone(), key: key.clone(), numbers, shape, bytes };
        tensors.insert(key, tensor);
    }
    Ok(Contents { tensors, rest: 0, about: About::default() })
}

/// The tensors of the network that a pickle holds, by name.
fn network<'a>(values: &'a Values<'_>) -> Result<Vec<(String, &'a Tensor)>, String> {
    let none = || Err("holds no network: its pickle is no dictionary of tensors".into());
    let mut found = values.root();
    for _ in 0..DEEPEST {
        let Value::Dictionary(entries) = found else { return none() };
        let wrapped = WRAPPERS.iter().find_map(|wrapper| member(values, entries, wrapper));
        match wrapped {
            Some(inner) => found = inner,
            None => break,
        }
    }
    let Value::Dictionary(entries) = found else { return none() };
    let part = |part: &&'static str| match member(values, entries, part)? {
        Value::Dictionary(entries) => Some((Some(*part), entries)),
        _ => None,
    };
    let mut parts: Vec<_> = PARTS.iter().filter_map(part).collect();
    if parts.is_empty() {
        parts.push((None, entries));
    }
    let tensors = parts.into_iter().flat_map(|(part, entries)| named(values, entries, part));
    let tensors: Vec<_> = tensors.take(MOST_TENSORS).collect();
    if tensors.is_empty() { none() } else { Ok(tensors) }
}

/// The tensors of a dictionary, which is the whole network or a part of it.
fn named<'a>(
    values: &'a Values<'_>,
    entries: &'a [[Place; 2]],
    part: Option<&'static str>,
) -> impl Iterator<Item = (String, &'a Tensor)> {
    entries.iter().filter_map(move |[key, value]| match (values.text(*key), values.at(*value)) {
        (Some(key), Value::Tensor(tensor)) if !key.chars().any(char::is_control) => {
            let name = part.map_or_else(|| key.to_owned(), |part| format!("{part}.{key}"));
            Some((name, &**tensor))
        }
        _ => None,
    })
}

/// The dictionary of this name in another.
fn member<'a>(values: &'a Values<'_>, entries: &[[Place; 2]], name: &str) -> Option<&'a Value> {
    let (_, value) =
        entries.iter().map(|[key, value]| (key, value)).find(|(key, _)| values.text(**key) == Some(name))?;
    Some(values.at(*value)).filter(|value| matches!(value, Value::Dictionary(_)))
}

/// How the numbers of a tensor are stored, and where.
fn stored(
    zip: &Zip,
    root: &str,
    values: &Values<'_>,
    tensor: &Tensor,
) -> Result<(Result<Numbers, String>, Bytes), String> {
    let Tensor { storage, offset, shape, strides } = tensor;
    let key = values.text(storage.key).ok_or("has no numbers")?;
    let entry = zip.get(&format!("{root}data/{key}")).ok_or("has no numbers in the file; fetch it again")?;
    let beyond = "lies beyond its numbers; the file is damaged, fetch it again";
    let size = storage.numbers.bitsize() / 8;
    let count = shape.iter().try_fold(1usize, |all, side| all.checked_mul(*side)).ok_or(beyond)?;
    if !in_order(shape, strides) {
        return Err("is not stored row by row; save the network with contiguous tensors".into());
    }
    let start = offset.checked_mul(size).ok_or(beyond)?;
    let end = count.checked_mul(size).and_then(|len| start.checked_add(len)).ok_or(beyond)?;
    if end > entry.len() || storage.count.checked_mul(size).is_none_or(|all| all > entry.len()) {
        return Err(beyond.into());
    }
    Ok((Numbers::of(storage.numbers), entry.slice(start..end)))
}

/// Whether numbers follow each other as the last axis counts fastest. How far apart places of an axis of one are does
/// not matter.
fn in_order(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    shape.iter().zip(strides).rev().all(|(side, stride)| {
        let fits = *side == 1 || *stride == step;
        step = step.saturating_mul(*side);
        fits
    })
}
