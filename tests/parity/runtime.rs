//! The runtime itself: guards that notice, memory that is refused, work that is cancelled.

use std::sync::Arc;

use fulmen_engine::Error;
use fulmen_engine::backend::{Backend, CancelToken, Clock, HostTensor};
use fulmen_engine::gpu::GpuOptions;
use fulmen_engine::graph::{Element, Graph, Recorder, Shape};

use crate::devices::open_gpu;

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
