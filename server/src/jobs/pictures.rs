//! The pictures that a job is drawn from, read from the store when its turn comes.

use std::collections::HashMap;
use std::sync::Arc;

use fulmen_engine::memory::Memory;
use fulmen_engine::picture::{Limits, Picture, decoding, read};

use super::{InitSpec, Job, Spec};
use crate::problem::Problem;
use crate::store::{Image, Store};

/// Bytes of a pixel, with its opacity.
const PIXEL: u64 = 4;

/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 10;

/// The pictures of one job, by the store's ids.
#[derive(Debug, Default)]
pub(crate) struct Pictures(HashMap<String, Arc<Picture>>);

impl Pictures {
    /// The one of this id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Picture>> {
        self.0.get(id).cloned()
    }

    /// The same with another picture in place of one of them.
    pub(super) fn with(&self, id: &str, picture: Picture) -> Self {
        let mut all = self.0.clone();
        all.insert(id.to_owned(), Arc::new(picture));
        Self(all)
    }

    /// Reads those that a job names. They are its owner's: a handler that was given another's keeps a copy.
    ///
    /// # Errors
    /// 400 where one was deleted meanwhile, or there never is memory for all of them; 503 where there is none now, or the
    /// disk refuses.
    pub(crate) fn of(store: &Store, job: &Job) -> Result<Self, Problem> {
        let find = |id: &str| store.owned(&job.ticket.owner, id).map_err(gone);
        let images = job.spec.pictures().into_iter().map(find).collect::<Result<Vec<_>, _>>()?;
        if !images.is_empty() {
            enough(needed(&images), Memory::now())?;
        }
        let read = |image: Image| {
            let picture = picture(&store.bytes(&image).map_err(gone)?)?;
            Ok((image.id, Arc::new(picture)))
        };
        images.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What stands for a job's pictures as long as they are not read: their sizes do not matter where the size of what is
    /// drawn is known. All of them is drawn anew.
    pub(super) fn stand_ins(spec: &Spec) -> Self {
        let white = Picture::new(1, 1, vec![u8::MAX; 3]);
        let nothing = Arc::new(Picture { alpha: Some(vec![0]), ..white.clone() });
        let mut all: HashMap<_, _> =
            spec.pictures().into_iter().map(|id| (id.to_owned(), nothing.clone())).collect();
        if let Some(mask) = spec.init.as_ref().and_then(InitSpec::white_mask) {
            all.insert(mask.to_owned(), Arc::new(white));
        }
        Self(all)
    }
}

/// Bytes that these take, and the one that takes most of them while it is read. A small file may be a large picture, and
/// a request may name many.
fn needed(images: &[Image]) -> u64 {
    let pixels = |image: &Image| (image.width * image.height) as u64;
    let reading = |image: &Image| decoding(image.width, image.height) + image.size;
    let read: u64 = images.iter().map(|image| pixels(image) * PIXEL).sum();
    read + images.iter().map(reading).max().unwrap_or(0)
}

/// Whether there is so much memory.
fn enough(need: u64, Memory { total, free }: Memory) -> Result<(), Problem> {
    let what = format!("the pictures that this is drawn from need {} MiB of memory", need >> 20);
    if need > total {
        let message =
            format!("{what}, and this server can have {} MiB; use fewer or smaller ones", total >> 20);
        return Err(Problem::new(400, "too_large", message));
    }
    if need > free {
        let message = format!("{what}, and {} MiB are left right now; ask again later", free >> 20);
        return Err(Problem::busy("memory_short", message, RETRY_AFTER));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_there_is_no_memory_for_are_not_read() {
        let with = |total: u64, free: u64| Memory { total, free };
        assert_eq!(enough(100, with(1000, 100)), Ok(()));
        let code = |problem: Problem| (problem.status, problem.code);
        assert_eq!(enough(101, with(1000, 100)).map_err(code), Err((503, "memory_short")));
        assert_eq!(enough(1001, with(1000, 1000)).map_err(code), Err((400, "too_large")));
    }
}
