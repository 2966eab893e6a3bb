//! The gate's configuration: its limits, the proxies it trusts, who may read its answers.

use crate::address::{AllowedOrigin, Network};
use crate::config::{Limits, MOST_JSON};
use crate::http::{cors_headers, cors_headers_unread};
use crate::mount::below;
use crate::problem::Family;

/// The gate's configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    pub(crate) limits: Limits,
    /// Sites whose pages may read answers.
    pub(crate) cors_origins: Vec<AllowedOrigin>,
    /// Proxies whose `X-Forwarded-…` headers are believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// The path of the public URL.
    pub(crate) mount: String,
    /// At which paths pictures may be sent; `None`: at all. Bodies at others are small.
    pub(crate) takes_pictures: Option<fn(&str) -> bool>,
}

impl Policy {
    /// The headers that let a page read the gate's own answer, by as much as came of the request's head.
    pub(super) fn cors(&self, head: &[u8]) -> Vec<(&'static str, String)> {
        let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let whole = head.ends_with(b"\r\n\r\n");
        match lines.find_map(origin) {
            None if !whole => cors_headers_unread(&self.cors_origins),
            origin => cors_headers(&self.cors_origins, origin),
        }
    }

    /// The limits of a request for this path, which a query may follow.
    pub(super) fn limits_of(&self, target: &str) -> Limits {
        let path = target.split('?').next().unwrap_or_default();
        let takes_pictures = |takes: fn(&str) -> bool| takes(below(&self.mount, path).unwrap_or(path));
        if self.takes_pictures.is_none_or(takes_pictures) {
            return self.limits;
        }
        Limits { body: self.limits.body.min(MOST_JSON), ..self.limits }
    }

    /// Whose shape the answer to a request for this path has.
    pub(super) fn family(&self, path: &str) -> Family {
        Family::of_path(below(&self.mount, path).unwrap_or(path))
    }

    /// The same by as much as came of the request's head.
    pub(super) fn family_of_head(&self, head: &[u8]) -> Family {
        let line = head.split(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
        let target = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        self.family(str::from_utf8(target).unwrap_or_default())
    }
}

/// The value of a line, if it is the header `Origin`.
fn origin(line: &[u8]) -> Option<&str> {
    let (name, value) = line.split_at_checked("origin:".len())?;
    let value = value.trim_ascii();
    let visible = value.iter().all(u8::is_ascii_graphic);
    (name.eq_ignore_ascii_case(b"origin:") && visible).then(|| std::str::from_utf8(value).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_whose_shape_an_answer_has() {
        let policy = Policy { mount: "/draw".into(), ..Policy::default() };
        for (head, family) in [
            (&b"POST /generations HTTP/1.1\r\nHost: h"[..], Family::Leonardo),
            (b"POST /draw/generations HTTP/1.1\r\n", Family::Leonardo),
            (b"GET /v1/images/7?x=", Family::Images),
            (b"GET /draw/v1/images/imagine\n", Family::Images),
            (b"POST /v1/images/generations HTTP/2", Family::OpenAi),
            (b"GET", Family::OpenAi),
            (b"", Family::OpenAi),
            (b"\r\nGET /me HTTP/1.1\r\n", Family::OpenAi),
            (b"GET /\xff HTTP/1.1\r\n", Family::OpenAi),
        ] {
            assert_eq!(policy.family_of_head(head), family, "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn only_where_pictures_are_taken_a_body_may_be_large() {
        let takes: fn(&str) -> bool = |path| path == "/pictures";
        let policy = Policy { mount: "/draw".into(), takes_pictures: Some(takes), ..Policy::default() };
        for (target, body) in [
            ("/pictures", Limits::default().body),
            ("/draw/pictures?a=b", Limits::default().body),
            ("/words", MOST_JSON),
            ("/pictures/more", MOST_JSON),
            ("*", MOST_JSON),
        ] {
            assert_eq!(policy.limits_of(target).body, body, "{target}");
        }
        assert_eq!(Policy::default().limits_of("/words"), Limits::default());
    }

    fn allow_origin(origins: &[&str], head: &str) -> Option<String> {
        let cors_origins = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let headers = Policy { cors_origins, ..Policy::default() }.cors(head.as_bytes());
        let found = headers.into_iter().find(|(name, _)| *name == "Access-Control-Allow-Origin");
        found.map(|(_, value)| value)
    }

    #[test]
    fn a_page_reads_the_answer_if_it_may_or_if_nobody_knows_which_one_asked() {
        let two = ["https://a.example", "tauri://localhost"];
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\r\nX: ", Some("https://a.example")),
            ("GET / HTTP/1.1\r\nORIGIN:tauri://localhost\r\n\r\n", Some("tauri://localhost")),
            ("GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\nX: ", None),
            ("GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.example\u{1}\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", None),
            ("GET / HTTP/1.1\r\nHost: h\r\n", Some("*")),
            ("", Some("*")),
        ] {
            assert_eq!(allow_origin(&two, head).as_deref(), expected, "{head:?}");
            assert_eq!(allow_origin(&[], head), None, "{head:?}");
        }
        assert_eq!(allow_origin(&two[..1], "").as_deref(), Some("https://a.example"));
    }
}
