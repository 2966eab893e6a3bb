//! Jobs that are drawn over pictures, side by side.

use std::time::Instant;

use fulmen_engine::picture::Picture;

use super::*;
use crate::config::Nets;
use crate::jobs::{InitSpec, Rework};

/// Pictures of one colour each, for jobs that are drawn over one: `grey` of 20 times the seed.
fn greys(job: &Job) -> Pictures {
    let Some(init) = &job.spec.init else { return Pictures::default() };
    let grey = Picture::new(64, 64, vec![job.spec.seed as u8 * 20; 64 * 64 * 3]);
    Pictures::default().with(&init.picture, grey)
}

#[test]
fn jobs_that_are_drawn_over_pictures_of_one_size_are_drawn_together_too() {
    let waiting = Waiting::new();
    let over = |seed, init: InitSpec| {
        let init = InitSpec { picture: format!("picture {seed}"), denoising_strength: 0.5, ..init };
        Spec { init: Some(init), ..spec(seed, 1) }
    };
    let plain = InitSpec::default;
    let wider = InitSpec { size: Some([32, 32]), outpaint: Some([16; 4]), ..plain() };
    let specs = [over(1, plain()), over(2, plain()), spec(3, 1), over(4, wider), over(5, plain())];
    let jobs = waiting.submit(specs.clone());
    let (ends, together) = waiting.run(jobs.clone(), |job| {
        job.begin(greys(job));
        Ok(())
    });
    assert_eq!(together, 2, "one that begins from noise, and one that is wider, are drawn apart");
    let mut engine = Engine::open(&options()).unwrap();
    let info = ModelInfo::of(&engine, &model(None)).unwrap();
    for ((spec, end), job) in specs.iter().zip(&ends).zip(&jobs) {
        let alone = engine.draw(&info.request(spec, &greys(job))).unwrap();
        assert_eq!(drawn(end), [alone.rgb], "{}", spec.seed);
    }
}

/// A worker with a network that enlarges, and a job that enlarges a picture by it.
fn upscaling(seed: u64) -> Spec {
    let init = InitSpec { picture: format!("picture {seed}"), ..InitSpec::default() };
    Spec { init: Some(init), rework: Some(Rework::Upscale), width: 128, height: 128, ..spec(seed, 1) }
}

fn upscaler() -> ModelConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/upscalers/rrdb.safetensors");
    ModelConfig { nets: Nets { upscaler: Some(file), ..Nets::default() }, ..model(None) }
}

#[test]
fn what_is_enlarged_tells_its_tiles_is_stopped_as_others_and_needs_memory_as_they_do() {
    let waiting = Waiting::with(&[upscaler()]);
    let jobs = waiting.submit([1, 2, 3].map(upscaling));
    let promises = waiting.worker.promises.clone();
    let begun = Arc::new(Mutex::new(Instant::now()));
    let third = begun.clone();
    let (ends, _) = waiting.run(jobs.clone(), move |job| {
        job.begin(greys(job));
        match job.spec.seed {
            2 => job.cancel(),
            // There is none for whoever comes in the next half a second.
            3 => {
                *third.lock().unwrap() = Instant::now();
                let taken = promises.of_everything();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(500));
                    drop(taken);
                });
            }
            _ => {}
        }
        Ok(())
    });
    let codes = ends.each_ref().map(|end| end.as_ref().map(drop).map_err(|problem| problem.code));
    assert_eq!(codes, [Ok(()), Err("cancelled"), Ok(())]);
    assert!(begun.lock().unwrap().elapsed() >= Duration::from_millis(450), "it waited");
    let [large] = &ends[0].as_ref().unwrap()[..] else { panic!("one picture") };
    assert_eq!((large.picture.width, large.picture.height), (128, 128));
    let mut told = vec![];
    let _ = jobs[0].watch(&Client::default(), &mut |progress| {
        told.push(match progress {
            Progress::Stage(stage) => stage.to_owned(),
            Progress::Tile { tile, tiles } => format!("tile {}", tile == tiles),
            _ => return Ok(()),
        });
        Ok(())
    });
    assert_eq!(told.first().map(String::as_str), Some("upscale"));
    assert_eq!(told.last().map(String::as_str), Some("tile true"), "{told:?}");
}
