//! `/variations`: pictures made of one of a generation's: larger, with more around it, or without its background.
//!
//! Each is a job as any other, kept as a generation of one picture, so that it survives a kill; it is shown with the
//! picture that it is made of, and goes with it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::background::{complete, generation_bytes, ticket};
use super::object::variation;
use super::unzoom::{UNZOOM, zoom_out};
use crate::app::App;
use crate::fields::{Field, FieldType, Finish, Values};
use crate::http::Answer;
use crate::jobs::{InitSpec, Members, Rework, Spec, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Generation, Image, ImageKind, State, new_uuid};

const ID: Field = Field::new(
    "id",
    FieldType::Text { least: 1, most: 200 },
    "The picture: one of a generation, or with `isVariation` the variation of one.",
)
.required();

/// The members of `POST /variations/upscale`.
pub(super) const UPSCALE: &[Field] = &[ID];

/// Those of the others.
pub(super) const OTHERS: &[Field] =
    &[ID, Field::new("isVariation", FieldType::Flag, "Whether the id is that of a variation.").or("false")];

/// The size is that of the picture.
const MEMBERS: &Members = &Members { width: "id", height: "id", images: None, steps: "id" };

/// How much larger a picture becomes.
const RATIO: usize = 2;

/// A picture, and what it comes from.
struct Source {
    image: Image,
    /// The generated picture that all this began with.
    root: String,
    /// What that was drawn as.
    spec: Spec,
    public: bool,
}

/// `POST /variations/upscale`
pub(super) fn upscale(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, UPSCALE)?;
    let Image { width, height, .. } = source.image;
    let init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    let (rework, size) = (Some(Rework::Upscale), (width * RATIO, height * RATIO));
    let spec =
        Spec { init: Some(init), rework, width: size.0, height: size.1, images: 1, ..plain(&source.spec) };
    begin(app, call, ("sdUpscaleJob", "UPSCALE"), source, spec)
}

/// `POST /variations/unzoom`
pub(super) fn unzoom(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, OTHERS)?;
    let size @ (width, height) = whole_latents(&source.image);
    let mut init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    zoom_out(&mut init, size, UNZOOM, false);
    let spec = Spec { init: Some(init), width, height, images: 1, ..plain(&source.spec) };
    begin(app, call, ("sdUnzoomJob", "UNZOOM"), source, spec)
}

/// `POST /variations/nobg`
pub(super) fn without_background(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, OTHERS)?;
    let Image { width, height, .. } = source.image;
    let init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    let rework = Some(Rework::Matte);
    let spec = Spec { init: Some(init), rework, width, height, images: 1, ..plain(&source.spec) };
    begin(app, call, ("sdNobgJob", "NOBG"), source, spec)
}

/// `GET /variations/{id}`. Those of others are not told from those that are not there.
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let found = app.store.generation(&call.owner, &call.params[0])?;
    let found = found.filter(|(generation, _)| generation.variation_of.is_some());
    let list: Vec<Value> = found.iter().map(|found| variation(app, call, found)).collect();
    Ok(Answer::json(200, &json!({"generated_image_variation_generic": list})))
}

/// The picture that a request names.
fn source(app: &App, call: &Call, fields: &'static [Field]) -> Result<Source, Problem> {
    let values = Values::of(&call.request, fields)?;
    let id = values.text("id").unwrap_or_default();
    let missing = || Problem::not_found("`id`: none of your generations has a picture of this id");
    let (generation, image) = if values.flag("isVariation") == Some(true) {
        let (generation, mut images) = app.store.generation(&call.owner, id)?.ok_or_else(missing)?;
        if generation.state == State::Pending {
            let message = "`id`: this variation is not finished yet; ask again when it is COMPLETE";
            return Err(Problem::field("id", message));
        }
        (generation, images.pop().ok_or_else(missing)?)
    } else {
        let image = app.store.image(id)?.filter(|image| image.owner == call.owner).ok_or_else(missing)?;
        let ImageKind::Generation { id: of, .. } = &image.kind else { return Err(missing()) };
        (app.store.generation(&call.owner, of)?.ok_or_else(missing)?.0, image)
    };
    let spec = serde_json::from_value::<Spec>(generation.spec).map_err(|_| missing())?;
    let root = generation.variation_of.unwrap_or_else(|| image.id.clone());
    Ok(Source { image, root, spec, public: generation.request["public"] == true })
}

/// What a picture was drawn as, without what was done to it in the end: it has that already.
fn plain(spec: &Spec) -> Spec {
    let (finish, image_prompt) = (Finish::NONE, None);
    Spec { contrast: None, finish, drawn: None, pass: None, transparent: false, image_prompt, ..spec.clone() }
}

/// The size of a picture, in whole latents.
fn whole_latents(image: &Image) -> (usize, usize) {
    let side = |side: usize| (side / 8 * 8).max(8);
    (side(image.width), side(image.height))
}

/// Keeps it, submits it, and answers its id.
fn begin(
    app: &Arc<App>,
    call: &Call,
    (member, kind): (&'static str, &'static str),
    source: Source,
    spec: Spec,
) -> Result<Answer, Problem> {
    app.unstored.check()?;
    check(&app.config.work, &spec, MEMBERS)?;
    let warnings = match spec.rework {
        Some(_) => vec![],
        None => app.models.of(&spec).foresight.warnings(Family::Leonardo, &spec)?,
    };
    let place = app.queue.place(&call.owner)?;
    let reservation = app.store.reserve(generation_bytes(&spec, 0))?;
    let generation = Generation {
        id: new_uuid(),
        owner: call.owner.clone(),
        created_at: crate::clock::now(),
        state: State::Pending,
        request: json!({"transformType": kind, "public": source.public}),
        spec: json!(spec),
        inference_steps: None,
        attempts: 0,
        failure: None,
        variation_of: Some(source.root),
    };
    app.store.begin(&generation, &spec.pictures())?;
    let Generation { id, owner, .. } = generation;
    let job = place.submit(ticket(id.clone(), owner), spec);
    if let Err(error) = complete(app, job.clone(), reservation) {
        tracing::error!(%error, "no thread for a variation");
        job.cancel();
        app.store.delete_generation(&call.owner, &id)?;
        return Err(Problem::busy("too_busy", "the server has no thread left; try again later", 10));
    }
    let cost = json!({"amount": "0", "unit": "DOLLARS"});
    Ok(Answer::json(200, &json!({member: {"id": id, "apiCreditCost": 0, "cost": cost}})).warned(warnings))
}
