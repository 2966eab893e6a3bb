//! Memory that all requests share: so much for what they send, so much for what is made for them, so much for what is
//! on its way to them. Each is counted before it is taken, and given back when it is dropped.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::allocator;
use crate::config::Limits;
use crate::problem::Problem;

/// Whoever takes more than one part in so many of a budget takes much.
const PART_OF_LARGE: usize = 16;

/// Bytes that each share may have outside the budget: someone who fills the budget with large bodies cannot keep
/// the small ones, and so most callers, from being read.
const FREE: usize = 64 << 10;

/// How long an answer may wait for others to be taken by the gate, which does not wait for clients.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beyond so many bytes, what they left is given back to the system when none is used any more.
const LARGE: usize = 16 << 20;

/// Seconds after which it is worth asking again.
const RETRY_AFTER: u64 = 5;

/// So many bytes, and no more.
#[derive(Debug)]
pub(crate) struct Budget {
    most: usize,
    /// What those who take much may take together, so that there is room for those who need less.
    most_of_large: usize,
    used: Mutex<Used>,
    freed: Condvar,
}

/// Bytes of all shares.
#[derive(Debug, Default)]
struct Used {
    now: usize,
    /// The most since there were none.
    peak: usize,
}

/// A part of a budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Self::of(most, most)
    }

    /// The same, of which a quarter is kept for those who take little.
    fn with_room(most: usize) -> Arc<Self> {
        Self::of(most, most / 4 * 3)
    }

    fn of(most: usize, most_of_large: usize) -> Arc<Self> {
        Arc::new(Self { most, most_of_large, used: Mutex::default(), freed: Condvar::new() })
    }

    /// A share without bytes.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }

    /// A share of so many bytes; `None` if they do not become free in time.
    fn wait(self: &Arc<Self>, bytes: usize, time: Duration) -> Option<Share> {
        let bytes = bytes.saturating_sub(FREE);
        let is_short = |used: &mut Used| !used.has(bytes, self.most);
        let waited = self.freed.wait_timeout_while(self.used(), time, is_short);
        // Taken before anybody else can.
        let (mut used, _) = waited.unwrap_or_else(PoisonError::into_inner);
        used.take(bytes, self.most).then(|| Share { budget: Arc::clone(self), bytes })
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn has(&self, more: usize, most: usize) -> bool {
        self.now.checked_add(more).is_some_and(|now| now <= most)
    }

    fn take(&mut self, more: usize, most: usize) -> bool {
        let taken = self.has(more, most);
        if taken {
            self.now += more;
            self.peak = self.peak.max(self.now);
        }
        taken
    }
}

impl Share {
    /// Makes the share large enough for `capacity` bytes; `false` if there is not so much left.
    #[must_use]
    pub(crate) fn grow(&mut self, capacity: usize) -> bool {
        let wanted = capacity.saturating_sub(FREE);
        let Some(more) = wanted.checked_sub(self.bytes) else { return true };
        let is_large = wanted > self.budget.most / PART_OF_LARGE;
        let most = if is_large { self.budget.most_of_large } else { self.budget.most };
        let grown = self.budget.used().take(more, most);
        if grown {
            self.bytes = wanted;
        }
        grown
    }

    /// Room for `more` bytes behind those of `bytes`, which grows to `most` at most and will be there so many times;
    /// `false` if there is not so much.
    #[must_use]
    pub(crate) fn reserve(&mut self, bytes: &mut Vec<u8>, more: usize, most: usize, copies: usize) -> bool {
        let needed = bytes.len().saturating_add(more);
        if needed <= bytes.capacity() {
            return true;
        }
        // Doubled, so that a body is not moved for every read; counted before it is allocated.
        let capacity = bytes.capacity().saturating_mul(2).min(most).max(needed);
        let grown = self.grow(capacity.saturating_mul(copies));
        if grown {
            bytes.reserve_exact(capacity - bytes.len());
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = self.budget.used();
        used.now -= self.bytes;
        let was_large = used.now == 0 && std::mem::take(&mut used.peak) > LARGE;
        drop(used);
        self.budget.freed.notify_all();
        if was_large {
            allocator::give_back();
        }
    }
}

/// What all requests together may take. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    /// Bodies, twice because handlers have a copy, and what is parsed of them.
    pub(crate) bodies: Arc<Budget>,
    /// Answers that are being made, until the gate has taken them.
    making: Arc<Budget>,
    /// Pictures that are read.
    pictures: Arc<Budget>,
    /// Answers that clients have not taken yet.
    pub(crate) answers: Arc<Budget>,
}

impl Memory {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bodies: Budget::with_room(limits.bodies),
            making: Budget::new(limits.making),
            pictures: Budget::new(limits.pictures),
            answers: Budget::new(limits.answers),
        }
    }

    /// For what is parsed of a body.
    ///
    /// # Errors
    /// 503: others have it.
    pub(crate) fn for_parsing(&self, bytes: usize) -> Result<Share, Problem> {
        let mut share = self.bodies.share();
        if share.grow(bytes) { Ok(share) } else { Err(too_many_bodies()) }
    }

    /// For an answer that is made, until the gate has taken it.
    ///
    /// # Errors
    /// 503: others have it, and have not given it back in time.
    pub(crate) fn for_answer(&self, bytes: usize) -> Result<Share, Problem> {
        self.making.wait(bytes, PATIENCE).ok_or_else(too_many_answers)
    }

    /// For reading a picture.
    ///
    /// # Errors
    /// 503: others have it, and have not given it back in time.
    pub(crate) fn for_picture(&self, bytes: usize) -> Result<Share, Problem> {
        self.pictures.wait(bytes, PATIENCE).ok_or_else(too_many_pictures)
    }

    /// Bytes that reading one picture may take.
    pub(crate) fn most_of_picture(&self) -> usize {
        self.pictures.most
    }
}

#[cfg(test)]
impl Default for Memory {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

pub(crate) fn too_many_bodies() -> Problem {
    Problem::busy("too_many_bodies", "the server is reading too many large requests at once", RETRY_AFTER)
}

fn too_many_pictures() -> Problem {
    Problem::busy("too_many_pictures", "the server is reading too many pictures at once", RETRY_AFTER)
}

pub(crate) fn too_many_answers() -> Problem {
    Problem::busy("too_many_answers", "too many large answers are on their way", RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again_and_small_shares_are_free() {
        let budget = Budget::new(1_000_000);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.grow(600_000 + FREE) && !other.grow(400_001 + FREE));
        assert!(other.grow(400_000 + FREE) && budget.share().grow(FREE) && !budget.share().grow(FREE + 1));
        assert!(one.grow(1000), "what it has already");
        drop(one);
        assert!(other.grow(1_000_000 + FREE) && !other.grow(usize::MAX));
    }

    #[test]
    fn large_shares_leave_room_for_small_ones() {
        let budget = Budget::with_room(16_000_000);
        let mut large = [budget.share(), budget.share()];
        assert!(large[0].grow(10_000_000 + FREE) && !large[1].grow(3_000_000 + FREE));
        let mut small: Vec<Share> = (0..6).map(|_| budget.share()).collect();
        assert!(small.iter_mut().all(|share| share.grow(1_000_000 + FREE)));
        assert!(!budget.share().grow(1 + FREE));
        drop(large);
        assert!(budget.share().grow(6_000_000 + FREE));
    }

    #[test]
    fn copies_are_counted_before_they_are_made() {
        let budget = Budget::new(1_000_000);
        let (mut share, mut bytes) = (budget.share(), vec![]);
        assert!(share.reserve(&mut bytes, 500_000, 500_000, 2) && bytes.capacity() >= 500_000);
        bytes.resize(500_000, 0);
        assert!(!share.reserve(&mut bytes, 50_000, usize::MAX, 2));
        assert!(bytes.capacity() < 550_000);
    }

    #[test]
    fn an_answer_waits_for_those_before_it_and_not_for_ever() {
        let budget = Budget::new(1_000_000);
        let first = budget.wait(1_000_000, Duration::ZERO).unwrap();
        assert!(budget.wait(500_000, Duration::from_millis(10)).is_none());
        thread::scope(|scope| {
            let second = scope.spawn(|| budget.wait(500_000, Duration::from_secs(60)));
            thread::sleep(Duration::from_millis(20));
            drop(first);
            assert!(second.join().unwrap().is_some());
        });
        assert!(budget.wait(usize::MAX, Duration::ZERO).is_none());
    }

    #[test]
    fn all_of_a_crowd_get_their_turn() {
        let budget = Budget::new(1_000_000);
        thread::scope(|scope| {
            let turn = || {
                let share = budget.wait(600_000 + FREE, Duration::from_secs(60));
                thread::sleep(Duration::from_micros(50));
                share.is_some()
            };
            let crowd: Vec<_> = (0..60).map(|_| scope.spawn(turn)).collect();
            assert!(crowd.into_iter().all(|one| one.join().unwrap()));
        });
    }
}
