//! Numbers to pixels.

use crate::backend::HostTensor;

/// Three channels in [−1, 1] to packed RGBA8, red lowest; alpha 0 marks a pixel that is not finite.
///
/// In f32 on purpose: which way a number between two grey levels falls is part of the definition,
/// and it is that of diffusers, `((x / 2 + 0.5).clamp(0, 1) · 255).round()`.
pub(super) fn picture(x: &HostTensor) -> HostTensor {
    let level = |x: f32| ((x / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u32;
    let pixel = |rgb: &[f32]| {
        let alpha = if rgb.iter().all(|c| c.is_finite()) { 255 } else { 0 };
        level(rgb[0]) | level(rgb[1]) << 8 | level(rgb[2]) << 16 | alpha << 24
    };
    HostTensor::u32(x.shape.with_channels(1), x.as_f32().chunks_exact(3).map(pixel).collect())
}
