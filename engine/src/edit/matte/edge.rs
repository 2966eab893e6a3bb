//! The edge between subject and background: what share of each pixel is which.

use super::ground::beside;
use crate::picture::Picture;

/// Pixels on each side of the edge that may be of both.
const BAND: usize = 2;

/// How far from such a pixel colours of subject and background are looked for, in pixels.
const REACH: isize = 6;

/// The directions in which they are: sixteen, in steps of an eighth of a pixel.
const DIRECTIONS: [[isize; 2]; 16] = [
    [8, 0],
    [7, 3],
    [6, 6],
    [3, 7],
    [0, 8],
    [-3, 7],
    [-6, 6],
    [-7, 3],
    [-8, 0],
    [-7, -3],
    [-6, -6],
    [-3, -7],
    [0, -8],
    [3, -7],
    [6, -6],
    [7, -3],
];

/// What a colour that is farther away by a pixel costs, as a distance of colours in 0..255.
const FARTHER: f32 = 1.0;

/// Shares of subject that are this near to none or all are that.
const ROUNDED: f32 = 0.04;

/// A colour found beside the edge, and from how far.
struct Found {
    rgb: [f32; 3],
    far: f32,
}

/// The picture with alpha: none on ground, all on the subject, between in the band along the edge.
pub(super) fn softened(picture: &Picture, ground: &[bool]) -> Picture {
    let (width, height) = (picture.width, picture.height);
    let band = band(ground, width, height);
    let mut rgb = picture.rgb.clone();
    let mut alpha: Vec<u8> = ground.iter().map(|&is_ground| if is_ground { 0 } else { u8::MAX }).collect();
    for at in (0..ground.len()).filter(|&at| band[at]) {
        let find = |wanted: bool| found(picture, at, |at| !band[at] && ground[at] == wanted);
        let Some((share, colour)) = unmixed(colour(picture, at), &find(false), &find(true)) else {
            continue;
        };
        alpha[at] = (share * 255.0).round() as u8;
        if share > 0.0 {
            rgb[at * 3..at * 3 + 3].copy_from_slice(&colour);
        }
    }
    Picture { width, height, rgb, alpha: Some(alpha) }
}

/// Pixels that are within a few steps of the other kind.
fn band(ground: &[bool], width: usize, height: usize) -> Vec<bool> {
    let is_edge =
        |at: usize| beside(at, width, height).into_iter().flatten().any(|b| ground[b] != ground[at]);
    let mut band: Vec<bool> = (0..ground.len()).map(is_edge).collect();
    for _ in 1..BAND {
        let wider = |at: usize| band[at] || beside(at, width, height).into_iter().flatten().any(|b| band[b]);
        band = (0..ground.len()).map(wider).collect();
    }
    band
}

fn colour(picture: &Picture, at: usize) -> [f32; 3] {
    [0, 1, 2].map(|i| f32::from(picture.rgb[at * 3 + i]))
}

/// The nearest pixel in each direction that is `wanted`.
fn found(picture: &Picture, at: usize, wanted: impl Fn(usize) -> bool) -> Vec<Found> {
    let (x, y) = ((at % picture.width) as isize, (at / picture.width) as isize);
    let walk = |[dx, dy]: &[isize; 2]| {
        (1..=REACH).find_map(|step| {
            let [x, y] = [x + (dx * step + 4).div_euclid(8), y + (dy * step + 4).div_euclid(8)];
            let is_inside =
                (0..picture.width as isize).contains(&x) && (0..picture.height as isize).contains(&y);
            let at = is_inside.then(|| y as usize * picture.width + x as usize)?;
            wanted(at).then(|| Found { rgb: colour(picture, at), far: step as f32 })
        })
    };
    DIRECTIONS.iter().filter_map(walk).collect()
}

/// The share of subject in a colour, and the subject's own: by that pair of a subject's and a background's colour between
/// which it lies best. `None` where one of both is not near, or they are one colour.
fn unmixed(seen: [f32; 3], subject: &[Found], ground: &[Found]) -> Option<(f32, [u8; 3])> {
    let mut best: Option<(f32, f32, [f32; 3])> = None;
    for subject in subject {
        for ground in ground {
            let across = sub(subject.rgb, ground.rgb);
            let length = dot(across, across);
            if length < 1.0 {
                continue;
            }
            let share = (dot(sub(seen, ground.rgb), across) / length).clamp(0.0, 1.0);
            let off = sub(seen, [0, 1, 2].map(|i| ground.rgb[i] + share * across[i]));
            let cost = dot(off, off).sqrt() + FARTHER * (subject.far + ground.far);
            if best.is_none_or(|(least, ..)| cost < least) {
                best = Some((cost, share, ground.rgb));
            }
        }
    }
    let (_, share, ground) = best?;
    let share = ((share - ROUNDED) / (1.0 - 2.0 * ROUNDED)).clamp(0.0, 1.0);
    let own = |i: usize| ground[i] + (seen[i] - ground[i]) / share.max(1e-3);
    Some((share, [0, 1, 2].map(|i| own(i).round().clamp(0.0, 255.0) as u8)))
}

fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] - b[i])
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
