//! Timing one case on every device.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use fulmen_engine::graph::{Element, Recorder, Tensor};

use super::{Device, Sketch, devices};

/// What one node computes or moves.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Multiplications and additions: criterion's `Gelem/s` are GFLOP/s.
    Flops(usize),
    /// Values that must at least be read and written.
    Values(usize),
}

impl Work {
    fn throughput(self, element: Element) -> Throughput {
        match (self, element) {
            (Self::Flops(flops), _) => Throughput::Elements(flops as u64),
            (Self::Values(values), Element::F16) => Throughput::BytesDecimal(2 * values as u64),
            (Self::Values(values), _) => Throughput::BytesDecimal(4 * values as u64),
        }
    }
}

/// One operation at one shape.
#[derive(Debug, Clone)]
pub struct Case {
    /// What results call it.
    pub shape: String,
    /// Of one node.
    pub work: Work,
    /// Nodes in one run, so many that what is around them does not count. Results are those of one.
    pub copies: usize,
}

/// Criterion as a software adapter can bear it, where one run may take seconds.
#[must_use]
pub fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_millis(500))
}

/// The benchmarks of one kernel.
pub struct Bench<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    devices: Vec<Device>,
}

impl<'a> Bench<'a> {
    /// Of this kernel, on all devices.
    #[must_use]
    pub fn new(criterion: &'a mut Criterion, kernel: &str) -> Self {
        let mut group = criterion.benchmark_group(kernel);
        // As many runs in every sample: rising numbers of them would take five times as long.
        group.sampling_mode(SamplingMode::Flat);
        Self { group, devices: devices() }
    }

    /// Times a node. `prepare` makes its inputs and weights and answers what records it.
    ///
    /// Compiling, copying weights and the first run are not in the time. In it are the run itself
    /// with all that a step of a picture pays too (recording, submitting and waiting; fresh memory
    /// on the CPU), a 64th of the input on its way to the device, and one pixel of the output back.
    pub fn node<N: Fn(&mut Recorder) -> Tensor>(&mut self, case: &Case, prepare: impl Fn(&mut Sketch) -> N) {
        self.time(case, |device, copies| {
            let mut sketch = Sketch::new(device);
            let node = prepare(&mut sketch);
            sketch.repeat(copies, node);
            sketch.compile(device).unwrap_or_else(|error| panic!("{}: {error}", device.name))
        });
    }

    /// Times what `open` answers, which computes so many copies of the case. It is called only for
    /// what the filter lets through.
    pub fn time<R: FnMut()>(&mut self, case: &Case, open: impl Fn(&Device, usize) -> R) {
        self.time_on(case, |_| true, open);
    }

    /// Whether one of the devices is meant.
    #[must_use]
    pub fn has(&self, is_meant: impl Fn(&Device) -> bool) -> bool {
        self.devices.iter().any(is_meant)
    }

    /// The same on the devices that are meant.
    pub fn time_on<R: FnMut()>(
        &mut self,
        case: &Case,
        is_meant: impl Fn(&Device) -> bool,
        open: impl Fn(&Device, usize) -> R,
    ) {
        for device in self.devices.iter().filter(|device| is_meant(device)) {
            let copies = device.copies(case.copies);
            let (mut opened, mut times) = (None, Vec::new());
            self.group.throughput(case.work.throughput(device.element));
            self.group.bench_function(BenchmarkId::new(&case.shape, &device.name), |bencher| {
                let run = opened.get_or_insert_with(|| open(device, copies));
                bencher.iter_custom(|runs| {
                    let start = Instant::now();
                    (0..runs).for_each(|_| run());
                    let each = start.elapsed() / copies as u32;
                    times.push(each.as_secs_f64() / runs as f64);
                    each
                });
            });
            if !times.is_empty() {
                report_share(case.work.throughput(device.element), &mut times, device);
            }
        }
    }
}

/// Prints how much of the device's measured peak was reached.
fn report_share(throughput: Throughput, times: &mut [f64], device: &Device) {
    let Some(peak) = device.peak() else { return };
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let (work, peak, unit) = match throughput {
        Throughput::Elements(flops) => (flops, peak.flops(), "GFLOP/s"),
        Throughput::BytesDecimal(bytes) => (bytes, peak.bandwidth, "GB/s"),
        other => unreachable!("{other:?} is no work of a case"),
    };
    let share = 100.0 * work as f64 / median / peak;
    println!("{:24}peak:   {share:.0} % of this device's {:.1} {unit}", "", peak / 1e9);
}
