//! ZIP archives whose entries are stored as they are: what PyTorch writes. Nothing is unpacked; an entry is a piece of
//! the file.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

/// How an archive begins.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// More entries than any network has tensors.
const MOST_ENTRIES: u64 = 100_000;
const MAX_NAME: usize = 512;

/// Bytes of the records, without the texts behind them.
const END: usize = 22;
const END_64: usize = 56;
const LOCATOR_64: usize = 20;
const ENTRY: usize = 46;
const LOCAL: usize = 30;
/// The longest comment at an archive's end.
const COMMENT: usize = u16::MAX as usize;

const DAMAGED: &str = "the archive is damaged or cut off; fetch it again";

/// The entries of an archive by their names.
#[derive(Debug)]
pub(super) struct Zip {
    bytes: Bytes,
    entries: BTreeMap<String, Range<usize>>,
}

impl Zip {
    /// Reads the directory at an archive's end.
    pub(super) fn read(bytes: &Bytes) -> Result<Self, String> {
        let directory = directory(bytes).ok_or(DAMAGED)?;
        if directory.entries > MOST_ENTRIES {
            return Err(format!("has {} entries; that is no network", directory.entries));
        }
        let (mut at, mut entries) = (directory.start, BTreeMap::new());
        for _ in 0..directory.entries {
            let Entry { name, packed, range, end } = entry(bytes, at).ok_or(DAMAGED)?;
            at = end;
            if packed {
                return Err(format!(
                    "is a compressed archive, which PyTorch does not write (`{}` in it is packed); unpack it, and give \
                     what is in it",
                    crate::quote::quoted(&name)
                ));
            }
            if entries.insert(name, range).is_some() {
                return Err(format!("has two entries of one name; {DAMAGED}"));
            }
        }
        Ok(Self { bytes: bytes.clone(), entries })
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of an entry.
    pub(super) fn get(&self, name: &str) -> Option<Bytes> {
        self.entries.get(name).map(|range| self.bytes.slice(range.clone()))
    }
}

/// Where the list of entries stands.
struct Directory {
    start: usize,
    entries: u64,
}

/// Finds it by the record at the archive's end, and by the larger one before that where there is one.
fn directory(bytes: &[u8]) -> Option<Directory> {
    let first = bytes.len().saturating_sub(END + COMMENT);
    let end =
        (first..=bytes.len().checked_sub(END)?).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))?;
    let locator = end.checked_sub(LOCATOR_64).filter(|at| bytes[*at..].starts_with(b"PK\x06\x07"));
    let Some(locator) = locator else {
        let entries = u64::from(u16_at(bytes, end + 10)?);
        return Some(Directory { start: u32_at(bytes, end + 16)? as usize, entries });
    };
    let at = usize::try_from(u64_at(bytes, locator + 8)?).ok()?;
    let record = bytes.get(at..at.checked_add(END_64)?)?;
    let start = usize::try_from(u64_at(record, 48)?).ok()?;
    record.starts_with(b"PK\x06\x06").then_some(Directory { start, entries: u64_at(record, 32)? })
}

struct Entry {
    name: String,
    packed: bool,
    range: Range<usize>,
    /// Where the next one's record begins.
    end: usize,
}

fn entry(bytes: &[u8], at: usize) -> Option<Entry> {
    let record = bytes.get(at..at.checked_add(ENTRY)?).filter(|record| record.starts_with(b"PK\x01\x02"))?;
    let [name, extra, comment] = [28, 30, 32].map(|place| u16_at(record, place).map_or(0, usize::from));
    let texts = bytes.get(at + ENTRY..)?;
    let (name, texts) = texts.split_at_checked(name)?;
    let extra = Extra(texts.get(..extra)?);
    let end = at + ENTRY + name.len() + extra.0.len() + comment;
    let name = std::str::from_utf8(name).ok()?;
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return None;
    }
    let [packed_size, size, offset] = sizes(record, extra)?;
    let local = usize::try_from(offset).ok()?;
    let head = bytes.get(local..local.checked_add(LOCAL)?).filter(|head| head.starts_with(MAGIC))?;
    let start = local + LOCAL + usize::from(u16_at(head, 26)?) + usize::from(u16_at(head, 28)?);
    let range = start..start.checked_add(usize::try_from(size).ok()?)?;
    // Neither packed nor encrypted.
    let plain = u16_at(record, 10)? == 0 && u16_at(record, 8)? & 1 == 0 && packed_size == size;
    (!plain || range.end <= bytes.len()).then(|| Entry { name: name.to_owned(), packed: !plain, range, end })
}

/// The fields behind an entry's name.
#[derive(Clone, Copy)]
struct Extra<'a>(&'a [u8]);

impl Extra<'_> {
    /// The field with the numbers that are too large for their places.
    fn large(&self) -> &[u8] {
        let mut rest = self.0;
        while let (Some(kind), Some(len)) = (u16_at(rest, 0), u16_at(rest, 2)) {
            let end = 4 + usize::from(len);
            match (kind, rest.get(4..end)) {
                (1, Some(field)) => return field,
                (_, Some(_)) => rest = &rest[end..],
                (_, None) => break,
            }
        }
        &[]
    }
}

/// Packed size, size and place of an entry; those that do not fit in 32 bits stand in the extra field, in this order
/// of theirs: size, packed size, place.
fn sizes(record: &[u8], extra: Extra<'_>) -> Option<[u64; 3]> {
    let large = extra.large();
    let mut used = 0;
    let mut number = |place| match u32_at(record, place)? {
        u32::MAX => {
            let value = u64_at(large, used);
            used += 8;
            value
        }
        small => Some(u64::from(small)),
    };
    let (size, packed, offset) = (number(24)?, number(20)?, number(42)?);
    Some([packed, size, offset])
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
