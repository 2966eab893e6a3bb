//! The header of a GGUF file, read as if it wanted to harm us.
//!
//! The layout is a magic word, a version, the numbers of tensors and of metadata, the metadata (name,
//! type, value), the tensors (name, extents with the innermost first, type, offset), then the tensors'
//! bytes, each at a multiple of the alignment. Whatever the file announces is held against the bytes
//! that are there before anything is kept.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::str;
use std::sync::Arc;

use bytes::Bytes;

use super::about::About;
use super::blocks::BlockFormat;
use super::numbers::{NumberFormat, Numbers};
use super::stored::{Contents, StoredTensor};

/// How the files begin.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";

/// More tensors and more metadata than any model has, vocabularies being one entry.
const MOST: u64 = 65_536;
const MAX_NAME: usize = 512;
/// The format's own limit.
const MAX_EXTENTS: u32 = 4;
/// Of a shape that was folded to fit into those.
const MAX_DIMENSIONS: usize = 8;
const USUAL_ALIGNMENT: u64 = 32;
const MAX_ALIGNMENT: u64 = 1 << 16;

/// What stands before the name of a tensor whose shape was folded when it was quantised.
const FOLDED: &str = "comfy.gguf.orig_shape.";
const DAMAGED: &str =
    "the file is damaged: compare its checksum with its publisher's, and fetch it again where they differ";

/// Bytes of so many numbers in rows of `row`, unless a row is no whole number of blocks.
fn bytes_of(numbers: Numbers, count: usize, row: usize) -> Option<usize> {
    match numbers {
        Numbers::Plain(format) => count.checked_mul(format.size()),
        Numbers::Blocks(format) if row.is_multiple_of(format.numbers()) => {
            (count / format.numbers()).checked_mul(format.bytes())
        }
        Numbers::Blocks(_) => None,
    }
}

/// Reads the header, or says what is wrong as the rest of a sentence.
pub(crate) fn contents(file: &Path, bytes: &Bytes) -> Result<Contents, String> {
    let mut cursor = Cursor { file: bytes, at: MAGIC.len() };
    match cursor.u32()? {
        2 | 3 => {}
        1 => {
            return Err(
                "is a GGUF file of version 1, an early draft of the format; fetch a newer file".into()
            );
        }
        version if matches!(version.swap_bytes(), 1..=3) => {
            return Err("is a GGUF file for big-endian machines; fetch the little-endian file".into());
        }
        version => {
            return Err(format!(
                "is a GGUF file of version {version}; Fulmen reads versions 2 and 3: fetch one of these"
            ));
        }
    }
    let (tensors, entries) = (cursor.u64()?, cursor.u64()?);
    if tensors > MOST || entries > MOST {
        return Err(format!(
            "announces {tensors} tensors and {entries} entries of metadata, far more than SDXL has; {DAMAGED}"
        ));
    }
    let metadata = Metadata::read(&mut cursor, entries)?;
    let mut infos = Vec::new();
    for _ in 0..tensors {
        infos.push(Info::read(&mut cursor)?);
    }
    let start = cursor.at.next_multiple_of(metadata.alignment);
    let data = Data { file: file.into(), bytes, start };
    data.tensors(infos, metadata)
}

/// The bytes of all tensors.
struct Data<'a> {
    file: Arc<Path>,
    /// Of the whole file.
    bytes: &'a Bytes,
    /// Where the first tensor may begin.
    start: usize,
}

impl Data<'_> {
    /// The tensors that `infos` speak of.
    fn tensors(&self, mut infos: Vec<Info>, metadata: Metadata) -> Result<Contents, String> {
        infos.sort_by_key(|info| info.offset);
        let Metadata { alignment, mut about, mut folded } = metadata;
        let mut tensors = HashMap::with_capacity(infos.len());
        let mut end = self.start;
        for info in infos {
            let range = self.range(&info, alignment, end)?;
            end = range.end;
            let shape = folded.remove(&info.name).unwrap_or_else(|| info.shape.clone());
            if product(&shape) != product(&info.shape) {
                let (name, folded) = (&info.name, &info.shape);
                return Err(format!(
                    "says that tensor `{name}` of shape {folded:?} was {shape:?}; {DAMAGED}"
                ));
            }
            about.mark(&info.name);
            let (numbers, bytes) = (Ok(info.numbers), self.bytes.slice(range));
            let tensor =
                StoredTensor { file: self.file.clone(), key: info.name.clone(), numbers, shape, bytes };
            if let Some(twice) = tensors.insert(info.name, tensor) {
                return Err(format!("has two tensors `{}`; {DAMAGED}", twice.key));
            }
        }
        Ok(Contents { tensors, rest: self.bytes.len().saturating_sub(end), about })
    }

    /// Where a tensor lies, behind the one that ends at `end`.
    fn range(&self, info: &Info, alignment: usize, end: usize) -> Result<Range<usize>, String> {
        let range = info.range(self.start, alignment);
        let range = range.ok_or_else(|| format!("{}; {DAMAGED}", info.lies_wrongly()))?;
        if range.start < end {
            return Err(format!("tensor `{}` overlaps another; {DAMAGED}", info.name));
        }
        if range.end > self.bytes.len() {
            let (missing, len) = (range.end - self.bytes.len(), self.bytes.len());
            return Err(format!(
                "ends within tensor `{}`: at least {missing} bytes are missing after {len}; \
                 the download did not finish, fetch it again",
                info.name
            ));
        }
        Ok(range)
    }
}

fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent))
}

/// What the header says of a tensor.
struct Info {
    name: String,
    shape: Vec<usize>,
    numbers: Numbers,
    offset: u64,
}

impl Info {
    fn read(cursor: &mut Cursor) -> Result<Self, String> {
        let name = cursor.name()?.to_owned();
        let count = cursor.u32()?;
        if count > MAX_EXTENTS {
            return Err(format!(
                "tensor `{name}` has {count} dimensions, more than the format allows; {DAMAGED}"
            ));
        }
        let mut shape = Vec::new();
        for _ in 0..count {
            let extent = usize::try_from(cursor.u64()?);
            shape.push(extent.map_err(|_| format!("tensor `{name}` is larger than any memory; {DAMAGED}"))?);
        }
        shape.reverse();
        let numbers = numbers(&name, cursor.u32()?)?;
        Ok(Self { name, shape, numbers, offset: cursor.u64()? })
    }

    /// Where its bytes are; `None` where that cannot be.
    fn range(&self, start: usize, alignment: usize) -> Option<Range<usize>> {
        let offset = usize::try_from(self.offset).ok().filter(|offset| offset.is_multiple_of(alignment))?;
        let first = start.checked_add(offset)?;
        let row = self.shape.last().copied().unwrap_or(1);
        let bytes = bytes_of(self.numbers, product(&self.shape)?, row)?;
        Some(first..first.checked_add(bytes)?)
    }

    fn lies_wrongly(&self) -> String {
        let Self { name, shape, numbers, offset } = self;
        format!("tensor `{name}`, {numbers} {shape:?} at byte {offset}, cannot lie in a GGUF file so")
    }
}

/// Types that Fulmen does not read, by their numbers.
const NOT_READ: [(u32, &str); 23] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

/// A tensor's type by its number.
fn numbers(name: &str, number: u32) -> Result<Numbers, String> {
    Ok(match number {
        0 => Numbers::Plain(NumberFormat::F32),
        1 => Numbers::Plain(NumberFormat::F16),
        30 => Numbers::Plain(NumberFormat::Bf16),
        2 => Numbers::Blocks(BlockFormat::Q4_0),
        3 => Numbers::Blocks(BlockFormat::Q4_1),
        6 => Numbers::Blocks(BlockFormat::Q5_0),
        7 => Numbers::Blocks(BlockFormat::Q5_1),
        8 => Numbers::Blocks(BlockFormat::Q8_0),
        12 => Numbers::Blocks(BlockFormat::Q4K),
        13 => Numbers::Blocks(BlockFormat::Q5K),
        14 => Numbers::Blocks(BlockFormat::Q6K),
        _ => {
            let known =
                NOT_READ.iter().find(|(other, _)| *other == number).map(|(_, kind)| (*kind).to_owned());
            let kind = known.unwrap_or_else(|| format!("type {number}"));
            return Err(format!(
                "tensor `{name}` is stored as {kind}; Fulmen reads F32, F16, BF16, Q8_0, Q6_K, Q5_K, Q4_K, Q5_0, \
                 Q5_1, Q4_0 and Q4_1: fetch the model in one of these"
            ));
        }
    })
}

/// What is kept of the metadata.
struct Metadata {
    alignment: usize,
    about: About,
    /// Shapes that were folded, by their tensors.
    folded: HashMap<String, Vec<usize>>,
}

impl Metadata {
    fn read(cursor: &mut Cursor, entries: u64) -> Result<Self, String> {
        let mut alignment = USUAL_ALIGNMENT;
        let mut about = About::default();
        let mut folded = HashMap::new();
        for _ in 0..entries {
            let name = cursor.name()?;
            let value = cursor.value()?;
            match (name, value) {
                ("general.alignment", Value::Number(number)) => alignment = number,
                ("general.name", Value::Text(text)) => about.say("name".into(), text.to_owned()),
                (name, Value::Text(text)) => about.say(name.to_owned(), text.to_owned()),
                (name, Value::Extents(shape)) => {
                    let tensor = name.strip_prefix(FOLDED).map(str::to_owned);
                    folded.extend(tensor.map(|tensor| (tensor, shape)));
                }
                _ => {}
            }
        }
        if alignment == 0 || alignment > MAX_ALIGNMENT || !alignment.is_multiple_of(8) {
            return Err(format!("has an alignment of {alignment} bytes, which is not possible; {DAMAGED}"));
        }
        Ok(Self { alignment: usize::try_from(alignment).unwrap_or(usize::MAX), about, folded })
    }
}

/// A value of the metadata, as far as it says something here.
enum Value<'a> {
    Number(u64),
    Text(&'a str),
    /// A short list of whole numbers.
    Extents(Vec<usize>),
    Other,
}

/// Reads on from a place in the file.
struct Cursor<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: u64) -> Result<&'a [u8], String> {
        let rest = &self.file[self.at..];
        let taken = usize::try_from(bytes).ok().and_then(|bytes| rest.get(..bytes)).ok_or_else(|| {
            let len = self.file.len();
            format!(
                "ends within its header: {bytes} bytes are announced at byte {} of {len}; \
                 the download did not finish, fetch it again",
                self.at
            )
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(self.take(4)?.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(self.take(8)?.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)))
    }

    fn text(&mut self) -> Result<&'a [u8], String> {
        let bytes = self.u64()?;
        self.take(bytes)
    }

    /// A name, which reaches terminals and logs.
    fn name(&mut self) -> Result<&'a str, String> {
        let name = str::from_utf8(self.text()?).ok();
        let is_fit = |name: &&str| name.len() <= MAX_NAME && !name.chars().any(char::is_control);
        name.filter(is_fit).ok_or_else(|| format!("has a name that is too long or not printable; {DAMAGED}"))
    }

    fn value(&mut self) -> Result<Value<'a>, String> {
        match self.u32()? {
            TEXT => Ok(str::from_utf8(self.text()?).map_or(Value::Other, Value::Text)),
            LIST => self.list(),
            kind => {
                let bytes = self.take(size(kind)?)?;
                Ok(whole(kind, bytes).map_or(Value::Other, Value::Number))
            }
        }
    }

    fn list(&mut self) -> Result<Value<'a>, String> {
        let (kind, count) = (self.u32()?, self.u64()?);
        match kind {
            TEXT => {
                // Each has eight bytes at least, so the file's length bounds the loop.
                for _ in 0..count {
                    self.text()?;
                }
                Ok(Value::Other)
            }
            LIST => Err(format!("has lists of lists in its metadata; {DAMAGED}")),
            kind => {
                let size = size(kind)?;
                let bytes = self.take(count.saturating_mul(size))?;
                let extents = bytes.chunks_exact(size as usize).take(MAX_DIMENSIONS + 1);
                let extents: Option<Vec<usize>> =
                    extents.map(|bytes| usize::try_from(whole(kind, bytes)?).ok()).collect();
                let short = extents.filter(|extents| extents.len() <= MAX_DIMENSIONS);
                Ok(short.map_or(Value::Other, Value::Extents))
            }
        }
    }
}

/// Types of values that have no fixed size.
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Bytes of a value of any other type.
fn size(kind: u32) -> Result<u64, String> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(format!("has metadata of a type {kind}, which the format does not know; {DAMAGED}")),
    }
}

/// A whole number of any size that is not negative.
fn whole(kind: u32, bytes: &[u8]) -> Option<u64> {
    let is_whole = matches!(kind, 0..=5 | 10 | 11);
    let is_negative = matches!(kind, 1 | 3 | 5 | 11) && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    (is_whole && !is_negative).then_some(value)
}
