//! Jobs that are drawn over pictures, side by side.

use fulmen_engine::picture::Picture;

use super::*;
use crate::jobs::InitSpec;

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
