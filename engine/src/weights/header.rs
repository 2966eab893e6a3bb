//! The header of a safetensors file, read as if it wanted to harm us.
//!
//! The layout is eight bytes with the header's length, the header (JSON: name → element type, shape,
//! first and last byte), then the tensors' bytes without gaps. The `safetensors` crate reads it
//! safely, but it keeps the last of two tensors of one name, does not say which tensor is wrong, and
//! buffers whatever JSON it is given at sixteen times its size. So the JSON is read here, straight
//! into tensors, and held to the crate's rules and to ours.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::file::bad_file;
use crate::error::Result;

/// The format's own limit.
const MAX_HEADER: usize = 100_000_000;
const MAX_DIMENSIONS: usize = 8;
const MAX_NAME: usize = 512;
/// The one name in a header that is no tensor's.
const METADATA: &str = "__metadata__";

/// A tensor as it lies in a file.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) file: Arc<Path>,
    /// Its name in that file.
    pub(crate) key: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Bytes,
}

/// All tensors of a safetensors file, by the names in it.
///
/// # Errors
/// [`crate::Error::File`], for anything but a whole and consistent file.
pub(crate) fn parse(file: &Path, bytes: &Bytes) -> Result<HashMap<String, Stored>> {
    tensors(file, bytes).map_err(|what| bad_file(file, what))
}

fn tensors(file: &Path, bytes: &Bytes) -> Result<HashMap<String, Stored>, String> {
    if let Some(what) = recognise(bytes) {
        return Err(what.into());
    }
    let (header, data) = split(bytes)?;
    let Header(mut tensors) =
        serde_json::from_slice(&header).map_err(|e| format!("the header is damaged: {e}; fetch it again"))?;
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    let file: Arc<Path> = file.into();
    let mut stored = HashMap::with_capacity(tensors.len());
    let mut end = 0;
    for (key, info) in tensors {
        let range = info.range(end).map_err(|what| format!("tensor `{key}` {what}; fetch the file again"))?;
        end = range.end;
        if end > data.len() {
            let (missing, has) = (end - data.len(), bytes.len());
            return Err(format!(
                "ends within tensor `{key}`: at least {missing} bytes are missing after {has}; \
                                the download did not finish, fetch it again"
            ));
        }
        let Info { dtype, shape: Extents(shape), .. } = info;
        let tensor = Stored { file: file.clone(), key: key.clone(), dtype, shape, bytes: data.slice(range) };
        if let Some(twice) = stored.insert(key, tensor) {
            return Err(format!("has two tensors `{}`; fetch it again", twice.key));
        }
    }
    match data.len() - end {
        0 => Ok(stored),
        rest => Err(format!("has {rest} bytes after its last tensor; fetch it again")),
    }
}

/// Files that are often met under this ending and are something else.
fn recognise(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes[..bytes.len().min(64)].trim_ascii_start().to_ascii_lowercase();
    let begins = |with: &[u8]| start.starts_with(with);
    if bytes.is_empty() {
        Some("is empty; the download did not finish, fetch it again")
    } else if begins(b"version https://git-lfs") {
        Some("is a Git LFS pointer, not the weights themselves; run `git lfs pull` in its folder")
    } else if begins(b"<!doctype") || begins(b"<html") || begins(b"<?xml") {
        Some("is a web page, not weights: the download gave an error page; fetch it again")
    } else if bytes.starts_with(b"GGUF") {
        Some("is a GGUF file; Fulmen reads safetensors, fetch the model in that format")
    } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        Some("is a PyTorch pickle (.ckpt), which can run code when it is opened; fetch the safetensors file")
    } else if begins(b"{") && bytes.len() < MAX_HEADER {
        Some("is JSON, not weights; give the folder that it lies in, or a .safetensors file")
    } else {
        None
    }
}

/// Header and data.
fn split(bytes: &Bytes) -> Result<(Bytes, Bytes), String> {
    let len = bytes.len();
    let Some(size) = bytes.first_chunk::<8>() else {
        return Err(format!("has only {len} bytes and is not a safetensors file; fetch it again"));
    };
    let size = u64::from_le_bytes(*size);
    match usize::try_from(size) {
        Ok(size) if size <= MAX_HEADER && size <= len - 8 => {
            Ok((bytes.slice(8..8 + size), bytes.slice(8 + size..)))
        }
        Ok(size) if size <= MAX_HEADER => Err(format!(
            "ends within its header: {size} bytes of header are announced, {} are there; \
             the download did not finish, fetch it again",
            len - 8
        )),
        _ => Err("is not a safetensors file, or damaged; fetch it again".into()),
    }
}

/// Tensors in the order of the file.
struct Header(Vec<(String, Info)>);

/// What the header says of a tensor.
#[derive(Deserialize)]
struct Info {
    dtype: Dtype,
    shape: Extents,
    data_offsets: (usize, usize),
}

impl Info {
    /// The tensor's bytes, which must begin at `start` and be as many as its shape needs.
    fn range(&self, start: usize) -> Result<Range<usize>, String> {
        let (first, end) = self.data_offsets;
        if first != start || end < first {
            return Err(format!(
                "lies at bytes {first} to {end}, where {start} is next: they overlap or leave a gap"
            ));
        }
        let count = self.shape.0.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent));
        let bits = count.and_then(|count| count.checked_mul(self.dtype.bitsize()));
        if bits != (end - first).checked_mul(8) || bits.is_none() {
            let (dtype, shape, bytes) = (self.dtype, &self.shape.0, end - first);
            return Err(format!("is {dtype} {shape:?}, which is not {bytes} bytes"));
        }
        Ok(first..end)
    }
}

/// What its maker says of the file: text by name. Nothing of it is kept.
struct Metadata;

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                while map.next_entry::<String, String>()?.is_some() {}
                Ok(Metadata)
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

/// A shape; its length is bounded before anything is kept.
struct Extents(Vec<usize>);

impl<'de> Deserialize<'de> for Extents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Extents;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {MAX_DIMENSIONS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut extents: A) -> Result<Extents, A::Error> {
                let mut shape = Vec::new();
                while let Some(extent) = extents.next_element()? {
                    if shape.len() == MAX_DIMENSIONS {
                        return Err(A::Error::invalid_length(shape.len() + 1, &self));
                    }
                    shape.push(extent);
                }
                Ok(Extents(shape))
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tensors;
        impl<'de> Visitor<'de> for Tensors {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut tensors = Vec::new();
                let mut described = false;
                while let Some(key) = map.next_key::<String>()? {
                    if key == METADATA {
                        map.next_value::<Option<Metadata>>()?;
                        if std::mem::replace(&mut described, true) {
                            return Err(A::Error::duplicate_field(METADATA));
                        }
                        continue;
                    }
                    // Names reach terminals and logs.
                    if key.len() > MAX_NAME || key.chars().any(char::is_control) {
                        return Err(A::Error::custom("a tensor's name is too long or not printable"));
                    }
                    let info =
                        map.next_value().map_err(|e| A::Error::custom(format!("tensor `{key}`: {e}")))?;
                    tensors.push((key, info));
                }
                Ok(Header(tensors))
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}
