//! The picture that an image is drawn over: what of it is drawn anew, how much of that, and in which size.

use fulmen_engine::edit::Fit;
use fulmen_engine::init::USUAL_STRENGTH;
use serde_json::Value;

use crate::api::inputs::{Input, Lent, MOST_PIXELS, Sent, at_least_a_step, own_size};
use crate::app::App;
use crate::fields::{LONGEST_SIDE, SHORTEST_SIDE, Values};
use crate::jobs::{InitSpec, MaskSpec, Spec};
use crate::problem::Problem;
use crate::route::Call;

/// The mask that is what the picture leaves transparent.
const ALPHA: &str = "alpha";

/// How much is drawn anew of what is added around a picture.
const STRENGTH_OF_MARGINS: f64 = 1.0;

/// Names in a spec that stand for the picture and its mask as long as they have no ids.
const PICTURE: &str = "image";
const MASK: &str = "mask";

/// A picture to draw over that was looked through.
pub(super) struct Over {
    picture: Input<'static>,
    part: Part,
    fit: Fit,
    outpaint: Option<[usize; 4]>,
    only_masked: Option<usize>,
}

/// What of it is drawn anew, but for what is added.
enum Part {
    All,
    /// What is transparent in it.
    Transparent,
    /// Where this is white.
    White(Input<'static>),
}

impl Over {
    /// Takes the pictures out of a request's members, and looks through them.
    ///
    /// # Errors
    /// 400 where one is no picture, or there is nothing of it to draw; 503 where there is no memory for it now.
    pub(super) fn of(app: &App, call: &Call, values: &mut Values) -> Result<Option<Self>, Problem> {
        let [picture, mask] = [PICTURE, MASK].map(|name| values.take_pictures(name).pop());
        let Some(picture) = picture else { return Ok(None) };
        let picture = Input::of(app, call, PICTURE, Sent::Text(picture))?;
        let part = match mask {
            None => Part::All,
            Some(word) if word == ALPHA => Part::Transparent,
            Some(mask) => Part::White(Input::of(app, call, MASK, Sent::Text(mask))?),
        };
        let word = values.text("fit").unwrap_or_default();
        let fit = Fit::WORDS.iter().find(|(known, _)| *known == word).map_or(Fit::default(), |(_, fit)| *fit);
        let only_masked = values.integer("only_masked").map(|padding| padding as usize);
        let over = Self { picture, part, fit, outpaint: margins(values), only_masked };
        over.check(values)?;
        Ok(Some(over))
    }

    fn check(&self, values: &Values) -> Result<(), Problem> {
        if matches!(self.part, Part::Transparent) && !self.picture.has_alpha {
            let message = "`mask`: `alpha` means what is transparent, and `image` is wholly opaque; send a picture as mask";
            return Err(Problem::field(MASK, message));
        }
        self.check_drawn()?;
        if values.is_unusual("mask_blur") && matches!(self.part, Part::All) && self.outpaint.is_none() {
            let message = "`mask_blur` softens the edge of a mask; send one as `mask`, or leave it out";
            return Err(Problem::field("mask_blur", message));
        }
        let [width, height] = self.extended();
        if width * height > MOST_PIXELS.max(self.picture.width * self.picture.height) {
            let message = format!(
                "`outpaint` makes {width}x{height} pixels of `image`, and at most {} million are read; add less, or send a \
                 smaller picture",
                MOST_PIXELS >> 20
            );
            return Err(Problem::field("outpaint", message));
        }
        Ok(())
    }

    /// An error unless something of it is drawn anew.
    fn check_drawn(&self) -> Result<(), Problem> {
        let message = match &self.part {
            _ if self.outpaint.is_some() => return Ok(()),
            Part::White(mask) if !mask.draws_white => {
                "`mask`: nothing of it is white, so that there is nothing to draw; send one that is white where the picture \
                 is to be drawn anew"
            }
            Part::Transparent if !self.picture.draws_transparent => {
                "`mask`: `alpha` means what is transparent, and nothing of `image` is more transparent than opaque; send a \
                 picture as mask"
            }
            _ => return Ok(()),
        };
        Err(Problem::field(MASK, message))
    }

    /// Width and height in which it is drawn, where these are asked for.
    pub(super) fn size(&self, asked: [Option<usize>; 2]) -> [usize; 2] {
        let [width, height] = self.extended();
        let near = |side: f64| ((side / 8.0).round() as usize * 8).clamp(SHORTEST_SIDE, LONGEST_SIDE);
        let ratio = width as f64 / height as f64;
        match asked {
            [Some(width), Some(height)] => [width, height],
            [Some(width), None] => [width, near(width as f64 / ratio)],
            [None, Some(height)] => [near(height as f64 * ratio), height],
            [None, None] => own_size((width, height), self.fit).into(),
        }
    }

    /// Width and height of the finished picture, where they are its own.
    pub(super) fn whole(&self) -> Option<[usize; 2]> {
        self.only_masked.map(|_| self.extended())
    }

    /// Its size with what is added to it.
    fn extended(&self) -> [usize; 2] {
        let [left, top, right, bottom] = self.outpaint.unwrap_or_default();
        [left + self.picture.width + right, top + self.picture.height + bottom]
    }

    /// How it is drawn over in so many steps, but for the ids of its pictures.
    pub(super) fn spec(&self, values: &Values, steps: usize) -> InitSpec {
        let usual = if self.outpaint.is_some() { STRENGTH_OF_MARGINS } else { USUAL_STRENGTH };
        let mask = match self.part {
            Part::All => None,
            Part::Transparent => Some(MaskSpec { picture: PICTURE.into(), by_white: false }),
            Part::White(_) => Some(MaskSpec { picture: MASK.into(), by_white: true }),
        };
        InitSpec {
            picture: PICTURE.into(),
            fit: Some(self.fit.word().to_owned()),
            denoising_strength: at_least_a_step(values.number("strength").unwrap_or(usual), steps),
            mask,
            mask_blur: values.number("mask_blur").unwrap_or_default() as f32,
            only_masked: self.only_masked,
            outpaint: self.outpaint,
            ..InitSpec::default()
        }
    }

    /// Keeps its pictures for the time of the request, and names them in the spec.
    ///
    /// # Errors
    /// 503 where there is no room for them.
    pub(super) fn keep(self, lent: &mut Lent, spec: &mut Spec) -> Result<(), Problem> {
        let Some(init) = &mut spec.init else { return Ok(()) };
        init.picture = lent.keep(self.picture)?;
        if let Some(mask) = &mut init.mask {
            mask.picture = match self.part {
                Part::White(picture) => lent.keep(picture)?,
                Part::All | Part::Transparent => init.picture.clone(),
            };
        }
        Ok(())
    }
}

/// Pixels that are added on the left, at the top, on the right and at the bottom.
fn margins(values: &Values) -> Option<[usize; 4]> {
    let list = values.value("outpaint")?.as_array()?;
    let sides: Vec<usize> = list.iter().filter_map(Value::as_u64).map(|side| side as usize).collect();
    sides.try_into().ok()
}
