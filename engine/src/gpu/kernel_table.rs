//! Which kernels were measured to be fastest for what.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::options::Core;
use super::work::{Task, Work};

/// A kernel, by its core and the name that the core gives to its sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelName {
    /// Whose it is.
    pub core: Core,
    /// Its tile, as its core calls it: `64x64`.
    pub tile: String,
    /// Whether it makes all products of a convolution that could be computed by Winograd's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub direct: bool,
}

/// In what order kernels sum: two of a kind give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The kernels' core.
    pub core: Core,
    /// See [`KernelName::direct`].
    pub direct: bool,
}

impl KernelName {
    /// What the last bits of its results depend on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind { core: self.core, direct: self.direct }
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = format!("{:?}", self.core).to_lowercase();
        let how = if self.direct { ", directly" } else { "" };
        write!(f, "{core} {}{how}", self.tile)
    }
}

/// A kind of kernel for each task, and its tile for each number of rows.
///
/// The kind is the task's, whatever the rows: kinds differ in their last bits, and a picture must be the same whether it is
/// drawn alone or beside others. Tiles of one kind differ in nothing but
/// speed: a kernel that sums in another order needs a kind of its own here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelTable {
    tasks: BTreeMap<Task, Choice>,
}

/// What was chosen for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    kind: Kind,
    /// By rows.
    tiles: BTreeMap<usize, String>,
}

/// More rows than these are as these: what a large device does at once is then a small part of them.
pub(super) const MANY_ROWS: usize = 1 << 15;

impl KernelTable {
    /// Adds a choice. One of another kind takes the place of all that was chosen for the task.
    pub fn insert(&mut self, work: &Work, name: &KernelName) {
        let none = Choice { kind: name.kind(), tiles: BTreeMap::new() };
        let choice = self.tasks.entry(work.task).or_insert_with(|| none.clone());
        if choice.kind != name.kind() {
            *choice = none;
        }
        choice.tiles.insert(work.rows.min(MANY_ROWS), name.tile.clone());
    }

    /// The kind that was chosen for a task.
    #[must_use]
    pub fn kind(&self, task: &Task) -> Option<Kind> {
        self.tasks.get(task).map(|choice| choice.kind)
    }

    /// The tile of that kind that was chosen for some work.
    #[must_use]
    pub fn tile(&self, work: &Work) -> Option<&str> {
        let tiles = &self.tasks.get(&work.task)?.tiles;
        tiles.get(&work.rows.min(MANY_ROWS)).map(String::as_str)
    }

    /// How many choices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.values().map(|choice| choice.tiles.len()).sum()
    }

    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Every choice.
    pub fn choices(&self) -> impl Iterator<Item = (Work, KernelName)> {
        self.tasks.iter().flat_map(|(task, choice)| {
            let Kind { core, direct } = choice.kind;
            let name = move |tile: &String| KernelName { core, tile: tile.clone(), direct };
            choice.tiles.iter().map(move |(rows, tile)| (Work { task: *task, rows: *rows }, name(tile)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::stored::Stored;
    use crate::gpu::work::{Finish, Operation};

    fn work(rows: usize, columns: usize) -> Work {
        let task = Task {
            operation: Operation::Linear,
            columns,
            depth: 64,
            heads: 1,
            finish: Finish::default(),
            left: Stored::F16,
            bounded: false,
            weight: Stored::F16,
            out: Stored::F16,
        };
        Work { task, rows }
    }

    fn name(core: Core, tile: &str) -> KernelName {
        KernelName { core, tile: tile.into(), direct: false }
    }

    #[test]
    fn a_tile_is_of_its_rows_and_a_kind_of_all_of_them() {
        let mut table = KernelTable::default();
        table.insert(&work(64, 8), &name(Core::Tiled, "small"));
        table.insert(&work(4096, 8), &name(Core::Tiled, "large"));
        assert_eq!(table.tile(&work(64, 8)), Some("small"));
        assert_eq!(table.tile(&work(4096, 8)), Some("large"));
        let kind = |core, direct| Some(Kind { core, direct });
        assert_eq!(
            (table.tile(&work(65, 8)), table.kind(&work(65, 8).task)),
            (None, kind(Core::Tiled, false))
        );
        assert_eq!(table.kind(&work(64, 16).task), None);
        let direct = KernelName { direct: true, ..name(Core::Tiled, "64x64") };
        for (other, kind) in
            [(name(Core::Subgroup, "64x64"), kind(Core::Subgroup, false)), (direct, kind(Core::Tiled, true))]
        {
            table.insert(&work(128, 8), &other);
            assert_eq!(table.kind(&work(64, 8).task), kind);
            assert_eq!(
                (table.len(), table.tile(&work(64, 8))),
                (1, None),
                "what was of another kind is gone"
            );
        }
    }

    #[test]
    fn many_rows_are_alike() {
        let mut table = KernelTable::default();
        table.insert(&work(1 << 20, 8), &name(Core::Tiled, "large"));
        assert_eq!(table.tile(&work(1 << 18, 8)), Some("large"));
        assert_eq!(table.tile(&work(MANY_ROWS - 1, 8)), None);
    }
}
