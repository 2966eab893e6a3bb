//! The way back: what was drawn, within the picture that it was drawn for.

use std::borrow::Cow;

use super::fit::Fit;
use super::mask::{Mask, mixed};
use super::region::Region;
use crate::picture::Picture;

/// The picture with what was drawn where the mask says so, all three of one size. Where the mask is black its pixels stay
/// to the bit; where it is white they are the drawn ones to the bit; between, the two are blended.
#[must_use]
pub fn pasted(picture: &Picture, drawn: &Picture, mask: &Mask) -> Picture {
    let region = Region { left: 0, top: 0, width: picture.width, height: picture.height };
    pasted_into(picture, region, drawn, mask)
}

/// The same, where only a region of the picture was drawn, in any size: it is brought back to its own first, as
/// [`Fit::Crop`] does it, which undoes [`Fit::Pad`]. The mask is that of the whole picture.
///
/// # Panics
/// Where the picture and its mask differ in size, or the region does not lie within them.
#[must_use]
pub fn pasted_into(picture: &Picture, region: Region, drawn: &Picture, mask: &Mask) -> Picture {
    assert_eq!((picture.width, picture.height), (mask.width, mask.height), "a mask as large as its picture");
    let fits = (drawn.width, drawn.height) == (region.width, region.height);
    let drawn = match fits {
        true => Cow::Borrowed(drawn),
        false => Cow::Owned(Fit::Crop.picture(drawn, region.width, region.height)),
    };
    let mut whole = picture.clone();
    for y in 0..region.height {
        for x in 0..region.width {
            let (at, from) = ((region.top + y) * picture.width + region.left + x, y * region.width + x);
            let share = mask.values[at];
            for channel in 0..3 {
                let value = &mut whole.rgb[at * 3 + channel];
                *value = mixed(*value, drawn.rgb[from * 3 + channel], share);
            }
            if let Some(alpha) = &mut whole.alpha {
                let drawn = drawn.alpha.as_ref().map_or(u8::MAX, |alpha| alpha[from]);
                alpha[at] = mixed(alpha[at], drawn, share);
            }
        }
    }
    whole
}
