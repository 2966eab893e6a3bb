//! The innermost loop of a kernel, counted in its instructions, and the loop around it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::cards::Family;

/// Instructions of the loop in which the multiply-adds are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InnerLoop {
    /// Multiply-adds of single numbers.
    pub multiply_adds: u32,
    /// Products of matrix units.
    pub matrix: u32,
    /// All vector instructions, those included.
    pub vector: u32,
    /// Halves of turns in which a SIMD issues the vector instructions of 32 lanes, those of matrix units apart: half a turn
    /// where two are issued at once, be it two of an instruction's lanes, and four for an exponential.
    pub half_turns: u32,
    /// Reads of workgroup memory.
    pub lds: u32,
    /// The same of the loop around it and of the one around that, each apart from what loops within take.
    pub around: [u32; 2],
}

/// Halves of turns for 16 bytes of workgroup memory for each of 32 lanes: of its 128 bytes a turn half are a SIMD's own.
const LDS_HALF_TURNS: u32 = 16;

impl InnerLoop {
    /// The share of vector instructions that multiply and add.
    pub(crate) fn share(self) -> f64 {
        f64::from(self.multiply_adds + self.matrix) / f64::from(self.vector.max(1))
    }

    /// The share of the card's published peak, of numbers or of matrix units, that the loop can reach: what it issues, or
    /// workgroup memory where that takes longer, and of the loops around it what is left to issue. In one turn of those
    /// `work` multiply-adds are made; 0 where a loop counts for nothing.
    pub(crate) fn of_peak(self, family: Family, work: [u32; 2]) -> f64 {
        let of_matrices = self.matrix * family.matrix_half_turns();
        let issued = (self.half_turns + of_matrices).max(self.lds * LDS_HALF_TURNS).max(1);
        if self.matrix > 0 {
            return f64::from(of_matrices) / f64::from(issued);
        }
        let made = f64::from(self.multiply_adds);
        let shares = self.around.into_iter().zip(work).filter(|&(_, work)| work > 0);
        let around: f64 = shares.map(|(around, work)| f64::from(around) * made / f64::from(work)).sum();
        made * f64::from(family.half_turns()) / (f64::from(issued) + around)
    }
}

/// Of the loops that hold no other, the one with the most multiply-adds; where matrix units multiply, the smallest loop with
/// all of their products, loops within it taken once. `None` where there is no such loop.
///
/// `isa` is RADV's text, a label or an instruction a line: `BB3:` and `s_branch BB3`, or from the compiler itself `BB3`
/// and `s_branch block:BB3`.
pub(crate) fn inner_loop(isa: &str, issue: Issue) -> Option<InnerLoop> {
    let lines: Vec<&str> = isa.lines().map(instruction).collect();
    let mut loops = loops(&lines);
    loops.sort_by_key(|(start, end)| end - start);
    let counted: Vec<_> =
        loops.iter().map(|&place| (place, count(&lines[place.0..place.1], issue))).collect();
    let most = counted.iter().map(|(_, of)| of.matrix).max().filter(|&most| most > 0);
    let is_inner = |&&(place, of): &&((usize, usize), InnerLoop)| match most {
        Some(most) => of.matrix == most,
        None => of.multiply_adds > 0 && !loops.iter().any(|&other| holds(place, other)),
    };
    // Of equals the first, which is the smallest.
    let inner = counted.iter().filter(is_inner).rev().max_by_key(|(_, of)| of.multiply_adds + of.matrix)?;
    let (mut place, mut found) = *inner;
    for around in &mut found.around {
        let Some(&(outer, of_outer)) = counted.iter().find(|(outer, _)| holds(*outer, place)) else { break };
        // Of the loops within, those that no other loop within holds.
        let within: Vec<_> = counted.iter().filter(|(inner, _)| holds(outer, *inner)).collect();
        let direct =
            within.iter().filter(|(inner, _)| !within.iter().any(|(other, _)| holds(*other, *inner)));
        *around = of_outer.half_turns - direct.map(|(_, of)| of.half_turns).sum::<u32>();
        place = outer;
    }
    Some(found)
}

/// Whether a loop is around another.
fn holds(outer: (usize, usize), inner: (usize, usize)) -> bool {
    outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1
}

/// Where loops start and end: a branch to a label that is known already goes back.
fn loops(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut labels = HashMap::new();
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if line.starts_with("BB") {
            labels.insert(line.trim_end_matches(':'), place);
        }
        for &start in branch_targets(line).filter_map(|label| labels.get(label)) {
            // Several ways back to one label are one loop, to the last of them.
            match loops.iter_mut().find(|known| known.0 == start) {
                Some(known) => known.1 = place,
                None => loops.push((start, place)),
            }
        }
    }
    loops
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

/// How a card issues what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Issue {
    pub family: Family,
    /// Lanes of a subgroup.
    pub lanes: u32,
}

impl Issue {
    /// Halves of turns of an instruction, `name` without its `v_`.
    fn half_turns(self, name: &str, instruction: &str) -> u32 {
        // RDNA 3 does both halves of 64 lanes at once where two instructions could be issued: in the short encoding, which
        // the compiler's own text does not tell from the long one.
        let is_short = !name.ends_with("_e64") && !instruction.contains("dpp");
        let at_once = self.lanes == 64 && self.family != Family::Rdna2 && is_short;
        match name.trim_end_matches("_e32") {
            name if starts_with(name, &QUARTER) => 8,
            name if at_once && AT_ONCE.contains(&name) => 1,
            _ => 2,
        }
    }
}

fn count(lines: &[&str], issue: Issue) -> InnerLoop {
    let mut counted = InnerLoop::default();
    for line in lines {
        let mut half_turns = 0;
        // RDNA 3 issues two at once: `v_dual_fmac_f32 … :: v_dual_mov_b32 …`.
        for half in line.split("::").map(instruction) {
            let instruction = half.split_whitespace().next().unwrap_or_default();
            let name = instruction.trim_start_matches("v_dual_").trim_start_matches("v_");
            if instruction.starts_with("v_") {
                let is_matrix = name.starts_with("wmma");
                counted.vector += 1;
                counted.matrix += u32::from(is_matrix);
                counted.multiply_adds += u32::from(starts_with(name, &MULTIPLY_ADDS));
                half_turns = half_turns.max(if is_matrix { 0 } else { issue.half_turns(name, half) });
            }
            counted.lds +=
                u32::from(instruction.starts_with("ds_load") || instruction.starts_with("ds_read"));
        }
        counted.half_turns += half_turns;
    }
    // Beside matrix units they make halves of integers, and no sums.
    counted.multiply_adds *= u32::from(counted.matrix == 0);
    counted
}

/// Names of multiply-adds, without their `v_`.
const MULTIPLY_ADDS: [&str; 6] = ["fma", "pk_fma", "mad_f", "mad_mix", "mac_", "dot2"];
/// Names of what a quarter of the lanes is done with in a turn.
const QUARTER: [&str; 7] = ["exp_", "log_", "rcp_", "rsq_", "sqrt_", "sin_", "cos_"];
/// What can be issued beside another.
const AT_ONCE: [&str; 11] = [
    "fmac_f32",
    "fmaak_f32",
    "fmamk_f32",
    "mul_f32",
    "add_f32",
    "sub_f32",
    "subrev_f32",
    "mov_b32",
    "cndmask_b32",
    "max_f32",
    "min_f32",
];

fn starts_with(name: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{InnerLoop, Issue, inner_loop};
    use crate::cards::Family;

    const RDNA3: Issue = Issue { family: Family::Rdna3, lanes: 64 };

    #[test]
    fn the_loop_within_is_counted_and_what_is_around_it_apart() {
        let isa = "BB0:\n\tv_mov_b32 v0, 0\nBB1:\n\tv_exp_f32 v1, v1\nBB2:\n\tds_load_b128 v[0:3], v4\n\
                   \tv_dual_fmac_f32 v1, v2, v3 :: v_dual_mov_b32 v4, v5\n\tv_fma_mix_f32 v1, v2, v3, v4\n\
                   \ts_cbranch_scc1 BB2\n\tv_mul_f32 v1, v1, v1\n\ts_cbranch_scc0 BB1\nBB3:\n\ts_branch BB4\nBB4:\n\ts_endpgm";
        let counted = InnerLoop {
            multiply_adds: 2,
            vector: 3,
            half_turns: 4,
            lds: 1,
            around: [10, 0],
            ..InnerLoop::default()
        };
        assert_eq!(inner_loop(isa, Issue { lanes: 32, ..RDNA3 }), Some(counted));
        let undisassembled = "BB0\nBB1\n/* logical preds: BB0, BB1, */\n v1: %7:v[0] = v_fma_f32 %1:v[1], %2:v[2], %3:v[0]\n\
                              \ts_cbranch_scc1 block:BB1\nBB2\n s_endpgm";
        let counted = InnerLoop { multiply_adds: 1, vector: 1, half_turns: 2, ..InnerLoop::default() };
        assert_eq!(inner_loop(undisassembled, RDNA3), Some(counted));
        assert_eq!(inner_loop("BB0:\n\tv_fma_f32 v0, v1, v2, v3\n\ts_endpgm", RDNA3), None);
    }

    #[test]
    fn what_two_can_be_issued_of_takes_half_a_turn_for_subgroups_of_64_on_newer_cards() {
        let isa = "BB1:\n\tv_fmac_f32_e32 v1, v2, v3\n\tv_fmac_f32_dpp v1, v2, v3\n\ts_cbranch_scc1 BB1";
        let half_turns = |issue| inner_loop(isa, issue).unwrap().half_turns;
        assert_eq!(half_turns(RDNA3), 3);
        assert_eq!(half_turns(Issue { lanes: 32, ..RDNA3 }), 4);
        assert_eq!(half_turns(Issue { family: Family::Rdna2, ..RDNA3 }), 4);
    }

    #[test]
    fn a_loop_reaches_what_it_issues_and_what_workgroup_memory_gives() {
        let of = |half_turns, lds| InnerLoop {
            multiply_adds: 64,
            half_turns,
            lds,
            around: [64, 0],
            ..InnerLoop::default()
        };
        let share = |of: InnerLoop, family| (1000.0 * of.of_peak(family, [1024, 0])).round();
        assert_eq!(share(of(136, 4), Family::Rdna2), 914.0, "128 / (136 + 64 / 16)");
        assert_eq!(share(of(136, 4), Family::Rdna3), 457.0, "two at once are the peak there");
        assert_eq!(share(of(72, 4), Family::Rdna3), 842.0, "64 / (72 + 64 / 16)");
        assert_eq!(share(of(72, 8), Family::Rdna3), 485.0, "64 / (8 · 16 + 64 / 16)");
        let matrices = InnerLoop { matrix: 8, half_turns: 32, ..InnerLoop::default() };
        assert_eq!(share(matrices, Family::Rdna3), 889.0, "256 / (256 + 32)");
        assert_eq!(share(matrices, Family::Rdna4), 800.0, "128 / (128 + 32)");
    }
}
