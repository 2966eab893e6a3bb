//! Where a server listens: an address, a name or nothing, a port or none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The port where none is given.
const PORT: u16 = 8188;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    /// The name that stood for it; requests may be sent to it too.
    pub(crate) name: Option<String>,
}

/// `127.0.0.1:8188`, `[::1]:8188`, `localhost:8188`, `:8188` or `8188` (both on this machine), or an address or a
/// name alone.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    let (host, port) = split(text)?;
    let address = |ip: IpAddr| Listen { address: SocketAddr::new(ip, port), name: None };
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        return Ok(address(Ipv4Addr::LOCALHOST.into()));
    }
    if let Ok(ip) = host.parse() {
        return Ok(address(ip));
    }
    if host == "*" {
        return Err("0.0.0.0 stands for every address of this machine, not *".into());
    }
    let mut found = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("no address is known for the name {host}: {error}"))?;
    let address = found.next().ok_or_else(|| format!("no address is known for the name {host}"))?;
    Ok(Listen { address, name: Some(host.to_owned()) })
}

/// The host, without brackets, and the port.
fn split(text: &str) -> Result<(&str, u16), String> {
    if text.contains('/') {
        return Err("write an address and a port without http:// and without a path: 127.0.0.1:8188".into());
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, PORT));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let wrong = || "an IPv6 address with a port is written [::1]:8188".to_owned();
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        host.parse::<Ipv6Addr>().map_err(|_| wrong())?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, port(digits)?)),
            None if rest.is_empty() => Ok((host, PORT)),
            None => Err(wrong()),
        };
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err("an IPv6 address with a port is written [::1]:8188".into())
        }
        Some((host, digits)) => Ok((host, port(digits)?)),
        None if text.is_empty() => Err("an address and a port are expected: 127.0.0.1:8188".into()),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(("", port(text)?)),
        None => Ok((text, PORT)),
    }
}

fn port(digits: &str) -> Result<u16, String> {
    let digits_only = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|_| digits_only);
    port.ok_or_else(|| format!("a port is a number from 0 to 65535, not `{digits}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_port_or_both_will_do() {
        for (text, address) in [
            ("127.0.0.1:8188", "127.0.0.1:8188"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("192.168.1.5", "192.168.1.5:8188"),
            ("[::1]:9000", "[::1]:9000"),
            ("[::]", "[::]:8188"),
            ("::1", "[::1]:8188"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("LOCALHOST", "127.0.0.1:8188"),
            (":9000", "127.0.0.1:9000"),
            ("9000", "127.0.0.1:9000"),
            (":0", "127.0.0.1:0"),
        ] {
            assert_eq!(listen(text).map(|listen| listen.address.to_string()), Ok(address.into()), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("", "127.0.0.1:8188"),
            ("127.0.0.1:", "a port is a number"),
            ("127.0.0.1:99999", "a port is a number from 0 to 65535, not `99999`"),
            ("99999", "a port is a number"),
            ("localhost:-1", "a port is a number"),
            ("localhost:+1", "a port is a number"),
            ("http://localhost:8188", "without http://"),
            ("::1:99999", "[::1]:8188"),
            ("[::1", "[::1]:8188"),
            ("[localhost]:1", "[::1]:8188"),
            ("*:8188", "0.0.0.0"),
            ("no.such.name.invalid:8188", "no address is known for the name no.such.name.invalid"),
        ] {
            assert!(listen(text).is_err_and(|said| said.contains(why)), "{text}: {:?}", listen(text));
        }
    }
}
