//! The pictures that a job is drawn from, read from the store when its turn comes.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use fulmen_engine::picture::Picture;
use image::ImageReader;

use super::Job;
use crate::problem::Problem;
use crate::store::Store;

/// The pictures of one job, by the store's ids.
#[derive(Debug, Default)]
pub(crate) struct Pictures(HashMap<String, Arc<Picture>>);

impl Pictures {
    /// The one of this id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Picture>> {
        self.0.get(id).cloned()
    }

    /// Reads those that a job names. They are its owner's: a handler that was given another's keeps a copy.
    ///
    /// # Errors
    /// 400 where one was deleted meanwhile, 503 where the disk refuses.
    pub(crate) fn of(store: &Store, job: &Job) -> Result<Self, Problem> {
        let read = |id: &str| {
            let image = store.owned(&job.ticket.owner, id).map_err(gone)?;
            let picture = decoded(&store.bytes(&image).map_err(gone)?)?;
            Ok((id.to_owned(), Arc::new(picture)))
        };
        job.spec.pictures().into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn gone(problem: Problem) -> Problem {
    match problem.status {
        404 => Problem::new(400, "picture_deleted", "a picture that this begins from was deleted meanwhile"),
        _ => problem,
    }
}

/// It was looked through when it was kept.
fn decoded(bytes: &[u8]) -> Result<Picture, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::error!("a kept picture cannot be read: {error}");
        Problem::internal()
    };
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| unreadable(&e))?;
    let image = reader.decode().map_err(|e| unreadable(&e))?;
    let (width, height, has_alpha) =
        (image.width() as usize, image.height() as usize, image.color().has_alpha());
    let alpha = has_alpha.then(|| image.to_rgba8().pixels().map(|pixel| pixel.0[3]).collect());
    Ok(Picture { width, height, rgb: image.into_rgb8().into_raw(), alpha })
}
