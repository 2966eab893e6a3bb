//! What was timed on this machine's devices: a file in the user's cache folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fulmen_engine::gpu::{AdapterDescription, Measured};
use serde::{Deserialize, Serialize};

use crate::cached::{self, Found};
use crate::console;

/// Its name.
const FILE: &str = "kernels.json";

/// The form that this program reads and writes.
const FORMAT: u32 = 1;

/// By device, driver and version.
type Devices = BTreeMap<String, Vec<Measured>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    devices: Devices,
}

/// The file, and what was read of it.
pub(crate) struct Remembered {
    file: PathBuf,
    devices: Devices,
    is_damaged: bool,
}

impl Remembered {
    /// What a folder's file has; nothing, where it is not whole.
    pub(crate) fn read(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let (devices, is_damaged) = match cached::read::<Contents>(&file) {
            Found::Whole(Contents { format: FORMAT, devices }) => (devices, false),
            Found::Nothing => (Devices::new(), false),
            Found::Whole(_) | Found::Damaged => (Devices::new(), true),
        };
        Self { file, devices, is_damaged }
    }

    /// Where it is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Says that the file is of no use, where that is so.
    pub(crate) fn warn(&self) {
        if self.is_damaged {
            console::warn(&format!(
                "{} is damaged or of another version, and is not used; `fulmen tune` writes it anew",
                self.file.display()
            ));
        }
    }

    /// What was timed on a device with its driver; `None` where that was never tried.
    pub(crate) fn of(&self, device: &AdapterDescription) -> Option<&[Measured]> {
        self.devices.get(&cached::key(device)).map(Vec::as_slice)
    }

    /// What was timed on every device that was ever here, by device, driver and version.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[Measured])> {
        self.devices.iter().map(|(device, measured)| (device.as_str(), measured.as_slice()))
    }

    /// Adds what was timed, in place of what was timed of the same before, and writes the file.
    pub(crate) fn remember(
        &mut self,
        device: &AdapterDescription,
        measured: Vec<Measured>,
    ) -> std::io::Result<()> {
        let known = self.devices.entry(cached::key(device)).or_default();
        known.retain(|old| measured.iter().all(|new| new.work != old.work));
        known.extend(measured);
        self.write()
    }

    /// Removes what was timed on a device; how much that was.
    pub(crate) fn forget(&mut self, device: &AdapterDescription) -> std::io::Result<usize> {
        let gone = self.devices.remove(&cached::key(device));
        if gone.is_some() || self.is_damaged {
            self.write()?;
        }
        Ok(gone.map_or(0, |gone| gone.len()))
    }

    fn write(&self) -> std::io::Result<()> {
        cached::write(&self.file, &Contents { format: FORMAT, devices: self.devices.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use fulmen_engine::backend::DeviceMemory;
    use fulmen_engine::gpu::{AdapterKind, Core, Finish, KernelName, Operation, Stored, Task, Timed, Work};

    use super::*;

    fn device(driver: &str) -> AdapterDescription {
        AdapterDescription {
            memory: DeviceMemory { total: 8 << 30, budget: 8 << 30, is_shared: false },
            index: 0,
            name: "A card".into(),
            backend: "vulkan".into(),
            kind: AdapterKind::Discrete,
            driver: driver.into(),
            f16: true,
            subgroup_sizes: None,
            matrix_units: None,
            timestamps: true,
            max_buffer_bytes: 1 << 30,
            max_binding_bytes: 1 << 30,
            workgroup_memory_bytes: 32 << 10,
            core: Core::Tiled,
        }
    }

    fn measured(rows: usize, seconds: f64) -> Measured {
        let (stored, finish) = (Stored::F16, Finish { bias: true, ..Finish::default() });
        let task = Task {
            operation: Operation::Conv3x3,
            columns: 320,
            depth: 2880,
            heads: 1,
            finish,
            left: stored,
            bounded: false,
            weight: stored,
            out: stored,
        };
        let kernel = KernelName { core: Core::Tiled, tile: "64x64".into(), direct: false };
        Measured {
            work: Work { task, rows },
            nodes: 2,
            kernels: vec![Timed { kernel, seconds, noise: 0.01 }],
        }
    }

    #[test]
    fn what_was_timed_comes_back_for_this_driver_alone_and_the_last_time_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Remembered::read(folder.path());
        assert!(first.of(&device("1")).is_none());
        first.remember(&device("1"), vec![measured(64, 1.0), measured(128, 1.0)]).unwrap();
        let mut second = Remembered::read(folder.path());
        assert_eq!(second.of(&device("1")), Some(&[measured(64, 1.0), measured(128, 1.0)][..]));
        assert!(second.of(&device("2")).is_none());
        second.remember(&device("1"), vec![measured(64, 2.0)]).unwrap();
        let known = Remembered::read(folder.path());
        assert_eq!(known.of(&device("1")), Some(&[measured(128, 1.0), measured(64, 2.0)][..]));
        assert_eq!(second.forget(&device("1")).unwrap(), 2);
        assert_eq!(second.forget(&device("1")).unwrap(), 0);
        assert!(Remembered::read(folder.path()).of(&device("1")).is_none());
    }

    #[test]
    fn a_damaged_or_foreign_file_is_not_believed_and_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let mut whole = Remembered::read(folder.path());
        whole.remember(&device("1"), vec![measured(64, 1.0)]).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let hostile = [
            text.replace("\"format\": 1", "\"format\": 2"),
            text.replace("\"rows\": 64", "\"rows\": -1"),
            text.replace("\"tiled\"", "\"no such core\""),
            text.replace("1.0", "1e999"),
            text[..text.len() / 2].to_owned(),
            "[".repeat(100_000),
            String::new(),
        ];
        for text in hostile {
            fs::write(&file, &text).unwrap();
            let mut read = Remembered::read(folder.path());
            assert!(read.is_damaged && read.of(&device("1")).is_none(), "{text:.300}");
            read.remember(&device("1"), vec![measured(64, 1.0)]).unwrap();
            assert!(!Remembered::read(folder.path()).is_damaged);
        }
    }
}
