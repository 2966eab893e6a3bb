//! Threads that this process may still start: the user's limit (`ulimit -u`), and those of its control groups
//! (`TasksMax=`, `--pids-limit`).

use super::Free;

/// How many there are; nothing where no limit is known.
pub(super) fn free_threads() -> Option<Free> {
    let all = [of_user(), super::cgroup::free_tasks()];
    all.into_iter().flatten().min_by_key(|free| free.number)
}

/// What the user's limit leaves.
#[cfg(unix)]
fn of_user() -> Option<Free> {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nproc).current?;
    if is_exempt() {
        return None;
    }
    let number = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(used());
    Some(Free { number, limit: format!("ulimit -u {most}") })
}

#[cfg(not(unix))]
fn of_user() -> Option<Free> {
    None
}

/// Whether the system does not hold this user to the limit: the first of all users, and who may exceed any limit.
#[cfg(unix)]
fn is_exempt() -> bool {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    // In a user namespace of its own, a process is a user of the outside all the same.
    if read("/proc/self/uid_map").split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"] {
        return false;
    }
    let status = read("/proc/self/status");
    let rights = field(&status, "CapEff:").and_then(|rights| u64::from_str_radix(rights, 16).ok());
    // CAP_SYS_ADMIN and CAP_SYS_RESOURCE.
    field(&status, "Uid:") == Some("0") || rights.is_some_and(|rights| rights & (1 << 21 | 1 << 24) != 0)
}

/// Threads of all processes of this user, as far as they can be seen.
#[cfg(unix)]
fn used() -> usize {
    let Ok(own) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let statuses = entries.flatten().filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        std::fs::read_to_string(entry.path().join("status")).ok()
    });
    let same = statuses.filter(|status| field(status, "Uid:") == field(&own, "Uid:"));
    same.filter_map(|status| field(&status, "Threads:")?.parse::<usize>().ok()).sum()
}

/// The first word behind a name in `/proc/…/status`.
#[cfg(unix)]
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_of_this_user_are_counted() {
        let before = used();
        let (keep, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
        let threads: Vec<_> = (0..50)
            .map(|_| {
                let wait = wait.clone();
                std::thread::spawn(move || drop(wait.lock().map(|wait| wait.recv())))
            })
            .collect();
        let during = used();
        drop(keep);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Other tests and programs come and go.
        assert!(before > 0 && during >= before + 25, "{before}, then {during}");
    }

    #[test]
    fn a_field_of_a_status_is_its_first_word() {
        let status = "Name:\tx\nUid:\t1000\t0\t0\t0\nThreads:\t17\n";
        assert_eq!((field(status, "Uid:"), field(status, "Threads:")), (Some("1000"), Some("17")));
        assert_eq!(field(status, "CapEff:"), None);
    }
}
