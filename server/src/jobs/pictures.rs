//! The pictures that a job is drawn from, read from the store when its turn comes.

use std::collections::HashMap;
use std::sync::Arc;

use fulmen_engine::picture::{Limits, Picture, read};

use super::{Job, Spec};
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
            let picture = picture(&store.bytes(&image).map_err(gone)?)?;
            Ok((id.to_owned(), Arc::new(picture)))
        };
        job.spec.pictures().into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What stands for a job's pictures as long as they are not read: their sizes do not matter where the size of what is
    /// drawn is known. All of them is drawn anew.
    pub(super) fn stand_ins(spec: &Spec) -> Self {
        let nothing = Arc::new(Picture { alpha: Some(vec![0]), ..Picture::new(1, 1, vec![u8::MAX; 3]) });
        Self(spec.pictures().into_iter().map(|id| (id.to_owned(), nothing.clone())).collect())
    }
}

fn gone(problem: Problem) -> Problem {
    match problem.status {
        404 => Problem::new(400, "picture_deleted", "a picture that this begins from was deleted meanwhile"),
        _ => problem,
    }
}

/// It was looked through when it was kept.
fn picture(bytes: &[u8]) -> Result<Picture, Problem> {
    read(bytes, Limits::default()).map_err(|error| {
        tracing::error!("a kept picture {error}");
        Problem::internal()
    })
}
