//! The way back: what was drawn, within the picture that it was drawn for.

use std::borrow::Cow;

use super::fit::Fit;
use super::mask::{Mask, mixed};
use super::region::Region;
use crate::picture::Picture;

/// The picture with what was drawn where the mask says so, all three of one size. Where the mask is black its pixels stay
/// to the bit; where it is white they are the drawn ones to the bit; between, the two are blended. So is how opaque they
/// are.
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
    if drawn.alpha.is_some() && whole.alpha.is_none() {
        whole.alpha = Some(vec![u8::MAX; whole.width * whole.height]);
    }
    for y in 0..region.height {
        for x in 0..region.width {
            let (at, from) = ((region.top + y) * picture.width + region.left + x, y * region.width + x);
            let share = mask.values[at];
            let opacity = whole
                .alpha
                .as_ref()
                .map(|alpha| [alpha[at], drawn.alpha.as_ref().map_or(u8::MAX, |alpha| alpha[from])]);
            let of_colour = opacity.map_or(share, |opacity| seen_share(opacity, share));
            for channel in 0..3 {
                let value = &mut whole.rgb[at * 3 + channel];
                *value = mixed(*value, drawn.rgb[from * 3 + channel], of_colour);
            }
            if let (Some(alpha), Some([kept, drawn])) = (&mut whole.alpha, opacity) {
                alpha[at] = mixed(kept, drawn, share);
            }
        }
    }
    whole
}

/// The share of the drawn one in what is seen of two colours, by how opaque they are and by the mask's share. What nobody
/// sees has no part in a blend.
fn seen_share([kept, drawn]: [u8; 2], share: u8) -> u8 {
    if kept == drawn || [0, u8::MAX].contains(&share) {
        return share;
    }
    let [kept, drawn, share] = [kept, drawn, share].map(u32::from);
    let (kept, drawn) = (kept * (255 - share), drawn * share);
    ((drawn * 255 + (kept + drawn) / 2) / (kept + drawn)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_brings_its_opacity_and_what_is_kept_keeps_its_own() {
        let picture = Picture::new(4, 1, vec![200; 12]);
        let drawn = Picture { alpha: Some(vec![0, 0, 255, 128]), ..Picture::new(4, 1, vec![0; 12]) };
        let mask = Mask { width: 4, height: 1, values: vec![0, 128, 128, 255] };
        let whole = pasted(&picture, &drawn, &mask);
        assert_eq!(whole.alpha.unwrap(), [255, 127, 255, 128]);
        // Where nothing is to be seen of what was drawn, its colour is not either.
        assert_eq!(whole.rgb.chunks_exact(3).map(|rgb| rgb[0]).collect::<Vec<_>>(), [200, 200, 100, 0]);
        let open = Picture { alpha: Some(vec![0; 4]), ..picture };
        let whole = pasted(&open, &Picture::new(4, 1, vec![0; 12]), &mask);
        assert_eq!(whole.alpha.unwrap(), [0, 128, 128, 255]);
        assert_eq!(whole.rgb.chunks_exact(3).map(|rgb| rgb[0]).collect::<Vec<_>>(), [200, 0, 0, 0]);
    }
}
