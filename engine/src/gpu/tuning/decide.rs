//! Which kernels are kept of those that were timed.

use std::collections::BTreeMap;

use super::{Measured, Timed};
use crate::gpu::kernel_table::{KernelTable, Kind};
use crate::gpu::work::Task;

/// A kernel must be faster by this share at least.
const WORTH: f64 = 0.03;

/// The fastest kernels: for each task one kind, that which takes least time for all of its work together, and that kind's
/// fastest tile for each number of rows.
///
/// What was measured later counts where two say something of the same work.
#[must_use]
pub fn chosen_kernels(measured: &[Measured]) -> KernelTable {
    let mut tasks: BTreeMap<Task, BTreeMap<usize, &Measured>> = BTreeMap::new();
    for one in measured.iter().filter(|one| !one.kernels.is_empty()) {
        tasks.entry(one.work.task).or_default().insert(one.work.rows, one);
    }
    let mut table = KernelTable::default();
    for all in tasks.values() {
        let all: Vec<&Measured> = all.values().copied().collect();
        let kind = kind(&all);
        for one in all {
            if let Some(best) = best(one, kind) {
                table.insert(&one.work, &one.kernels[best].kernel);
            }
        }
    }
    table
}

/// The kind for all work of a task: that of the rules, unless another one is faster.
fn kind(all: &[&Measured]) -> Kind {
    let usual = all[0].kernels[0].kernel.kind();
    let others = all[0].kernels.iter().map(|timed| timed.kernel.kind()).filter(|kind| *kind != usual);
    let mut fastest = (usual, sum(all, usual));
    for kind in others {
        let (seconds, noise) = sum(all, kind);
        if seconds < fastest.1.0 * (1.0 - WORTH.max(noise).max(fastest.1.1)) {
            fastest = (kind, (seconds, noise));
        }
    }
    fastest.0
}

/// Seconds of a kind's best kernels for all work of a task, and the largest noise among them.
fn sum(all: &[&Measured], kind: Kind) -> (f64, f64) {
    let mut sum = (0.0, 0.0f64);
    for one in all {
        match best(one, kind).map(|place| &one.kernels[place]) {
            Some(timed) => {
                sum = (sum.0 + timed.seconds * one.nodes as f64, sum.1.max(timed.noise));
            }
            // It has nothing for some of the work.
            None => return (f64::INFINITY, 0.0),
        }
    }
    sum
}

/// The kind's first kernel, unless another of its own is faster.
fn best(one: &Measured, kind: Kind) -> Option<usize> {
    let own = (0..one.kernels.len()).filter(|place| one.kernels[*place].kernel.kind() == kind);
    own.reduce(|best, other| {
        let (old, new): (&Timed, &Timed) = (&one.kernels[best], &one.kernels[other]);
        let is_faster = new.seconds < old.seconds * (1.0 - WORTH.max(old.noise).max(new.noise));
        if is_faster { other } else { best }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel_table::KernelName;
    use crate::gpu::options::Core;
    use crate::gpu::stored::Stored;
    use crate::gpu::work::{Finish, Operation, Work};

    fn measured(rows: usize, kernels: &[(Core, &str, f64, f64)]) -> Measured {
        let task = Task {
            operation: Operation::Linear,
            columns: 64,
            depth: 64,
            heads: 1,
            finish: Finish::default(),
            left: Stored::F16,
            bounded: false,
            weight: Stored::F16,
            out: Stored::F16,
        };
        let timed = |&(core, tile, seconds, noise): &(Core, &str, f64, f64)| Timed {
            kernel: KernelName { core, tile: tile.into(), direct: false },
            seconds,
            noise,
        };
        Measured { work: Work { task, rows }, nodes: 1, kernels: kernels.iter().map(timed).collect() }
    }

    fn choices(all: &[Measured]) -> Vec<(usize, Core, String)> {
        let table = chosen_kernels(all);
        table.choices().map(|(work, name)| (work.rows, name.core, name.tile)).collect()
    }

    #[test]
    fn the_fastest_is_kept_where_it_is_faster_by_more_than_the_noise() {
        use Core::Tiled;
        let of = |seconds, noise| measured(64, &[(Tiled, "a", 1.0, 0.01), (Tiled, "b", seconds, noise)]);
        for (seconds, noise, kept) in [(0.9, 0.01, "b"), (0.98, 0.0, "a"), (0.9, 0.2, "a"), (1.2, 0.0, "a")] {
            assert_eq!(choices(&[of(seconds, noise)]), [(64, Tiled, kept.to_owned())], "{seconds} ± {noise}");
        }
    }

    #[test]
    fn all_rows_of_a_task_run_on_one_core() {
        use Core::{Subgroup, Tiled};
        let few = measured(64, &[(Tiled, "a", 1.0, 0.0), (Subgroup, "s", 0.5, 0.0)]);
        let many =
            measured(4096, &[(Tiled, "a", 9.0, 0.0), (Tiled, "b", 7.0, 0.0), (Subgroup, "s", 9.0, 0.0)]);
        let kept = choices(&[few.clone(), many.clone()]);
        assert_eq!(kept, [(64, Tiled, "a".into()), (4096, Tiled, "b".into())]);
        assert_eq!(choices(std::slice::from_ref(&few)), [(64, Subgroup, "s".into())]);
        let slower = measured(4096, &[(Tiled, "a", 9.0, 0.0), (Subgroup, "s", 8.0, 0.0)]);
        let kept = choices(&[few, many, slower]);
        assert_eq!(
            kept,
            [(64, Subgroup, "s".into()), (4096, Subgroup, "s".into())],
            "what came later counts"
        );
    }
    #[test]
    fn all_rows_of_a_task_are_computed_by_winograd_or_all_directly() {
        let timed = |tile: &str, direct, seconds| Timed {
            kernel: KernelName { core: Core::Tiled, tile: tile.into(), direct },
            seconds,
            noise: 0.0,
        };
        let both = |rows, winograd, direct| Measured {
            kernels: vec![timed("w", false, winograd), timed("d", true, direct)],
            ..measured(rows, &[])
        };
        let kept = |few, many| {
            let table = chosen_kernels(&[few, many]);
            table.choices().map(|(work, name)| (work.rows, name.tile)).collect::<Vec<_>>()
        };
        let all = |tile: &str| vec![(64, tile.to_owned()), (4096, tile.to_owned())];
        assert_eq!(kept(both(64, 1.0, 0.5), both(4096, 7.0, 9.0)), all("w"));
        assert_eq!(kept(both(64, 1.0, 0.5), both(4096, 7.0, 6.0)), all("d"));
    }
}
