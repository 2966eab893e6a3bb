//! What every process has, under the names that all Prometheus clients give it: memory, processor time, threads, open
//! files. Where a system does not tell one of them, it is left out.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Adds them to a registry.
pub(super) fn register(registry: &mut Registry) {
    let Ok(own) = sysinfo::get_current_pid() else { return };
    let mut system = System::new();
    let kind = ProcessRefreshKind::nothing().with_memory().with_cpu().with_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, kind);
    let Some(process) = system.process(own) else { return };
    let (seconds, bytes) = (Unit::Seconds, Unit::Bytes);
    let started = "When the process began, in seconds since 1970";
    registry.register_with_unit("start_time", started, seconds.clone(), gauge(process.start_time()));
    let cpu = super::counter(process.accumulated_cpu_time() as f64 / 1e3);
    registry.register_with_unit("cpu", "Seconds of processor time, of user and system", seconds, cpu);
    registry.register_with_unit("resident_memory", "Bytes in memory", bytes.clone(), gauge(process.memory()));
    let virtual_bytes = gauge(process.virtual_memory());
    registry.register_with_unit("virtual_memory", "Bytes of address space", bytes, virtual_bytes);
    // The process itself is the first of its threads.
    let threads = process.tasks().map(|others| others.len() + 1);
    for (name, about, value) in [
        ("threads", "Threads", threads),
        ("open_fds", "Open files and sockets", process.open_files()),
        ("max_fds", "Files and sockets that may be open at once", process.open_files_limit()),
    ] {
        if let Some(value) = value {
            registry.register(name, about, gauge(value as u64));
        }
    }
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::<i64>::default();
    gauge.set(value as i64);
    gauge
}
