//! What a picture is drawn over: another picture, whole or in parts, or latents.

mod latents;
mod prepared;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::latents::InitLatents;
pub(crate) use self::prepared::Prepared;
use crate::edit::{Fit, Mask, is_drawn};
use crate::message::{Message, Setting};
use crate::picture::{LONGEST_SIDE, MOST_PIXELS, Picture};
use crate::{Error, Result};

/// How much of a picture is drawn anew where its caller does not say.
pub const USUAL_STRENGTH: f64 = 0.75;

/// Largest deviation of a blur, in pixels.
const MOST_BLUR: f32 = 256.0;

/// A picture that another is drawn over.
#[derive(Debug, Clone, PartialEq)]
pub struct Init {
    /// The picture. What is transparent is taken for white.
    pub picture: Arc<Picture>,
    /// How it is brought to the size that is drawn.
    pub fit: Fit,
    /// The share of the steps that is taken, 0 to 1. The less, the more of the picture is kept.
    pub denoising_strength: f64,
    /// What is drawn anew, the rest coming back as it was; without one all of it is.
    pub mask: Option<Arc<Mask>>,
    /// The mask's edge is softened by a Gaussian of this deviation, in pixels.
    pub mask_blur: f32,
    /// Only the masked region is drawn, at the full size, and put back; with so many pixels around it.
    pub only_masked: Option<usize>,
    /// Pixels by which the picture is extended at the left, top, right and bottom.
    pub outpaint: Option<[usize; 4]>,
}

/// Pixels of a picture that is drawn over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// What the model draws.
    pub(crate) drawn: (usize, usize),
    /// What comes of it.
    pub(crate) whole: (usize, usize),
}

impl Init {
    /// A picture that is drawn over as usual.
    #[must_use]
    pub fn new(picture: Arc<Picture>) -> Self {
        Self {
            picture,
            fit: Fit::default(),
            denoising_strength: USUAL_STRENGTH,
            mask: None,
            mask_blur: 0.0,
            only_masked: None,
            outpaint: None,
        }
    }

    /// Whether this can be drawn over by any model; if not, a sentence that says what to do.
    pub(crate) fn validate(&self) -> Result<()> {
        check_strength(self.denoising_strength)?;
        if !(0.0..=MOST_BLUR).contains(&self.mask_blur) {
            let what = format!(" {} is not possible; use 0 to {MOST_BLUR}", self.mask_blur);
            return refuse(Setting::MaskBlur, what);
        }
        let Picture { width, height, .. } = *self.picture;
        if width == 0 || height == 0 {
            return refuse(Setting::Init, " has no pixels".into());
        }
        if let Some(mask) = &self.mask {
            if mask.width == 0 || mask.height == 0 {
                return refuse(Setting::Mask, " has no pixels".into());
            }
            if self.outpaint.is_none() && !mask.values.iter().any(|value| is_drawn(*value)) {
                let what = " is nowhere white, and what is white is drawn anew: there is nothing to draw";
                return refuse(Setting::Mask, what.into());
            }
        } else if self.only_masked.is_some() && self.outpaint.is_none() {
            let what = Message::of(Setting::OnlyMasked).text(" needs ").setting(Setting::Mask);
            return Err(Error::Request(what.text(", which says what to draw")));
        }
        self.check_margins()
    }

    fn check_margins(&self) -> Result<()> {
        let Some(margins) = self.outpaint else { return Ok(()) };
        if margins == [0; 4] {
            return refuse(Setting::Outpaint, " extends no side; give the pixels of one at least".into());
        }
        let (width, height) = self.extended();
        if width.max(height) > LONGEST_SIDE || width.saturating_mul(height) > MOST_PIXELS {
            let what = format!(" makes {width}x{height} pixels, which is too large; extend it by less");
            return refuse(Setting::Outpaint, what);
        }
        Ok(())
    }

    /// An error unless some of so many steps are left.
    pub(crate) fn check_steps(&self, steps: usize) -> Result<()> {
        if self.first_step(steps) < steps {
            return Ok(());
        }
        let what = format!(" {} leaves none of {steps} steps; use more of either", self.denoising_strength);
        refuse(Setting::Strength, what)
    }

    /// Steps that are left out.
    pub(crate) fn first_step(&self, steps: usize) -> usize {
        first_step(self.denoising_strength, steps)
    }

    /// What a record says of it, in AUTOMATIC1111's words.
    pub(crate) fn record(&self) -> Vec<(String, String)> {
        let setting = |name: &str, value: String| (name.to_owned(), value);
        let mut record = vec![setting("Denoising strength", self.denoising_strength.to_string())];
        if self.is_partial() {
            record.push(setting("Mask blur", self.mask_blur.to_string()));
        }
        if let Some(padding) = self.only_masked {
            record.push(setting("Inpaint area", "Only masked".into()));
            record.push(setting("Masked area padding", padding.to_string()));
        }
        record
    }

    /// A finished picture of any size within what is kept of this one. It is for pictures that were enlarged or changed
    /// after they were drawn, and those pixels with them.
    #[must_use]
    pub fn put_back(&self, drawn: Picture) -> Picture {
        if !self.is_partial() {
            return drawn;
        }
        let size = (drawn.width, drawn.height);
        Prepared::new(self, Sizes { drawn: size, whole: size }).put_back(drawn)
    }

    /// Whether a part of the picture stays as it is.
    pub(crate) fn is_partial(&self) -> bool {
        self.mask.is_some() || self.outpaint.is_some()
    }

    /// The sizes of what is drawn and of what comes of it: the width and height that are asked for, or the picture's own in
    /// whole latents, which cover `grain` pixels each way.
    pub(crate) fn sizes(&self, asked: [Option<usize>; 2], grain: usize) -> Sizes {
        let (width, height) = self.extended();
        let whole = |side: usize| (side / grain * grain).max(grain);
        let near = |side: f64| ((side / grain as f64).round() as usize).max(1) * grain;
        let ratio = width as f64 / height as f64;
        let drawn = match asked {
            [Some(width), Some(height)] => (width, height),
            [Some(width), None] => (width, near(width as f64 / ratio)),
            [None, Some(height)] => (near(height as f64 * ratio), height),
            [None, None] if self.fit == Fit::Pad => {
                (width.next_multiple_of(grain), height.next_multiple_of(grain))
            }
            [None, None] => (whole(width), whole(height)),
        };
        let whole = if self.only_masked.is_some() { (width, height) } else { drawn };
        Sizes { drawn, whole }
    }

    /// That a part of the margins is cut off, where they do not make whole latents and no size was asked for.
    pub(crate) fn cut(&self, asked: [Option<usize>; 2], grain: usize) -> Option<Message> {
        let ((width, height), (drawn_width, drawn_height)) =
            (self.extended(), self.sizes(asked, grain).drawn);
        let is_cut = self.outpaint.is_some() && asked == [None; 2] && self.only_masked.is_none();
        let is_cut = is_cut && (drawn_width < width || drawn_height < height);
        let what = format!(
            " makes {width}x{height} pixels, of which {drawn_width}x{drawn_height} are drawn, for sides are multiples \
             of {grain}; extend it to one"
        );
        is_cut.then(|| Message::of(Setting::Outpaint).text(what))
    }

    /// Pixels of the picture with its margins, where it has any; else 0, for it is there already.
    pub(crate) fn pixels_of_margins(&self) -> usize {
        let (width, height) = self.extended();
        if self.outpaint.is_some() { width * height } else { 0 }
    }

    /// The picture's size with its margins.
    fn extended(&self) -> (usize, usize) {
        let [left, top, right, bottom] = self.outpaint.unwrap_or_default();
        let side = |own: usize, before: usize, after: usize| own.saturating_add(before).saturating_add(after);
        (side(self.picture.width, left, right), side(self.picture.height, top, bottom))
    }
}

/// Steps that are left out: all but the whole steps in that share, as diffusers' `get_timesteps` counts them.
fn first_step(denoising_strength: f64, steps: usize) -> usize {
    steps - ((steps as f64 * denoising_strength) as usize).min(steps)
}

fn check_strength(strength: f64) -> Result<()> {
    if (0.0..=1.0).contains(&strength) {
        return Ok(());
    }
    refuse(Setting::Strength, format!(" {strength} is not possible; use 0 to 1"))
}

/// `what` is said of a setting, whose name stands in front.
fn refuse(setting: Setting, what: String) -> Result<()> {
    Err(Error::Request(Message::of(setting).text(what)))
}
