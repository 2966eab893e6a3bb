//! Numbers to pixels: `((x / 2 + 0.5).clamp(0, 1) · 255).round()`, half to even, packed RGBA8.
//!
//! Twin: `reference::picture`. Exact.

use rayon::prelude::*;

use super::value::Turn;

/// Pixels of a task.
const PIXELS: usize = 4096;

pub(super) fn picture(turn: &Turn<'_>, out: &mut [f32]) {
    let pixels: &mut [u32] = bytemuck::cast_slice_mut(out);
    let x = turn.inputs[0].numbers.par_chunks(3 * PIXELS);
    pixels.par_chunks_mut(PIXELS).zip(x).for_each(|(pixels, x)| {
        for (pixel, rgb) in pixels.iter_mut().zip(x.as_chunks::<3>().0) {
            let finite = rgb.iter().all(|c| c.is_finite());
            let [red, green, blue] = rgb.map(level);
            *pixel = red | green << 8 | blue << 16 | if finite { 0xff00_0000 } else { 0 };
        }
    });
}

fn level(x: f32) -> u32 {
    ((x * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u32
}
