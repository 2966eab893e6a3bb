//! Memory that this process may still take, whoever sets the limit: the machine, a container, a shell.
//!
//! Asked for beforehand, because a system that runs out of memory ends programs without a word.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What this process can have at most; `u64::MAX` where the system does not tell.
    pub total: u64,
    /// What it can still take at this moment.
    pub free: u64,
}

impl Memory {
    /// As it is now.
    #[must_use]
    pub fn now() -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        // Free memory leaves out the file cache, which gives way when memory is needed.
        let machine = match (system.total_memory(), system.available_memory()) {
            (0, _) | (_, 0) => Self::UNKNOWN,
            (total, free) => Self { total, free },
        };
        limits(Path::new("/")).fold(machine, Self::least)
    }

    const UNKNOWN: Self = Self { total: u64::MAX, free: u64::MAX };

    fn least(self, other: Self) -> Self {
        Self { total: self.total.min(other.total), free: self.free.min(other.free) }
    }

    fn of(total: u64, used: u64) -> Self {
        Self { total, free: total.saturating_sub(used) }
    }
}

/// Every limit that Linux sets to this process; none elsewhere. Files are looked for under `root`.
fn limits(root: &Path) -> impl Iterator<Item = Memory> {
    groups(root).into_iter().flat_map(|group| group.limits()).chain(address_space(root))
}

/// A control group that this process is in, or one around it: a limit there counts for all within.
struct Group {
    folder: PathBuf,
    /// The second version of the interface, or the first.
    unified: bool,
}

impl Group {
    fn limits(&self) -> Vec<Memory> {
        let names: &[&str] =
            if self.unified { &["memory.max", "memory.high"] } else { &["memory.limit_in_bytes"] };
        let used = self.used();
        let limit = |name: &&str| Some(Memory::of(self.number(name)?, used));
        names.iter().filter_map(limit).collect()
    }

    /// Without the file cache.
    fn used(&self) -> u64 {
        let (current, prefix) =
            if self.unified { ("memory.current", "") } else { ("memory.usage_in_bytes", "total_") };
        let statistics = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let cache = ["inactive_file", "active_file"].map(|name| {
            let line = statistics.lines().find_map(|line| line.strip_prefix(&format!("{prefix}{name} ")));
            line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
        });
        self.number(current).unwrap_or(0).saturating_sub(cache.iter().sum())
    }

    /// `None` for `max`, and where there is no such file.
    fn number(&self, file: &str) -> Option<u64> {
        fs::read_to_string(self.folder.join(file)).ok()?.trim().parse().ok()
    }
}

/// The groups of this process, each with those around it.
fn groups(root: &Path) -> Vec<Group> {
    let [own, mounts] = ["proc/self/cgroup", "proc/self/mountinfo"]
        .map(|file| fs::read_to_string(root.join(file)).unwrap_or_default());
    let mut found = vec![];
    for line in own.lines() {
        // `4:memory:/a/b`, or `0::/a/b` for the second version.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let unified = controllers.is_empty();
        if !unified && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        let mount = mounts.lines().filter_map(Mount::of).find(|mount| mount.is_for(unified));
        let Some(mount) = mount else { continue };
        let base = root.join(mount.point.trim_start_matches('/'));
        // In a container the path may be the host's, of which only what lies beneath the mount is seen.
        let inner = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
        let folder = Some(base.join(inner)).filter(|folder| folder.is_dir()).unwrap_or_else(|| base.clone());
        let around = folder.ancestors().take_while(|folder| folder.starts_with(&base));
        found.extend(around.map(|folder| Group { folder: folder.to_owned(), unified }));
    }
    found
}

/// A line of `mountinfo`: `36 25 0:32 ROOT POINT rw … - TYPE SOURCE OPTIONS`.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        let (root, point, kind) = (before.next()?, before.next()?, after.next()?);
        Some(Self { root, point, kind, options: after.nth(1).unwrap_or_default() })
    }

    fn is_for(&self, unified: bool) -> bool {
        let of_memory = || self.options.split(',').any(|option| option == "memory");
        if unified { self.kind == "cgroup2" } else { self.kind == "cgroup" && of_memory() }
    }
}

/// What `ulimit -v` and `ulimit -d` leave.
fn address_space(root: &Path) -> Vec<Memory> {
    let [limits, status] = ["proc/self/limits", "proc/self/status"]
        .map(|file| fs::read_to_string(root.join(file)).unwrap_or_default());
    let of = |limit: &str, used: &str| {
        let limit = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let used = status.lines().find_map(|line| line.strip_prefix(used))?;
        let limit = limit.split_whitespace().next()?.parse().ok()?;
        let kib: u64 = used.split_whitespace().next()?.parse().ok()?;
        Some(Memory::of(limit, kib << 10))
    };
    [of("Max address space", "VmSize:"), of("Max data size", "VmData:")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                          Max data size             unlimited            unlimited            bytes     \n\
                          Max address space         4096000              unlimited            bytes     \n";

    /// A system's files under a folder.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    fn least(files: &[(&str, &str)]) -> Memory {
        limits(system(files).path()).fold(Memory::UNKNOWN, Memory::least)
    }

    #[test]
    fn a_system_without_groups_sets_no_limit() {
        assert_eq!(least(&[]), Memory::UNKNOWN);
        assert_eq!(least(&[("proc/self/cgroup", "0::/\n"), ("proc/self/mountinfo", "")]), Memory::UNKNOWN);
    }

    #[test]
    fn the_tightest_group_around_counts_and_the_file_cache_is_free() {
        let files = [
            ("proc/self/cgroup", "0::/user/a\n"),
            ("proc/self/mountinfo", "1 2 0:3 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"),
            ("sys/fs/cgroup/user/a/memory.max", "max\n"),
            ("sys/fs/cgroup/user/a/memory.high", "9000\n"),
            ("sys/fs/cgroup/user/a/memory.current", "1000\n"),
            ("sys/fs/cgroup/user/memory.max", "5000\n"),
            ("sys/fs/cgroup/user/memory.high", "max\n"),
            ("sys/fs/cgroup/user/memory.current", "4000\n"),
            ("sys/fs/cgroup/user/memory.stat", "anon 1000\ninactive_file 1500\nactive_file 500\n"),
            ("sys/fs/cgroup/memory.stat", "anon 1\n"),
        ];
        assert_eq!(least(&files), Memory { total: 5000, free: 3000 });
        assert_eq!(least(&files[..5]), Memory { total: 9000, free: 8000 });
    }

    #[test]
    fn the_first_version_is_read_beside_the_second() {
        let files = [
            ("proc/self/cgroup", "4:memory:/docker/1\n3:cpuset:/docker/1\n0::/\n"),
            (
                "proc/self/mountinfo",
                "1 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                 2 2 0:3 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
                 3 2 0:3 /docker/1 /sys/fs/cgroup/memory rw shared:1 - cgroup cgroup rw,memory\n",
            ),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n"),
            (
                "sys/fs/cgroup/memory/memory.stat",
                "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 700\n",
            ),
        ];
        assert_eq!(least(&files), Memory { total: 8000, free: 3000 });
    }

    #[test]
    fn what_is_used_beyond_a_limit_leaves_nothing() {
        let files = [
            ("proc/self/cgroup", "0::/..\n"),
            ("proc/self/mountinfo", "1 2 0:3 / /cg rw - cgroup2 cgroup2 rw\n"),
            ("cg/memory.max", "100\n"),
            ("cg/memory.current", "200\n"),
        ];
        assert_eq!(least(&files), Memory { total: 100, free: 0 });
    }

    #[test]
    fn limits_of_the_shell_count() {
        let status = "VmPeak:	    3000 kB\nVmSize:	    2000 kB\nVmData:	     500 kB\n";
        let files = [("proc/self/limits", LIMITS), ("proc/self/status", status)];
        assert_eq!(least(&files), Memory { total: 4_096_000, free: 4_096_000 - (2000 << 10) });
    }

    #[test]
    fn this_machine_has_memory() {
        let memory = Memory::now();
        assert!(memory.free > 1 << 20 && memory.total >= memory.free, "{memory:?}");
    }
}
