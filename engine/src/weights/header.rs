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

use super::about::About;
use super::foreign;
use super::numbers::Numbers;
use super::stored::{Contents, StoredTensor};

/// The format's own limit.
const MAX_HEADER: usize = 100_000_000;
const MAX_DIMENSIONS: usize = 8;
const MAX_NAME: usize = 512;
/// What to do about a file that was written wrongly, or damaged later: another copy helps against the latter only.
const DAMAGED: &str =
    "the file is damaged: compare its checksum with its publisher's, and fetch it again where they differ";
/// The one name in a header that is no tensor's.
const METADATA: &str = "__metadata__";

/// Reads the header of a safetensors file.
pub(super) fn contents(file: &Path, bytes: &Bytes) -> Result<Contents, String> {
    // Asked first: the length of a header may begin with the bytes of any other format.
    if let Some(what) = foreign::recognise(bytes).filter(|_| !begins_well(bytes)) {
        return Err(what);
    }
    let (header, data) = split(bytes)?;
    let Header { mut infos, about } =
        serde_json::from_slice(&header).map_err(|e| format!("the header is damaged: {e}; {DAMAGED}"))?;
    infos.sort_by_key(|(_, info)| info.data_offsets);
    let file: Arc<Path> = file.into();
    let mut tensors = HashMap::with_capacity(infos.len());
    let mut end = 0;
    for (key, info) in infos {
        let range = info.range(end).map_err(|what| format!("tensor `{key}` {what}; {DAMAGED}"))?;
        end = range.end;
        if end > data.len() {
            let (missing, has) = (end - data.len(), bytes.len());
            return Err(format!(
                "ends within tensor `{key}`: at least {missing} bytes are missing after {has}; \
                 the download did not finish, fetch it again"
            ));
        }
        let Info { dtype, shape: BoundedShape(shape), .. } = info;
        let (numbers, bytes) = (Numbers::of(dtype), data.slice(range));
        let tensor = StoredTensor { file: file.clone(), key: key.clone(), numbers, shape, bytes };
        if let Some(twice) = tensors.insert(key, tensor) {
            return Err(format!("has two tensors `{}`; {DAMAGED}", twice.key));
        }
    }
    Ok(Contents { tensors, rest: data.len() - end, about })
}

/// Whether a file begins as the format demands: with a length that is allowed, and a `{`.
fn begins_well(bytes: &[u8]) -> bool {
    let size = bytes.first_chunk::<8>().map(|size| u64::from_le_bytes(*size));
    size.is_some_and(|size| size <= MAX_HEADER as u64) && bytes.get(8) == Some(&b'{')
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
        _ => Err("is not a safetensors file; give a model in that format".into()),
    }
}

struct Header {
    /// In the order of the file.
    infos: Vec<(String, Info)>,
    about: About,
}

/// What the header says of a tensor.
#[derive(Deserialize)]
struct Info {
    dtype: Dtype,
    shape: BoundedShape,
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

/// What its maker says of the file: text by name, of which little is kept.
struct Metadata(About);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut about = About::default();
                while let Some((name, text)) = map.next_entry()? {
                    about.say(name, text);
                }
                Ok(Metadata(about))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

/// A shape; its length is bounded before anything is kept.
struct BoundedShape(Vec<usize>);

impl<'de> Deserialize<'de> for BoundedShape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = BoundedShape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a shape of at most {MAX_DIMENSIONS} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut extents: A) -> Result<BoundedShape, A::Error> {
                let mut shape = Vec::new();
                while let Some(extent) = extents.next_element()? {
                    if shape.len() == MAX_DIMENSIONS {
                        return Err(A::Error::invalid_length(shape.len() + 1, &self));
                    }
                    shape.push(extent);
                }
                Ok(BoundedShape(shape))
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
                let (mut infos, mut about, mut described) = (Vec::new(), About::default(), false);
                while let Some(key) = map.next_key::<String>()? {
                    if key == METADATA {
                        if let Some(Metadata(said)) = map.next_value()? {
                            about.join(said);
                        }
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
                    about.mark(&key);
                    infos.push((key, info));
                }
                Ok(Header { infos, about })
            }
        }
        deserializer.deserialize_map(Tensors)
    }
}
