//! What is done with a picture without a prompt, and without drawing: it becomes larger, or its background transparent.

use fulmen_engine::edit::{matte, resampled};

use super::Job;
use super::job::{Drawing, Status};
use super::spec::{InitSpec, Rework};
use crate::problem::Problem;

/// Does it, and tells how it has ended.
pub(super) fn reworked(job: &Job, rework: Rework) -> Status {
    let pictures = job.pictures();
    let picture = job.spec.init.as_ref().and_then(|InitSpec { picture, .. }| pictures.get(picture));
    let Some(picture) = picture else { return Status::Failed(Problem::internal()) };
    let picture = match rework {
        Rework::Upscale => resampled(&picture, job.spec.width, job.spec.height),
        Rework::Matte => matte(&picture),
    };
    let drawing = Drawing { picture, seed: job.spec.seed, steps: 0, parameters: None };
    Status::Done(vec![drawing].into())
}
