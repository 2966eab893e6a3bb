//! Tokens to vectors, and one token's vector out of many.

use crate::backend::HostTensor;
use crate::graph::Shape;
use crate::weights::Weight;

/// Row `ids[i]` of the table plus row `i` of the positions.
pub(super) fn embed(ids: &HostTensor, table: &Weight, positions: &Weight) -> HostTensor {
    let channels = table.fan_in();
    let (table, positions, tokens) = (table.to_f32(), positions.to_f32(), ids.shape.pixels());
    let mut values = Vec::with_capacity(ids.shape.len() * channels);
    for (i, &id) in ids.as_u32().iter().enumerate() {
        let (word, place) =
            (&table[id as usize * channels..][..channels], &positions[i % tokens * channels..]);
        values.extend(word.iter().zip(place).map(|(word, place)| word + place));
    }
    HostTensor::f32(ids.shape.with_channels(channels), values)
}

/// Token `index[image]` of each image.
pub(super) fn take_token(x: &HostTensor, index: &HostTensor) -> HostTensor {
    let (channels, tokens) = (x.shape.channels, x.shape.pixels());
    let rows = index.as_u32().iter().enumerate().map(|(image, &index)| image * tokens + index as usize);
    let values = rows.flat_map(|row| &x.as_f32()[row * channels..][..channels]).copied().collect();
    HostTensor::f32(Shape::vector(x.shape.images, channels), values)
}
