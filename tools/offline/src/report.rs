//! The table: a row for each kernel on each GPU.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cards::Family;
use crate::device::{Compiled, Device};
use crate::inner_loop::{InnerLoop, Issue, inner_loop};
use crate::variants::Variant;

/// What is known of a kernel on a GPU: of one variant, or the worst of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub family: String,
    /// Its name, and its sizes where it has several.
    pub kernel: String,
    /// Lanes of a subgroup, as the compiler chose them.
    pub lanes: u32,
    /// How many variants the row stands for.
    pub variants: usize,
    /// Vector registers of a lane.
    pub vgprs: u32,
    /// Waves that a SIMD holds.
    pub waves: u32,
    /// Registers that did not fit and went to memory.
    pub spills: u32,
    /// Bytes of workgroup memory.
    pub lds: u32,
    /// Bytes of instructions.
    pub code: u32,
    /// What the compiler expects a wave to keep a SIMD busy for, in clocks, loops taken a few times.
    pub clocks: u32,
    /// Of SDXL's own variant, where the kernel has multiply-adds in a loop.
    pub inner_loop: Option<InnerLoop>,
    /// The share of the card's peak that this loop can reach.
    pub of_peak: Option<f64>,
}

/// Multiply-adds of a lane in one turn of the loop around the inner one and of the one around that, where they count: of
/// tiles 8 × 8 sums (4 × 4 in the smallest) and 16 of depth, and 64 queries (of a band 16) with 64 keys (32), their scores and sums of values.
fn work_of_turns(kernel: &str, sizes: &str) -> [u32; 2] {
    match kernel {
        "linear_tiled" | "conv3x3_tiled" if sizes == "32×32" => [16 * 16, 0],
        "linear_tiled" | "conv3x3_tiled" => [64 * 16, 0],
        "attention_tiled" => [64 * 16, 2 * 64 * 64],
        "attention_subgroup" => [2 * 64 * 64, 0],
        _ => [0, 0],
    }
}

impl Row {
    pub(crate) fn new(device: &Device, family: Family, variant: &Variant, compiled: &Compiled) -> Self {
        let number = |name: &str| compiled.statistic(name).unwrap_or(0.0) as u32;
        let inner_loop = variant
            .sdxl
            .then(|| inner_loop(&compiled.isa, Issue { family, lanes: device.lanes() }))
            .flatten();
        let (name, sizes) = (variant.kernel.name, &variant.kernel.sizes);
        Self {
            family: device.family().to_owned(),
            kernel: if sizes.is_empty() { name.to_owned() } else { format!("{name} {sizes}") },
            lanes: device.lanes(),
            variants: 1,
            vgprs: number("VGPRs"),
            waves: number("Subgroups per SIMD"),
            spills: number("Spilled VGPRs") + number("Spilled SGPRs"),
            lds: number("LDS size"),
            code: number("Code size"),
            clocks: number("Inverse Throughput"),
            of_peak: inner_loop.map(|inner| inner.of_peak(family, work_of_turns(name, sizes))),
            inner_loop,
        }
    }

    fn join(&mut self, other: &Self) {
        self.variants += other.variants;
        self.vgprs = self.vgprs.max(other.vgprs);
        self.waves = self.waves.min(other.waves);
        self.spills = self.spills.max(other.spills);
        self.lds = self.lds.max(other.lds);
        self.code = self.code.max(other.code);
        self.clocks = self.clocks.max(other.clocks);
        if self.inner_loop.is_none() {
            (self.inner_loop, self.of_peak) = (other.inner_loop, other.of_peak);
        }
    }
}

/// One row for each kernel: the worst of its variants in every column.
pub(crate) fn worst(rows: Vec<Row>) -> Vec<Row> {
    let mut worst: Vec<Row> = Vec::new();
    for row in rows {
        match worst.iter_mut().find(|known| known.kernel == row.kernel && known.lanes == row.lanes) {
            Some(known) => known.join(&row),
            None => worst.push(row),
        }
    }
    worst.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    worst
}

/// As Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| kernel | GPU | lanes | variants | VGPRs | waves a SIMD | spills | workgroup memory | code | clocks | \
         multiply-adds of vector instructions | of the peak |\n\
         | --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for row in rows {
        let share = row.inner_loop.map_or_else(
            || "– | –".to_owned(),
            |inner| {
                let made = inner.multiply_adds + inner.matrix;
                let of_peak = row.of_peak.unwrap_or_default();
                format!("{made} of {}: {:.2} | {of_peak:.2}", inner.vector, inner.share())
            },
        );
        let Row { kernel, family, lanes, variants, vgprs, waves, spills, lds, code, clocks, .. } = row;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {kernel} | {family} | {lanes} | {variants} | {vgprs} | {waves} | {spills} | {lds} B | {code} B | \
             {clocks} | {share} |"
        );
    }
    text
}

/// Adds the rows to a file, a JSON object a line.
pub(crate) fn append(file: &Path, rows: &[Row]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut out = OpenOptions::new().create(true).append(true).open(file).map_err(failed)?;
    for row in rows {
        let line = serde_json::to_string(row).map_err(|error| error.to_string())?;
        writeln!(out, "{line}").map_err(failed)?;
    }
    Ok(())
}
