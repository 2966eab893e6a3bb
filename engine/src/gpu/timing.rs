//! How long dispatches take: by the device's own clock where it has one, else by this machine's.

use std::time::Instant;

use super::device::Device;
use crate::backend::{CancelToken, Clock};
use crate::{Error, Result};

/// Dispatches of one submission at the most: every one takes two places of a query set, which may have 4,096.
const MOST_DISPATCHES: usize = 512;

/// Estimated operations of one submission: short enough to cancel between and for watchdogs.
const SUBMIT_WORK: u64 = 300_000_000_000;

/// Bytes of a timestamp.
const STAMP: u64 = size_of::<u64>() as u64;

/// One dispatch, with all that it binds.
#[derive(Clone, Copy)]
pub(super) struct Launch<'a> {
    pub pipeline: &'a wgpu::ComputePipeline,
    pub bind_group: Option<&'a wgpu::BindGroup>,
    pub workgroups: [u32; 3],
    /// An estimate in floating-point operations, by which launches are cut into submissions.
    pub work: u64,
}

/// Times dispatches on a device.
pub(super) struct Timer<'a> {
    device: &'a Device,
    /// `None` where the device takes no timestamps.
    stamps: Option<Stamps>,
}

/// Where a device writes the times at which dispatches begin and end.
struct Stamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
    /// Seconds from one count of the clock to the next.
    period: f64,
}

impl<'a> Timer<'a> {
    /// Of a device that is open.
    pub(super) fn new(device: &'a Device) -> Result<Self> {
        let has_clock = device.wgpu.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        let stamps = has_clock.then(|| Stamps::new(device)).transpose()?;
        Ok(Self { device, stamps })
    }

    /// By which clock it times.
    pub(super) fn clock(&self) -> Clock {
        if self.stamps.is_some() { Clock::Device } else { Clock::Submission }
    }

    /// Runs these one after the other, and waits for them; the seconds of each.
    pub(super) fn run(&self, launches: &[Launch<'_>], cancel: &CancelToken) -> Result<Vec<f64>> {
        let Some(stamps) = &self.stamps else {
            return launches.iter().map(|launch| self.alone(launch, cancel)).collect();
        };
        let mut seconds = Vec::with_capacity(launches.len());
        while seconds.len() < launches.len() {
            cancel.check()?;
            let rest = &launches[seconds.len()..];
            seconds.extend(stamps.run(self.device, &rest[..submitted_together(rest)])?);
        }
        Ok(seconds)
    }

    /// The same in several rounds; of each the least seconds, which no other work has disturbed.
    pub(super) fn least(
        &self,
        launches: &[Launch<'_>],
        rounds: usize,
        cancel: &CancelToken,
    ) -> Result<Vec<f64>> {
        let mut least = vec![f64::INFINITY; launches.len()];
        for _ in 0..rounds {
            let round = self.run(launches, cancel)?;
            least.iter_mut().zip(round).for_each(|(least, seconds)| *least = least.min(seconds));
        }
        Ok(least)
    }

    /// One launch in a submission of its own, timed from here.
    fn alone(&self, launch: &Launch<'_>, cancel: &CancelToken) -> Result<f64> {
        cancel.check()?;
        let commands = self.device.attempt("recording work", || {
            let mut encoder =
                self.device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            launch.record(&mut encoder, None);
            encoder.finish()
        })?;
        let start = Instant::now();
        let submission = self.device.submit(commands)?;
        self.device.wait(Some(&submission))?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// How many of these fit into one submission; at least one.
fn submitted_together(launches: &[Launch<'_>]) -> usize {
    let mut work = 0;
    let fits = |launch: &&Launch<'_>| {
        work += launch.work;
        work <= SUBMIT_WORK
    };
    launches.iter().take(MOST_DISPATCHES).take_while(fits).count().max(1)
}

impl Launch<'_> {
    /// A pass for this dispatch alone: what every device can time that can time at all.
    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        stamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: stamps };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(self.pipeline);
        pass.set_bind_group(0, self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

impl Stamps {
    fn new(device: &Device) -> Result<Self> {
        let count = 2 * MOST_DISPATCHES as u32;
        let queries = device.attempt("a query set", || {
            let ty = wgpu::QueryType::Timestamp;
            device.wgpu.create_query_set(&wgpu::QuerySetDescriptor { label: Some("timestamps"), ty, count })
        })?;
        let buffer = |label, usage| {
            let descriptor = wgpu::BufferDescriptor {
                label: Some(label),
                size: u64::from(count) * STAMP,
                usage,
                mapped_at_creation: false,
            };
            device.attempt("a buffer", || device.wgpu.create_buffer(&descriptor))
        };
        Ok(Self {
            queries,
            resolved: buffer("timestamps", wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC)?,
            staging: buffer("read-back", wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?,
            period: f64::from(device.queue.get_timestamp_period()) * 1e-9,
        })
    }

    /// One submission; the seconds of each launch.
    fn run(&self, device: &Device, launches: &[Launch<'_>]) -> Result<Vec<f64>> {
        let stamps = 2 * launches.len() as u32;
        let bytes = u64::from(stamps) * STAMP;
        let commands = device.attempt("recording work", || {
            let mut encoder = device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            for (launch, first) in launches.iter().zip((0..stamps).step_by(2)) {
                let stamps = wgpu::ComputePassTimestampWrites {
                    query_set: &self.queries,
                    beginning_of_pass_write_index: Some(first),
                    end_of_pass_write_index: Some(first + 1),
                };
                launch.record(&mut encoder, Some(stamps));
            }
            encoder.resolve_query_set(&self.queries, 0..stamps, &self.resolved, 0);
            encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, bytes);
            encoder.finish()
        })?;
        device.submit(commands)?;
        device.attempt("mapping", || self.staging.map_async(wgpu::MapMode::Read, ..bytes, |_| ()))?;
        device.wait(None)?;
        let view = self.staging.get_mapped_range(..bytes);
        let view =
            view.map_err(|e| Error::Device(format!("{}: reading back failed: {e}", device.facts.name)))?;
        let counts: Vec<u64> =
            view.as_chunks::<8>().0.iter().map(|stamp| u64::from_le_bytes(*stamp)).collect();
        drop(view);
        self.staging.unmap();
        let seconds = |pair: &[u64; 2]| pair[1].saturating_sub(pair[0]) as f64 * self.period;
        Ok(counts.as_chunks::<2>().0.iter().map(seconds).collect())
    }
}
