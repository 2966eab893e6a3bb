//! A subject without its background, from the picture alone.
//!
//! No network is asked, so nothing here knows what a subject is. Background is what has the colours of the picture's
//! border and is connected to it; all else is the subject. That holds for a subject on a plain, shaded or simply
//! patterned ground, which is what a model draws when it is asked for one. What shows through a closed ring stays, a
//! subject in the colour of its ground is eaten into, and a scene without such a ground keeps everything.

mod edge;
mod ground;

use super::colour;
use crate::picture::Picture;

/// The picture with its background transparent. The edge is soft: what share of a pixel is subject is estimated from the
/// colours on both sides of it, and the background's share is taken out of its colour. Colours of transparent pixels stay.
#[must_use]
pub fn matte(picture: &Picture) -> Picture {
    let picture = &*picture.on_white();
    let (width, height) = (picture.width, picture.height);
    let labs: Vec<colour::Lab> =
        picture.rgb.chunks_exact(3).map(|rgb| colour::lab([rgb[0], rgb[1], rgb[2]])).collect();
    let ground = ground::connected(&labs, width, height);
    edge::softened(picture, &ground)
}
