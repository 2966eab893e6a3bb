//! Numbers in eight bits, as f32: e4m3 (four bits of exponent, three of mantissa) and e5m2.
//!
//! Without branches, so that a loop over them becomes vector instructions.

/// An e4m3 number of the kind without infinities (`e4m3fn`): all bits but the sign set are NaN.
#[inline(always)]
pub(crate) fn from_e4m3(bits: u8) -> f32 {
    let magnitude = u32::from(bits & 0x7f);
    // Moved into place, the exponent is too small by the difference of the biases.
    let value = f32::from_bits(magnitude << 20) * f32::from_bits((127 + 120) << 23);
    signed(bits, if magnitude == 0x7f { f32::NAN.to_bits() } else { value.to_bits() })
}

/// An e5m2 number, which is the upper byte of a half, with its infinities and NaN.
#[inline(always)]
pub(crate) fn from_e5m2(bits: u8) -> f32 {
    let magnitude = u32::from(bits & 0x7f);
    let value = f32::from_bits(magnitude << 21) * f32::from_bits((127 + 112) << 23);
    signed(bits, if magnitude >= 0x7c { magnitude << 21 | 0xff << 23 } else { value.to_bits() })
}

#[inline(always)]
fn signed(bits: u8, magnitude: u32) -> f32 {
    f32::from_bits(magnitude | u32::from(bits & 0x80) << 24)
}
