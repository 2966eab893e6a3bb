//! What was timed, as a table or for programs.

use fulmen_engine::gpu::{KernelName, KernelTable, Measured, Timed, chosen_kernels};
use serde::Serialize;

/// One piece of work with its kernels.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    shape: String,
    #[serde(flatten)]
    measured: &'a Measured,
    chosen: &'a KernelName,
    flops_per_second: f64,
    /// By what share more is done in a second than with the rules' kernel.
    gain: f64,
}

/// A row for each piece of work.
pub(super) fn rows(measured: &[Measured]) -> Vec<Row<'_>> {
    let table = chosen_kernels(measured);
    measured.iter().filter_map(|one| row(one, &table)).collect()
}

fn row<'a>(measured: &'a Measured, table: &KernelTable) -> Option<Row<'a>> {
    let Measured { work, kernels, .. } = measured;
    let (kind, tile) = (table.kind(&work.task)?, table.tile(work)?);
    let is_it = |timed: &&Timed| timed.kernel.kind() == kind && timed.kernel.tile == tile;
    let (usual, chosen) = (kernels.first()?, kernels.iter().find(is_it)?);
    let seconds = chosen.seconds.max(f64::MIN_POSITIVE);
    Some(Row {
        shape: work.to_string(),
        measured,
        chosen: &chosen.kernel,
        flops_per_second: work.flops() / seconds,
        gain: usual.seconds / seconds - 1.0,
    })
}

/// As a table, what takes most time first.
pub(super) fn lines(measured: &[Measured]) -> Vec<String> {
    let rows = rows(measured);
    let wide = rows.iter().map(|row| row.shape.chars().count()).max().unwrap_or(0);
    let mut lines =
        vec![format!("{:<wide$} {:>5}  {:>8} {:>7}  kernels, µs", "shape", "nodes", "TFLOP/s", "gain")];
    lines.extend(rows.iter().map(|row| row.line(wide)));
    let changed = rows.iter().filter(|row| row.is_changed()).count();
    let sum = |seconds: &dyn Fn(&Row<'_>) -> f64| -> f64 {
        rows.iter().map(|row| row.measured.nodes as f64 * seconds(row)).sum()
    };
    let (usual, chosen) = (sum(&|row| row.usual()), sum(&|row| row.seconds()));
    lines.push(format!(
        "{changed} of {} run on another kernel than the rules'; all together take {:.1} ms instead of {:.1} ms",
        rows.len(),
        1e3 * chosen,
        1e3 * usual
    ));
    lines
}

impl Row<'_> {
    fn is_changed(&self) -> bool {
        self.measured.kernels[0].kernel != *self.chosen
    }

    fn usual(&self) -> f64 {
        self.measured.kernels[0].seconds
    }

    fn seconds(&self) -> f64 {
        self.measured.work.flops() / self.flops_per_second
    }

    /// `*` is the kernel that is used, and the first is the rules'.
    fn line(&self, wide: usize) -> String {
        let kernel = |timed: &Timed| {
            let mark = if timed.kernel == *self.chosen { "*" } else { "" };
            format!("{mark}{} {:.0}", timed.kernel, 1e6 * timed.seconds)
        };
        let kernels: Vec<String> = self.measured.kernels.iter().map(kernel).collect();
        let gain = if self.is_changed() { format!("{:.0} %", 100.0 * self.gain) } else { "–".into() };
        let (shape, nodes) = (&self.shape, self.measured.nodes);
        let speed = self.flops_per_second / 1e12;
        format!("{shape:<wide$} {nodes:>5}  {speed:>8.3} {gain:>7}  {}", kernels.join(", "))
    }
}
