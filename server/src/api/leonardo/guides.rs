//! Pictures that guide a picture: those that count as part of its prompt.

use crate::app::App;
use crate::fields::Values;
use crate::jobs::{ImagePromptSpec, ModelInfo};
use crate::problem::Problem;
use crate::route::Call;
use crate::warning::Warning;

/// How much pictures count where nothing is said.
const USUAL_WEIGHT: f64 = 0.5;

/// What `imagePrompts` and `imagePromptWeight` ask for; the pictures are the caller's own.
///
/// # Errors
/// 400 where the server has no IP-Adapter, or there is no such picture.
pub(super) fn image_prompt(
    (app, call): (&App, &Call),
    values: &Values,
    model: &ModelInfo,
    warnings: &mut Vec<Warning>,
) -> Result<Option<ImagePromptSpec>, Problem> {
    let list = values.value("imagePrompts").and_then(|list| list.as_array()).map(Vec::as_slice);
    let ids = list.unwrap_or_default().iter().enumerate();
    let ids: Vec<(usize, &str)> = ids.filter_map(|(at, id)| Some((at, id.as_str()?))).collect();
    if ids.is_empty() {
        if values.has("imagePromptWeight") {
            let message = "`imagePromptWeight` has no effect without `imagePrompts`";
            warnings.push(Warning::no_effect("imagePromptWeight", message));
        }
        return Ok(None);
    }
    if model.nets.ip_adapter.is_none() {
        let message = "`imagePrompts` needs an IP-Adapter, which this server was started without: \
                       --ip-adapter FILE --image-encoder PATH";
        return Err(Problem { code: "not_supported", ..Problem::field("imagePrompts", message) });
    }
    let pictures = ids.into_iter().map(|(at, id)| own(app, call, &format!("imagePrompts[{at}]"), id));
    let scale = values.number("imagePromptWeight").unwrap_or(USUAL_WEIGHT) as f32;
    Ok(Some(ImagePromptSpec { pictures: pictures.collect::<Result<_, _>>()?, scale }))
}

/// The store's id of a picture of the caller's.
fn own(app: &App, call: &Call, field: &str, id: &str) -> Result<String, Problem> {
    match app.store.owned(&call.owner, id) {
        Ok(image) => Ok(image.id),
        Err(problem) if problem.status == 404 => {
            let message = format!("`{field}`: there is no picture of yours with this id");
            Err(Problem::field(field, message))
        }
        Err(problem) => Err(problem),
    }
}
