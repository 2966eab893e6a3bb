//! What was measured, as a table, as a line to be pasted, or as an event.

use fulmen_engine::backend::Peak;
use fulmen_engine::engine::Stage;
use serde::Serialize;

use super::kernels::StageKernels;
use super::rate::{Rate, gib, tflops, time};
use super::stages::{OtherSize, StageTime, network};
use crate::console;

/// What it was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) version: &'static str,
    pub(super) device: String,
    pub(super) precision: String,
    /// Shapes whose kernels were timed here before, and are the fastest of them, or were chosen by hand.
    pub(super) tuned_shapes: usize,
    /// Where that is said, if by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kernels_from: Option<String>,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) machine: Machine,
    pub(super) config: String,
    /// Width and height.
    pub(super) size: (usize, usize),
    pub(super) steps: usize,
    pub(super) peak: Peak,
    pub(super) stages: Vec<StageTime>,
    /// The second one: from the request to its pixels, everything being ready.
    pub(super) picture_seconds: f64,
    /// With opening the device, compiling kernels and copying weights.
    pub(super) first_picture_seconds: f64,
    pub(super) load_seconds: f64,
    pub(super) other_size: OtherSize,
    pub(super) predicted_bytes: u64,
    pub(super) allocated_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kernels: Vec<StageKernels>,
}

impl Report {
    /// Prints it.
    pub(super) fn tell(&self, json: bool) {
        if json {
            let (picture, line) = (self.picture_rate(), self.line());
            console::json(&Done { event: "done", report: self, picture, line });
        } else {
            self.lines().iter().for_each(|line| console::out(line));
            for kernels in &self.kernels {
                kernels.lines(network(kernels.stage)).iter().for_each(|line| console::out(line));
            }
            console::out("");
            console::out(&self.line());
        }
    }

    /// Of a whole picture.
    fn picture_rate(&self) -> Rate {
        let times = |stage| if stage == Stage::Unet { self.steps as u64 } else { 1 };
        let flops = self.stages.iter().map(|stage| times(stage.stage) * stage.flops).sum();
        Rate::products(flops, self.picture_seconds, &self.peak)
    }

    fn lines(&self) -> Vec<String> {
        let Self { machine, peak, predicted_bytes, .. } = self;
        let matrix =
            peak.matrix.map_or(String::new(), |flops| format!(", {} on matrix units", tflops(flops)));
        let mut lines = vec![
            format!("{}, {}", self.title(), machine.device),
            format!(
                "measured peak: {} in multiply-adds of f32{matrix}; {:.1} GB/s in a copy",
                tflops(peak.multiply_add),
                peak.bandwidth / 1e9
            ),
            String::new(),
            row("", "time", "speed", "of peak"),
        ];
        let mut add = |name: &str, seconds: f64, rate: Rate| {
            let of_peak = format!("{:.1} %", 100.0 * rate.of_peak);
            lines.push(row(name, &time(seconds), &rate.speed(), &of_peak));
        };
        for stage in &self.stages {
            add(title(stage.stage), stage.seconds, stage.rate);
        }
        add("picture", self.picture_seconds, self.picture_rate());
        let (first, load) = (time(self.first_picture_seconds), time(self.load_seconds));
        lines.push(format!(
            "{:<16} {first:>12}   of which {load} to compile kernels and to copy weights",
            "first picture"
        ));
        let OtherSize { size: (width, height), seconds, load_seconds } = &self.other_size;
        let (seconds, load) = (time(*seconds), time(*load_seconds));
        lines.push(format!(
            "{:<16} {seconds:>12}   the first at {width}×{height}, of which {load} to compile kernels",
            "another size"
        ));
        let allocated = self.allocated_bytes.map_or("not told".into(), gib);
        if machine.tuned_shapes > 0 {
            let shapes = machine.tuned_shapes;
            lines.push(match &machine.kernels_from {
                None => format!("kernels: those of {shapes} shapes as `fulmen tune` found them"),
                Some(source) => format!("kernels: those of {shapes} shapes by {source}"),
            });
        }
        lines.push(format!("memory: {} predicted, {allocated} allocated", gib(*predicted_bytes)));
        lines
    }

    fn title(&self) -> String {
        let Self {
            machine: Machine { version, precision, .. }, config, size: (width, height), steps, ..
        } = self;
        let steps = if *steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
        format!("fulmen {version}: {config} at {width}×{height} in {steps}, {precision}")
    }

    /// One line for others to compare with.
    fn line(&self) -> String {
        let each = self.stages.iter().map(|stage| {
            let share = 100.0 * stage.rate.of_peak;
            format!("{} {} ({}, {share:.0} %)", title(stage.stage), time(stage.seconds), stage.rate.speed())
        });
        let each: Vec<String> = each.collect();
        let allocated = self.allocated_bytes.map_or(String::new(), |bytes| format!("; {}", gib(bytes)));
        format!(
            "{} on {}: {}; picture {}, first {}{allocated}; peak {}",
            self.title(),
            self.machine.device,
            each.join(", "),
            time(self.picture_seconds),
            time(self.first_picture_seconds),
            tflops(self.peak.flops())
        )
    }
}

/// The last event.
#[derive(Serialize)]
struct Done<'a> {
    event: &'static str,
    #[serde(flatten)]
    report: &'a Report,
    picture: Rate,
    line: String,
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Text => "text",
        Stage::Unet => "UNet call",
        Stage::Vae => "VAE decode",
    }
}

fn row(name: &str, time: &str, speed: &str, of_peak: &str) -> String {
    format!("{name:<16} {time:>12} {speed:>16} {of_peak:>9}")
}
