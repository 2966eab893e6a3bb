//! What a driver compiled, kept from one start to the next: a file for each adapter and driver, in a folder that the
//! caller names. Only Vulkan has such a thing; elsewhere, and with many drivers of Vulkan too, the driver keeps a cache of
//! its own.
//!
//! ```text
//! fulmen pipelines 1\n    what it is
//! key\n                   adapter, driver and program that it is of
//! crc32 of the rest\n     eight digits in hexadecimal
//! …                       the driver's
//! ```

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::device::Device;

/// The first line of every file.
const MAGIC: &str = "fulmen pipelines 1";

/// The most bytes of a file that are read: those of SDXL's kernels are a few MiB.
const LARGEST: u64 = 256 << 20;

/// The file of one device.
pub(super) struct PipelineCache {
    driver: wgpu::PipelineCache,
    file: PathBuf,
    key: String,
    /// The checksum of what the file holds.
    written: Mutex<Option<u32>>,
}

impl PipelineCache {
    /// That of an opened device in `folder`; `None` where its driver has none. A file that is damaged, or another
    /// device's or driver's, counts as empty, and is replaced.
    pub(super) fn open(device: &Device, adapter: &wgpu::AdapterInfo, folder: &Path) -> Option<Self> {
        if !device.wgpu.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let key = key(adapter);
        let file = folder.join(format!("pipelines-{:08x}", crc32fast::hash(key.as_bytes())));
        let kept = read(&file, &key);
        let written = kept.as_deref().map(crc32fast::hash);
        let descriptor =
            wgpu::PipelineCacheDescriptor { label: Some("fulmen"), data: kept.as_deref(), fallback: true };
        let made = device.attempt("a cache of pipelines", || {
            // SAFETY: `read` gives what `save` wrote for this adapter and driver, or nothing: the key is the same, and so
            // is the checksum of what the driver gave out. Who can write into the user's own folder to deceive it can
            // change programs there, too.
            unsafe { device.wgpu.create_pipeline_cache(&descriptor) }
        });
        Some(Self { driver: made.ok()?, file, key, written: Mutex::new(written) })
    }

    /// What pipelines are made with.
    pub(super) fn of_driver(&self) -> &wgpu::PipelineCache {
        &self.driver
    }

    /// Writes the file anew where the driver has more than it holds. A disk that takes no file costs time at the next
    /// start, and nothing else: that is no error.
    pub(super) fn save(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(data) = self.driver.get_data() else { return };
        let sum = crc32fast::hash(&data);
        if *written != Some(sum)
            && data.len() as u64 <= LARGEST
            && write(&self.file, &self.key, &data).is_ok()
        {
            *written = Some(sum);
        }
    }
}

/// What a file must be of: pipelines of another driver, or of other kernels, are of no use.
fn key(adapter: &wgpu::AdapterInfo) -> String {
    let wgpu::AdapterInfo { name, vendor, device, driver, driver_info, .. } = adapter;
    let key =
        format!("{name} {vendor:x}:{device:x}, {driver} {driver_info}, fulmen {}", env!("CARGO_PKG_VERSION"));
    key.replace(char::is_control, " ")
}

/// What a file of this key holds, if it is whole.
fn read(file: &Path, key: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    let opened =
        fs::File::open(file).ok().filter(|file| file.metadata().is_ok_and(|about| about.is_file()))?;
    opened.take(LARGEST + 4096).read_to_end(&mut bytes).ok()?;
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let [magic, of, sum, data] = [lines.next()?, lines.next()?, lines.next()?, lines.next()?];
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    let is_it = magic == MAGIC.as_bytes() && of == key.as_bytes() && sum == crc32fast::hash(data);
    is_it.then(|| data.to_vec())
}

/// Aside, then renamed: another program that reads it meanwhile finds the old one or the new one.
fn write(file: &Path, key: &str, data: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    write!(aside, "{MAGIC}\n{key}\n{:08x}\n", crc32fast::hash(data))?;
    aside.write_all(data)?;
    aside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_only_whole_and_only_for_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deeper").join("pipelines-1");
        let data = b"binary\n\0\n of the driver".to_vec();
        write(&file, "one device", &data).unwrap();
        assert_eq!(read(&file, "one device"), Some(data.clone()));
        assert_eq!(read(&file, "another driver"), None);
        let whole = fs::read(&file).unwrap();
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&file, &damaged).unwrap();
            // Letters of the checksum may be of either case.
            let same = read(&file, "one device").is_none_or(|read| read == data);
            assert!(same, "byte {place} was changed");
            fs::write(&file, &whole[..place]).unwrap();
            assert_eq!(read(&file, "one device"), None, "cut at {place}");
        }
        write(&file, "one device", b"newer").unwrap();
        assert_eq!(read(&file, "one device").as_deref(), Some(&b"newer"[..]));
    }

    #[test]
    fn what_is_no_file_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), "key"), None);
        assert_eq!(read(&folder.path().join("not there"), "key"), None);
    }
}
