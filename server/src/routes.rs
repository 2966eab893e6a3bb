//! All routes, and the way of a request to its handler.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::api::{all, of_families};
use crate::app::App;
use crate::auth::{base, check_host, check_origin, preflight};
use crate::fields;
use crate::http::{Answer, Method, ROUTE, Request, cors_headers, encoded};
use crate::mount::{below, mount};
use crate::path::{nothing_at, other_spellings, plain, shown};
use crate::problem::{Family, Problem};
use crate::route::{Access, Call, Route};
use crate::warning;

/// Answers a request, whatever it is.
pub(crate) fn answer(app: &Arc<App>, mut request: Request) -> Answer {
    let id = request.id.clone();
    let (method, accepts) = (request.method, request.header("accept-encoding").map(str::to_owned));
    let cors = cors_headers(&app.config.cors_origins, request.header("origin"));
    let cors = if method == Method::Options { vec![] } else { cors };
    let sent = request.path.clone();
    let mut found = Found::at(&mut request.path);
    if let Some(path) = below(mount(&app.config), &request.path).filter(|_| found.0.is_empty()) {
        request.path = path.to_owned();
        found = Found::at(&mut request.path);
    }
    let family = Family::of_path(&request.path);
    let route = found.0.first().map_or("none", |(route, _)| route.paths[0]);
    let answered =
        catch_unwind(AssertUnwindSafe(|| found.answer(app, request, &sent))).unwrap_or_else(|_| {
            tracing::error!(id, "a handler panicked");
            Err(Problem::internal())
        });
    let answer = answered.unwrap_or_else(|problem| family.answer(&problem));
    let mut answer = encoded(answer, method, accepts.as_deref());
    for warning in &answer.warnings {
        // The sentence may quote a prompt, which the log never holds.
        tracing::warn!(%id, code = warning.code, member = warning.field, "the answer has a warning");
    }
    let warnings = warning::headers(&answer.warnings);
    answer.headers.extend(warnings.into_iter().map(|value| (warning::HEADER, value)));
    app.metrics.answered(answer.status);
    answer.headers.push((ROUTE, route.into()));
    answer.headers.push(("X-Request-Id", id));
    answer.headers.push(("X-Content-Type-Options", "nosniff".into()));
    answer.headers.extend(cors);
    if !answer.headers.iter().any(|(name, _)| *name == "Cache-Control") {
        answer.headers.push(("Cache-Control", "no-store".into()));
    }
    answer
}

/// Whether some route at this path takes pictures.
pub(crate) fn takes_pictures(path: &str) -> bool {
    let found = Found::at(&mut path.to_owned());
    found.0.iter().filter_map(|(route, _)| route.doc.fields).any(fields::takes_pictures)
}

/// The routes of one path, with what stands for its `{…}`.
struct Found(Vec<(&'static Route, Vec<String>)>);

impl Found {
    /// Where nothing is at the path as it was sent, another spelling of it counts, and the path becomes that one.
    fn at(path: &mut String) -> Self {
        let plain = plain(path);
        let first = Self::exactly(&plain, all());
        let others =
            other_spellings(&plain).into_iter().map(|other| (Self::exactly(&other, of_families()), other));
        let found = std::iter::once((first, plain)).chain(others).find(|(found, _)| !found.0.is_empty());
        match found {
            Some((found, spelling)) => {
                *path = spelling;
                found
            }
            None => Self(vec![]),
        }
    }

    fn exactly(path: &str, routes: impl Iterator<Item = &'static Route>) -> Self {
        let mut found: Vec<(&'static Route, Vec<String>)> = routes
            .flat_map(|route| route.paths.iter().map(move |pattern| (route, pattern)))
            .filter_map(|(route, pattern)| Some((route, matched(pattern, path)?)))
            .collect();
        // `/v1/images/generations` is no image of the name `generations`.
        let fewest = found.iter().map(|(_, params)| params.len()).min();
        found.retain(|(_, params)| Some(params.len()) == fewest);
        Self(found)
    }

    fn answer(self, app: &Arc<App>, request: Request, sent: &str) -> Result<Answer, Problem> {
        let keys_needed = !app.keys.is_open();
        check_host(&app.config, keys_needed, app.address(), &request)?;
        let asks = |name| request.header(name).is_some();
        // A page can be told that there is nothing only after it was told that it may ask. `*` is the server itself.
        let may_i = asks("access-control-request-method") || request.path == "*";
        if self.0.is_empty() && !(may_i && request.method == Method::Options) {
            return nowhere(app, &request, sent);
        }
        let allowed = self.allowed();
        if request.method == Method::Options {
            return Ok(preflight(&app.config, &request).header("Allow", allowed));
        }
        check_origin(&app.config, keys_needed, &request)?;
        let method = if request.method == Method::Head { Method::Get } else { request.method };
        let Some((route, params)) = self.0.into_iter().find(|(route, _)| route.method == method) else {
            let message = format!("`{}` takes {allowed}", shown(&request.path));
            let problem = Problem::new(405, "method_not_allowed", message);
            return Ok(Family::of_path(&request.path).answer(&problem).header("Allow", allowed));
        };
        let owner = match route.access {
            Access::Open => String::new(),
            Access::Key => {
                let owner = app.keys.owner(&request)?;
                if keys_needed {
                    request.client.recognise();
                }
                owner
            }
            Access::Metrics => app.keys.reads_metrics(&request).map(|()| String::new())?,
        };
        let base = base(&app.config, app.address(), &request);
        (route.handler)(app, &Call { request, params, owner, base })
    }

    /// For the `Allow` header.
    fn allowed(&self) -> String {
        if self.0.is_empty() {
            return "GET, HEAD, POST, DELETE, OPTIONS".into();
        }
        let mut methods: Vec<&str> = self.0.iter().map(|(route, _)| route.method.name()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// The answer where no route is; the page's own addresses are relative, so that where it stands needs its slash.
fn nowhere(app: &App, request: &Request, sent: &str) -> Result<Answer, Problem> {
    if request.path == mount(&app.config) && !request.path.is_empty() {
        return Ok(Answer::empty(308).header("Location", format!("{}/", request.path)));
    }
    Err(nothing_at(&request.path, sent, meant(&request.path)))
}

/// The documented path of the families that this one ends in, behind something else: `/openai/v1/images/generations`.
fn meant(path: &str) -> Option<&'static str> {
    let ends = |pattern: &str| {
        let documented = &other_spellings(pattern)[2];
        !documented.contains('{') && plain(path).ends_with(documented.as_str())
    };
    let paths = of_families().filter_map(|route| route.paths.iter().find(|path| path.starts_with("/v1/")));
    paths.copied().find(|path| ends(path))
}

/// What stands for each `{…}`, if the path is of this pattern.
fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut params = vec![];
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') {
            let decoded = percent_decode_str(segment).decode_utf8().ok()?;
            params.push(Some(decoded.into_owned()).filter(|text| !text.is_empty())?);
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_segment_by_segment_and_is_decoded() {
        let params = |path| matched("/v1/images/{id}/publish", path);
        assert_eq!(params("/v1/images/a%20b/publish"), Some(vec!["a b".to_owned()]));
        assert_eq!(params("/v1/images/a/publish/"), None);
        assert_eq!(params("/v1/images//publish"), None);
        assert_eq!(params("/v1/images/%ff/publish"), None);
        assert_eq!(matched("/", "/"), Some(vec![]));
    }

    #[test]
    fn a_path_tells_the_family_of_its_route() {
        for route in all() {
            for path in route.paths {
                assert_eq!(Family::of_path(path), route.family, "{path}");
            }
        }
    }

    /// The routes at a path, by their documented one.
    fn at(path: &str) -> Vec<&'static str> {
        let mut path = path.to_owned();
        Found::at(&mut path).0.iter().map(|(route, _)| route.paths[0]).collect()
    }

    #[test]
    fn a_base_url_may_lack_the_version_or_have_it_twice() {
        for path in ["/images/generations", "/v1/v1/images/generations/", "//api/api/v1//images/generations"]
        {
            assert_eq!(at(path), ["/api/images/generations"], "{path}");
        }
        assert_eq!(at("/models/gpt-image-1/"), ["/v1/models/{id}"]);
        assert_eq!(at("/v1/generations"), ["/api/rest/v1/generations"]);
        assert_eq!(at("/images/imagine"), ["/v1/images/imagine"]);
        assert_eq!(at("//"), ["/"], "the page");
        // What is no API stays where it is: a proxy may have rules for it.
        assert_eq!(at("/v1/metrics"), [""; 0]);
        assert_eq!(at("/v2/images/generations"), [""; 0]);
    }

    #[test]
    fn what_ends_like_a_route_is_told_where_that_is() {
        assert_eq!(meant("/openai/deployments/a/images/generations"), Some("/v1/images/generations"));
        assert_eq!(meant("/v2/models"), Some("/v1/models"));
        assert_eq!(meant("/generations-of-something"), None);
    }

    #[test]
    fn pictures_are_taken_where_images_are_edited_and_sent() {
        for path in [
            "/v1/images/generations",
            "/images/edits",
            "/api/images/variations/",
            "/uploads",
            "/api/v2/image",
            "/v1/images/imagine",
        ] {
            assert!(takes_pictures(path), "{path}");
        }
        for path in ["/generations", "/v1/images", "/init-image", "/v1/models", "/", "/nothing"] {
            assert!(!takes_pictures(path), "{path}");
        }
    }

    #[test]
    fn no_path_has_two_routes_of_one_method() {
        let mut seen = std::collections::HashSet::new();
        for route in all() {
            for path in route.paths {
                assert!(seen.insert((route.method.name(), *path)), "{} {path}", route.method.name());
            }
        }
    }
}
