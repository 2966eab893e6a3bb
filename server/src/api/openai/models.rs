//! `/v1/models`: those that the server was started with; the first draws under all other names.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use fulmen_engine::request::{SecondPass, Upscale};
use serde_json::{Value, json};

use super::fields::LONGEST_NAME;
use crate::app::App;
use crate::fields::LONGEST_SIDE;
use crate::http::Answer;
use crate::jobs::ModelInfo;
use crate::problem::Problem;
use crate::route::Call;

/// `GET /v1/models`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn list(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let models: Vec<Value> = app.models.infos().map(|info| model(app, info)).collect();
    Ok(Answer::json(200, &json!({"object": "list", "data": models})))
}

/// `GET /v1/models/{id}`: the first model draws whatever else a request names, so that it answers to every name.
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let asked = &call.params[0];
    if let Some(named) = app.models.find(|info| info.name == *asked) {
        return Ok(Answer::json(200, &model(app, &named.info)));
    }
    let mut model = model(app, &app.models.first().info);
    if !is_name(asked) {
        let message = format!("that is not the name of a model; the model here is {}", model["id"]);
        return Err(Problem::not_found(message));
    }
    model["fulmen"]["drawn_by"] = model["id"].take();
    model["id"] = json!(asked);
    Ok(Answer::json(200, &model))
}

/// Whether a request for images may name its model so.
fn is_name(name: &str) -> bool {
    name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

fn model(app: &App, model: &ModelInfo) -> Value {
    let note = if model.is_demo {
        format!(
            "the small model inside the program: shapes and simple scenes, drawn at an area of {0}×{0} in \
             the requested aspect ratio and resampled to the requested size; start the server with --model \
             for SDXL",
            model.own_size
        )
    } else {
        format!("drawn at the requested size; made for about {0}×{0}", model.own_size)
    };
    let more = json!({
        "demo": model.is_demo,
        "size": model.own_size,
        "steps": model.steps,
        "guidance_scale": model.guidance,
        "device": model.device,
        "note": note,
        "limits": {
            "side": LONGEST_SIDE,
            "pixels": app.config.work.pixels,
            "upscale": Upscale::MOST,
            "hires": SecondPass::MOST,
        },
        "upscaler": model.nets.upscaler.as_deref().and_then(Path::file_stem).map(OsStr::to_string_lossy),
    });
    let created = app.started.as_second();
    json!({"id": model.name, "object": "model", "created": created, "owned_by": "fulmen", "fulmen": more})
}
