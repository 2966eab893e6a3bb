//! `/variations`: pictures made of one of a generation's: larger, with more around it, or without its background.
//!
//! Each is a job as any other, kept as a generation of one picture, so that it survives a kill; it is shown with the
//! picture that it is made of, and goes with it. `universal` has those that are drawn over in a larger size.

use std::sync::Arc;

use serde_json::{Value, json};

use super::background::{complete, generation_bytes, ticket};
use super::object::variation;
use super::unzoom::{UNZOOM, zoom_out};
use crate::app::App;
use crate::fields::{Field, FieldType, Values};
use crate::http::Answer;
use crate::jobs::{InitSpec, Members, Rework, Spec, check};
use crate::problem::{Family, Problem};
use crate::route::Call;
use crate::store::{Generation, Image, ImageKind, State, new_uuid};
use crate::warning::Warning;

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

/// What is made of a picture.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// The member of the answer.
    pub(super) member: &'static str,
    /// What answers call it.
    pub(super) word: &'static str,
    /// The member of the request that its size comes from.
    pub(super) size: &'static str,
}

const UPSCALED: Kind = Kind { member: "sdUpscaleJob", word: "UPSCALE", size: "id" };
const UNZOOMED: Kind = Kind { member: "sdUnzoomJob", word: "UNZOOM", size: "id" };
const WITHOUT_BACKGROUND: Kind = Kind { member: "sdNobgJob", word: "NOBG", size: "id" };

/// How much larger a picture becomes.
const RATIO: usize = 2;

/// A picture, and what it comes from.
pub(super) struct Source {
    pub(super) image: Image,
    /// The picture that all this began with.
    pub(super) root: String,
    /// What that was drawn as.
    pub(super) spec: Spec,
    pub(super) public: bool,
}

/// What is made of it, and what the caller should know.
pub(super) struct Made {
    pub(super) spec: Spec,
    pub(super) warnings: Vec<Warning>,
}

impl From<Spec> for Made {
    fn from(spec: Spec) -> Self {
        Self { spec, warnings: vec![] }
    }
}

/// `POST /variations/upscale`
pub(super) fn upscale(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, UPSCALE)?;
    let Image { width, height, .. } = source.image;
    let init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    let (rework, size) = (Some(Rework::Upscale), (width * RATIO, height * RATIO));
    let spec = Spec { init: Some(init), rework, width: size.0, height: size.1, ..plain(&source.spec) };
    begin(app, call, UPSCALED, (source, spec.into()))
}

/// `POST /variations/unzoom`
pub(super) fn unzoom(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, OTHERS)?;
    let size @ (width, height) = whole_latents(&source.image);
    let mut init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    zoom_out(&mut init, size, UNZOOM, false);
    let spec = Spec { init: Some(init), width, height, ..plain(&source.spec) };
    begin(app, call, UNZOOMED, (source, spec.into()))
}

/// `POST /variations/nobg`
pub(super) fn without_background(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let source = source(app, call, OTHERS)?;
    let Image { width, height, .. } = source.image;
    let init = InitSpec { picture: source.image.id.clone(), ..InitSpec::default() };
    let rework = Some(Rework::Matte);
    let spec = Spec { init: Some(init), rework, width, height, ..plain(&source.spec) };
    begin(app, call, WITHOUT_BACKGROUND, (source, spec.into()))
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
    let id = ("id", values.text("id").unwrap_or_default());
    match values.flag("isVariation") == Some(true) {
        true => varied(app, call, id),
        false => generated(app, call, id),
    }
}

/// A picture of one of the caller's generations, which this member names.
pub(super) fn generated(app: &App, call: &Call, (member, id): (&str, &str)) -> Result<Source, Problem> {
    let image = app.store.image(id)?.filter(|image| image.owner == call.owner);
    let image = image.ok_or_else(|| missing(member))?;
    let ImageKind::Generation { id: of, .. } = &image.kind else { return Err(missing(member)) };
    let generation = app.store.generation(&call.owner, of)?.ok_or_else(|| missing(member))?.0;
    made_of(generation, image, member)
}

/// The picture of one of the caller's variations, which this member names.
pub(super) fn varied(app: &App, call: &Call, (member, id): (&str, &str)) -> Result<Source, Problem> {
    let found = app.store.generation(&call.owner, id)?;
    let (generation, mut images) = found.ok_or_else(|| missing(member))?;
    if generation.state == State::Pending {
        let message =
            format!("`{member}`: this variation is not finished yet; ask again when it is COMPLETE");
        return Err(Problem::field(member, message));
    }
    let image = images.pop().ok_or_else(|| missing(member))?;
    made_of(generation, image, member)
}

fn made_of(generation: Generation, image: Image, member: &str) -> Result<Source, Problem> {
    let spec = serde_json::from_value::<Spec>(generation.spec).map_err(|_| missing(member))?;
    let root = generation.variation_of.unwrap_or_else(|| image.id.clone());
    Ok(Source { image, root, spec, public: generation.request["public"] == true })
}

fn missing(member: &str) -> Problem {
    Problem::not_found(format!("`{member}`: none of your generations has a picture of this id"))
}

/// What a picture was drawn as, without what was done to it in the end and what it was made of: it has that already.
pub(super) fn plain(spec: &Spec) -> Spec {
    let Spec {
        model, prompt, negative_prompt, seed, steps, guidance, sampler, weight, loras, tiling, ..
    } = spec.clone();
    let plain = Spec { model, prompt, negative_prompt, seed, steps, guidance, sampler, ..Spec::default() };
    Spec { images: 1, weight, loras, tiling, ..plain }
}

/// The size of a picture, in whole latents.
fn whole_latents(image: &Image) -> (usize, usize) {
    let side = |side: usize| (side / 8 * 8).max(8);
    (side(image.width), side(image.height))
}

/// Keeps it, submits it, and answers its id.
pub(super) fn begin(
    app: &Arc<App>,
    call: &Call,
    Kind { member, word, size }: Kind,
    (source, Made { spec, mut warnings }): (Source, Made),
) -> Result<Answer, Problem> {
    app.unstored.check()?;
    check(&app.config.work, &spec, &Members { width: size, height: size, images: None, steps: size })?;
    if spec.rework.is_none() {
        warnings.extend(app.models.of(&spec).foresight.warnings(Family::Leonardo, &spec)?);
    }
    let place = app.queue.place(&call.owner)?;
    let reservation = app.store.reserve(generation_bytes(&spec, 0))?;
    let generation = Generation {
        id: new_uuid(),
        owner: call.owner.clone(),
        created_at: crate::clock::now(),
        state: State::Pending,
        request: json!({"transformType": word, "public": source.public}),
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
