//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use serde_json::json;

use crate::app::App;
use crate::http::Answer;
use crate::metrics::{Form, Now};
use crate::problem::Problem;
use crate::route::Call;

/// The process answers, and which models it was started with.
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn healthz(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    let models: Vec<&str> = app.models.infos().map(|model| model.name.as_str()).collect();
    Ok(Answer::json(200, &json!({"status": "ok", "models": models})))
}

/// It takes requests, and can keep pictures.
pub(super) fn readyz(app: &Arc<App>, _: &Call) -> Result<Answer, Problem> {
    if app.queue.is_closed() {
        return Err(Problem::busy("shutting_down", "the server is shutting down", 10));
    }
    app.store.check()?;
    Ok(Answer::json(200, &json!({"status": "ok"})))
}

/// Everything that is counted.
pub(super) fn metrics(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let jobs = app.queue.snapshot();
    let (waiting, running) = (jobs.waiting.len() as u64, jobs.running.len() as u64);
    let form = Form::accepted(call.request.header("accept").unwrap_or_default());
    let usage = app.store.usage();
    let now = Now { waiting, running, pictures: usage.pictures, stored: usage.total() };
    let text = app.metrics.text(form, &now);
    Ok(Answer::bytes(200, form.media_type(), text).header("Vary", "Accept"))
}
