//! What is done with a picture without a prompt: it becomes larger, or its background transparent. Where it is to be drawn
//! over in a larger size, it becomes larger first.

use std::time::Instant;

use fulmen_engine::backend::MemoryNeed;
use fulmen_engine::edit::{matte, resampled};
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::picture::Picture;
use fulmen_engine::request::Upscale;
use fulmen_engine::{Engine, Error};

use super::Job;
use super::memory::MATTE;
use super::spec::Rework;
use super::watching::Watching;

/// How much longer sides become at the most; pictures that are smaller still are resampled.
const MOST_RATIO: f64 = 16.0;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is to be drawn.
    Draw,
    /// It is done already.
    End,
}

/// Does what comes before drawing, or in place of it, and tells it as drawing does.
///
/// # Errors
/// The engine's.
pub(super) fn reworked(engine: &mut Engine, job: &Job, watching: &mut Watching<'_>) -> Result<Next, Error> {
    let (spec, pictures) = (&job.spec, job.pictures());
    let Some(init) = &spec.init else { return Ok(Next::Draw) };
    let Some(picture) = pictures.get(&init.picture) else {
        return Err(Error::Request(
            "the picture that this is made of is not there any more".to_owned().into(),
        ));
    };
    match spec.rework {
        None => {
            if let Some(size) = watching.enlarged_first().filter(|size| is_larger(*size, &picture)) {
                let larger = Larger { size, resized: false };
                let picture = larger.of(engine, picture.as_ref().clone(), watching)?;
                job.begin(pictures.with(&init.picture, picture));
            }
            return Ok(Next::Draw);
        }
        Some(Rework::Upscale) => {
            let larger = Larger { size: (spec.width, spec.height), resized: true };
            let picture = larger.of(engine, picture.as_ref().clone(), watching)?;
            watching.keep(picture);
        }
        Some(Rework::Matte) => {
            let pixels = (picture.width * picture.height) as u64;
            watching.event(Event::Memory(MemoryNeed { picture: pixels * MATTE, ..MemoryNeed::default() }));
            watching.cancel.check()?;
            watching.keep(matte(&picture));
        }
    }
    Ok(Next::End)
}

fn is_larger((width, height): (usize, usize), picture: &Picture) -> bool {
    width > picture.width || height > picture.height
}

/// A picture that covers this size, or has it exactly.
struct Larger {
    size: (usize, usize),
    resized: bool,
}

impl Larger {
    /// By the server's network, or by Lanczos resampling where it has none.
    fn of(
        self,
        engine: &mut Engine,
        picture: Picture,
        watching: &mut Watching<'_>,
    ) -> Result<Picture, Error> {
        let (width, height) = self.size;
        let ratio = (width as f64 / picture.width as f64).max(height as f64 / picture.height as f64);
        let upscale = Upscale { file: watching.upscaler(), by: Some(ratio.clamp(1.0, MOST_RATIO)) };
        let need =
            engine.enlarger().prepare([picture.width, picture.height], picture.alpha.is_some(), &upscale)?;
        watching.event(Event::Memory(need));
        let cancel = watching.cancel.clone();
        cancel.check()?;
        let mut event = |event| watching.event(event);
        let mut watch = Watch { event: &mut event, trace: None, previews: 0, cancel };
        let start = Instant::now();
        let large = engine.enlarger().enlarge(picture, &upscale, 0, &mut watch)?;
        watching.enlarged_in(start.elapsed().as_secs_f64());
        let exact = !self.resized || (large.width, large.height) == self.size;
        Ok(if exact { large } else { resampled(&large, width, height) })
    }
}
