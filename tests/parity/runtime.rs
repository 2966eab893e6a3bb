//! The runtime itself: guards that notice, memory that is refused, work that is cancelled.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fulmen_engine::Error;
use fulmen_engine::backend::{Backend, CancelToken, Clock, HostTensor};
use fulmen_engine::gpu::{Core, GpuOptions};
use fulmen_engine::graph::{Element, Graph, Recorder, Shape};
use fulmen_engine::noise::TorchRng;
use fulmen_engine::weights::Weight;

use crate::devices::{open_gpu, open_gpu_caching};

fn sum(shape: Shape) -> Arc<Graph> {
    let mut g = Recorder::new(Element::F32);
    let (a, b) = (g.input("a", shape), g.input("b", shape));
    let y = g.add(a, b);
    Arc::new(g.finish(&[y]).unwrap())
}

#[test]
fn programs_of_one_device_take_turns_with_its_buffers() {
    let backend = open_gpu(GpuOptions::default());
    let (small, large) = (Shape::tokens(1, 9, 8), Shape::tokens(1, 900, 8));
    let shapes = [small, large];
    let mut programs = shapes.map(|shape| backend.compile(sum(shape)).unwrap());
    for which in [0, 1, 0] {
        let (program, shape) = (&mut programs[which], shapes[which]);
        let a = HostTensor::f32(shape, (0..shape.len()).map(|v| v as f32).collect());
        let y = program.run(&[("a", &a), ("b", &a)], &CancelToken::default()).unwrap();
        let want: Vec<f32> = a.as_f32().iter().map(|v| 2.0 * v).collect();
        assert_eq!(y[0].as_f32(), want, "{shape}");
    }
}

/// An input that is recorded late takes over the buffer of a value computed before.
#[test]
fn late_inputs_do_not_overwrite_values_in_use() {
    let shape = Shape::tokens(1, 5, 8);
    let mut g = Recorder::new(Element::F32);
    let a = g.input("a", shape);
    let b = g.add(a, a);
    let b = g.silu(b);
    let late = g.input("late", shape);
    let y = g.add(b, late);
    let graph = Arc::new(g.finish(&[y]).unwrap());
    let mut program = open_gpu(GpuOptions::default()).compile(graph).unwrap();
    let (zeros, twos) = (vec![0.0; shape.len()], vec![2.0; shape.len()]);
    let (a, late) = (HostTensor::f32(shape, zeros), HostTensor::f32(shape, twos.clone()));
    let y = program.run(&[("late", &late), ("a", &a)], &CancelToken::default()).unwrap();
    assert_eq!(y[0].as_f32(), twos);
}

#[test]
fn a_cancelled_run_says_so() {
    let shape = Shape::tokens(1, 5, 8);
    let mut program = open_gpu(GpuOptions::default()).compile(sum(shape)).unwrap();
    let a = HostTensor::f32(shape, vec![1.0; shape.len()]);
    let cancel = CancelToken::default();
    cancel.cancel();
    let error = program.run(&[("a", &a), ("b", &a)], &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    program.run(&[("a", &a), ("b", &a)], &CancelToken::default()).unwrap();
}

/// A graph of many products, which takes an adapter a while.
fn long_work() -> (Arc<Graph>, HostTensor) {
    let (shape, side) = (Shape::tokens(1, 1024, 768), 768);
    let values: Vec<f32> =
        TorchRng::seed(1).uniforms(side * side).iter().map(|v| (v - 0.5) / (side as f32).sqrt()).collect();
    let weight = Arc::new(Weight::from_f32("weight", vec![side, side], &values));
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", shape);
    let y = (0..24).fold(x, |x, _| g.linear(x, &weight, None));
    let x = HostTensor::f32(shape, TorchRng::seed(2).uniforms(shape.len()));
    (Arc::new(g.finish(&[y]).unwrap()), x)
}

/// Whoever cancels while the device works does not wait for all of its work.
#[test]
fn a_cancel_is_answered_while_the_device_works() {
    let (graph, x) = long_work();
    let backend = open_gpu(GpuOptions::default());
    let mut program = backend.compile(graph).unwrap();
    let mut run = |cancel: &CancelToken| {
        let start = Instant::now();
        let result = program.run(&[("x", &x)], cancel);
        (start.elapsed(), result)
    };
    // The first run compiles.
    let uncancelled = [(); 3].map(|()| run(&CancelToken::default()).0)[1..].iter().min().copied().unwrap();
    let answers: Vec<Duration> = (0..3)
        .map(|_| {
            let cancel = CancelToken::default();
            let soon = cancel.clone();
            let asked = thread::spawn(move || {
                thread::sleep(uncancelled / 4);
                soon.cancel();
                Instant::now()
            });
            let (_, result) = run(&cancel);
            let end = Instant::now();
            assert!(matches!(result, Err(Error::Cancelled)), "a run of {uncancelled:?} was not cancelled");
            end.duration_since(asked.join().unwrap())
        })
        .collect();
    let answer = answers.iter().min().unwrap();
    assert!(*answer < uncancelled / 2, "after {answers:?}, of {uncancelled:?} in all");
    run(&CancelToken::default()).1.unwrap();
}

/// The file of compiled kernels in a folder, and what it begins with.
fn kept_in(folder: &std::path::Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

#[test]
fn what_a_driver_compiled_is_kept_and_a_damaged_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape::tokens(1, 5, 8);
    let a = HostTensor::f32(shape, vec![1.0; shape.len()]);
    let draw = || {
        let backend = open_gpu_caching(GpuOptions::default(), Some(folder.path()));
        let mut program = backend.compile(sum(shape)).unwrap();
        let y = program.run(&[("a", &a), ("b", &a)], &CancelToken::default()).unwrap();
        assert_eq!(y[0].as_f32()[0], 2.0);
        backend.description().backend.clone()
    };
    let has_cache = draw() == "vulkan";
    let kept = kept_in(folder.path());
    assert_eq!(kept.len(), usize::from(has_cache), "{:?}", kept.iter().map(|(file, _)| file));
    let Some((file, whole)) = kept.first() else { return };
    assert!(whole.starts_with(b"fulmen pipelines"), "{file:?}");
    for damaged in
        [&whole[..whole.len() / 2], b"", b"something else", &[&whole[..whole.len() - 1], b"?"].concat()]
    {
        fs::write(file, damaged).unwrap();
        draw();
        let after = fs::read(file).unwrap();
        assert!(after.starts_with(&whole[..40]) && after.len() > 40, "{damaged:?} was not replaced");
    }
    // A folder that cannot be written costs nothing but time.
    let backend = open_gpu_caching(GpuOptions::default(), Some(file));
    backend.compile(sum(shape)).unwrap().run(&[("a", &a), ("b", &a)], &CancelToken::default()).unwrap();
}

#[test]
fn a_value_that_no_buffer_holds_is_refused_with_its_size() {
    let backend = open_gpu(GpuOptions { default_limits: true, ..GpuOptions::default() });
    let Err(error) = backend.compile(sum(Shape::image(1, 4096, 4096, 8))) else {
        panic!("512 MiB in a buffer of 256")
    };
    let have_256_need_512 = matches!(error, Error::Memory { need: 0x2000_0000, have: 0x1000_0000, .. });
    assert!(have_256_need_512, "{error:?}");
}

#[test]
fn a_line_that_no_window_holds_is_refused() {
    let backend = open_gpu(GpuOptions { window_bytes: Some(1024), ..GpuOptions::default() });
    let shape = Shape::image(1, 4, 64, 8);
    let mut g = Recorder::new(Element::F32);
    let x = g.input("x", shape);
    let y = g.pad(x, [false; 2], [1, 1]);
    let graph = Arc::new(g.finish(&[y]).unwrap());
    let Err(error) = backend.compile(graph) else { panic!("a line of 2 KiB in 1 KiB") };
    assert!(matches!(&error, Error::Device(what) if what.contains("1024 bytes")), "{error}");
}

#[test]
fn a_missing_input_is_named() {
    let shape = Shape::tokens(1, 5, 8);
    let mut program = open_gpu(GpuOptions::default()).compile(sum(shape)).unwrap();
    let a = HostTensor::f32(shape, vec![1.0; shape.len()]);
    let error = program.run(&[("a", &a)], &CancelToken::default()).unwrap_err().to_string();
    assert!(error.contains("`b`") && error.contains("not given"), "{error}");
}

#[test]
fn memory_is_known_before_the_first_run() {
    let program = open_gpu(GpuOptions::default()).compile(sum(Shape::tokens(1, 100, 5))).unwrap();
    // Three values of 100 rows of 8 numbers.
    assert_eq!(program.memory().activations, 3 * 100 * 8 * 4);
}

/// Also where an input is recorded late, and takes over the buffer of a value that was computed before.
#[test]
fn a_profile_is_a_run_with_a_clock_at_every_dispatch() {
    let backend = open_gpu(GpuOptions::default());
    let shape = Shape::tokens(1, 500, 40);
    let mut g = Recorder::new(Element::F32);
    let a = g.input("a", shape);
    let b = g.add(a, a);
    let b = g.silu(b);
    let late = g.input("late", shape);
    let y = g.add(b, late);
    let mut program = backend.compile(Arc::new(g.finish(&[y]).unwrap())).unwrap();
    let (a, late) = (vec![1.5; shape.len()], vec![2.0; shape.len()]);
    let (a, late) = (HostTensor::f32(shape, a), HostTensor::f32(shape, late));
    let (inputs, never) = ([("late", &late), ("a", &a)], CancelToken::default());
    let outputs = program.run(&inputs, &never).unwrap();
    let profiled = program.profile(&inputs, &never).unwrap();
    assert_eq!(profiled.outputs, outputs);
    let names: Vec<_> = profiled.kernels.iter().map(|run| (run.kernel, &*run.extents)).collect();
    assert_eq!(names, ["add", "activate", "add"].map(|kernel| (kernel, "1×1×500×40")));
    let wanted = if backend.description().timestamps { Clock::Device } else { Clock::Submission };
    assert_eq!(profiled.clock, wanted);
    let seconds: Vec<f64> = profiled.kernels.iter().map(|run| run.seconds).collect();
    // No clock stands still, and 20,000 sums take no driver a minute.
    assert!(seconds.iter().all(|seconds| (0.0..60.0).contains(seconds)), "{seconds:?}");
    assert!(seconds.iter().sum::<f64>() > 0.0, "{seconds:?}");
}

#[test]
fn a_device_measures_what_it_does_at_best() {
    for core in [Core::Tiled, Core::Cooperative] {
        let backend = open_gpu(GpuOptions { core: Some(core), ..GpuOptions::default() });
        let peak = backend.peak().unwrap();
        assert!((1e6..1e16).contains(&peak.multiply_add), "{peak:?}");
        assert!((1e6..1e14).contains(&peak.bandwidth), "{peak:?}");
        assert_eq!(peak.matrix.is_some(), backend.core() == Core::Cooperative, "{peak:?}");
        assert!(peak.matrix.is_none_or(|flops| (1e6..1e16).contains(&flops)), "{peak:?}");
        let most = peak.multiply_add.max(peak.matrix.unwrap_or_default());
        assert_eq!(peak.flops(), most, "{peak:?}");
    }
}
