//! Requests that are drawn together: each picture is the one that it is alone, and what happens to one of them happens
//! to no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fulmen_engine::backend::{Backend, CancelToken, Peak, Program};
use fulmen_engine::engine::{Event, Order, Watch};
use fulmen_engine::graph::Graph;
use fulmen_engine::request::Guidance;
use fulmen_engine::schedule::SamplerName;
use fulmen_engine::{Engine, Error, Options, Request, Result};

use super::devices::backends;

/// The demo model's own size has the pixels of four of these.
const SIDE: usize = 64;

/// A backend that has no memory for more than so many pictures at once, and notes how many the UNet is asked for.
struct Watched {
    inner: Arc<dyn Backend>,
    most: usize,
    compiled: Mutex<Vec<usize>>,
}

impl Watched {
    fn new(inner: Arc<dyn Backend>, most: usize) -> Arc<Self> {
        Arc::new(Self { inner, most, compiled: Mutex::default() })
    }
}

impl Backend for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn is_host(&self) -> bool {
        self.inner.is_host()
    }

    fn compile(&self, graph: Arc<Graph>) -> Result<Box<dyn Program>> {
        if let (Some(latents), Some(_)) = (graph.input("latents"), graph.input("time")) {
            let images = graph.node(latents).shape.images;
            if images > self.most {
                return Err(Error::Memory { device: "narrow".into(), need: 2, have: 1 });
            }
            self.compiled.lock().unwrap().push(images);
        }
        self.inner.compile(graph)
    }

    fn peak(&self) -> Result<Peak> {
        self.inner.peak()
    }
}

/// What became of a request.
#[derive(Default)]
struct Drawn {
    pictures: Vec<Vec<u8>>,
    previews: usize,
    /// The steps of all its pictures.
    steps: usize,
    seconds: f64,
    end: Option<Result<()>>,
}

impl Drawn {
    /// The pixels of a request that came to its end.
    fn pixels(&self) -> &[Vec<u8>] {
        assert!(matches!(self.end, Some(Ok(()))), "{:?}", self.end);
        &self.pictures
    }
}

/// Draws requests together; the one of the number in `stop` is cancelled after its first step.
fn together(engine: &mut Engine, requests: &[(Request, usize)], stop: Option<usize>) -> Vec<Drawn> {
    let tokens: Vec<_> = requests.iter().map(|_| CancelToken::default()).collect();
    let drawn: Vec<Mutex<Drawn>> = requests.iter().map(|_| Mutex::default()).collect();
    let mut events: Vec<_> = drawn
        .iter()
        .zip(&tokens)
        .enumerate()
        .map(|(number, (drawn, cancel))| {
            move |event| {
                let mut drawn = drawn.lock().unwrap();
                assert!(drawn.end.is_none(), "something happens after the end");
                match event {
                    Event::Picture(picture) => drawn.pictures.push(picture.picture.rgb),
                    Event::Preview { .. } => drawn.previews += 1,
                    Event::Step { seconds, .. } => {
                        (drawn.steps, drawn.seconds) = (drawn.steps + 1, drawn.seconds + seconds);
                        if stop == Some(number) {
                            cancel.cancel();
                        }
                    }
                    _ => {}
                }
            }
        })
        .collect();
    let watches = requests.iter().zip(&mut events).zip(&tokens);
    let mut orders: Vec<_> = watches
        .map(|(((request, previews), event), cancel)| {
            let (previews, cancel) = (*previews, cancel.clone());
            Order { request, watch: Watch { event, trace: None, previews, cancel } }
        })
        .collect();
    engine.generate_together(&mut orders, &mut |number, end| {
        assert!(drawn[number].lock().unwrap().end.replace(end).is_none(), "it ended twice");
    });
    drop(orders);
    drop(events);
    drawn.into_iter().map(|drawn| drawn.into_inner().unwrap()).collect()
}

fn alone(engine: &mut Engine, request: &(Request, usize)) -> Drawn {
    together(engine, std::slice::from_ref(request), None).remove(0)
}

fn request(prompt: &str, seed: u64) -> Request {
    let side = Some(SIDE);
    Request { seed: Some(seed), width: side, height: side, ..Request::new(prompt) }
}

/// Three that go together, each with settings of its own.
fn three() -> [(Request, usize); 3] {
    let heun = Request { sampler: Some(SamplerName::Heun), steps: Some(3), ..request("a blue square", 2) };
    let noisy = Request { sampler: Some(SamplerName::EulerAncestral), ..request("a green star", 3) };
    [(request("a red circle", 1), 0), (heun, 2), (Request { steps: Some(7), ..noisy }, 0)]
}

#[test]
fn requests_together_are_the_pictures_that_they_are_alone() {
    for backend in backends() {
        let watched = Watched::new(backend, 4);
        let mut engine = Engine::open_on(watched.clone(), &Options::default()).expect("the demo model");
        let drawn = together(&mut engine, &three(), None);
        // All three, then the one with the most steps.
        assert_eq!(watched.compiled.lock().unwrap()[..2], [3, 2], "canvases side by side");
        assert_eq!(drawn.iter().map(|drawn| drawn.previews).collect::<Vec<_>>(), [0, 2, 0]);
        assert_eq!(drawn.iter().map(|drawn| drawn.steps).collect::<Vec<_>>(), [4, 3, 7]);
        for (request, drawn) in three().iter().zip(&drawn) {
            assert!(drawn.seconds > 0.0);
            let alone = alone(&mut engine, request);
            assert!(alone.pixels() == drawn.pixels(), "{:?} on {}", request.0, engine.device());
        }
    }
}

#[test]
fn one_that_is_cancelled_or_cannot_be_drawn_changes_no_other() {
    for backend in backends() {
        let mut engine = Engine::open_on(backend, &Options::default()).expect("the demo model");
        let [first, second, third] = three();
        let refused = (Request { steps: Some(0), ..request("nothing", 9) }, 0);
        let large = (Request { width: Some(96), images: 2, ..request("a large one", 4) }, 0);
        let requests = [first, second, refused, third, large];
        let drawn = together(&mut engine, &requests, Some(1));
        assert!(matches!(drawn[1].end, Some(Err(Error::Cancelled))), "{:?}", drawn[1].end);
        assert_eq!(
            (drawn[1].steps, drawn[1].pictures.len()),
            (1, 0),
            "it leaves after the call that it is in"
        );
        assert!(matches!(drawn[2].end, Some(Err(Error::Request(_)))), "{:?}", drawn[2].end);
        for number in [0, 3, 4] {
            let alone = alone(&mut engine, &requests[number]);
            assert!(alone.pixels() == drawn[number].pixels(), "{number} on {}", engine.device());
        }
    }
}

#[test]
fn a_picture_that_is_not_finite_spoils_no_other() {
    for backend in backends() {
        let mut engine = Engine::open_on(backend, &Options::default()).expect("the demo model");
        let guided = |seed, guidance| {
            let guidance = Some(Guidance::Exactly(guidance));
            (Request { guidance, ..request("a red circle", seed) }, 0)
        };
        let requests = [guided(1, 3.0), guided(2, f32::MAX), guided(3, 2.0)];
        let drawn = together(&mut engine, &requests, None);
        let Some(Err(Error::PictureNotFinite { layer })) = &drawn[1].end else {
            panic!("{:?}", drawn[1].end);
        };
        assert!(!layer.is_empty());
        for number in [0, 2] {
            let alone = alone(&mut engine, &requests[number]);
            assert!(alone.pixels() == drawn[number].pixels(), "{number} on {}", engine.device());
        }
    }
}

#[test]
fn a_batch_that_there_is_no_memory_for_is_drawn_one_after_the_other() {
    let [cpu, _] = <[_; 2]>::try_from(backends()).ok().expect("two backends");
    let four = (Request { images: 4, ..request("a red circle", 1) }, 0);
    let mut pictures = HashMap::new();
    for most in [1, 4] {
        let watched = Watched::new(cpu.clone(), most);
        let mut engine = Engine::open_on(watched.clone(), &Options::default()).expect("the demo model");
        let drawn = together(&mut engine, std::slice::from_ref(&four), None).remove(0);
        let compiled = watched.compiled.lock().unwrap().clone();
        pictures.insert(compiled, drawn.pixels().to_vec());
    }
    assert_eq!(pictures.len(), 2);
    assert!(pictures[&vec![1]] == pictures[&vec![4]]);
}
