//! Which kernels the nodes of a model run on: those that were timed on this device with this driver, by `fulmen tune` or
//! at the first run.
//!
//! `remembered` is the file in which they are kept; `given` is one that a user writes.

mod given;
mod remembered;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fulmen_engine::engine::{Engine, Precision};
use fulmen_engine::gpu::{
    AdapterDescription, AdapterKind, GpuBackend, GpuOptions, KernelTable, Measured, chosen_kernels,
};
use fulmen_engine::request::{Guidance, Request};
use fulmen_engine::weights::Configs;
use fulmen_engine::{Error, Result};

use crate::{cached, console, signals};
pub(crate) use given::given;
pub(crate) use remembered::Remembered;

/// What the first run with a device spends on its kernels.
const AT_FIRST: Duration = Duration::from_secs(5);

/// The kernels that were timed for a device, for commands that time none themselves.
pub(crate) fn known(device: &AdapterDescription, _: GpuOptions, _: Option<&Path>) -> KernelTable {
    let folder = cached::folder();
    let remembered = folder.as_deref().map(Remembered::read);
    remembered.map_or_else(KernelTable::default, |known| chosen_kernels(known.of(device).unwrap_or_default()))
}

/// How many nodes there are for which kernels were timed on a device.
pub(crate) fn count(device: &AdapterDescription) -> usize {
    let folder = cached::folder();
    folder.as_deref().map(Remembered::read).and_then(|known| known.of(device).map(<[_]>::len)).unwrap_or(0)
}

/// The same for commands that draw: where nothing was timed on a device, it is done now, for a few seconds. Software is
/// timed only when that is asked for.
pub(crate) fn known_or_timed(
    device: &AdapterDescription,
    options: GpuOptions,
    cache: Option<&Path>,
) -> KernelTable {
    let Some(folder) = cache else { return KernelTable::default() };
    let mut remembered = Remembered::read(folder);
    remembered.warn();
    if device.kind == AdapterKind::Software || remembered.of(device).is_some() {
        return chosen_kernels(remembered.of(device).unwrap_or_default());
    }
    console::err(&format!(
        "timing the kernels of {} with its driver, once, for {} seconds; --no-tuning leaves that out",
        device.name,
        AT_FIRST.as_secs()
    ));
    let measured = match time_sdxl(device, options, folder) {
        Ok(measured) => measured,
        Err(Error::Cancelled) => return KernelTable::default(),
        Err(error) => {
            console::warn(&format!("the kernels could not be timed, and the usual ones are used: {error}"));
            vec![]
        }
    };
    // Where nothing can be kept, the next run tries again.
    let _ = remembered.remember(device, measured);
    chosen_kernels(remembered.of(device).unwrap_or_default())
}

/// Times what SDXL has most of.
fn time_sdxl(device: &AdapterDescription, options: GpuOptions, folder: &Path) -> Result<Vec<Measured>> {
    let backend =
        Arc::new(GpuBackend::open_caching(&format!("gpu:{}", device.index), options, Some(folder))?);
    let engine = Engine::synthetic(backend.clone(), &Configs::sdxl_base()?, Precision::F16)?;
    let graphs = engine.graphs(&unguided(None))?;
    let tuned = backend.tune(&graphs, AT_FIRST, &mut |_| (), &signals::asked_to_stop())?;
    Ok(tuned.measured)
}

/// A picture of this width and height as distilled models draw it.
pub(crate) fn unguided(size: Option<(usize, usize)>) -> Request {
    Request {
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        guidance: Some(Guidance::Exactly(0.0)),
        ..Request::new("a red circle on a blue background")
    }
}
