//! The innermost loop of a kernel, counted in its instructions.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Instructions of the loop in which the multiply-adds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InnerLoop {
    /// Multiply-adds, and products of matrix units.
    pub multiply_adds: u32,
    /// All vector instructions, those included.
    pub vector: u32,
    /// Reads of workgroup memory.
    pub lds: u32,
}

impl InnerLoop {
    /// The most of the arithmetic's peak that the loop can reach.
    pub(crate) fn share(self) -> f64 {
        f64::from(self.multiply_adds) / f64::from(self.vector.max(1))
    }
}

/// Of the loops that hold no other, the one with the most multiply-adds; `None` where there is no such loop.
///
/// `isa` is RADV's text, a label or an instruction a line: `BB3:` and `s_branch BB3`, or from the compiler itself `BB3`
/// and `s_branch block:BB3`.
pub(crate) fn inner_loop(isa: &str) -> Option<InnerLoop> {
    let lines: Vec<&str> = isa.lines().map(instruction).collect();
    let mut labels = HashMap::new();
    let mut loops = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if line.starts_with("BB") {
            labels.insert(line.trim_end_matches(':'), place);
        }
        // A label that is known already is behind.
        loops.extend(branch_targets(line).filter_map(|label| labels.get(label)).map(|&start| (start, place)));
    }
    let is_inner = |&&(start, end): &&(usize, usize)| {
        !loops.iter().any(|&(s, e)| (s, e) != (start, end) && start <= s && e <= end)
    };
    let counted = loops.iter().filter(is_inner).map(|&(start, end)| count(&lines[start..end]));
    counted.filter(|inner| inner.multiply_adds > 0).max_by_key(|inner| inner.multiply_adds)
}

/// A line without what the compiler says of the result: `v1: %70 = v_fma_f32 …`.
fn instruction(line: &str) -> &str {
    line.split_once(" = ").map_or(line, |(_, instruction)| instruction).trim()
}

/// The labels that a branch may go to.
fn branch_targets(line: &str) -> impl Iterator<Item = &str> {
    let is_branch = line.starts_with("s_cbranch") || line.starts_with("s_branch");
    line.split([' ', ':']).filter(move |word| is_branch && word.starts_with("BB"))
}

fn count(lines: &[&str]) -> InnerLoop {
    let mut counted = InnerLoop { multiply_adds: 0, vector: 0, lds: 0 };
    for line in lines {
        // RDNA 3 issues two at once: `v_dual_fmac_f32 … :: v_dual_mov_b32 …`.
        for instruction in line.split("::").filter_map(|half| half.split_whitespace().next()) {
            let name = instruction.trim_start_matches("v_dual_").trim_start_matches("v_");
            if instruction.starts_with("v_") {
                counted.vector += 1;
                counted.multiply_adds += u32::from(is_multiply_add(name));
            }
            counted.lds +=
                u32::from(instruction.starts_with("ds_load") || instruction.starts_with("ds_read"));
        }
    }
    counted
}

/// Of an instruction without its `v_`.
fn is_multiply_add(name: &str) -> bool {
    ["fma", "pk_fma", "mad_", "mac_", "wmma", "dot2"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{InnerLoop, inner_loop};

    #[test]
    fn the_loop_within_is_counted_and_what_is_around_it_is_not() {
        let isa = "BB0:\n\tv_mov_b32 v0, 0\nBB1:\n\tv_exp_f32 v1, v1\nBB2:\n\tds_load_b128 v[0:3], v4\n\
                   \tv_dual_fmac_f32 v1, v2, v3 :: v_dual_mov_b32 v4, v5\n\tv_fma_mix_f32 v1, v2, v3, v4\n\
                   \ts_cbranch_scc1 BB2\n\tv_mul_f32 v1, v1, v1\n\ts_cbranch_scc0 BB1\nBB3:\n\ts_branch BB4\nBB4:\n\ts_endpgm";
        assert_eq!(inner_loop(isa), Some(InnerLoop { multiply_adds: 2, vector: 3, lds: 1 }));
        let undisassembled = "BB0\nBB1\n/* logical preds: BB0, BB1, */\n v1: %7:v[0] = v_fma_f32 %1:v[1], %2:v[2], %3:v[0]\n\
                              \ts_cbranch_scc1 block:BB1\nBB2\n s_endpgm";
        assert_eq!(inner_loop(undisassembled), Some(InnerLoop { multiply_adds: 1, vector: 1, lds: 0 }));
        assert_eq!(inner_loop("BB0:\n\tv_fma_f32 v0, v1, v2, v3\n\ts_endpgm"), None);
    }
}
