//! Pictures as their cameras were held.

use image::metadata::Orientation;

use super::super::{CHANNELS, Picture};

/// What JPEGs write before their EXIF, and some programs everywhere.
const PREFIX: &[u8] = b"Exif\0\0";

/// The picture turned and mirrored as its EXIF says.
pub(super) fn upright(picture: Picture, exif: Option<&[u8]>) -> Picture {
    let exif = exif.map(|exif| exif.strip_prefix(PREFIX).unwrap_or(exif));
    match exif.and_then(Orientation::from_exif_chunk) {
        None | Some(Orientation::NoTransforms) => picture,
        Some(orientation) => turned(&picture, orientation),
    }
}

fn turned(picture: &Picture, orientation: Orientation) -> Picture {
    use Orientation::{FlipHorizontal, FlipVertical, NoTransforms, Rotate90, Rotate180, Rotate270};
    use Orientation::{Rotate90FlipH, Rotate270FlipH};
    let (width, height) = (picture.width, picture.height);
    let (right, bottom) = (width - 1, height - 1);
    // Where a pixel of the upright picture lies in the stored one.
    let from = |x: usize, y: usize| match orientation {
        NoTransforms => (x, y),
        FlipHorizontal => (right - x, y),
        Rotate180 => (right - x, bottom - y),
        FlipVertical => (x, bottom - y),
        Rotate90FlipH => (y, x),
        Rotate90 => (y, bottom - x),
        Rotate270FlipH => (right - y, bottom - x),
        Rotate270 => (right - y, x),
    };
    let lies = matches!(orientation, Rotate90FlipH | Rotate90 | Rotate270FlipH | Rotate270);
    let (across, down) = if lies { (height, width) } else { (width, height) };
    let places = || (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
    let places = || places().map(|(x, y)| from(x, y)).map(|(x, y)| y * width + x);
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    places().for_each(|at| rgb.extend_from_slice(&picture.rgb[at * CHANNELS..][..CHANNELS]));
    let alpha = picture.alpha.as_ref().map(|alpha| places().map(|at| alpha[at]).collect());
    Picture { width: across, height: down, rgb, alpha }
}
