//! Images to edit: which of a request's are drawn over, which count as part of its prompt, and how much of them stays.

use fulmen_engine::edit::Fit;

use crate::api::inputs::{Input, Lent, Sent, at_least_a_step, own_size};
use crate::app::App;
use crate::fields::Values;
use crate::jobs::{ImagePromptSpec, InitSpec, MaskSpec, ModelInfo, Spec};
use crate::problem::Problem;
use crate::route::Call;
use crate::warning::Warning;

/// Images of one request.
const MOST_IMAGES: usize = 16;

/// How much is drawn anew where nothing is said: of a whole image, and of what a mask shows.
const STRENGTH: f64 = 0.75;
const STRENGTH_OF_MASKED: f64 = 1.0;

/// How much images count that are part of the prompt.
const SCALE: f32 = 0.5;

/// What `input_fidelity: high` makes of that.
const FIDELITY: f64 = 0.5;

/// The members that images are sent as.
const IMAGES: [&str; 2] = ["image", "images"];

/// Images as they were sent.
pub(super) struct Given<'a> {
    /// Each with its member.
    images: Vec<(&'static str, Sent<'a>)>,
    mask: Option<Sent<'a>>,
}

/// Images that were looked through.
pub(super) struct Inputs<'a> {
    init: Option<Input<'a>>,
    /// `None` where the image's own transparency is the mask.
    mask: Option<Input<'a>>,
    /// Those that count as part of the prompt.
    others: Vec<Input<'a>>,
}

impl<'a> Given<'a> {
    /// Takes them out of a request's members, and from among its files.
    pub(super) fn take(values: &mut Values, files: &[(&'static str, &'a [u8])]) -> Self {
        let is_there = |text: &String| !text.is_empty();
        let images = files.iter().filter(|(name, _)| IMAGES.contains(name));
        let mut images: Vec<_> = images.map(|&(name, bytes)| (name, Sent::File(bytes))).collect();
        for name in IMAGES {
            let texts = values.take_pictures(name).into_iter().filter(is_there);
            images.extend(texts.map(|text| (name, Sent::Text(text))));
        }
        let masks = files.iter().filter(|(name, _)| *name == "mask");
        let text = values.take_pictures("mask").into_iter().filter(is_there).map(Sent::Text);
        Self { images, mask: masks.map(|(_, bytes)| Sent::File(bytes)).chain(text).next() }
    }

    /// The same of texts alone.
    pub(super) fn texts(texts: Vec<String>) -> Self {
        Self { images: texts.into_iter().map(|text| ("image", Sent::Text(text))).collect(), mask: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Looks through them.
    ///
    /// # Errors
    /// 400 where one is no picture, or the mask is not of the image's size; 503 where there is no memory for it now.
    pub(super) fn look(self, app: &App, call: &Call) -> Result<Inputs<'a>, Problem> {
        if self.images.len() > MOST_IMAGES {
            let message = format!(
                "`image`: {} images were sent, and at most {MOST_IMAGES} are read",
                self.images.len()
            );
            return Err(Problem::field("image", message));
        }
        let mut images = self.images.into_iter().map(|(name, sent)| Input::of(app, call, name, sent));
        let init = images.next().transpose()?;
        let others = images.collect::<Result<_, Problem>>()?;
        let mask = self.mask.map(|sent| Input::of(app, call, "mask", sent)).transpose()?;
        match (&init, &mask) {
            (Some(init), Some(mask)) => check_mask(mask, init)?,
            (None, Some(_)) => {
                return Err(Problem::field("mask", "`mask` needs an `image`, too, of which it shows a part"));
            }
            _ => {}
        }
        Ok(Inputs { init, mask, others })
    }
}

impl Inputs<'_> {
    /// The size in which the image is drawn where none is asked for.
    pub(super) fn own_size(&self) -> Option<(usize, usize)> {
        self.init.as_ref().map(|init| own_size((init.width, init.height), Fit::default()))
    }

    /// Says in the spec what is drawn from them, but for their ids.
    pub(super) fn plan(
        &mut self,
        values: &Values,
        (spec, model): (&mut Spec, &ModelInfo),
        warnings: &mut Vec<Warning>,
    ) {
        let Some(init) = &self.init else { return };
        if model.nets.ip_adapter.is_none() && !self.others.is_empty() {
            self.others.clear();
            let message = "`image`: the first of several is drawn over; the others have no effect, because the server was \
                           started without an image prompt adapter (--ip-adapter)";
            warnings.push(Warning::no_effect("image", message));
        }
        if self.mask.as_ref().is_some_and(|mask| !mask.has_alpha) {
            let message = "`mask`: nothing of it is transparent, so that what is white in it is drawn anew";
            warnings.push(Warning::new("mask_by_white", "mask", message));
        }
        let is_masked = self.mask.is_some() || init.has_holes;
        let steps = spec.steps.unwrap_or(model.steps);
        spec.init = Some(InitSpec {
            denoising_strength: strength(values, is_masked, steps),
            mask: is_masked.then(MaskSpec::default),
            ..InitSpec::default()
        });
    }

    /// Keeps them for the time of the request, and names them in the spec.
    ///
    /// # Errors
    /// 503 where there is no room for them.
    pub(super) fn keep(self, lent: &mut Lent, spec: &mut Spec) -> Result<(), Problem> {
        let (Some(init), Some(over)) = (self.init, &mut spec.init) else { return Ok(()) };
        if !self.others.is_empty() {
            let pictures = self.others.into_iter().map(|other| lent.keep(other)).collect::<Result<_, _>>()?;
            spec.image_prompt = Some(ImagePromptSpec { pictures, scale: SCALE });
        }
        over.picture = lent.keep(init)?;
        if let Some(mask) = &mut over.mask {
            mask.picture = match self.mask {
                Some(sent) => lent.keep(sent)?,
                None => over.picture.clone(),
            };
        }
        Ok(())
    }
}

fn check_mask(mask: &Input<'_>, init: &Input<'_>) -> Result<(), Problem> {
    if (mask.width, mask.height) == (init.width, init.height) {
        return check_drawn(mask);
    }
    let message = format!(
        "`mask` has {}x{} pixels, and the image {}x{}; send a mask of the image's size",
        mask.width, mask.height, init.width, init.height
    );
    Err(Problem::field("mask", message))
}

/// An error unless a mask leaves something to draw.
fn check_drawn(mask: &Input<'_>) -> Result<(), Problem> {
    if mask.draws_as_mask() {
        return Ok(());
    }
    let message = "`mask`: nothing of it is transparent or white, so that there is nothing to draw; send one that is \
                   either where the image is to be drawn anew";
    Err(Problem::field("mask", message))
}

/// The share of the steps that is done, which is at least one of them.
fn strength(values: &Values, is_masked: bool, steps: usize) -> f64 {
    let usual = if is_masked { STRENGTH_OF_MASKED } else { STRENGTH };
    let fidelity = if values.text("input_fidelity") == Some("high") { FIDELITY } else { 1.0 };
    at_least_a_step(values.number("strength").unwrap_or(usual * fidelity), steps)
}
