//! `/v1/jobs`: what waits and what is drawn, of the caller's own.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::http::Answer;
use crate::jobs::{Job, Status};
use crate::problem::Problem;
use crate::route::Call;

/// `GET /v1/jobs`
#[expect(clippy::unnecessary_wraps, reason = "a handler's type")]
pub(super) fn list(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let data: Vec<Value> = own(app, call).map(|(ahead, job)| object(ahead, &job)).collect();
    Ok(Answer::json(200, &json!({"data": data})))
}

/// `GET /v1/jobs/{id}`
pub(super) fn get(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    let (ahead, job) = find(app, call)?;
    Ok(Answer::json(200, &object(ahead, &job)))
}

/// `DELETE /v1/jobs/{id}`
pub(super) fn cancel(app: &Arc<App>, call: &Call) -> Result<Answer, Problem> {
    find(app, call)?.1.cancel();
    Ok(Answer::empty(204))
}

fn find(app: &App, call: &Call) -> Result<(usize, Arc<Job>), Problem> {
    let job = own(app, call).find(|(_, job)| job.ticket.id == call.params[0]);
    job.ok_or_else(|| Problem::not_found("no job with this id is waiting or being drawn"))
}

/// The caller's jobs, each with how many are in front of it.
fn own(app: &App, call: &Call) -> impl Iterator<Item = (usize, Arc<Job>)> {
    let now = app.queue.snapshot();
    let owner = call.owner.clone();
    let jobs = now.running.into_iter().chain(now.waiting).enumerate();
    jobs.filter(move |(_, job)| job.ticket.owner == owner)
}

fn object(ahead: usize, job: &Job) -> Value {
    let id = &job.ticket.id;
    match job.status() {
        Status::Running { image, images, step, steps } => {
            let doing = job.doing();
            let mut object = json!({
                "id": id, "status": "running", "image": image, "images": images, "step": step, "steps": steps,
                "stage": doing.stage,
            });
            if doing.tiles > 0 {
                (object["tile"], object["tiles"]) = (json!(doing.tile), json!(doing.tiles));
            }
            object
        }
        _ => json!({"id": id, "status": "queued", "ahead": ahead, "images": job.spec.images}),
    }
}
