//! Who asks, where a proxy asks for them. Only proxies that the operator named are believed: from everybody else, what
//! only a proxy should say is taken out of the request, so that no handler can believe it by mistake.

use std::net::{IpAddr, SocketAddr};

use crate::address::Network;

/// The client for whom a trusted proxy speaks, as far as it says.
pub(super) fn client(
    headers: &mut Vec<(String, String)>,
    peer: IpAddr,
    trusted: &[Network],
) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        headers.retain(|(name, _)| name != "forwarded" && !name.starts_with("x-forwarded-"));
        return None;
    }
    // Each proxy adds whom it heard behind what it was told: the first one from the end that is not ours is the
    // client. What stands before it is only the client's word.
    let lists = headers.iter().filter(|(name, _)| name == "x-forwarded-for").map(|(_, list)| list.as_str());
    let hops: Vec<&str> = lists.flat_map(|list| list.split(',')).collect();
    let mut client = None;
    for hop in hops.into_iter().rev() {
        let Some(address) = address(hop.trim()) else { break };
        client = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    client
}

/// An address, to which some proxies add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, lists: &[&str]) -> (Option<String>, usize) {
        let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let lists = lists.iter().map(|list| ("x-forwarded-for".to_owned(), (*list).to_owned()));
        let others = ["host", "forwarded", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-anything"];
        let others = others.map(|name| (name.to_owned(), "a".to_owned()));
        let mut headers: Vec<_> = others.into_iter().chain(lists).collect();
        let client = client(&mut headers, peer.parse().unwrap(), &trusted);
        (client.map(|client| client.to_string()), headers.len())
    }

    #[test]
    fn a_stranger_is_not_believed_and_its_words_reach_nobody() {
        for peer in ["203.0.113.9", "::1", "11.0.0.1"] {
            assert_eq!(asked(peer, &["198.51.100.1"]), (None, 1), "{peer}");
        }
    }

    #[test]
    fn of_a_trusted_proxy_the_last_address_that_is_not_trusted_is_the_client() {
        for (lists, client) in [
            (&["198.51.100.1"][..], Some("198.51.100.1")),
            (&["6.6.6.6, 198.51.100.1"], Some("198.51.100.1")),
            (&["6.6.6.6", "198.51.100.1, 10.0.0.7"], Some("198.51.100.1")),
            (&["10.0.0.8, 10.0.0.7"], Some("10.0.0.8")),
            (&["198.51.100.1:4711"], Some("198.51.100.1")),
            (&["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (&["[2001:db8::1]"], Some("2001:db8::1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["::ffff:198.51.100.1"], Some("198.51.100.1")),
            (&["6.6.6.6, unknown"], None),
            (&["6.6.6.6, unknown, 10.0.0.7"], Some("10.0.0.7")),
            (&["<script>"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(asked("127.0.0.1", lists).0.as_deref(), client, "{lists:?}");
            assert_eq!(asked("::ffff:127.0.0.1", lists).1, 5 + lists.len());
        }
    }
}
