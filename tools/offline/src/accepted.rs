//! What the kernels were like when they were last looked at; worse is a failure.

use std::path::Path;

use crate::report::Row;

/// Kernels in which a picture's time is spent.
const HOT: [&str; 3] = ["linear", "conv3x3", "attention"];
/// The share of its waves that a kernel may lose.
const LOSS: f64 = 0.1;

/// Holds `rows` against the file, a JSON object a line.
pub(crate) fn check(file: &Path, rows: &[Row]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let accepted: Result<Vec<Row>, _> = text.lines().map(serde_json::from_str).collect();
    let accepted = accepted.map_err(|error| failed(&error))?;
    let worse: Vec<String> = rows.iter().filter_map(|row| complaint(&accepted, row)).collect();
    if worse.is_empty() { Ok(()) } else { Err(worse.join("\n")) }
}

fn complaint(accepted: &[Row], row: &Row) -> Option<String> {
    let Row { kernel, family, lanes, spills, waves, .. } = row;
    if !HOT.iter().any(|hot| kernel.starts_with(hot)) {
        return None;
    }
    if *spills > 0 {
        return Some(format!("{kernel} spills {spills} registers on {family}"));
    }
    let is_it = |known: &&Row| known.kernel == *kernel && known.family == *family && known.lanes == *lanes;
    let Some(before) = accepted.iter().find(is_it) else {
        return Some(format!("{kernel} on {family} is not in the file: tools/offline/run --accept"));
    };
    let least = f64::from(before.waves) * (1.0 - LOSS);
    (f64::from(*waves) < least)
        .then(|| format!("{kernel} has {waves} waves a SIMD on {family}, and had {}", before.waves))
}

#[cfg(test)]
mod tests {
    use super::complaint;
    use crate::report::Row;

    fn row(kernel: &str, waves: u32, spills: u32) -> Row {
        let (family, kernel) = ("navi31".to_owned(), kernel.to_owned());
        let (lanes, variants, vgprs, lds, code, clocks) = (64, 1, 96, 0, 0, 0);
        let (inner_loop, of_peak) = (None, None);
        Row { family, kernel, lanes, variants, vgprs, waves, spills, lds, code, clocks, inner_loop, of_peak }
    }

    #[test]
    fn a_spill_and_a_loss_of_waves_are_failures() {
        let accepted = [row("linear_tiled", 10, 0), row("concat", 10, 0)];
        assert_eq!(complaint(&accepted, &row("linear_tiled", 10, 0)), None);
        assert_eq!(complaint(&accepted, &row("linear_tiled", 9, 0)), None);
        assert!(complaint(&accepted, &row("linear_tiled", 8, 0)).unwrap().contains("8 waves"));
        assert!(complaint(&accepted, &row("linear_tiled", 10, 1)).unwrap().contains("spills"));
        assert!(complaint(&accepted, &row("conv3x3_tiled", 10, 0)).unwrap().contains("--accept"));
        assert_eq!(complaint(&accepted, &row("concat", 1, 9)), None, "no time is spent there");
    }
}
