//! What a generation begins from: a picture that was sent, one of the caller's own generations, or the canvas; and how
//! much of it stays.

use super::unzoom::{UNZOOM, zoom_out};
use crate::api::inputs::at_least_a_step;
use crate::app::App;
use crate::fields::Values;
use crate::jobs::{InitSpec, MaskSpec, Spec};
use crate::problem::Problem;
use crate::store::{Image, ImageKind, Input};
use crate::warning::Warning;

/// How close to stay to a picture where nothing is said; to a sketch, which is only to be followed; and to what a mask
/// shows of one, which is drawn anew.
const STRENGTH: f64 = 0.3;
const STRENGTH_OF_SKETCH: f64 = 0.15;
const STRENGTH_OF_MASKED: f64 = 0.0;

/// Members that say which picture.
const PICTURES: [&str; 3] = ["init_image_id", "init_generation_image_id", "canvasInitId"];

/// Says in the spec what the request begins from, if it says so.
///
/// # Errors
/// 400 that names the member to change.
pub(super) fn begin_from(
    (app, owner): (&App, &str),
    values: &Values,
    (spec, steps): (&mut Spec, usize),
    warnings: &mut Vec<Warning>,
) -> Result<(), Problem> {
    let asked = |name: &'static str| values.text(name).filter(|id| !id.is_empty()).map(|id| (name, id));
    let canvas = values.flag("canvasRequest") == Some(true);
    if canvas && asked("canvasInitId").is_none() {
        let message = "`canvasInitId` is missing; a canvas request draws over a picture that /canvas-init-image announced";
        return Err(Problem::field("canvasInitId", message));
    }
    let named: Vec<_> = PICTURES.into_iter().filter_map(asked).collect();
    let used = if canvas {
        asked("canvasInitId")
    } else {
        named.iter().copied().find(|(name, _)| *name != "canvasInitId")
    };
    // What is said of the canvas alone, its table of fields says.
    let others = named.iter().filter(|one| Some(**one) != used && one.0 != "canvasInitId");
    warnings.extend(others.map(|(name, _)| without_effect(name, canvas)));
    let Some((member, id)) = used else { return without_picture(values, warnings) };
    let picture = if member == "init_generation_image_id" {
        generated(app, owner, id)?
    } else {
        sent(app, owner, member, id)?
    };
    let kind = values.text("canvasRequestType").filter(|_| canvas);
    let mask =
        asked("canvasMaskId").filter(|_| canvas && matches!(kind, None | Some("INPAINT" | "OUTPAINT")));
    let mask = mask.map(|(name, id)| sent(app, owner, name, id)).transpose()?;
    // Without one, what is transparent in the picture is drawn.
    let own = || picture.id.clone();
    let mask = mask.map(|mask| mask.id).or_else(|| matches!(kind, Some("INPAINT" | "OUTPAINT")).then(own));
    let mask = mask.map(|picture| MaskSpec { picture, ..MaskSpec::default() });
    let stay = match kind {
        _ if mask.is_some() => STRENGTH_OF_MASKED,
        Some("SKETCH2IMG") => STRENGTH_OF_SKETCH,
        _ => STRENGTH,
    };
    let stay = values.number("init_strength").unwrap_or(stay);
    let mut init = InitSpec { picture: picture.id, mask, ..InitSpec::default() };
    init.denoising_strength = at_least_a_step(1.0 - stay, steps);
    if values.flag("unzoom") == Some(true) {
        let amount = values.number("unzoomAmount").unwrap_or(UNZOOM);
        zoom_out(&mut init, (spec.width, spec.height), amount, values.has("init_strength"));
    }
    spec.init = Some(init);
    Ok(())
}

/// A request that begins from nothing must not ask for more of it.
fn without_picture(values: &Values, warnings: &mut Vec<Warning>) -> Result<(), Problem> {
    if values.flag("unzoom") == Some(true) {
        let message = "`unzoom` needs a picture to draw around: send `init_image_id` or `init_generation_image_id`, too";
        return Err(Problem::field("unzoom", message));
    }
    if values.has("init_strength") {
        let message = "`init_strength` has no effect without a picture to begin from (`init_image_id`)";
        warnings.push(Warning::no_effect("init_strength", message));
    }
    Ok(())
}

fn without_effect(name: &str, canvas: bool) -> Warning {
    let other = if canvas { "canvasInitId" } else { "init_image_id" };
    Warning::no_effect(name, format!("`{name}` has no effect because `{other}` is drawn over"))
}

/// A picture that the caller sent.
fn sent(app: &App, owner: &str, member: &'static str, id: &str) -> Result<Image, Problem> {
    match app.store.input(owner, id)? {
        Some(Input::Here(image)) => Ok(image),
        Some(Input::Coming(_)) => {
            let message = format!(
                "`{member}`: this picture was announced and has not come yet; send it, then ask again"
            );
            Err(Problem::field(member, message))
        }
        None => {
            let message = format!(
                "`{member}`: none of your pictures has this id; announce one with POST /init-image or /canvas-init-image, \
                 and send it"
            );
            Err(Problem::field(member, message))
        }
    }
}

/// A picture of one of the caller's generations.
fn generated(app: &App, owner: &str, id: &str) -> Result<Image, Problem> {
    let image = app.store.image(id)?.filter(|image| image.owner == owner);
    let image = image.filter(|image| matches!(image.kind, ImageKind::Generation { .. }));
    image.ok_or_else(|| {
        let message = "`init_generation_image_id`: none of your generations has a picture of this id";
        Problem::field("init_generation_image_id", message)
    })
}
