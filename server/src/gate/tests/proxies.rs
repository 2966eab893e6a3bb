//! Whom a proxy speaks for, and which proxies may.

use super::*;
use crate::http::LOCAL_ADDRESS;

const FORWARDED: &str = "GET /echo HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.1\r\n\
                         X-Forwarded-Host: draw.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /a\r\n\
                         Forwarded: for=6.6.6.6\r\nConnection: close\r\n\r\n";

fn trusting(networks: &[&str]) -> Bench {
    let trusted_proxies = networks.iter().map(|one| one.parse().unwrap()).collect();
    Bench::with(Policy { limits: short(), trusted_proxies, ..Policy::default() })
}

#[test]
fn only_a_trusted_proxy_speaks_for_others() {
    for (networks, believed) in
        [(&[][..], false), (&["10.0.0.0/8"], false), (&["127.0.0.1"], true), (&["::1", "127.0.0.0/8"], true)]
    {
        let bench = trusting(networks);
        bench.send(FORWARDED);
        let asked = &bench.seen()[0];
        for name in ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-forwarded-for"] {
            assert_eq!(asked.header(name).is_some(), believed, "{networks:?} {name}");
        }
        if !believed {
            assert_eq!(asked.header("forwarded"), None, "{networks:?}");
        }
    }
}

#[test]
fn the_log_names_the_client_behind_a_trusted_proxy_and_the_proxy() {
    let (bench, kept) = super::log::logged(|| trusting(&["127.0.0.1"]));
    bench.send(FORWARDED);
    let line = &super::log::lines(&kept, 1)[0];
    assert_eq!(line["client"], "198.51.100.1");
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    let (bench, kept) = super::log::logged(|| trusting(&[]));
    bench.send(FORWARDED);
    assert_eq!(super::log::lines(&kept, 1)[0].get("client"), None);
}

#[test]
fn without_a_host_a_handler_learns_where_the_client_came_in() {
    let bench = Bench::new(short());
    let here = bench.gate.address().to_string();
    for (request, told) in [
        ("GET /echo HTTP/1.0\r\n\r\n", Some(here.as_str())),
        ("GET /echo HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", Some(here.as_str())),
        (
            "GET /echo HTTP/1.1\r\nHost: h\r\nX-Fulmen-Address: evil.example\r\nConnection: close\r\n\r\n",
            None,
        ),
    ] {
        assert_eq!(statuses(&bench.send(request)), [200], "{request}");
        assert_eq!(bench.seen().last().unwrap().header(LOCAL_ADDRESS), told, "{request}");
    }
}
