//! What decoders give, made into pictures.

use super::super::{CHANNELS, Picture};

/// Decoded numbers: rows from the top, channels innermost.
pub(super) struct Samples {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 is grey, 2 grey and alpha, 3 colours, 4 colours and alpha.
    pub(super) channels: usize,
    pub(super) values: Vec<u8>,
}

impl Samples {
    /// The same numbers in 8 bits, where they have 16, the higher ones first.
    pub(super) fn rounded_to_8_bits(mut self) -> Self {
        let count = self.values.len() / 2;
        for i in 0..count {
            let value = u32::from(u16::from_be_bytes([self.values[2 * i], self.values[2 * i + 1]]));
            self.values[i] = ((value * 255 + 32_895) >> 16) as u8;
        }
        self.values.truncate(count);
        self
    }

    /// The picture. Alpha that hides nothing is left out.
    pub(super) fn picture(self) -> Picture {
        let Self { width, height, channels, mut values } = self;
        let alpha: Option<Vec<u8>> = channels
            .is_multiple_of(2)
            .then(|| values.chunks_exact(channels).map(|pixel| pixel[channels - 1]).collect());
        let rgb = match channels {
            CHANNELS => {
                values.shrink_to_fit();
                values
            }
            4 => without_last(values),
            _ => values.iter().step_by(channels).flat_map(|&grey| [grey; CHANNELS]).collect(),
        };
        let alpha = alpha.filter(|alpha| alpha.iter().any(|&alpha| alpha != u8::MAX));
        Picture { width, height, rgb, alpha }
    }
}

/// Colours moved together within the same memory.
fn without_last(mut values: Vec<u8>) -> Vec<u8> {
    let pixels = values.len() / 4;
    (0..pixels).for_each(|i| values.copy_within(4 * i..4 * i + CHANNELS, CHANNELS * i));
    values.truncate(pixels * CHANNELS);
    values.shrink_to_fit();
    values
}
