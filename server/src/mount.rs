//! The path at which a public URL places this server: `/draw` in `https://example.org/draw`. A proxy may take it off
//! requests or leave it; both are served.

use crate::address::split_url;
use crate::config::Config;

/// The path of the public URL, without a slash at its end; empty where there is none.
pub(crate) fn mount(config: &Config) -> &str {
    let path = config.public_url.as_deref().and_then(split_url).map(|(_, path)| path);
    path.unwrap_or_default().trim_end_matches('/')
}

/// A path below the mount, as it is without the mount; `None` where it does not lie below it.
pub(crate) fn below<'a>(mount: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(mount).filter(|rest| !mount.is_empty() && rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_path_below_the_mount_loses_it_and_no_other_does() {
        for (path, rest) in [
            ("/draw/", Some("/")),
            ("/draw/v1/models", Some("/v1/models")),
            ("/draw//", Some("//")),
            ("/draw", None),
            ("/drawing/v1", None),
            ("/", None),
            ("/v1/draw/", None),
        ] {
            assert_eq!(below("/draw", path), rest, "{path}");
            assert_eq!(below("", path), None, "{path}");
        }
    }
}
