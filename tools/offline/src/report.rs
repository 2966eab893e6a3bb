//! The table: a row for each kernel on each GPU.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::device::Compiled;
use crate::inner_loop::{InnerLoop, inner_loop};
use crate::variants::Variant;

/// What is known of a kernel on a GPU: of one variant, or the worst of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub family: String,
    pub kernel: String,
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
    /// Of SDXL's own variant, where the kernel has multiply-adds in a loop.
    pub inner_loop: Option<InnerLoop>,
}

impl Row {
    pub(crate) fn new(family: &str, variant: &Variant, compiled: &Compiled) -> Self {
        let number = |name: &str| compiled.statistic(name).unwrap_or(0.0) as u32;
        Self {
            family: family.to_owned(),
            kernel: variant.kernel.name.to_owned(),
            variants: 1,
            vgprs: number("VGPRs"),
            waves: number("Subgroups per SIMD"),
            spills: number("Spilled VGPRs") + number("Spilled SGPRs"),
            lds: number("LDS size"),
            code: number("Code size"),
            inner_loop: variant.sdxl.then(|| inner_loop(&compiled.isa)).flatten(),
        }
    }

    fn join(&mut self, other: &Self) {
        self.variants += other.variants;
        self.vgprs = self.vgprs.max(other.vgprs);
        self.waves = self.waves.min(other.waves);
        self.spills = self.spills.max(other.spills);
        self.lds = self.lds.max(other.lds);
        self.code = self.code.max(other.code);
        self.inner_loop = self.inner_loop.or(other.inner_loop);
    }
}

/// One row for each kernel: the worst of its variants in every column.
pub(crate) fn worst(rows: Vec<Row>) -> Vec<Row> {
    let mut worst: Vec<Row> = Vec::new();
    for row in rows {
        match worst.iter_mut().find(|known| known.kernel == row.kernel) {
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
        "| kernel | GPU | variants | VGPRs | waves a SIMD | spills | workgroup memory | code | multiply-adds of vector instructions |\n\
         | --- | --- | --: | --: | --: | --: | --: | --: | --: |\n",
    );
    for row in rows {
        let share = row.inner_loop.map_or_else(
            || "–".to_owned(),
            |inner| format!("{} of {}: {:.2}", inner.multiply_adds, inner.vector, inner.share()),
        );
        let Row { kernel, family, variants, vgprs, waves, spills, lds, code, .. } = row;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {kernel} | {family} | {variants} | {vgprs} | {waves} | {spills} | {lds} B | {code} B | {share} |"
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
