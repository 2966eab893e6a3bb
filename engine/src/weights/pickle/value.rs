//! What a pickle says.

use safetensors::Dtype;

use super::names::Name;

/// A value's place among all of a pickle's.
pub(in crate::weights) type Place = u32;

/// A value. Those that it is made of are named by their places.
#[derive(Debug, Clone)]
pub(in crate::weights) enum Value {
    /// `None`, a truth value, or a number with a fraction: said, but of no use here.
    Other,
    /// A whole number.
    Int(i64),
    /// A text, by where it stands in the pickle.
    Text(u32, u32),
    /// Values in a row.
    Row(Vec<Place>),
    /// Keys and values.
    Dictionary(Vec<[Place; 2]>),
    /// A name that is known.
    Name(Name),
    /// Numbers in an entry of the archive.
    Storage(Storage),
    /// A tensor over such numbers.
    Tensor(Box<Tensor>),
}

/// Numbers in an entry of the archive.
#[derive(Debug, Clone, Copy)]
pub(in crate::weights) struct Storage {
    /// Their type.
    pub(in crate::weights) numbers: Dtype,
    /// The entry's name, a text.
    pub(in crate::weights) key: Place,
    /// How many.
    pub(in crate::weights) count: usize,
}

/// A tensor.
#[derive(Debug, Clone)]
pub(in crate::weights) struct Tensor {
    pub(in crate::weights) storage: Storage,
    /// Numbers of the storage before its first.
    pub(in crate::weights) offset: usize,
    pub(in crate::weights) shape: Vec<usize>,
    pub(in crate::weights) strides: Vec<usize>,
}

/// All values of a pickle, and which of them is what it says.
#[derive(Debug)]
pub(in crate::weights) struct Values<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) all: Vec<Value>,
    pub(super) root: Place,
}

impl Values<'_> {
    /// What the pickle says.
    pub(in crate::weights) fn root(&self) -> &Value {
        self.at(self.root)
    }

    /// The value at a place.
    pub(in crate::weights) fn at(&self, place: Place) -> &Value {
        // Places are handed out by the machine alone; none is beyond the list.
        self.all.get(place as usize).unwrap_or(&Value::Other)
    }

    /// The text at a place, if there is one.
    pub(in crate::weights) fn text(&self, place: Place) -> Option<&str> {
        text(self.bytes, self.at(place))
    }
}

/// Longer texts are no names of anything, and are not looked at.
const LONGEST_TEXT: u32 = 512;

/// The text that a value is.
pub(super) fn text<'a>(bytes: &'a [u8], value: &Value) -> Option<&'a str> {
    match *value {
        Value::Text(start, end) if end - start <= LONGEST_TEXT => {
            std::str::from_utf8(bytes.get(start as usize..end as usize)?).ok()
        }
        _ => None,
    }
}
