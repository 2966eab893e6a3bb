//! The limits of control groups on tasks, in both versions: a group's own, and those of all groups that it is in.

use std::path::{Path, PathBuf};

use super::Free;

/// What they leave; nothing where there is no limit.
pub(super) fn free_tasks() -> Option<Free> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    of(&read(Path::new("/proc/self/cgroup"))?, &read(Path::new("/proc/self/mountinfo"))?, read)
}

/// The least that any group leaves, given which groups there are, where they are to be seen, and what stands there.
fn of(groups: &str, mounts: &str, read: impl Fn(&Path) -> Option<String>) -> Option<Free> {
    let places = mounts.lines().filter_map(Mount::parse).filter_map(|mount| mount.place(groups));
    let folders = places.flat_map(|(top, own)| {
        let up: Vec<_> =
            own.ancestors().take_while(|folder| folder.starts_with(&top)).map(PathBuf::from).collect();
        up
    });
    let free = folders.filter_map(|folder| {
        let number = |name| read(&folder.join(name))?.trim().parse::<usize>().ok();
        let most = number("pids.max")?;
        let number = most.saturating_sub(number("pids.current").unwrap_or(0));
        Some(Free { number, limit: format!("pids.max {most} of {}", folder.display()) })
    });
    free.min_by_key(|free| free.number)
}

/// A tree of groups, as it is mounted.
struct Mount<'a> {
    /// The group that stands at the mount's place.
    root: &'a str,
    at: &'a str,
    /// Version 2, in which one tree has all controllers.
    unified: bool,
}

impl<'a> Mount<'a> {
    /// A line of `/proc/self/mountinfo`, if it is of a tree that limits tasks.
    fn parse(line: &'a str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, at) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let name = kind.next()?;
        let tasks = kind.nth(1).is_some_and(|options| options.split(',').any(|option| option == "pids"));
        let unified = name == "cgroup2";
        (unified || (name == "cgroup" && tasks)).then_some(Self { root, at, unified })
    }

    /// Where the tree begins, and where in it the group of this process is.
    fn place(&self, groups: &str) -> Option<(PathBuf, PathBuf)> {
        let own = groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let ours = match self.unified {
                true => controllers.is_empty(),
                false => controllers.split(',').any(|controller| controller == "pids"),
            };
            ours.then_some(path)
        })?;
        let top = PathBuf::from(self.at);
        // In a container, the path may be that of the outside, of which only the own group is to be seen.
        let below = Path::new(own).strip_prefix(self.root).unwrap_or(Path::new(""));
        let own = below.iter().fold(top.clone(), |folder, name| folder.join(name));
        Some((top, own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "31 30 0:27 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n\
                      32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    const V2: &str = "31 30 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

    fn free(groups: &str, mounts: &str, files: &[(&str, &str)]) -> Option<(usize, String)> {
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        };
        of(groups, mounts, read).map(|free| (free.number, free.limit))
    }

    #[test]
    fn the_group_that_leaves_least_counts() {
        let groups = "4:memory:/a\n3:cpu,pids:/a/b\n0::/\n";
        let files = [
            ("/sys/fs/cgroup/pids/a/b/pids.max", "max\n"),
            ("/sys/fs/cgroup/pids/a/b/pids.current", "3\n"),
            ("/sys/fs/cgroup/pids/a/pids.max", "60\n"),
            ("/sys/fs/cgroup/pids/a/pids.current", "45\n"),
            ("/sys/fs/cgroup/pids/pids.max", "1000\n"),
            ("/sys/fs/cgroup/pids/pids.current", "900\n"),
        ];
        let expected = Some((15, "pids.max 60 of /sys/fs/cgroup/pids/a".into()));
        assert_eq!(free(groups, V1, &files), expected);
        assert_eq!(free("0::/a\n", V1, &files), None, "this process is in no group of that tree");
    }

    #[test]
    fn the_second_version_is_read_too() {
        let files = [
            ("/sys/fs/cgroup/system.slice/fulmen.service/pids.max", "300"),
            ("/sys/fs/cgroup/system.slice/fulmen.service/pids.current", "20"),
        ];
        let expected = "pids.max 300 of /sys/fs/cgroup/system.slice/fulmen.service".to_owned();
        assert_eq!(free("0::/system.slice/fulmen.service\n", V2, &files), Some((280, expected)));
    }

    #[test]
    fn in_a_container_the_own_group_is_the_top() {
        let files = [("/sys/fs/cgroup/pids/pids.max", "64"), ("/sys/fs/cgroup/pids/pids.current", "1")];
        let bound = V1.replace("/ /sys/fs/cgroup/pids", "/docker/abc /sys/fs/cgroup/pids");
        let expected = Some((63, "pids.max 64 of /sys/fs/cgroup/pids".to_owned()));
        assert_eq!(free("3:pids:/docker/abc\n", &bound, &files), expected);
        assert_eq!(free("3:pids:/docker/abc\n", V1, &files), expected, "the path is of the outside");
        assert_eq!(free("3:pids:/\n", V1, &files), expected);
    }

    #[test]
    fn without_groups_there_is_no_limit() {
        assert_eq!(free("", "", &[]), None);
        assert_eq!(free("0::/\n", V2, &[]), None);
        assert_eq!(free("garbage", "more garbage - cgroup2", &[]), None);
    }
}
