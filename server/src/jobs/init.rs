//! What a job is drawn over, in the engine's terms.

use std::sync::Arc;

use fulmen_engine::edit::{Fit, Mask, pasted};
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
            mask_blur: spec.mask.as_ref().and_then(|mask| mask.blur).unwrap_or(0) as f32,
            only_masked: spec.mask.as_ref().and_then(|mask| mask.only_masked),
            outpaint: spec.outpaint,
            ..Init::new(picture)
        })
    }

    /// A finished picture, with everything that a mask keeps as it was in the picture that it was drawn over: contrast and
    /// another size are for what was drawn.
    pub(super) fn with_kept(&self, spec: &Spec, drawn: Picture) -> Picture {
        let kept = spec.init.as_ref().filter(|init| init.outpaint.is_none()).and_then(|init| self.init(init));
        let Some(Init { picture, fit, mask: Some(mask), mask_blur, .. }) = kept else { return drawn };
        let of = (picture.width, picture.height);
        let mask = fit.mask(&mask, of, (drawn.width, drawn.height)).blurred(mask_blur);
        pasted(&fit.picture(&picture, drawn.width, drawn.height), &drawn, &mask)
    }

    /// What is transparent in a mask; where nothing is, what is white. A picture that is its own mask has nothing to draw
    /// then.
    fn mask(&self, mask: &MaskSpec, of: &InitSpec) -> Option<Mask> {
        let picture = self.get(&mask.picture)?;
        let by_white = || match mask.picture == of.picture {
            true => Mask::plain(picture.width, picture.height, 0),
            false => Mask::of_luminance(&picture),
        };
        Some(Mask::of_transparency(&picture).unwrap_or_else(by_white))
    }
}
