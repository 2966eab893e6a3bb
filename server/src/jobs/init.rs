//! What a job is drawn over, in the engine's terms.

use std::sync::Arc;

use fulmen_engine::edit::{Fit, Mask};
use fulmen_engine::init::Init;
use fulmen_engine::picture::Picture;

use super::spec::{InitSpec, MaskSpec};
use super::{Pictures, Spec};

impl Pictures {
    /// What is drawn over, in the engine's terms.
    pub(super) fn init(&self, spec: &InitSpec) -> Option<Init> {
        let fit = spec.fit.as_deref().and_then(|word| Fit::WORDS.iter().find(|(name, _)| *name == word));
        let fit = fit.map_or(Fit::default(), |(_, fit)| *fit);
        let whole = self.get(&spec.picture)?;
        let mut picture = whole.clone();
        let mut mask = spec.mask.as_ref().map(|mask| self.mask(mask, spec)).unwrap_or_default();
        if let Some([width, height]) = spec.size {
            picture = Arc::new(fit.picture(&picture, width, height));
            mask = mask.map(|mask| fit.mask(&mask, (whole.width, whole.height), (width, height)));
        }
        Some(Init {
            fit,
            denoising_strength: spec.denoising_strength,
            mask: mask.map(Arc::new),
            mask_blur: spec.mask_blur,
            only_masked: spec.only_masked,
            outpaint: spec.outpaint,
            ..Init::new(picture)
        })
    }

    /// A finished picture, with everything that is kept of the picture that it was drawn over as it was there: contrast and
    /// another size are for what was drawn. What was drawn around a picture would not go on from it in other colours.
    pub(super) fn with_kept(&self, spec: &Spec, drawn: Picture) -> Picture {
        let is_kept = |init: &&InitSpec| init.outpaint.is_none() || !spec.is_finished();
        let Some(init) = spec.init.as_ref().filter(is_kept).and_then(|init| self.init(init)) else {
            return drawn;
        };
        let mask_blur = init.mask_blur * spec.upscale.unwrap_or(1.0) as f32;
        Init { mask_blur, only_masked: None, ..init }.put_back(drawn)
    }

    /// What is transparent in a mask; where nothing is, what is white. A picture that is its own mask has nothing to draw
    /// then.
    fn mask(&self, mask: &MaskSpec, of: &InitSpec) -> Option<Mask> {
        let picture = self.get(&mask.picture)?;
        if mask.by_white {
            return Some(Mask::of_luminance(&picture));
        }
        let by_white = || match mask.picture == of.picture {
            true => Mask::plain(picture.width, picture.height, 0),
            false => Mask::of_luminance(&picture),
        };
        Some(Mask::of_transparency(&picture).unwrap_or_else(by_white))
    }
}
