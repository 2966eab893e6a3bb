//! Wrong keys, counted by the address that they come from.
//!
//! Whoever tries keys gets an immediate answer to wait: no thread sleeps for them. A right key is let in from any address, since
//! behind one there may be many, of whom one tries.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong keys of one address that are answered as such within a while.
const MOST: u32 = 10;

/// How long they are counted together.
const WHILE: Duration = Duration::from_secs(60);

/// Addresses that are remembered; beyond, the one that began longest ago is forgotten.
const ADDRESSES: usize = 4096;

/// Wrong keys of the last while.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Wrong>>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    keys: u32,
    since: Instant,
}

impl Attempts {
    /// Notes a wrong key. Where there were too many: the seconds after which one is answered as such again.
    pub(super) fn wrong(&self, address: IpAddr) -> Option<u64> {
        self.wrong_at(address, Instant::now())
    }

    fn wrong_at(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let address = whole(address);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = |wrong: &Wrong| now.duration_since(wrong.since);
        if all.len() >= ADDRESSES && !all.contains_key(&address) {
            all.retain(|_, wrong| passed(wrong) < WHILE);
            let oldest = all.iter().min_by_key(|(_, wrong)| wrong.since).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| all.len() >= ADDRESSES) {
                all.remove(&oldest);
            }
        }
        let wrong = all.entry(address).or_insert(Wrong { keys: 0, since: now });
        if passed(wrong) >= WHILE {
            *wrong = Wrong { keys: 0, since: now };
        }
        wrong.keys = wrong.keys.saturating_add(1);
        if wrong.keys == MOST + 1 {
            tracing::warn!(%address, "{} wrong keys within {} s came from here", wrong.keys, WHILE.as_secs());
        }
        (wrong.keys > MOST).then(|| WHILE.saturating_sub(passed(wrong)).as_secs() + 1)
    }
}

/// What one party has of addresses: of IPv6 a network of 64 bits.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: [u8; 4] = [127, 0, 0, 1];

    #[test]
    fn beyond_a_few_wrong_keys_an_address_is_told_to_wait_until_its_while_is_over() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let at = |seconds| attempts.wrong_at(HOME.into(), start + Duration::from_secs(seconds));
        assert!((0..10).all(|second| at(second).is_none()));
        assert_eq!((at(10), at(59)), (Some(51), Some(2)));
        assert_eq!(at(60), None);
        assert_eq!(attempts.wrong_at([10, 0, 0, 1].into(), start), None, "another address is another matter");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_so_does_a_mapped_address() {
        let attempts = Attempts::default();
        let wrong = |address: &str| attempts.wrong(address.parse().unwrap());
        assert!((0..10).all(|i| wrong(&format!("2001:db8::{i}:1")).is_none()));
        assert!(wrong("2001:db8::ffff").is_some() && wrong("2001:db8:0:1::1").is_none());
        assert!((0..10).all(|_| wrong("::ffff:10.0.0.1").is_none()));
        assert!(wrong("10.0.0.1").is_some());
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory_and_the_newest_are_remembered() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for number in 0..3 * ADDRESSES as u32 {
            attempts.wrong_at(number.to_be_bytes().into(), start + Duration::from_millis(u64::from(number)));
        }
        let all = attempts.0.lock().unwrap();
        assert_eq!(all.len(), ADDRESSES);
        assert!(all.contains_key(&IpAddr::from((3 * ADDRESSES as u32 - 1).to_be_bytes())));
    }
}
