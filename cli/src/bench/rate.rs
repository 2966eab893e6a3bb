//! How fast something is, and how such numbers are written.

use fulmen_engine::backend::Peak;
use serde::Serialize;

/// How fast something is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Rate {
    /// In FLOP/s, of products.
    #[serde(skip_serializing_if = "Option::is_none")]
    flops_per_second: Option<f64>,
    /// In bytes/s, of what only moves numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
    /// The share of the device's measured peak.
    pub(super) of_peak: f64,
}

impl Rate {
    pub(super) fn products(flops: u64, seconds: f64, peak: &Peak) -> Self {
        let rate = flops as f64 / seconds.max(f64::MIN_POSITIVE);
        Self { flops_per_second: Some(rate), bytes_per_second: None, of_peak: rate / peak.flops() }
    }

    pub(super) fn traffic(bytes: u64, seconds: f64, peak: &Peak) -> Self {
        let rate = bytes as f64 / seconds.max(f64::MIN_POSITIVE);
        Self { flops_per_second: None, bytes_per_second: Some(rate), of_peak: rate / peak.bandwidth }
    }

    /// With its unit.
    pub(super) fn speed(&self) -> String {
        match (self.flops_per_second, self.bytes_per_second) {
            (Some(flops), _) => tflops(flops),
            (None, bytes) => format!("{:.1} GB/s", bytes.unwrap_or(0.0) / 1e9),
        }
    }
}

/// Of a rate in FLOP/s.
pub(super) fn tflops(flops: f64) -> String {
    match flops / 1e12 {
        few if few < 0.1 => format!("{:.1} GFLOP/s", 1e3 * few),
        some if some < 10.0 => format!("{some:.2} TFLOP/s"),
        many => format!("{many:.1} TFLOP/s"),
    }
}

/// Seconds, or milliseconds where they are few.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.2} ms", 1e3 * seconds) } else { format!("{seconds:.3} s") }
}

/// Of bytes.
pub(super) fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}
