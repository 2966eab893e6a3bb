//! A picture as the model is given it, and the way back into it.

use std::sync::Arc;

use super::{Init, Sizes};
use crate::edit::{Extended, Fit, Mask, Region, extended, is_drawn, pasted_into, resampled};
use crate::picture::Picture;

/// Below this a mask is taken for black where it is asked what to draw at all: a JPEG's black is not quite black.
const FAINT: u8 = 16;

/// A picture that another is drawn over, in the sizes that are needed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prepared {
    /// What the model sees, opaque.
    pub(crate) seen: Picture,
    /// `[height, width]` of that: whether a pixel is drawn anew. `None` where all are.
    pub(crate) drawn: Option<Vec<bool>>,
    /// How it was brought to its size, and to which before it was enlarged.
    fit: Fit,
    fitted: (usize, usize),
    /// Where what is drawn is put back.
    kept: Option<Kept>,
}

/// What comes back as it was.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    whole: Picture,
    mask: Mask,
    /// What of it is drawn.
    region: Region,
}

impl Prepared {
    /// `sizes` are those that [`Init::sizes`] names.
    pub(crate) fn new(init: &Init, sizes: Sizes) -> Self {
        let (picture, mask) = margins(init);
        let (width, height) = sizes.whole;
        let of = (picture.width, picture.height);
        let whole =
            if of == sizes.whole { picture } else { Arc::new(init.fit.picture(&picture, width, height)) };
        let fit = init.fit;
        let Some(mask) = mask else {
            let seen = whole.on_white().into_owned();
            return Self { seen, drawn: None, fit, fitted: sizes.whole, kept: None };
        };
        let mask = init.fit.mask(&mask, of, sizes.whole).blurred(init.mask_blur);
        let all = Region { left: 0, top: 0, width, height };
        let marked = mask.values.iter().map(|&value| if value < FAINT { 0 } else { value }).collect();
        let marked = Mask { width, height, values: marked };
        let around = |padding| Region::around(&marked, padding, sizes.drawn);
        let region = init.only_masked.and_then(around).unwrap_or(all);
        Self::within(Kept { whole: Arc::unwrap_or_clone(whole), mask, region }, sizes.drawn, fit)
    }

    /// A region of what is kept, at the size that is drawn.
    fn within(kept: Kept, (width, height): (usize, usize), fit: Fit) -> Self {
        let Kept { whole, mask, region } = &kept;
        let seen = Fit::Pad.picture(&region.of(whole).on_white(), width, height);
        let seen_mask = Fit::Pad.mask(&region.of_mask(mask), (region.width, region.height), (width, height));
        let drawn = Some(seen_mask.values.iter().map(|value| is_drawn(*value)).collect());
        let fitted = (whole.width, whole.height);
        Self { seen, drawn, fit, fitted, kept: Some(kept) }
    }

    /// The same of a finished picture that was enlarged, its mask with it; `None` where all of it is drawn.
    pub(crate) fn enlarged(&self, large: Picture, drawn: (usize, usize)) -> Option<Self> {
        let Kept { whole, mask, region } = self.kept.as_ref()?;
        let (width, height) = (large.width, large.height);
        let region = region.scaled((whole.width, whole.height), (width, height));
        let mask = mask.resampled(width, height);
        let enlarged = Self::within(Kept { whole: large, mask, region }, drawn, self.fit);
        Some(Self { fitted: self.fitted, ..enlarged })
    }

    /// Another picture of the same: what of it lies where the model draws, as large as that is.
    pub(crate) fn beside(&self, picture: &Picture) -> Picture {
        let fitted = self.fit.picture(picture, self.fitted.0, self.fitted.1);
        let Some(Kept { whole, region, .. }) = &self.kept else { return fitted };
        let fitted = resampled(&fitted, whole.width, whole.height);
        Fit::Pad.picture(&region.of(&fitted), self.seen.width, self.seen.height)
    }

    /// What the model sees where all that is drawn anew is grey.
    pub(crate) fn masked(&self, seen: &[f32], grey: f32) -> Vec<f32> {
        let Some(drawn) = &self.drawn else { return vec![grey; seen.len()] };
        let colours = seen.len() / drawn.len();
        let each = seen.chunks_exact(colours).zip(drawn);
        each.flat_map(|(pixel, drawn)| pixel.iter().map(|v| if *drawn { grey } else { *v })).collect()
    }

    /// The mask at the latents' size, of which one covers `grain` pixels each way: 1 where it is drawn. The first pixel of
    /// each counts, as torch's `interpolate` picks the nearest.
    pub(crate) fn latent_mask(&self, grain: usize) -> Option<Vec<f32>> {
        let rows = self.drawn.as_ref()?.chunks_exact(self.seen.width).step_by(grain);
        Some(rows.flat_map(|row| row.iter().step_by(grain)).map(|drawn| f32::from(*drawn)).collect())
    }

    /// The finished picture: what was drawn, within what was kept.
    pub(crate) fn put_back(&self, drawn: Picture) -> Picture {
        match &self.kept {
            None => drawn,
            Some(Kept { whole, mask, region }) => pasted_into(whole, *region, &drawn, mask),
        }
    }
}

/// The picture with its margins, and what of that is drawn anew.
fn margins(init: &Init) -> (Arc<Picture>, Option<Arc<Mask>>) {
    let Some(margins) = init.outpaint else { return (init.picture.clone(), init.mask.clone()) };
    let Extended { picture, mut mask } = extended(&init.picture, margins);
    if let Some(own) = &init.mask {
        let (width, height) = (init.picture.width, init.picture.height);
        let own = own.resampled(width, height);
        let [left, top, ..] = margins;
        for (y, row) in own.values.chunks_exact(width).enumerate() {
            let at = (top + y) * mask.width + left;
            let under = &mut mask.values[at..at + width];
            under.iter_mut().zip(row).for_each(|(under, own)| *under = (*under).max(*own));
        }
    }
    (Arc::new(picture), Some(Arc::new(mask)))
}
