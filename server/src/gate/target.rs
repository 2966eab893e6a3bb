//! The target of a request: a path, `*`, or a whole address, as a client sends it to a proxy (RFC 9112, §3.2).

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Path and query, or `*`.
    pub(super) path: String,
    /// The host that a whole address names.
    pub(super) authority: Option<String>,
}

impl Target {
    /// Reads a target; `None` where it is none.
    pub(super) fn of(method: &str, target: &str) -> Option<Self> {
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let path = |path: &str| Self { path: path.to_owned(), authority: None };
        if target == "*" {
            return (method == "OPTIONS").then(|| path("*"));
        }
        if target.starts_with('/') {
            return visible(target).then(|| path(target));
        }
        let (scheme, rest) = target.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let spoken = ["http", "https"].iter().any(|spoken| scheme.eq_ignore_ascii_case(spoken));
        // Nobody but an attacker writes a user in front of a host.
        let host = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
        if !spoken || !host || authority.is_empty() || !visible(rest) {
            return None;
        }
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Some(Self { path: format!("{slash}{rest}"), authority: Some(authority.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_address_is_a_path_of_a_host() {
        for (target, path) in [
            ("http://h:8188/v1/models?a=b", "/v1/models?a=b"),
            ("HTTPS://h:8188", "/"),
            ("http://h:8188?a", "/?a"),
            ("http://h:8188//x", "//x"),
        ] {
            let read = Target::of("GET", target).unwrap();
            assert_eq!((read.path.as_str(), read.authority.as_deref()), (path, Some("h:8188")), "{target}");
        }
    }

    #[test]
    fn what_is_no_target_is_none() {
        for target in [
            "",
            "*",
            "v1",
            "ftp://h/",
            "http://",
            "http:///v1",
            "http://user@h/",
            "http://h/#a",
            "/a#b",
            "h:80",
        ] {
            assert_eq!(Target::of("GET", target), None, "{target}");
        }
        assert!(Target::of("OPTIONS", "*").is_some());
    }
}
