//! Host values to rows of a device buffer, and back.

use half::f16;

use super::lowering::Value;
use crate::backend::{HostTensor, Values};
use crate::graph::Element;

/// The bytes of `tensor` as rows: numbers rounded if the value is stored in halves, padding zero.
pub(super) fn to_rows(value: &Value, tensor: &HostTensor) -> Vec<u8> {
    let values = match &tensor.values {
        Values::U32(ids) => return bytemuck::cast_slice(ids).to_vec(),
        Values::F32(values) => values,
    };
    let mut bytes = vec![0; value.bytes() as usize];
    let rows = bytes.chunks_exact_mut(value.row_bytes() as usize);
    for (row, numbers) in rows.zip(values.chunks_exact(value.shape.channels)) {
        if value.half() {
            for (out, number) in row.chunks_exact_mut(2).zip(numbers) {
                out.copy_from_slice(&f16::from_f32(*number).to_le_bytes());
            }
        } else {
            row[..4 * numbers.len()].copy_from_slice(bytemuck::cast_slice(numbers));
        }
    }
    bytes
}

/// A host tensor from rows; the padding is dropped.
pub(super) fn from_rows(value: &Value, bytes: &[u8]) -> HostTensor {
    if value.element == Element::U32 {
        let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        return HostTensor::u32(value.shape, words.collect());
    }
    let mut dense = Vec::with_capacity(value.shape.len());
    for row in bytes.chunks_exact(value.row_bytes() as usize) {
        dense.extend(numbers(value, row).take(value.shape.channels));
    }
    HostTensor::f32(value.shape, dense)
}

/// The first row whose padding holds anything but zeros.
pub(super) fn spoiled_row(value: &Value, bytes: &[u8]) -> Option<usize> {
    let mut rows = bytes.chunks_exact(value.row_bytes() as usize);
    rows.position(|row| numbers(value, row).skip(value.shape.channels).any(|number| number != 0.0))
}

/// The numbers of one row, with its padding.
fn numbers<'a>(value: &Value, row: &'a [u8]) -> Box<dyn Iterator<Item = f32> + 'a> {
    if value.half() {
        Box::new(row.as_chunks::<2>().0.iter().map(|pair| f16::from_le_bytes(*pair).to_f32()))
    } else {
        Box::new(row.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)))
    }
}
