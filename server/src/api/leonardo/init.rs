//! What a generation begins from: a picture that was sent, one of the caller's own generations, or the canvas; and how
//! much of it stays.

use super::unzoom::{UNZOOM, zoom_out};
use crate::api::inputs::{Input, at_least_a_step};
use crate::app::App;
use crate::fields::Values;
use crate::jobs::{InitSpec, MaskSpec, Spec};
use crate::problem::Problem;
use crate::route::Call;
use crate::store::{Image, ImageKind, Input as Kept};
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
    (app, call): (&App, &Call),
    values: &Values,
    (spec, steps): (&mut Spec, usize),
    warnings: &mut Vec<Warning>,
) -> Result<(), Problem> {
    let canvas = values.flag("canvasRequest") == Some(true);
    let Some((member, id)) = used(values, canvas, warnings)? else {
        return without_picture(values, warnings);
    };
    let picture = match member {
        "init_generation_image_id" => generated(app, &call.owner, id)?,
        _ => sent(app, &call.owner, member, id)?,
    };
    let kind = values.text("canvasRequestType").filter(|_| canvas);
    let mask = asked(values, "canvasMaskId").filter(|_| canvas);
    let mask =
        mask.map(|(name, id)| mask_of(kind, warnings, || sent(app, &call.owner, name, id))).transpose()?;
    let mask = mask.flatten();
    // Without one, what is transparent in the picture is drawn.
    let part = mask.as_ref().or(Some(&picture).filter(|_| kind.is_some_and(is_partial)));
    let stay = values.number("init_strength").unwrap_or_else(|| usual_strength(kind, part.is_some()));
    let of_part = part.map(|part| MaskSpec { picture: part.id.clone(), ..MaskSpec::default() });
    let mut init = InitSpec { picture: picture.id.clone(), mask: of_part, ..InitSpec::default() };
    init.denoising_strength = at_least_a_step(1.0 - stay, steps);
    if values.flag("unzoom") == Some(true) {
        let amount = values.number("unzoomAmount").unwrap_or(UNZOOM);
        zoom_out(&mut init, (spec.width, spec.height), amount, values.has("init_strength"));
    }
    // What is added around a picture is drawn whatever else is.
    if let Some(part) = part.filter(|_| init.outpaint.is_none()) {
        check_part(app, call, part, mask.is_some())?;
    }
    spec.init = Some(init);
    Ok(())
}

/// A member that names a picture.
fn asked<'v>(values: &'v Values, name: &'static str) -> Option<(&'static str, &'v str)> {
    values.text(name).filter(|id| !id.is_empty()).map(|id| (name, id))
}

/// The member that says which picture is drawn over. The others have no effect.
fn used<'v>(
    values: &'v Values,
    canvas: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<(&'static str, &'v str)>, Problem> {
    let named: Vec<_> = PICTURES.into_iter().filter_map(|name| asked(values, name)).collect();
    let used = named.iter().copied().find(|(name, _)| (*name == "canvasInitId") == canvas);
    if canvas && used.is_none() {
        let message = "`canvasInitId` is missing; a canvas request draws over a picture that /canvas-init-image announced";
        return Err(Problem::field("canvasInitId", message));
    }
    // What is said of the canvas alone, its table of fields says.
    let others = named.iter().filter(|one| Some(**one) != used && one.0 != "canvasInitId");
    warnings.extend(others.map(|(name, _)| without_effect(name, canvas)));
    Ok(used)
}

/// Whether a kind of canvas request draws a part of the picture.
fn is_partial(kind: &str) -> bool {
    matches!(kind, "INPAINT" | "OUTPAINT")
}

/// The mask of a canvas, where this kind of request uses it.
fn mask_of(
    kind: Option<&str>,
    warnings: &mut Vec<Warning>,
    mask: impl FnOnce() -> Result<Image, Problem>,
) -> Result<Option<Image>, Problem> {
    let Some(whole) = kind.filter(|kind| !is_partial(kind)) else { return mask().map(Some) };
    let message =
        format!("`canvasMaskId` has no effect where `canvasRequestType` is {whole}: all of it is drawn over");
    warnings.push(Warning::no_effect("canvasMaskId", message));
    Ok(None)
}

fn usual_strength(kind: Option<&str>, is_of_part: bool) -> f64 {
    match kind {
        _ if is_of_part => STRENGTH_OF_MASKED,
        Some("SKETCH2IMG") => STRENGTH_OF_SKETCH,
        _ => STRENGTH,
    }
}

/// An error unless a canvas' mask, or what is transparent in its picture where it has none, leaves something to draw.
fn check_part(app: &App, call: &Call, part: &Image, is_mask: bool) -> Result<(), Problem> {
    let member = if is_mask { "canvasMaskId" } else { "canvasInitId" };
    let seen = Input::kept(app, call, member, part)?;
    let message = match is_mask {
        true if !seen.draws_as_mask() => {
            "`canvasMaskId`: nothing of this mask is transparent or white, so that there is nothing to draw; send one that \
             is either where the picture is to be drawn anew"
        }
        false if !seen.draws_transparent => {
            "`canvasMaskId` is missing, and nothing of `canvasInitId` is transparent, so that there is nothing to draw; \
             send a mask that is white where the picture is to be drawn anew, or a picture that is transparent where it \
             is; to draw over all of it, send `canvasRequestType` IMG2IMG"
        }
        _ => return Ok(()),
    };
    Err(Problem::field("canvasMaskId", message))
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
        Some(Kept::Here(image)) => Ok(image),
        Some(Kept::Coming(_)) => {
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
