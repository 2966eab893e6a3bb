//! One tensor of a checkpoint: a name, a shape, and bytes that stay where they are until numbers are read.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use half::f16;

use super::blocks::Quantisation;
use super::file;
use super::numbers::{self, NumberFormat, Numbers};

/// Which numbers of a stored tensor a weight has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// All of them.
    Whole,
    /// One third of the rows: query, key or value (0, 1, 2) of a fused projection.
    Third(u8),
    /// One half of the rows, keys or values (0, 1) of a projection of both.
    Half(u8),
    /// All of them, rows and columns exchanged.
    Transposed,
}

impl View {
    /// The shape of the stored tensor of which this view has `shape`.
    pub(crate) fn whole_shape(self, shape: &[usize]) -> Vec<usize> {
        let mut whole = shape.to_vec();
        match self {
            Self::Whole => {}
            Self::Third(_) => whole.iter_mut().take(1).for_each(|rows| *rows *= 3),
            Self::Half(_) => whole.iter_mut().take(1).for_each(|rows| *rows *= 2),
            Self::Transposed => whole.reverse(),
        }
        whole
    }
}

/// Changes a weight's numbers while they are read.
pub(crate) trait Patch: Debug + Send + Sync {
    /// Changes numbers `start..start + out.len()` of the weight, which `out` holds.
    fn apply(&self, start: usize, out: &mut [f32]);

    /// The same of pieces of `count` numbers, one after the other in `out`, that lie `step` apart.
    fn apply_rows(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let pieces = out.chunks_exact_mut(count).enumerate();
        pieces.for_each(|(row, out)| self.apply(start + row * step, out));
    }

    /// The same as two factors, where it is the sum of the weight and their product.
    fn low_rank(&self) -> Option<LowRank<'_>> {
        None
    }
}

/// A difference of a weight: `factor · up [out, rank] · down [rank, in]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LowRank<'a> {
    pub(crate) up: &'a Weight,
    pub(crate) down: &'a Weight,
    pub(crate) factor: f32,
}

/// One tensor of a checkpoint, as the network has it.
///
/// A product's weight is `[out, in]`, a convolution's `[out, in, height, width]`, a vector's
/// `[channels]`. The bytes are those of the mapped file: nothing is copied, and numbers are decoded when
/// a backend reads them.
#[derive(Debug, Clone)]
pub struct Weight {
    id: u64,
    name: String,
    shape: Vec<usize>,
    numbers: Numbers,
    view: View,
    /// Of the whole stored tensor, possibly not aligned to its numbers.
    bytes: Bytes,
    /// In the order in which they change what is read.
    patches: Vec<Arc<dyn Patch>>,
    /// What the numbers that are read are rounded to.
    quantisation: Option<Quantisation>,
    /// Where it is made of several, one above the other: these. It has no bytes of its own then.
    parts: Vec<Arc<Self>>,
}

/// A number that no other weight has.
pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Weight {
    /// A tensor over `bytes`.
    ///
    /// # Panics
    /// If the bytes are not exactly as many as shape and format say: whoever opened the file has
    /// checked that already.
    pub(crate) fn new(
        name: impl Into<String>,
        shape: Vec<usize>,
        format: NumberFormat,
        bytes: Bytes,
    ) -> Self {
        Self::of(name, shape, Numbers::Plain(format), View::Whole, bytes)
    }

    /// A tensor that is a view of the one in `bytes`.
    ///
    /// # Panics
    /// As [`Weight::new`].
    pub(crate) fn of(
        name: impl Into<String>,
        shape: Vec<usize>,
        numbers: Numbers,
        view: View,
        bytes: Bytes,
    ) -> Self {
        let name = name.into();
        let stored = view.whole_shape(&shape).iter().product();
        assert_eq!(bytes.len(), numbers.bytes(stored), "bytes of `{name}`");
        let (id, patches, parts) = (next_id(), Vec::new(), Vec::new());
        Self { id, name, shape, numbers, view, bytes, patches, quantisation: None, parts }
    }

    /// Matrices of one input, one above the other.
    pub(super) fn of_parts(id: u64, name: String, parts: Vec<Arc<Self>>) -> Self {
        let numbers = if parts.iter().all(|part| part.numbers == parts[0].numbers) {
            parts[0].numbers
        } else {
            Numbers::Plain(NumberFormat::F32)
        };
        let mut shape = parts[0].shape.clone();
        shape[0] = parts.iter().map(|part| part.outputs()).sum();
        let first = parts[0].quantisation;
        let quantisation = first.filter(|_| parts.iter().all(|part| part.quantisation == first));
        let (view, bytes, patches) = (View::Whole, Bytes::new(), Vec::new());
        Self { id, name, shape, numbers, view, bytes, patches, quantisation, parts }
    }

    /// Those that it is made of; none where it is none of several.
    pub(super) fn parts(&self) -> &[Arc<Self>] {
        &self.parts
    }

    /// A tensor of which only the name and the shape are asked: there is nothing to read.
    pub(crate) fn without_numbers(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { shape, ..Self::new(name, vec![0], NumberFormat::F32, Bytes::new()) }
    }

    /// Whether it can be read.
    pub(crate) fn has_numbers(&self) -> bool {
        !self.bytes.is_empty() || self.parts.iter().any(|part| part.has_numbers())
    }

    /// A tensor of f32 values that were computed here: tests and generated weights.
    #[must_use]
    pub fn from_f32(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, shape, NumberFormat::F32, Bytes::from(bytes))
    }

    /// A tensor of values rounded to f16.
    #[must_use]
    pub fn from_f16(name: impl Into<String>, shape: Vec<usize>, values: &[f16]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, shape, NumberFormat::F16, Bytes::from(bytes))
    }

    /// The same tensor, changed by `patch` whenever it is read.
    pub(crate) fn patched(&self, patch: Arc<dyn Patch>) -> Self {
        let patches = self.patches.iter().cloned().chain([patch]).collect();
        Self { id: next_id(), patches, ..self.clone() }
    }

    /// The same numbers under another name, in a shape of as many.
    pub(crate) fn reshaped(&self, name: &str, shape: &[usize]) -> Self {
        Self { id: next_id(), name: name.to_owned(), shape: shape.to_vec(), ..self.clone() }
    }

    /// The same numbers, rounded whenever they are read.
    pub(super) fn with_quantisation(&self, quantisation: Quantisation) -> Self {
        Self { id: next_id(), quantisation: Some(quantisation), ..self.clone() }
    }

    /// What the numbers that are read are rounded to, where they are.
    pub(crate) fn quantisation(&self) -> Option<Quantisation> {
        self.quantisation
    }

    /// How and where the numbers are stored, where nothing changes them.
    pub(super) fn unchanged(&self) -> Option<(Numbers, View, &[u8])> {
        let is_as_stored = self.patches.is_empty() && self.parts.is_empty();
        is_as_stored.then_some((self.numbers, self.view, &self.bytes))
    }

    /// Unlike for any other weight of this process: what backends key their own copies by.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The name in diffusers' naming, part first: `unet.conv_in.weight`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The shape as the network has it, outermost first.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the numbers are stored, as files call it: `F16`.
    #[must_use]
    pub fn format(&self) -> String {
        self.numbers.to_string()
    }

    /// Whether the numbers are stored as halves.
    pub(crate) fn has_halves(&self) -> bool {
        self.numbers == Numbers::Plain(NumberFormat::F16)
    }

    /// Whether every number that is read is a half exactly.
    pub(crate) fn reads_halves(&self) -> bool {
        self.has_halves() && !self.is_changed() && self.quantisation.is_none()
    }

    /// Gives the memory of a mapped file's bytes back to the system: they are not needed soon, and come back by
    /// themselves.
    pub(crate) fn release(&self) {
        file::release(&self.bytes);
        self.parts.iter().for_each(|part| part.release());
    }

    /// Bytes in memory that no one else has: those of a file are the file's.
    pub(crate) fn own_bytes(&self) -> usize {
        if self.bytes.is_unique() { self.bytes.len() } else { 0 }
    }

    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The outermost extent: outputs of a product or convolution, length of a vector.
    pub(crate) fn outputs(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Numbers under each output: `in` of a product, `in × height × width` of a convolution.
    pub(crate) fn fan_in(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Reads `out.len()` numbers from the `start`-th on, as f32.
    ///
    /// # Panics
    /// If the range does not lie within the tensor.
    pub(crate) fn read(&self, start: usize, out: &mut [f32]) {
        if !self.parts.is_empty() {
            return self.read_parts(start, out, Self::read);
        }
        if self.quantisation.is_some() && !out.is_empty() {
            return self.read_rounded(start, self.fan_in(), out.len(), out);
        }
        self.read_stored(start, out);
        self.patches.iter().for_each(|patch| patch.apply(start, out));
    }

    /// Reads the same piece of several rows, which lie `step` apart: `count` numbers of each, one after the
    /// other. What changes a weight can do so faster than for each row alone.
    ///
    /// # Panics
    /// As [`Weight::read`].
    pub(crate) fn read_rows(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        if !self.parts.is_empty() {
            return self.read_rows_of_parts(start, step, count, out);
        }
        if self.quantisation.is_some() {
            return self.read_rounded(start, step, count, out);
        }
        self.read_rows_exactly(start, step, count, out);
    }

    /// The same before anything is rounded.
    pub(super) fn read_rows_exactly(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let rows = out.chunks_exact_mut(count).enumerate();
        rows.for_each(|(row, out)| self.read_stored(start + row * step, out));
        self.patches.iter().for_each(|patch| patch.apply_rows(start, step, count, out));
    }

    /// Whether anything changes its numbers while they are read.
    pub(crate) fn is_changed(&self) -> bool {
        !self.patches.is_empty() || self.parts.iter().any(|part| part.is_changed())
    }

    /// The weight and differences to be added to it. Changes that are nothing of the kind stay in the weight, and keep
    /// all others there: their order matters.
    pub(crate) fn split(&self) -> (Self, Vec<LowRank<'_>>) {
        if self.quantisation.is_some() || !self.parts.is_empty() {
            return (self.clone(), vec![]);
        }
        match self.patches.iter().map(|patch| patch.low_rank()).collect() {
            Some(differences) => (Self { patches: vec![], ..self.clone() }, differences),
            None => (self.clone(), vec![]),
        }
    }

    /// What is stored, unchanged.
    fn read_stored(&self, start: usize, out: &mut [f32]) {
        let place = self.place(start, out.len());
        match self.view {
            View::Whole | View::Third(_) | View::Half(_) => self.numbers.read(&self.bytes, place, out),
            View::Transposed => self.read_transposed(start, out),
        }
    }

    /// The same, rounded to halves where they are none.
    ///
    /// # Panics
    /// As [`Weight::read`].
    pub(crate) fn read_halves(&self, start: usize, out: &mut [f16]) {
        if !self.parts.is_empty() {
            return self.read_parts(start, out, Self::read_halves);
        }
        let place = self.place(start, out.len());
        if self.reads_halves() && self.view != View::Transposed {
            return numbers::copy_halves(&self.bytes, place, out);
        }
        numbers::rounded(out, |first, some| self.read(start + first, some));
    }

    /// All numbers as f32: for vectors and tests; matrices are read in blocks with [`Weight::read`].
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.read(0, &mut out);
        out
    }

    /// Where in the stored tensor the `start`-th number stands, unless it is transposed.
    fn place(&self, start: usize, count: usize) -> usize {
        assert!(start + count <= self.len(), "numbers of `{}`", self.name);
        match self.view {
            View::Third(part) | View::Half(part) => usize::from(part) * self.len() + start,
            View::Whole | View::Transposed => start,
        }
    }

    /// Gathers the pieces of rows, which are stored as columns.
    fn read_transposed(&self, start: usize, out: &mut [f32]) {
        let (rows, columns) = (self.outputs(), self.fan_in());
        let mut done = 0;
        while done < out.len() {
            let (row, column) = ((start + done) / columns, (start + done) % columns);
            let count = (columns - column).min(out.len() - done);
            self.numbers.gather(&self.bytes, column * rows + row, rows, &mut out[done..done + count]);
            done += count;
        }
    }
}
