//! What happens when a mapped file is truncated under us: the job ends, the process does not.
//!
//! A read beyond the end of a mapped file raises SIGBUS, which ends a process. Here a handler puts zeros
//! where the file was, and notes that the file is not to be believed any more; whoever reads it asks
//! [`Guard::is_broken`] before the numbers are used. A bus error anywhere else has the effect that it
//! would have had without us.
//!
//! Windows does not let a mapped file be truncated, so there is nothing to do there.

#[cfg(unix)]
pub(crate) use unix::Guard;
#[cfg(target_os = "linux")]
pub(crate) use unix::release;

/// Where files cannot be truncated while they are mapped.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Guard;

#[cfg(not(unix))]
impl Guard {
    pub(crate) fn over(_map: &[u8]) -> Self {
        Self
    }

    pub(crate) fn is_broken(&self) -> bool {
        false
    }
}

#[cfg(unix)]
mod unix {
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
    use std::sync::{Once, OnceLock};

    use std::num::NonZeroUsize;

    use nix::libc::{_SC_PAGESIZE, c_int, c_void, siginfo_t, sysconf};
    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
    #[cfg(target_os = "linux")]
    use nix::sys::mman::{MmapAdvise, madvise};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    /// A guarded map. Entries are never freed but used again, so that the handler may walk the list at
    /// any moment without a lock.
    #[derive(Debug)]
    struct Entry {
        start: AtomicUsize,
        /// One past the last byte; 0 for an entry that guards nothing.
        end: AtomicUsize,
        broken: AtomicBool,
        taken: AtomicBool,
        next: AtomicPtr<Entry>,
    }

    static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());
    static PAGE: AtomicUsize = AtomicUsize::new(0);
    /// What a bus error did before.
    static BEFORE: OnceLock<SigAction> = OnceLock::new();

    fn entries() -> impl Iterator<Item = &'static Entry> {
        let entry = |at: *mut Entry| {
            // SAFETY: the list holds entries that were leaked when they were made, or null at its end.
            unsafe { at.as_ref() }
        };
        std::iter::successors(entry(ENTRIES.load(Ordering::Acquire)), move |last| {
            entry(last.next.load(Ordering::Acquire))
        })
    }

    /// Stands guard over a map for as long as it lives; it must be dropped before the map is.
    #[derive(Debug)]
    pub(crate) struct Guard(&'static Entry);

    impl Guard {
        /// Over a map of a file, from its first page on.
        pub(crate) fn over(map: &[u8]) -> Self {
            static INSTALLED: Once = Once::new();
            INSTALLED.call_once(install);
            let free = |entry: &&Entry| !entry.taken.swap(true, Ordering::AcqRel);
            let entry = entries().find(free).unwrap_or_else(added);
            let start = map.as_ptr() as usize;
            entry.broken.store(false, Ordering::Relaxed);
            entry.start.store(start, Ordering::Relaxed);
            entry.end.store(start + map.len(), Ordering::Release);
            Self(entry)
        }

        /// Whether zeros stand where the file was.
        pub(crate) fn is_broken(&self) -> bool {
            self.0.broken.load(Ordering::Acquire)
        }
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.end.store(0, Ordering::Release);
            self.0.taken.store(false, Ordering::Release);
        }
    }

    /// Gives the whole pages among these bytes back to the system, if they are a guarded map's.
    #[cfg(target_os = "linux")]
    pub(crate) fn release(bytes: &[u8]) {
        let (start, page) = (bytes.as_ptr() as usize, PAGE.load(Ordering::Acquire));
        let end = start + bytes.len();
        let holds = |entry: &Entry| {
            entry.start.load(Ordering::Relaxed) <= start && end <= entry.end.load(Ordering::Acquire)
        };
        if page == 0 || !entries().any(holds) {
            return;
        }
        let (first, end) = (start.next_multiple_of(page), end / page * page);
        let Some((first, length)) = ptr::NonNull::new(first as *mut c_void).zip(end.checked_sub(first))
        else {
            return;
        };
        // SAFETY: whoever has the bytes keeps their map alive. It is of a file, read-only and never written to, so a page
        // that is dropped is read again from the file with the same bytes; zeros that stand for a truncated file stay zeros.
        let released = unsafe { madvise(first, length, MmapAdvise::MADV_DONTNEED) };
        // Only a saving: without it the program is larger, not wrong.
        let _ = released;
    }

    fn added() -> &'static Entry {
        let entry: &'static mut Entry = Box::leak(Box::new(Entry {
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            taken: AtomicBool::new(true),
            next: AtomicPtr::new(ENTRIES.load(Ordering::Acquire)),
        }));
        let new = ptr::from_mut(entry);
        let mut first = entry.next.load(Ordering::Relaxed);
        while let Err(now) = ENTRIES.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
            entry.next.store(now, Ordering::Release);
            first = now;
        }
        entry
    }

    fn install() {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK;
        let ours = SigAction::new(SigHandler::SigAction(on_bus_error), flags, SigSet::empty());
        // SAFETY: `sysconf` takes a number and gives one.
        let page = unsafe { sysconf(_SC_PAGESIZE) };
        PAGE.store(usize::try_from(page).unwrap_or(0), Ordering::Release);
        // SAFETY: the default runs no code; our handler keeps to what is allowed in one. What was there
        // before is known before ours can be called.
        unsafe {
            if let Ok(before) = sigaction(Signal::SIGBUS, &default) {
                BEFORE.get_or_init(|| before);
                sigaction(Signal::SIGBUS, &ours).ok();
            }
        }
    }

    /// Called in the middle of a read, on whatever thread: only atomics and system calls are allowed.
    extern "C" fn on_bus_error(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the system calls this with a `siginfo_t` that is valid while it runs. Its address means
        // something only where the system, not another process, sent the signal.
        let fault =
            unsafe { info.as_ref().filter(|info| info.si_code > 0).map(|info| info.si_addr() as usize) };
        if fault.is_some_and(put_zeros) {
            return;
        }
        as_before(signal, info, context);
    }

    /// Puts zeros into the map that has this address, from that page on.
    fn put_zeros(fault: usize) -> bool {
        let page = PAGE.load(Ordering::Acquire);
        let found = entries().find_map(|entry| {
            let end = entry.end.load(Ordering::Acquire);
            let start = entry.start.load(Ordering::Acquire);
            (start..end).contains(&fault).then_some((entry, end))
        });
        let Some((entry, end)) = found.filter(|_| page.is_power_of_two()) else { return false };
        let start = fault & !(page - 1);
        let (Some(at), Some(length)) = (NonZeroUsize::new(start), NonZeroUsize::new(end - start)) else {
            return false;
        };
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
        entry.broken.store(true, Ordering::Release);
        // SAFETY: from the faulting page to the end of a map that whoever reads it keeps alive; it is
        // read-only, and stays so. Its owner unmaps the whole range, whatever lies in it.
        unsafe { mmap_anonymous(Some(at), length, ProtFlags::PROT_READ, flags) }.is_ok()
    }

    /// Does what would have been done without us.
    fn as_before(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        match BEFORE.get().map(SigAction::handler) {
            Some(SigHandler::Handler(before)) => before(signal),
            Some(SigHandler::SigAction(before)) => before(signal, info, context),
            _ => {
                let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
                // SAFETY: the default runs no code. Returning repeats the read, which ends the process
                // as it should.
                unsafe { sigaction(Signal::SIGBUS, &default) }.ok();
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::fs::File;

        use memmap2::Mmap;

        use super::*;

        #[test]
        fn what_is_read_beyond_a_file_that_was_cut_is_zero_and_known() {
            let file = tempfile::tempfile().unwrap();
            file.set_len(64 << 20).unwrap();
            let map = |file: &File| {
                // SAFETY: read-only, and the cut below is what is tested.
                unsafe { Mmap::map(file) }.unwrap()
            };
            let (cut, whole) = (map(&file), map(&file));
            let (guard, other) = (Guard::over(&cut), Guard::over(&whole));
            file.set_len(1 << 20).unwrap();
            assert!(!guard.is_broken());
            let threads: Vec<_> = (1..8).map(|i| &cut[i << 20..][..1 << 20]).collect();
            std::thread::scope(|scope| {
                for part in threads {
                    scope.spawn(move || assert!(part.iter().all(|byte| *byte == 0)));
                }
            });
            assert!(guard.is_broken() && !other.is_broken());
            drop((guard, cut));
            // The entry is used again, and knows nothing of its past.
            let again = Guard::over(&whole[..4096]);
            assert!(!again.is_broken());
        }
    }
}
