//! The page: a form that draws and a dashboard of what was drawn. Its files are part of the program, need no build
//! step and name no other origin.

use std::sync::LazyLock;

use crate::http::{Answer, Request, is_known, tag};

/// The page may use what this server sends it and nothing else; no other page may frame it. `blob:` and `data:` are
/// pictures that came with a key, and previews.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// One file of the page.
struct File {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

const FILES: &[File] = &[
    File { path: "/", media_type: HTML, text: include_str!("index.html") },
    File { path: "/page/page.css", media_type: CSS, text: include_str!("page.css") },
    File { path: "/page/form.css", media_type: CSS, text: include_str!("form.css") },
    File { path: "/page/init.css", media_type: CSS, text: include_str!("init.css") },
    File { path: "/page/mask.css", media_type: CSS, text: include_str!("mask.css") },
    File { path: "/page/picture.css", media_type: CSS, text: include_str!("picture.css") },
    File { path: "/page/compare.css", media_type: CSS, text: include_str!("compare.css") },
    File { path: "/page/images.css", media_type: CSS, text: include_str!("images.css") },
    File { path: "/page/page.js", media_type: SCRIPT, text: include_str!("page.js") },
    File { path: "/page/api.js", media_type: SCRIPT, text: include_str!("api.js") },
    File { path: "/page/compare.js", media_type: SCRIPT, text: include_str!("compare.js") },
    File { path: "/page/dom.js", media_type: SCRIPT, text: include_str!("dom.js") },
    File { path: "/page/drawing.js", media_type: SCRIPT, text: include_str!("drawing.js") },
    File { path: "/page/editing.js", media_type: SCRIPT, text: include_str!("editing.js") },
    File { path: "/page/events.js", media_type: SCRIPT, text: include_str!("events.js") },
    File { path: "/page/fields.js", media_type: SCRIPT, text: include_str!("fields.js") },
    File { path: "/page/form.js", media_type: SCRIPT, text: include_str!("form.js") },
    File { path: "/page/images.js", media_type: SCRIPT, text: include_str!("images.js") },
    File { path: "/page/init.js", media_type: SCRIPT, text: include_str!("init.js") },
    File { path: "/page/key.js", media_type: SCRIPT, text: include_str!("key.js") },
    File { path: "/page/limits.js", media_type: SCRIPT, text: include_str!("limits.js") },
    File { path: "/page/mask.js", media_type: SCRIPT, text: include_str!("mask.js") },
    File { path: "/page/offers.js", media_type: SCRIPT, text: include_str!("offers.js") },
    File { path: "/page/painting.js", media_type: SCRIPT, text: include_str!("painting.js") },
    File { path: "/page/pictures.js", media_type: SCRIPT, text: include_str!("pictures.js") },
    File { path: "/page/reading.js", media_type: SCRIPT, text: include_str!("reading.js") },
    File { path: "/page/size.js", media_type: SCRIPT, text: include_str!("size.js") },
    File { path: "/page/wording.js", media_type: SCRIPT, text: include_str!("wording.js") },
    File { path: "/page/icon.svg", media_type: SVG, text: include_str!("icon.svg") },
];

/// Changes with any file: the files belong together, so a new page never runs with an old script.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let all: String = FILES.iter().map(|file| file.text).collect();
    tag(all.as_bytes())
});

/// The answer to a request for a file of the page: the file, or 304 where the client has it already.
pub(crate) fn answer(request: &Request) -> Option<Answer> {
    let whole = file(&request.path)?;
    if is_known(request, &TAG) {
        return Some(protected(Answer::empty(304)));
    }
    Some(whole)
}

/// The file of the page at this path.
pub(crate) fn file(path: &str) -> Option<Answer> {
    let file = FILES.iter().find(|file| file.path == path)?;
    Some(protected(Answer::bytes(200, file.media_type, file.text)))
}

/// With the headers that all files of the page have; `nosniff` is on every answer already.
fn protected(answer: Answer) -> Answer {
    answer
        .header("Content-Security-Policy", POLICY)
        .header("Referrer-Policy", "no-referrer")
        .header("Cross-Origin-Opener-Policy", "same-origin")
        .header("Cross-Origin-Resource-Policy", "same-origin")
        // May be kept, but is revalidated each time: a new program has a new page.
        .header("Cache-Control", "no-cache")
        .header("ETag", TAG.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;
    use crate::http::{Body, Method};

    fn asked(path: &str, if_none_match: &str) -> Answer {
        let request = Request {
            id: "test".into(),
            method: Method::Get,
            path: path.into(),
            query: vec![],
            headers: vec![("if-none-match".into(), if_none_match.into())],
            body: vec![].into(),
            client: Client::default(),
            memory: crate::budget::Memory::default(),
        };
        answer(&request).expect("this is a file of the page")
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
        let found = answer.headers.iter().find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    #[test]
    fn every_file_in_the_folder_is_served_and_no_other() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
        let names =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut there: Vec<_> =
            names.filter(|name| name != "mod.rs").map(|name| format!("/page/{name}")).collect();
        let at = |path: &str| if path == "/" { "/page/index.html".into() } else { path.to_owned() };
        let mut served: Vec<_> = FILES.iter().map(|file| at(file.path)).collect();
        there.sort();
        served.sort();
        assert_eq!(there, served);
    }

    #[test]
    fn what_is_no_file_of_the_page_is_not_found() {
        for path in ["", "/page", "/page/", "/page/mod.rs", "/page/../page/page.js", "/page/index.html", "//"]
        {
            assert!(file(path).is_none(), "{path}");
        }
    }

    #[test]
    fn every_file_carries_the_policy_and_its_kind() {
        for File { path, media_type, .. } in FILES {
            let answer = asked(path, "");
            assert_eq!((answer.status, header(&answer, "Content-Type")), (200, *media_type), "{path}");
            assert_eq!(header(&answer, "Content-Security-Policy"), POLICY, "{path}");
        }
    }

    #[test]
    fn who_has_the_file_already_is_told_so() {
        let tag = header(&asked("/", ""), "ETag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
            let answer = asked("/page/page.css", &known);
            assert_eq!(answer.status, 304, "{known}");
            assert!(matches!(answer.body, Body::Bytes(bytes) if bytes.is_empty()));
        }
        assert_eq!(asked("/page/page.css", "\"other\"").status, 200);
    }

    /// The policy forbids both, so the page would be broken by them.
    #[test]
    fn the_page_has_no_inline_script_and_no_inline_style() {
        let html = FILES[0].text;
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\" src=\"page/").count()
        );
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!html.contains(inline), "{inline}");
        }
    }

    /// A proxy may have put the server below a path.
    #[test]
    fn no_file_names_an_address_from_the_root() {
        for File { path, text, .. } in FILES {
            for sign in ["\"", "'", "`", "(", "="] {
                for begins in ["page/", "v1/", "openapi", "api/", "generations"] {
                    assert!(!text.contains(&format!("{sign}/{begins}")), "{path}: {sign}/{begins}");
                }
            }
        }
    }

    #[test]
    fn no_script_reads_text_as_html() {
        for File { path, text, .. } in FILES.iter().filter(|file| file.media_type == SCRIPT) {
            for way in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
            {
                assert!(!text.contains(way), "{path} uses {way}");
            }
        }
    }
}
