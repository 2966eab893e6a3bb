//! What a device can do at best, measured: what shares of its peak are counted from.

use super::Shared;
use super::cores::Sizes;
use super::device::Device;
use super::lowering::{Access, Binding, BufferName, Dispatch, Kernel, KernelConstant, ParamsLayout, params};
use super::matrix_units::MatrixUnits;
use super::memory::DeviceBuffer;
use super::pipelines::Pipeline;
use super::shaders;
use super::timing::{Launch, Timer};
use crate::Result;
use crate::backend::{CancelToken, Peak};

params! {
    struct MultiplyAddParams for ["multiply_add", "multiply_add_cooperative"] {
        rounds: u32,
        factor: f32,
        summand: f32,
        padding: u32,
    }
}

params! {
    struct CopyParams for ["copy"] {
        count: u32,
    }
}

/// The parameters of both kernels.
pub(super) const LAYOUTS: [ParamsLayout; 2] = [MultiplyAddParams::LAYOUT, CopyParams::LAYOUT];

/// What they must agree with.
pub(super) const CONSTANTS: [KernelConstant; 1] =
    [KernelConstant { kernel: "multiply_add", name: "STEPS", value: STEPS }];

/// Multiply-adds of a chain in one round, and chains of a thread.
const STEPS: u32 = 8;
const CHAINS: u32 = 12;

/// Fragments of sums that a subgroup has in registers, and of both sides.
const FRAGMENTS: u32 = 2 * 4;

/// Threads of a workgroup.
const THREADS: u32 = 256;

/// Workgroups that multiply: several for every unit of the largest devices.
const WORKGROUPS: u32 = 4096;

/// Bytes that are copied: more than any device caches.
const COPIED: u64 = 128 << 20;

/// Seconds that a dispatch is to take: long enough to be timed, too short for a watchdog.
const LONG: f64 = 0.02;

/// Dispatches of which the fastest counts.
const DISPATCHES: usize = 6;

/// Rounds of a dispatch at the most, where a device's clock stands still: 26 and 140 TFLOP.
const MOST_ROUNDS: u32 = 1 << 17;

/// Multiply-adds of f32, those of matrix units where kernels use them, and bandwidth.
pub(super) fn measure(shared: &Shared) -> Result<Peak> {
    let bench = Bench { shared, timer: Timer::new(&shared.device)? };
    let (multiply_add, bandwidth) = (bench.multiply_add()?, bench.bandwidth()?);
    let matrix = shared.device.facts.units.map(|units| bench.matrix_units(units)).transpose()?;
    Ok(Peak { multiply_add, matrix, bandwidth })
}

struct Bench<'a> {
    shared: &'a Shared,
    timer: Timer<'a>,
}

impl Bench<'_> {
    /// FLOP/s of f32 in registers.
    fn multiply_add(&self) -> Result<f64> {
        let flops = 2.0 * f64::from(CHAINS * STEPS * WORKGROUPS * THREADS);
        self.flops(&Kernel::new(&shaders::MULTIPLY_ADD), flops)
    }

    /// FLOP/s of matrix units.
    fn matrix_units(&self, units: MatrixUnits) -> Result<f64> {
        let kernel = Kernel::new(&shaders::MULTIPLY_ADD_COOPERATIVE).with_sizes(Some(Sizes::Peak(units)));
        let fragments = f64::from(WORKGROUPS * MatrixUnits::PEAK_SUBGROUPS * FRAGMENTS);
        self.flops(&kernel, 2.0 * fragments * f64::from(units.fragment).powi(3))
    }

    /// FLOP/s of a kernel that does `flops` in a round.
    fn flops(&self, kernel: &Kernel, flops: f64) -> Result<f64> {
        let device = &self.shared.device;
        let sums = DeviceBuffer::new(device, "sums", u64::from(WORKGROUPS * THREADS) * 4)?;
        let mut rounds = 1;
        loop {
            let params = MultiplyAddParams { rounds, factor: 0.5, summand: 1.0, padding: 0 };
            let seconds = self.seconds(kernel.clone(), &[(&sums, Access::Write)], &params, WORKGROUPS)?;
            // A driver without a clock of its own takes a while to submit, too.
            if seconds >= 0.5 * LONG || rounds == MOST_ROUNDS {
                return Ok(flops * f64::from(rounds) / seconds.max(1e-9));
            }
            let more = (LONG / seconds.max(1e-9)).clamp(2.0, 32.0);
            rounds = ((f64::from(rounds) * more).ceil() as u32).min(MOST_ROUNDS);
        }
    }

    /// Bytes/s, read and written.
    fn bandwidth(&self) -> Result<f64> {
        let device = &self.shared.device;
        let bytes = COPIED.min(device.facts.max_binding).min(device.facts.max_buffer);
        let count = (bytes / 16) as u32;
        let from = DeviceBuffer::new(device, "copied", bytes)?;
        let to = DeviceBuffer::new(device, "copied", bytes)?;
        let kernel = Kernel::new(&shaders::COPY);
        let bound = [(&from, Access::Read), (&to, Access::Write)];
        let seconds = self.seconds(kernel, &bound, &CopyParams { count }, count.div_ceil(THREADS))?;
        Ok(2.0 * bytes as f64 / seconds.max(1e-9))
    }

    /// The seconds of one dispatch, undisturbed.
    fn seconds<P: bytemuck::Pod>(
        &self,
        kernel: Kernel,
        bound: &[(&DeviceBuffer, Access)],
        params: &P,
        workgroups: u32,
    ) -> Result<f64> {
        let device = &self.shared.device;
        let binding = |(buffer, access): &(&DeviceBuffer, Access)| {
            Binding::new(BufferName::Nothing, 0, buffer.bytes, *access)
        };
        let dispatch = Dispatch {
            node: 0,
            kernel,
            bindings: bound.iter().map(binding).collect(),
            params: bytemuck::bytes_of(params).to_vec(),
            workgroups: device.facts.fold(workgroups as usize),
            work: 0,
        };
        let wanted = self.shared.pipelines.want(&dispatch);
        let pipeline = self.shared.pipelines.make(device, &wanted)?;
        let params = super::program::upload_params(device, std::iter::once(&dispatch))?;
        let group = device.attempt("binding buffers", || bind(device, pipeline, &params, bound))?;
        let launch = Launch {
            pipeline: &pipeline.compute,
            bind_group: Some(&group),
            workgroups: dispatch.workgroups,
            work: 0,
        };
        let least = self.timer.least(&[launch], DISPATCHES, &CancelToken::default())?;
        Ok(least[0])
    }
}

fn bind(
    device: &Device,
    pipeline: &Pipeline,
    params: &wgpu::Buffer,
    bound: &[(&DeviceBuffer, Access)],
) -> wgpu::BindGroup {
    let storage = bound.iter().map(|(buffer, _)| buffer.range(0, buffer.bytes));
    let entries: Vec<_> = std::iter::once(params.as_entire_binding())
        .chain(storage)
        .enumerate()
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
        .collect();
    let layout = &pipeline.bindings;
    device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("peak"),
        layout,
        entries: &entries,
    })
}
