//! `/v1/models`: there is one.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::http::Answer;
use crate::problem::Problem;
use crate::route::Call;

/// `GET /v1/models`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn list(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    Ok(Answer::json(200, &json!({"object": "list", "data": [model(app)]})))
}

/// `GET /v1/models/{id}`
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let model = model(app);
    if model["id"] != call.params[0].as_str() {
        return Err(Problem::not_found(format!("the model here is {}", model["id"])));
    }
    Ok(Answer::json(200, &model))
}

fn model(app: &App) -> Value {
    let model = &app.model;
    let note = if model.is_demo {
        format!(
            "the small model inside the program: shapes and simple scenes, drawn at an area of {0}×{0} in the asked \
             aspect and resampled to the asked size; start the server with --model for SDXL",
            model.own_size
        )
    } else {
        format!("drawn at the asked size; made for about {0}×{0}", model.own_size)
    };
    let more = json!({
        "demo": model.is_demo,
        "size": model.own_size,
        "steps": model.steps,
        "guidance_scale": model.guidance,
        "device": model.device,
        "note": note,
    });
    let created = app.started.as_second();
    json!({"id": model.name, "object": "model", "created": created, "owned_by": "fulmen", "fulmen": more})
}
