//! Where a page comes from, and which pages of others an operator lets in.

use std::str::FromStr;

use super::Authority;

/// Where a page comes from: `https://draw.example.org`, `tauri://localhost`, `moz-extension://ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// In lower case.
    pub(crate) scheme: String,
    pub(crate) host: String,
    /// The scheme's own where none is said.
    pub(crate) port: Option<u16>,
}

/// Pages of other sites that may ask: one origin, or many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    /// As the operator wrote it.
    text: String,
    pages: Pages,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pages {
    /// `*`: every page.
    Any,
    /// `null`: pages that have no origin, such as files and sandboxed frames. Any site can make such a page.
    Null,
    /// `app://*`: every page of a scheme that is not the web's.
    Scheme(String),
    One(Origin),
}

impl Origin {
    /// The value of the header `Origin`; `None` for `null` and everything else that names no page.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        split_url(value).filter(|(_, path)| path.is_empty()).map(|(origin, _)| origin)
    }

    /// Whether pages of it came by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    fn is_web(&self) -> bool {
        is_web(&self.scheme)
    }
}

/// A URL: its origin, and what follows.
pub(crate) fn split_url(url: &str) -> Option<(Origin, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme_in_lower_case(scheme)?;
    let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let Authority { host, port } = Authority::parse(name)?;
    let port = port.or(match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    });
    Some((Origin { scheme, host, port }, path))
}

impl AllowedOrigin {
    /// Whether this is the page that the value of the header `Origin` names.
    pub(crate) fn allows(&self, value: &str) -> bool {
        match &self.pages {
            Pages::Any => true,
            Pages::Null => value == "null",
            Pages::Scheme(scheme) => {
                let said = value.split_once("://").and_then(|(scheme, _)| scheme_in_lower_case(scheme));
                said.as_ref() == Some(scheme)
            }
            Pages::One(origin) => Origin::parse(value).as_ref() == Some(origin),
        }
    }

    /// Whether it is `*`.
    pub(crate) fn is_any(&self) -> bool {
        self.pages == Pages::Any
    }

    /// Whether a page of any site can come under it, so that only a key keeps strangers out.
    pub(crate) fn is_for_everybody(&self) -> bool {
        matches!(self.pages, Pages::Any | Pages::Null)
    }

    /// What a browser calls the page, where it is a single one.
    pub(crate) fn single(&self) -> Option<&str> {
        matches!(self.pages, Pages::One(_) | Pages::Null).then_some(self.text.as_str())
    }
}

impl std::fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let many = text.strip_suffix("://*").or(text.strip_suffix("://")).and_then(scheme_in_lower_case);
        let pages = match (text, many) {
            ("*", _) => Pages::Any,
            ("null", _) => Pages::Null,
            (_, Some(scheme)) if is_app(&scheme) && (text.ends_with('*') || scheme == "file") => {
                Pages::Scheme(scheme)
            }
            _ => {
                let one = Origin::parse(text).filter(|origin| origin.is_web() || is_app(&origin.scheme));
                Pages::One(one.ok_or_else(|| wrong(text))?)
            }
        };
        Ok(Self { text: text.to_owned(), pages })
    }
}

fn wrong(text: &str) -> String {
    let so = "write an origin without a path, such as https://www.example.org, tauri://localhost or \
              chrome-extension://ID; app://* is every page of that kind; for several, give the option again";
    if text.contains('*') {
        return format!("{text:?} is not one site; {so}; `*` alone is every site, where keys are needed");
    }
    format!("{text:?} names no site; {so}")
}

fn is_web(scheme: &str) -> bool {
    matches!(scheme, "http" | "https")
}

/// Schemes under which applications and extensions bring their own pages.
fn is_app(scheme: &str) -> bool {
    !is_web(scheme) && !matches!(scheme, "ftp" | "ws" | "wss" | "data" | "blob" | "javascript" | "about")
}

/// RFC 3986, §3.1.
fn scheme_in_lower_case(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let fits = begins && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    fits.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> AllowedOrigin {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_origin_allows_itself_however_it_is_written() {
        for (text, value) in [
            ("https://App.example", "https://app.example"),
            ("https://app.example:443", "https://app.example"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("app://obsidian.md", "app://obsidian.md"),
            ("app://-", "app://-"),
            ("capacitor://localhost", "capacitor://localhost"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
            ("moz-extension://*", "moz-extension://9b2c7f4e-0000-4000-8000-123456789abc"),
            ("vscode-webview://*", "vscode-webview://1a2b"),
            ("file://", "file://"),
            ("file://*", "file://"),
            ("null", "null"),
            ("*", "null"),
            ("*", "https://anything.example"),
        ] {
            assert!(allowed(text).allows(value), "{text} {value}");
        }
    }

    #[test]
    fn and_no_other() {
        for (text, value) in [
            ("https://app.example", "http://app.example"),
            ("https://app.example", "https://app.example:8443"),
            ("https://app.example", "https://app.example/"),
            ("https://app.example", "https://app.example.evil.example"),
            ("https://app.example", "null"),
            ("tauri://localhost", "http://localhost"),
            ("tauri://localhost", "tauri://localhost:1"),
            ("chrome-extension://a", "chrome-extension://b"),
            ("moz-extension://*", "chrome-extension://b"),
            ("app://*", "apps://x"),
            ("app://*", "app"),
            ("null", "https://app.example"),
            ("null", ""),
        ] {
            assert!(!allowed(text).allows(value), "{text} {value}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_with_a_sentence() {
        for text in [
            "",
            "a.example",
            "https://a.example/",
            "https://a.example/x",
            "https://*",
            "http://*",
            "https://*.example",
            "https://",
            "tauri://",
            "ftp://a.example",
            "https://a@b",
            "https://a b",
            "a b://c",
            "javascript://x",
            "**",
            "https://a.example,https://b.example",
        ] {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text:?}");
        }
    }
}
