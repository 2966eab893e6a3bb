//! The worker with an engine and without a network: which jobs are drawn together, and what happens to one of them.

mod over;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Weak};
use std::thread;
use std::time::Duration;

use fulmen_engine::backend::{Backend, CancelToken, HostTensor, MemoryNeed, Peak, Profiled, Program};
use fulmen_engine::cpu::CpuBackend;
use fulmen_engine::graph::{Graph, Node};
use fulmen_engine::{Error, Options, Request};

use super::*;
use crate::http::Client;
use crate::jobs::{Drawing, ModelInfo, Outcome, Places, Progress, Spec, Ticket};
use crate::metrics::{Form, Now};
use crate::problem::Family;

/// The demo model as a folder, which is drawn in the size that is asked for: four of 64×64 have the pixels of its own.
fn options() -> Options {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo");
    Options { model: Some(model), device: "cpu".parse().unwrap(), ..Options::default() }
}

fn model(id: Option<&str>) -> ModelConfig {
    ModelConfig { id: id.map(Into::into), engine: options(), ..ModelConfig::default() }
}

fn spec(seed: u64, images: usize) -> Spec {
    Spec { prompt: format!("a red circle {seed}"), width: 64, height: 64, images, seed, ..Spec::default() }
}

fn ticket(id: &str) -> Ticket {
    let (id, owner, outcome) = (id.into(), "local".into(), Outcome::Files);
    Ticket { id, owner, family: Family::OpenAi, previews: 2, outcome }
}

/// A worker whose jobs wait before it begins.
struct Waiting {
    worker: Worker,
    queue: Queue,
    metrics: Metrics,
}

impl Waiting {
    fn new() -> Self {
        Self::with(&[model(None)])
    }

    fn with(models: &[ModelConfig]) -> Self {
        let worker = Worker::open(models).unwrap();
        let places = Places { waiting: 100, per_key: None, time: Duration::from_secs(3600) };
        let queue = Queue::new(places, worker.models.infos().cloned().collect());
        Self { worker, queue, metrics: Metrics::default() }
    }

    fn submit<const N: usize>(&self, specs: [Spec; N]) -> [Arc<Job>; N] {
        let submit =
            |spec: Spec| self.queue.place("local").unwrap().submit(ticket(&spec.seed.to_string()), spec);
        specs.map(submit)
    }

    /// Draws everything that waits; how each has ended, and how many were drawn side by side with others.
    fn run<const N: usize>(
        self,
        jobs: [Arc<Job>; N],
        begin: impl Fn(&Job) -> Result<(), Problem> + Send + 'static,
    ) -> ([Result<Vec<Drawing>, Problem>; N], u64) {
        let Self { worker, queue, metrics } = self;
        let (drawing, counting) = (queue.clone(), metrics.clone());
        let engine = thread::spawn(move || worker.run(&drawing, &counting, &begin));
        let ends = jobs.map(|job| job.wait(&Client::default()));
        assert!(queue.wait_until_idle(Duration::from_secs(60)));
        queue.close();
        engine.join().unwrap();
        let text = metrics.text(Form::Prometheus, &Now { waiting: 0, running: 0, pictures: 0, stored: 0 });
        let line = text.lines().find_map(|line| line.strip_prefix("fulmen_jobs_together_total "));
        (ends, line.unwrap().parse().unwrap())
    }
}

fn drawn(end: &Result<Vec<Drawing>, Problem>) -> Vec<&[u8]> {
    end.as_ref().unwrap().iter().map(|drawing| drawing.picture.rgb.as_slice()).collect()
}

/// The pixels of what an engine draws that draws nothing else.
fn alone(spec: &Spec) -> Vec<Vec<u8>> {
    let mut engine = Engine::open(&options()).unwrap();
    let info = ModelInfo::of(&engine, &model(None)).unwrap();
    (0..spec.images as u64)
        .map(|image| {
            engine
                .draw(&Request { seed: Some(spec.seed + image), ..info.request(spec, &Pictures::default()) })
        })
        .map(|picture| picture.unwrap().rgb)
        .collect()
}

#[test]
fn jobs_of_one_size_are_drawn_together_in_their_turn_and_each_is_what_it_is_alone() {
    let waiting = Waiting::new();
    let other = Spec { width: 96, ..spec(5, 1) };
    let more_steps = Spec { steps: Some(6), sampler: Some("dpmpp-2m".into()), ..spec(20, 1) };
    // Four pictures are a batch; the one of another size keeps those after it from those before it.
    let specs = [spec(10, 2), more_steps, spec(30, 1), spec(40, 1), other, spec(50, 1), spec(60, 1)];
    let jobs = waiting.submit(specs.clone());
    let (ends, together) = waiting.run(jobs.clone(), |_| Ok(()));
    assert_eq!(together, 3 + 2);
    for (spec, end) in specs.iter().zip(&ends) {
        assert_eq!(drawn(end), alone(spec), "{}", spec.seed);
    }
    let mut told = vec![];
    let _ = jobs[1].watch(&Client::default(), &mut |progress| {
        told.push(match progress {
            Progress::Step { step, steps } => format!("{step}/{steps}"),
            Progress::Preview { index, .. } => format!("preview {index}"),
            _ => return Ok(()),
        });
        Ok(())
    });
    assert_eq!(told, ["1/6", "2/6", "3/6", "preview 0", "4/6", "5/6", "preview 1", "6/6"]);
}

#[test]
fn one_that_is_cancelled_or_cannot_begin_leaves_the_others_as_they_are() {
    let waiting = Waiting::new();
    let jobs = waiting.submit([spec(1, 1), spec(2, 1), spec(3, 1), spec(4, 1)]);
    let second = jobs[1].clone();
    let begin = move |job: &Job| match job.spec.seed {
        3 => Err(Problem::internal()),
        // The last of them: all are noted as drawn.
        4 => {
            second.cancel();
            Ok(())
        }
        _ => Ok(()),
    };
    let (ends, together) = waiting.run(jobs, begin);
    assert_eq!(together, 3);
    let codes = ends.each_ref().map(|end| end.as_ref().map(drop).map_err(|problem| problem.code));
    assert_eq!(codes, [Ok(()), Err("cancelled"), Err(Problem::internal().code), Ok(())]);
    for (seed, end) in [(1, &ends[0]), (4, &ends[3])] {
        assert_eq!(drawn(end), alone(&spec(seed, 1)), "{seed}");
    }
}

#[test]
fn what_was_drawn_when_the_server_ended_is_drawn_alone() {
    let waiting = Waiting::new();
    let beyond = |seed| waiting.queue.place_beyond("local").submit(ticket("again"), spec(seed, 1));
    let jobs = [beyond(1), beyond(2)];
    let (ends, together) = waiting.run(jobs, |_| Ok(()));
    assert_eq!((together, ends.iter().filter(|end| end.is_ok()).count()), (0, 2));
}

#[test]
fn those_that_there_is_no_memory_for_together_are_drawn_apart() {
    let waiting = Waiting::new();
    let jobs = waiting.submit([spec(1, 1), spec(2, 1)]);
    let taken = waiting.worker.promises.of_everything();
    let giving_back = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        drop(taken);
    });
    let (ends, _) = waiting.run(jobs, |_| Ok(()));
    giving_back.join().unwrap();
    for (seed, end) in (1..).zip(&ends) {
        assert_eq!(drawn(end), alone(&spec(seed, 1)), "{seed}");
    }
}

/// A backend whose programs panic.
struct Panics(CpuBackend);

struct Panic(Box<dyn Program>, AtomicBool);

impl Backend for Panics {
    fn name(&self) -> &str {
        "panics"
    }

    fn compile(&self, graph: Arc<Graph>) -> fulmen_engine::Result<Box<dyn Program>> {
        let is_unet = graph.input("time").is_some();
        Ok(Box::new(Panic(self.0.compile(graph)?, AtomicBool::new(is_unet))))
    }

    fn peak(&self) -> fulmen_engine::Result<Peak> {
        self.0.peak()
    }
}

impl Program for Panic {
    fn memory(&self) -> MemoryNeed {
        self.0.memory()
    }

    fn run(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> fulmen_engine::Result<Vec<HostTensor>> {
        assert!(!self.1.load(Ordering::Relaxed), "as it was made to");
        self.0.run(inputs, cancel)
    }

    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> fulmen_engine::Result<()>,
    ) -> fulmen_engine::Result<()> {
        self.0.trace(inputs, visit)
    }

    fn profile(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> fulmen_engine::Result<Profiled> {
        self.0.profile(inputs, cancel)
    }
}

#[test]
fn an_engine_that_panics_fails_those_that_it_draws_and_is_opened_again() {
    let mut waiting = Waiting::new();
    let panics = Engine::open_on(Arc::new(Panics(CpuBackend::new())), &options()).unwrap();
    waiting.worker.engines.replace(0, panics);
    let jobs = waiting.submit([spec(1, 2), spec(2, 2), spec(3, 1)]);
    let ([first, second, third], _) = waiting.run(jobs, |_| Ok(()));
    for failed in [first, second] {
        assert_eq!(failed.unwrap_err(), Problem::internal());
    }
    assert_eq!(drawn(&third), alone(&spec(3, 1)));
}

/// Three models, of which two are drawn in another number of steps than the first, so that each has pictures of its own.
fn three() -> [ModelConfig; 3] {
    [("first", None), ("second", Some(2)), ("third", Some(3))].map(|(id, steps)| {
        let defaults = Request { steps, ..Request::default() };
        ModelConfig { engine: Options { defaults, ..options() }, ..model(Some(id)) }
    })
}

fn by(model: &str, spec: Spec) -> Spec {
    Spec { model: Some(model.into()), ..spec }
}

#[test]
fn each_model_draws_the_jobs_that_name_it_and_only_those_of_one_model_go_together() {
    let waiting = Waiting::with(&three());
    let jobs = waiting.submit([
        spec(1, 1),
        by("first", spec(2, 1)),
        by("second", spec(3, 1)),
        by("third", spec(4, 1)),
        by("third", spec(5, 1)),
        by("nobody", spec(6, 1)),
    ]);
    let (ends, together) = waiting.run(jobs, |_| Ok(()));
    assert_eq!(together, 2 + 2);
    for (at, steps) in [None, None, Some(2), Some(3), Some(3), None].into_iter().enumerate() {
        let spec = Spec { steps, ..spec(at as u64 + 1, 1) };
        assert_eq!(drawn(&ends[at]), alone(&spec), "{at}");
    }
}

#[test]
fn two_models_need_two_names() {
    let refused = Worker::open(&[model(None), model(None)]).err().unwrap().to_string();
    assert!(
        refused.contains("two models are called demo") && refused.contains("--model demo-2="),
        "{refused}"
    );
    assert_eq!(Worker::open(&three()).unwrap().models.infos().count(), 3);
}

#[test]
fn who_has_drawn_nothing_for_longest_gives_way_and_is_opened_again() {
    let mut engines = Engines::open(&three()).unwrap().0;
    for at in [1, 2, 0] {
        let engine = engines.take(at).unwrap();
        engines.put_back(at, engine);
    }
    let engine = engines.take(2).unwrap();
    assert!(engines.close_another(2) && !engines.is_open(1) && engines.is_open(0));
    assert!(engines.close_another(2) && !engines.is_open(0));
    assert!(!engines.others_are_open(2) && !engines.close_another(2));
    engines.put_back(2, engine);
    let engine = engines.take(1).unwrap();
    engines.put_back(1, engine);
    assert!(engines.is_open(1) && engines.is_open(2));
}

/// A backend that has memory for one model at a time: what holds a program of another is told that there is none.
struct Narrow(CpuBackend, Arc<Mutex<Vec<Weak<()>>>>);

struct Held(Box<dyn Program>, #[expect(dead_code, reason = "it counts as long as it lives")] Arc<()>);

impl Backend for Narrow {
    fn name(&self) -> &str {
        "narrow"
    }

    fn compile(&self, graph: Arc<Graph>) -> fulmen_engine::Result<Box<dyn Program>> {
        let mut programs = self.1.lock().unwrap();
        programs.retain(|program| program.strong_count() > 0);
        if programs.len() >= 4 {
            return Err(Error::Memory { device: "narrow".into(), need: 2, have: 1 });
        }
        let count = Arc::new(());
        programs.push(Arc::downgrade(&count));
        Ok(Box::new(Held(self.0.compile(graph)?, count)))
    }

    fn peak(&self) -> fulmen_engine::Result<Peak> {
        self.0.peak()
    }
}

impl Program for Held {
    fn memory(&self) -> MemoryNeed {
        self.0.memory()
    }

    fn run(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> fulmen_engine::Result<Vec<HostTensor>> {
        self.0.run(inputs, cancel)
    }

    fn trace(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        visit: &mut dyn FnMut(&Node, &HostTensor) -> fulmen_engine::Result<()>,
    ) -> fulmen_engine::Result<()> {
        self.0.trace(inputs, visit)
    }

    fn profile(
        &mut self,
        inputs: &[(&str, &HostTensor)],
        cancel: &CancelToken,
    ) -> fulmen_engine::Result<Profiled> {
        self.0.profile(inputs, cancel)
    }
}

#[test]
fn where_there_is_memory_for_one_model_they_take_turns_and_the_loading_is_told() {
    let models = three();
    let mut waiting = Waiting::with(&models);
    let narrow: Arc<dyn Backend> = Arc::new(Narrow(CpuBackend::new(), Arc::default()));
    for (at, model) in models.iter().enumerate() {
        waiting.worker.engines.replace(at, Engine::open_on(narrow.clone(), &model.engine).unwrap());
    }
    let specs = [1, 2, 3, 4].map(|seed| by(["third", "first", "second"][seed as usize % 3], spec(seed, 1)));
    let jobs = waiting.submit(specs);
    let (ends, _) = waiting.run(jobs.clone(), |_| Ok(()));
    for (at, steps) in [None, Some(2), Some(3), None].into_iter().enumerate() {
        let spec = Spec { steps, ..spec(at as u64 + 1, 1) };
        assert_eq!(drawn(&ends[at]), alone(&spec), "{at}");
    }
    let mut stages = vec![];
    let _ = jobs[3].watch(&Client::default(), &mut |progress| {
        if let Progress::Stage(stage) = progress {
            stages.push(stage);
        }
        Ok(())
    });
    assert_eq!(stages.first(), Some(&"load"), "{stages:?}");
}

#[test]
fn where_there_is_memory_for_none_the_job_is_told_so() {
    let models = three();
    let mut waiting = Waiting::with(&models);
    let narrow = Arc::new(Narrow(CpuBackend::new(), Arc::default()));
    let full: Vec<_> = (0..4).map(|_| Arc::new(())).collect();
    narrow.1.lock().unwrap().extend(full.iter().map(Arc::downgrade));
    for (at, model) in models.iter().enumerate() {
        let backend: Arc<dyn Backend> = narrow.clone();
        waiting.worker.engines.replace(at, Engine::open_on(backend, &model.engine).unwrap());
    }
    let jobs = waiting.submit([by("second", spec(1, 1)), by("third", spec(2, 1))]);
    let (ends, _) = waiting.run(jobs, |_| Ok(()));
    drop(full);
    for end in ends {
        let problem = end.unwrap_err();
        assert_eq!(problem.code, "too_large", "{problem:?}");
    }
}
