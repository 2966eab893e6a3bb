//! Whether a GPU's matrix units can be trusted: tried once for each driver, in a process of its own, for drivers are known
//! that end the process in which such a kernel is compiled.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fulmen_engine::gpu::{AdapterDescription, cooperative_checksum};
use fulmen_engine::selftest;

use crate::cached::{self, Found};
use crate::console;
use crate::failure::Failure;

/// The file in the cache's folder that remembers what was found, by device, driver, version of this program and the kernels
/// themselves.
const FILE: &str = "matrix-units.json";

/// A driver that is not done after this long is taken for one that hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// What was found, by [`cached::key`] and the kernels' checksum.
type Known = BTreeMap<String, bool>;

/// Whether matrix units of this device may be used: as `cache` remembers it, else as a trial shows.
pub(crate) fn trust(device: &AdapterDescription, cache: Option<&Path>) -> bool {
    let key = format!("{}, kernels {:08x}", cached::key(device), cooperative_checksum());
    let file = cache.map(|folder| folder.join(FILE));
    let read = |file: &Path| match cached::read::<Known>(file) {
        Found::Whole(known) => known,
        Found::Nothing | Found::Damaged => Known::new(),
    };
    if let Some(known) = file.as_deref().and_then(|file| read(file).get(&key).copied()) {
        return known;
    }
    console::err(&format!("trying the matrix units of {} with its driver, once", device.name));
    let found = try_out(device);
    if let (Some(file), Some(found)) = (file, found) {
        let mut known = read(&file);
        known.insert(key, found);
        // Where nothing can be kept, the next start tries again.
        let _ = cached::write(&file, &known);
    }
    found == Some(true)
}

/// Runs [`run`] in a process of its own. `None` where that cannot be done or was interrupted, which says nothing.
fn try_out(device: &AdapterDescription) -> Option<bool> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new(program);
    command.args(["matrix-units", "--device", &format!("gpu:{}", device.index)]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    verdict(wait(child)?)
}

/// How it ended; one that takes too long is ended.
fn wait(mut child: Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // It may have ended by itself meanwhile.
    let _ = child.kill();
    child.wait().ok()
}

/// A crash is a verdict; a signal by which a user ends programs is none.
fn verdict(status: ExitStatus) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        let by_user =
            [rustix::process::Signal::INT, rustix::process::Signal::TERM, rustix::process::Signal::HUP];
        if status.signal().is_some_and(|signal| by_user.iter().any(|by| by.as_raw() == signal)) {
            return None;
        }
    }
    Some(status.success())
}

/// The trial itself.
pub(crate) fn run(device: &str) -> Result<(), Failure> {
    match selftest::matrix_units(device)? {
        None => {
            console::out("the matrix units compute what they should");
            Ok(())
        }
        Some(wrong) => Err(Failure::Run(format!(
            "the matrix units are wrong: {} {}: {:.1e} where {:.1e} is right",
            wrong.kernel, wrong.variant, wrong.nmse, wrong.tolerance
        ))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_a_verdict_and_an_interrupt_is_none() {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(verdict(ExitStatus::from_raw(0)), Some(true));
        assert_eq!(verdict(ExitStatus::from_raw(1 << 8)), Some(false));
        for (signal, found) in [(11, Some(false)), (6, Some(false)), (9, Some(false)), (2, None), (15, None)]
        {
            assert_eq!(verdict(ExitStatus::from_raw(signal)), found, "signal {signal}");
        }
    }
}
