//! One tensor of a checkpoint: a name, a shape, and bytes that stay where they are until numbers are read.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use half::f16;

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
}

fn next_id() -> u64 {
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
        Self { id: next_id(), name, shape, numbers, view, bytes, patches: Vec::new() }
    }

    /// A tensor of which only the name and the shape are asked: there is nothing to read.
    pub(crate) fn without_numbers(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { shape, ..Self::new(name, vec![0], NumberFormat::F32, Bytes::new()) }
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
        self.read_stored(start, out);
        self.patches.iter().for_each(|patch| patch.apply(start, out));
    }

    /// Reads the same piece of several rows, which lie `step` apart: `count` numbers of each, one after the
    /// other. What changes a weight can do so faster than for each row alone.
    ///
    /// # Panics
    /// As [`Weight::read`].
    pub(crate) fn read_rows(&self, start: usize, step: usize, count: usize, out: &mut [f32]) {
        let rows = out.chunks_exact_mut(count).enumerate();
        rows.for_each(|(row, out)| self.read_stored(start + row * step, out));
        self.patches.iter().for_each(|patch| patch.apply_rows(start, step, count, out));
    }

    /// The weight and differences to be added to it. Changes that are nothing of the kind stay in the weight, and keep
    /// all others there: their order matters.
    pub(crate) fn split(&self) -> (Self, Vec<LowRank<'_>>) {
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
        let place = self.place(start, out.len());
        if self.has_halves() && self.patches.is_empty() && self.view != View::Transposed {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::blocks::BlockFormat;

    #[test]
    fn unaligned_bytes_read_the_same_numbers() {
        let values = [1.0f32, -2.5, 65504.0, 6.1e-5];
        let mut shifted = vec![0u8];
        shifted.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
        let bytes = Bytes::from(shifted).slice(1..);
        let weight = Weight::new("x", vec![4], NumberFormat::F16, bytes);
        let expected: Vec<f32> = values.iter().map(|v| f16::from_f32(*v).to_f32()).collect();
        assert_eq!(weight.to_f32(), expected);
    }

    /// Numbers 0, 1, 2 … as they are stored.
    fn counted(numbers: Numbers, count: usize) -> Bytes {
        let halves = |v: usize| f16::from_f32(v as f32).to_le_bytes();
        match numbers {
            Numbers::Plain(NumberFormat::F32) => (0..count).flat_map(|v| (v as f32).to_le_bytes()).collect(),
            Numbers::Plain(NumberFormat::F16) => (0..count).flat_map(halves).collect(),
            Numbers::Plain(NumberFormat::Bf16) => {
                (0..count).flat_map(|v| half::bf16::from_f32(v as f32).to_le_bytes()).collect()
            }
            Numbers::Plain(_) => unreachable!("eight bits cannot count so far"),
            // A scale of one, then integers.
            Numbers::Blocks(_) => {
                let block = |b| halves(1).into_iter().chain((0..32).map(move |i| (32 * b + i) as u8));
                (0..count / 32).flat_map(block).collect()
            }
        }
    }

    const STORED: [Numbers; 4] = [
        Numbers::Plain(NumberFormat::F32),
        Numbers::Plain(NumberFormat::F16),
        Numbers::Plain(NumberFormat::Bf16),
        Numbers::Blocks(BlockFormat::Q8_0),
    ];

    #[test]
    fn every_view_of_every_format_reads_its_numbers_from_any_place_on() {
        let number = |view, i: usize| match view {
            View::Whole => i,
            View::Third(third) => usize::from(third) * 32 + i,
            View::Half(half) => usize::from(half) * 48 + i,
            // [8, 12] of [12, 8].
            View::Transposed => i % 12 * 8 + i / 12,
        };
        for numbers in STORED {
            for (view, shape) in [
                (View::Whole, vec![8, 12]),
                (View::Third(0), vec![4, 8]),
                (View::Third(2), vec![4, 8]),
                (View::Half(1), vec![6, 8]),
                (View::Transposed, vec![8, 12]),
            ] {
                let weight = Weight::of("x", shape, numbers, view, counted(numbers, 96));
                for start in 0..weight.len() {
                    let wanted: Vec<f32> = (start..weight.len()).map(|i| number(view, i) as f32).collect();
                    let mut found = vec![0.0; wanted.len()];
                    weight.read(start, &mut found);
                    assert_eq!(found, wanted, "{numbers:?}, {view:?} from {start}");
                    let mut halves = vec![f16::ZERO; wanted.len()];
                    weight.read_halves(start, &mut halves);
                    let halves: Vec<f32> = halves.into_iter().map(f16::to_f32).collect();
                    assert_eq!(halves, wanted, "{numbers:?}, {view:?} from {start}, as halves");
                }
            }
        }
    }

    /// Adds the number's place, times a factor.
    #[derive(Debug)]
    struct Ramp(f32);

    impl Patch for Ramp {
        fn apply(&self, start: usize, out: &mut [f32]) {
            out.iter_mut().enumerate().for_each(|(i, out)| *out += self.0 * (start + i) as f32);
        }
    }

    #[test]
    fn patches_change_what_is_read_one_after_the_other_and_not_the_weight_itself() {
        let bytes = counted(Numbers::Plain(NumberFormat::F16), 96);
        let plain = Weight::of("x", vec![4, 8], Numbers::Plain(NumberFormat::F16), View::Third(1), bytes);
        let patched = plain.patched(Arc::new(Ramp(2.0))).patched(Arc::new(Ramp(0.5)));
        let wanted: Vec<f32> = (5..32).map(|i| 32.0 + 3.5 * i as f32).collect();
        let (mut found, mut halves) = (vec![0.0; 27], vec![f16::ZERO; 27]);
        patched.read(5, &mut found);
        patched.read_halves(5, &mut halves);
        assert_eq!(found, wanted);
        assert_eq!(halves.into_iter().map(f16::to_f32).collect::<Vec<_>>(), wanted);
        assert_ne!(patched.id(), plain.id());
        assert_eq!(plain.to_f32()[1], 33.0);
    }
}
