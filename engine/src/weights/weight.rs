//! One tensor of a checkpoint: a name, a shape, and bytes that stay where they are.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// How a tensor's numbers are stored. All little-endian, as safetensors has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
}

impl Format {
    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

/// One tensor of a checkpoint, in the checkpoint's own layout.
///
/// A product's weight is `[out, in]`, a convolution's `[out, in, height, width]`, a vector's
/// `[channels]`. The bytes are those of the mapped file: nothing is copied until a backend asks.
#[derive(Debug)]
pub struct Weight {
    id: u64,
    name: String,
    shape: Vec<usize>,
    format: Format,
    bytes: Bytes,
}

impl Weight {
    /// A tensor over `bytes`.
    ///
    /// # Panics
    /// If the bytes are not exactly as many as shape and format say: whoever opened the file has
    /// checked that already.
    #[must_use]
    pub fn new(name: impl Into<String>, shape: Vec<usize>, format: Format, bytes: Bytes) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = name.into();
        let count: usize = shape.iter().product();
        assert_eq!(bytes.len(), count * format.size(), "bytes of `{name}`");
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), name, shape, format, bytes }
    }

    /// A tensor of which only the name and the shape are asked: there is nothing to read.
    pub(crate) fn without_numbers(name: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { shape, ..Self::new(name, vec![0], Format::F32, Bytes::new()) }
    }

    /// A tensor of f32 values that were computed here: tests and generated weights.
    #[must_use]
    pub fn from_f32(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, shape, Format::F32, Bytes::from(bytes))
    }

    /// A tensor of values rounded to f16.
    #[must_use]
    pub fn from_f16(name: impl Into<String>, shape: Vec<usize>, values: &[f16]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        Self::new(name, shape, Format::F16, Bytes::from(bytes))
    }

    /// Unlike for any other weight of this process: what backends key their own copies by.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name in diffusers' naming, component first: `unet.conv_in.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape as the checkpoint has it, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How the numbers are stored.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.format.size()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes as they lie in the file, possibly not aligned to their numbers.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The outermost extent: outputs of a product or convolution, length of a vector.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Numbers under each output: `in` of a product, `in × height × width` of a convolution.
    #[must_use]
    pub fn fan_in(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Reads `out.len()` numbers from the `start`-th on, as f32.
    ///
    /// # Panics
    /// If the range does not lie within the tensor.
    pub fn read(&self, start: usize, out: &mut [f32]) {
        let size = self.format.size();
        let bytes = &self.bytes[start * size..(start + out.len()) * size];
        match self.format {
            Format::F32 => match bytemuck::try_cast_slice::<u8, f32>(bytes) {
                Ok(values) => out.copy_from_slice(values),
                Err(_) => each(bytes, out, f32::from_le_bytes),
            },
            Format::F16 => match bytemuck::try_cast_slice::<u8, f16>(bytes) {
                Ok(values) => values.convert_to_f32_slice(out),
                Err(_) => each(bytes, out, |b| f16::from_le_bytes(b).to_f32()),
            },
            Format::Bf16 => match bytemuck::try_cast_slice::<u8, bf16>(bytes) {
                Ok(values) => values.convert_to_f32_slice(out),
                Err(_) => each(bytes, out, |b| bf16::from_le_bytes(b).to_f32()),
            },
        }
    }

    /// All numbers as f32: for vectors and tests; matrices are read in blocks with [`Weight::read`].
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.len()];
        self.read(0, &mut out);
        out
    }
}

/// The slow way for bytes that do not start at a multiple of their number's size.
fn each<const N: usize>(bytes: &[u8], out: &mut [f32], decode: impl Fn([u8; N]) -> f32) {
    for (value, chunk) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = decode(*chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unaligned_bytes_read_the_same_numbers() {
        let values = [1.0f32, -2.5, 65504.0, 6.1e-5];
        let mut shifted = vec![0u8];
        shifted.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
        let bytes = Bytes::from(shifted).slice(1..);
        let weight = Weight::new("x", vec![4], Format::F16, bytes);
        let expected: Vec<f32> = values.iter().map(|v| f16::from_f32(*v).to_f32()).collect();
        assert_eq!(weight.to_f32(), expected);
    }
}
