//! What kernels took, added up by kernel and by what it works on.

use std::collections::HashMap;

use fulmen_engine::backend::{Clock, KernelRun, Peak, Profiled};
use fulmen_engine::engine::Stage;
use serde::Serialize;

use super::rate::Rate;

/// Rows of a table on a terminal have at least this share; all others are one.
const LEAST_SHARE: f64 = 0.005;

/// All kernels of a stage.
#[derive(Debug, Serialize)]
pub(super) struct StageKernels {
    pub(super) stage: Stage,
    clock: Clock,
    seconds: f64,
    /// What took most first.
    rows: Vec<Row>,
}

/// One kernel on one size.
#[derive(Debug, Serialize)]
struct Row {
    kernel: &'static str,
    extents: String,
    variant: String,
    calls: usize,
    seconds: f64,
    /// Of the stage.
    share: f64,
    flops: u64,
    bytes: u64,
    #[serde(flatten)]
    rate: Rate,
}

impl StageKernels {
    pub(super) fn new(stage: Stage, profiled: Profiled, peak: &Peak) -> Self {
        let seconds = profiled.kernels.iter().map(|run| run.seconds).sum();
        let mut alike: HashMap<_, Vec<KernelRun>> = HashMap::new();
        for run in profiled.kernels {
            alike.entry((run.kernel, run.extents.clone(), run.variant.clone())).or_default().push(run);
        }
        let mut rows: Vec<Row> = alike.into_values().map(|runs| Row::new(&runs, seconds, peak)).collect();
        let order = |row: &Row| (row.kernel, row.extents.clone(), row.variant.clone());
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| order(a).cmp(&order(b))));
        Self { stage, clock: profiled.clock, seconds, rows }
    }

    /// As a table.
    pub(super) fn lines(&self, network: &str) -> Vec<String> {
        let clock = match self.clock {
            Clock::Device => "by the device's timestamps",
            Clock::Submission => {
                "submitted one by one, with all that costs, since the device takes no timestamps"
            }
            Clock::Host => "by this machine's clock",
        };
        let mut lines = vec![
            String::new(),
            format!("kernels of the {network}: {:.2} ms, {clock}", 1e3 * self.seconds),
            format!(
                "{:<20} {:<36} {:>5} {:>10} {:>6} {:>15} {:>7}",
                "kernel", "works on", "calls", "ms", "share", "speed", "of peak"
            ),
        ];
        let (shown, rest): (Vec<&Row>, Vec<&Row>) =
            self.rows.iter().partition(|row| row.share >= LEAST_SHARE);
        lines.extend(shown.into_iter().map(Row::line));
        let calls: usize = rest.iter().map(|row| row.calls).sum();
        if calls > 0 {
            let seconds: f64 = rest.iter().map(|row| row.seconds).sum();
            let share = 100.0 * seconds / self.seconds.max(f64::MIN_POSITIVE);
            lines.push(format!("{:<57} {calls:>5} {:>10.3} {share:>4.1} %", "others", 1e3 * seconds));
        }
        lines
    }
}

impl Row {
    fn new(runs: &[KernelRun], of: f64, peak: &Peak) -> Self {
        let KernelRun { kernel, extents, variant, .. } = &runs[0];
        let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
        let flops = runs.iter().map(|run| run.flops).sum();
        let bytes = runs.iter().map(|run| run.bytes).sum();
        Self {
            kernel,
            extents: extents.clone(),
            variant: variant.clone(),
            calls: runs.len(),
            seconds,
            share: seconds / of.max(f64::MIN_POSITIVE),
            flops,
            bytes,
            rate: if flops > 0 {
                Rate::products(flops, seconds, peak)
            } else {
                Rate::traffic(bytes, seconds, peak)
            },
        }
    }

    fn line(&self) -> String {
        let Self { kernel, extents, calls, seconds, share, rate, .. } = self;
        format!(
            "{kernel:<20} {extents:<36} {calls:>5} {:>10.3} {:>4.1} % {:>15} {:>5.1} %",
            1e3 * seconds,
            100.0 * share,
            rate.speed(),
            100.0 * rate.of_peak
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: &'static str, extents: &str, seconds: f64, flops: u64) -> KernelRun {
        let (variant, label) = (String::new(), "unet.conv_in".into());
        KernelRun { kernel, variant, extents: extents.into(), label, seconds, flops, bytes: 1_000_000_000 }
    }

    #[test]
    fn kernels_are_added_up_by_what_they_work_on() {
        let kernels = vec![
            run("linear", "4×4 → 4", 0.25, 1_000_000_000_000),
            run("add", "1×4×4×4", 0.5, 0),
            run("linear", "4×4 → 4", 0.75, 1_000_000_000_000),
            run("linear", "8×4 → 4", 0.001, 1),
        ];
        let peak = Peak { multiply_add: 4e12, matrix: None, bandwidth: 8e9 };
        let table =
            StageKernels::new(Stage::Unet, Profiled { outputs: vec![], clock: Clock::Host, kernels }, &peak);
        let rows: Vec<_> = table.rows.iter().map(|row| (row.kernel, row.calls, row.seconds)).collect();
        assert_eq!(rows, [("linear", 2, 1.0), ("add", 1, 0.5), ("linear", 1, 0.001)]);
        let lines = table.lines("UNet");
        assert!(lines[3].contains("2.00 TFLOP/s") && lines[3].ends_with(" 50.0 %"), "{}", lines[3]);
        assert!(lines[4].contains("2.0 GB/s") && lines[4].ends_with(" 25.0 %"), "{}", lines[4]);
        assert!(lines[5].starts_with("others") && lines.len() == 6, "{lines:?}");
    }
}
