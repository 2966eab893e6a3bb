//! Files that lie where weights or configurations are expected and are something else: what they are,
//! and what to do.

use serde_json::{Map, Value};

use crate::quote;

/// What is read of a file to see whether it is text, and what that text says.
const LOOKED_AT: usize = 64 << 10;

/// First bytes of other formats.
const FORMATS: &[(&[u8], &str)] = &[
    (b"ggjt", "is a GGML file; Fulmen reads safetensors, fetch the model in that format"),
    (b"lmgg", "is a GGML file; Fulmen reads safetensors, fetch the model in that format"),
    (b"\x89HDF", "is an HDF5 file; Fulmen reads safetensors, fetch the model in that format"),
    (b"\x80\x02", PICKLE),
    (b"\x80\x03", PICKLE),
    (b"\x80\x04", PICKLE),
    (b"\x80\x05", PICKLE),
    (b"\x1f\x8b", ARCHIVE),
    (b"7z\xbc\xaf", ARCHIVE),
    (b"Rar!", ARCHIVE),
    (b"\xfd7zXZ", ARCHIVE),
    (b"BZh", ARCHIVE),
    (b"\x28\xb5\x2f\xfd", ARCHIVE),
    (b"\x89PNG", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"GIF8", PICTURE),
    (b"RIFF", PICTURE),
];

const PICKLE: &str =
    "is a PyTorch pickle (.ckpt), which can run code when it is opened; fetch the safetensors file";
const ARCHIVE: &str = "is a compressed archive; unpack it, and give what is in it";
const ZIP: &str = "is a ZIP archive, as PyTorch pickles (.ckpt) are, which can run code when they are opened; fetch the \
                   safetensors file, or unpack it if it is in there";
const PICTURE: &str = "is a picture or video; fetch the model itself";

/// Bytes of the longest text that is taken for a site's: they answer in a line or two.
const LONGEST_ANSWER: usize = 1024;

/// How pages begin.
const PAGES: [&str; 3] = ["<!doctype", "<html", "<?xml"];

/// How a file begins that stands for another one.
const LFS: &str = "version https://git-lfs";
const ANNEX: &str = "/annex/objects/";

/// What these bytes are, as the rest of a sentence; `None` if they are nothing known.
pub(crate) fn recognise(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some("is empty; the download did not finish, fetch it again".into());
    }
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    if let Some((_, what)) = FORMATS.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Some((*what).into());
    }
    if start.starts_with(b"PK\x03\x04") {
        let is_pickle = start.windows(8).take(512).any(|name| name == b"data.pkl");
        return Some(if is_pickle { PICKLE } else { ZIP }.into());
    }
    // ONNX: the version of the format, then the name of who wrote it.
    if let [0x08, 1..=32, 0x12, ..] = start {
        return Some("is an ONNX file; Fulmen reads safetensors, fetch the model in that format".into());
    }
    if start.len() > 64 && start.iter().all(|byte| *byte == 0) {
        return Some("begins with zeros; the download did not finish, fetch it again".into());
    }
    text(start).map(|text| of_text(&text, bytes))
}

/// The beginning of a file as text, if that is what it is.
fn text(start: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character may have been cut in two at the end of what is looked at.
        Err(error) if start.len() == LOOKED_AT && start.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return old_page(start),
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}');
    (text.len() >= 8 && !text.contains(is_control)).then(|| text.to_owned())
}

/// A page in UTF-16 or Latin-1.
fn old_page(start: &[u8]) -> Option<String> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = start.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    let text = match start {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => start.iter().map(|byte| char::from(*byte)).collect(),
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let begin: String = text.chars().take(16).collect::<String>().to_ascii_lowercase();
    PAGES.iter().any(|page| begin.starts_with(page)).then(|| text.to_owned())
}

fn of_text(text: &str, whole: &[u8]) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with(LFS) {
        return "is a Git LFS pointer, not the file itself; run `git lfs pull` in its folder".into();
    }
    if lower.starts_with(ANNEX) {
        return "is a git-annex pointer, not the file itself; run `git annex get` in its folder".into();
    }
    if lower.starts_with('<') {
        let said = ["title", "message", "h1", "code"].iter().find_map(|tag| element(text, &lower, tag));
        let is_page = lower.contains("<html") || lower.contains("<!doctype html");
        return answer(if is_page { "a web page" } else { "a site's answer" }, said);
    }
    if text.starts_with(['{', '[']) {
        let value = serde_json::from_slice::<Value>(whole.trim_ascii()).ok();
        return value.as_ref().filter(|_| whole.len() <= LOOKED_AT).map_or_else(
            || "is JSON, not weights; give a .safetensors file, or the folder of a whole model".into(),
            of_json,
        );
    }
    match whole.len() {
        0..=LONGEST_ANSWER => answer("a site's answer", Some(text.to_owned())),
        _ => format!("is text, not weights; it begins with “{}”", flat(&text[..first_line(text)])),
    }
}

fn first_line(text: &str) -> usize {
    text.find(['\n', '\r']).unwrap_or(text.len())
}

fn of_json(value: &Value) -> String {
    let has = |key: &str| value.get(key).is_some();
    let is_node = |node: &Value| node.get("class_type").is_some();
    if has("weight_map") {
        "is the index of a model in shards; give the folder of the whole model".into()
    } else if has("_class_name") || has("model_type") || has("architectures") {
        "is a configuration, not weights; give the folder of the whole model".into()
    } else if has("nodes") || value.as_object().is_some_and(|o| o.values().any(is_node)) {
        "is a workflow, not weights; give the model that it names".into()
    } else if let Some(said) = said(value, 4) {
        answer("a site's answer", Some(said))
    } else {
        "is JSON, not weights; give a .safetensors file, or the folder of a whole model".into()
    }
}

/// Why a small file could not be read: what it is instead, or else what the reader said.
pub(crate) fn instead_of(bytes: &[u8], what: &str, error: &serde_json::Error) -> String {
    let text = text(&bytes[..bytes.len().min(LOOKED_AT)]).unwrap_or_default();
    // With a fault in it, or a comment before it, it is what was expected; and no site answers at such length.
    let is_meant = ["{", "[", "//", "/*", "#"].iter().any(|begin| text.starts_with(begin));
    let is_long = text.len() > LONGEST_ANSWER && !text.starts_with('<');
    recognise(bytes).filter(|_| !is_meant && !is_long).unwrap_or_else(|| format!("{what}: {error}"))
}

/// What a file of lines is, where it begins as none of its own would.
pub(crate) fn instead_of_lines(bytes: &[u8]) -> Option<String> {
    let start = text(&bytes[..bytes.len().min(LOOKED_AT)])?.to_ascii_lowercase();
    let is_other = PAGES.iter().chain(&[LFS, ANNEX, "{"]).any(|begin| start.starts_with(begin));
    recognise(bytes).filter(|_| is_other)
}

/// What a site's error says, if this JSON is one: a configuration that was fetched without permission is
/// valid JSON, too.
pub(crate) fn site_answer(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    let is_config = object.len() > 8 || object.keys().any(|key| key.starts_with('_'));
    (!is_config).then(|| said(value, 4)).flatten().map(|said| answer("a site's answer", Some(said)))
}

/// Members in which sites say in short what is wrong, in small letters and without `_` and `-`.
const WHAT: [&str; 8] = ["error", "errors", "fault", "title", "code", "reason", "status", "statuscode"];
/// Members in which they say it at length.
const MORE: [&str; 11] = [
    "message",
    "errormessage",
    "detail",
    "details",
    "errordescription",
    "description",
    "msg",
    "statustext",
    "statusmessage",
    "faultstring",
    "info",
];

/// The member of this name, however it is written: `statusCode`, `status_code`, `StatusCode`.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let plain = |key: &str| key.replace(['_', '-'], "").eq_ignore_ascii_case(name);
    object.iter().find(|(key, _)| plain(key)).map(|(_, value)| value)
}

/// An error without words: a number, or that there was no success.
fn wordless(object: &Map<String, Value>) -> Option<String> {
    let number = |key: &&str| Some(member(object, key)?.as_u64()?.to_string());
    let failed = |key: &&str| (member(object, key)? == false).then(|| format!("{key}: false"));
    WHAT.iter().find_map(number).or_else(|| ["success", "ok"].iter().find_map(failed))
}

/// The sentence of an error in JSON, in the members that sites have for it.
fn said(value: &Value, depth: usize) -> Option<String> {
    if depth == 0 {
        return None;
    }
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Array(values) => values.iter().find_map(|value| said(value, depth - 1)),
        Value::Object(object) => {
            let member = |key: &&str| said(member(object, key)?, depth - 1);
            let what = WHAT.iter().find_map(member);
            let more = MORE.iter().find_map(member);
            match (what, more) {
                (Some(what), Some(more)) if what != more => Some(format!("{what}: {more}")),
                (what, more) => more.or(what).or_else(|| wordless(object)),
            }
        }
        _ => None,
    }
}

/// The text of the first element of this name.
fn element(text: &str, lower: &str, tag: &str) -> Option<String> {
    let start = lower.find(&format!("<{tag}"))?;
    let open = start + lower[start..].find('>')? + 1;
    let end = open + lower[open..].find("</")?;
    Some(text[open..end].to_owned()).filter(|said| !said.trim().is_empty())
}

/// That a site answered with an error where a file was asked for, with what it said.
fn answer(what: &str, said: Option<String>) -> String {
    let Some(said) = said else {
        return format!("holds {what} instead of the file; look at the address, and fetch it again");
    };
    let lower = said.to_ascii_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let locked = ["unauthori", "not authori", "forbidden", "denied", "restricted", "gated", "authenticat"];
    let todo = if speaks_of(&locked)
        || speaks_of(&["log in", "logged in", "login", "sign in", "401", "403"])
        || speaks_of(&["username", "password", "token", "credential", "permission", "api key", "apikey"])
    {
        "log in there, or send your key, and fetch it again"
    } else if speaks_of(&["not found", "404", "no such", "does not exist", "nosuchkey", "expired"]) {
        "look at the address, and fetch it again"
    } else if speaks_of(&[
        "too many",
        "rate limit",
        "429",
        "quota",
        "unavailable",
        "503",
        "timeout",
        "timed out",
    ]) {
        "wait a little, and fetch it again"
    } else {
        "see what it asks for, and fetch the file again"
    };
    format!("holds {what} instead of the file: “{}”; {todo}", flat(&said))
}

/// On one line, and short.
fn flat(text: &str) -> String {
    quote::quoted(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(bytes: &[u8]) -> String {
        recognise(bytes).expect("a file of a known kind")
    }

    #[test]
    fn what_a_site_said_is_repeated_and_followed_by_advice() {
        for (body, said, todo) in [
            (
                r#"{"error":"Unauthorized","message":"You must be logged in to download it"}"#,
                "“Unauthorized: You must be logged in to download it”",
                "log in there",
            ),
            (r#"{"error":{"code":404,"message":"Entry not found"}}"#, "“Entry not found”", "the address"),
            (r#"{"detail":[{"loc":["query"],"msg":"Rate limit reached"}]}"#, "“Rate limit reached”", "wait"),
            (r#"  {"errors":["Model is gone"]}"#, "“Model is gone”", "see what it asks for"),
            ("Invalid username or password.", "“Invalid username or password.”", "log in there"),
            ("Access to model x is restricted.\nPlease log in.", "is restricted. Please log in.”", "log in"),
            (
                "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
                "“Request has expired”",
                "the address",
            ),
            (
                "<!DOCTYPE html><html><head><title>\n 503 Service\n Unavailable</title>",
                "“503 Service Unavailable”",
                "wait",
            ),
            (r#"{"status":401,"statusText":"Unauthorized"}"#, "“Unauthorized”", "log in there"),
            (r#"{"Message":"User is not authorized"}"#, "“User is not authorized”", "log in there"),
            (r#"{"Error":"Access denied"}"#, "“Access denied”", "log in there"),
            (r#"{"fault":{"faultstring":"Invalid ApiKey"}}"#, "“Invalid ApiKey”", "log in there"),
            (r#"{"errorMessage":"gone"}"#, "“gone”", "see what it asks for"),
            (r#"{"code":401}"#, "“401”", "log in there"),
            (r#"{"error":{"status_code":403}}"#, "“403”", "log in there"),
            (r#"{"success":false}"#, "“success: false”", "see what it asks for"),
            ("<html><body></body></html>", "a web page instead of the file;", "the address"),
        ] {
            let what = what(body.as_bytes());
            assert!(
                what.contains(said)
                    && what.contains(todo)
                    && what.ends_with("fetch it again") | what.ends_with("fetch the file again"),
                "{body}: {what}"
            );
        }
        let long = what(format!("{{\"error\": \"{}\\u001b[2J\"}}", "x".repeat(5000)).as_bytes());
        assert!(long.len() < 500 && long.contains("\\u{1b}[2J"), "{long}");
    }

    #[test]
    fn pages_are_known_in_older_encodings() {
        let page = "<!DOCTYPE html><html><title>Acc\u{e8}s refus\u{e9} (403)</title>";
        let latin: Vec<u8> = page.chars().map(|c| u32::from(c) as u8).collect();
        let little: Vec<u8> =
            [0xfeff].into_iter().chain(page.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xfeff].into_iter().chain(page.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for bytes in [latin, little, big] {
            let what = what(&bytes);
            assert!(
                what.contains("a web page") && what.contains("“Acc\u{e8}s refus\u{e9} (403)”; log in"),
                "{what}"
            );
        }
    }

    #[test]
    fn small_files_with_a_fault_are_called_what_they_are_meant_to_be() {
        let error = || serde_json::from_str::<Value>("{").unwrap_err();
        let long = "no JSON\n".repeat(200);
        for meant in
            ["{\"cut\": ", "\u{feff} {\"cut\": ", "// mine\n{}", "/* mine */ {}", "# mine", "[1,", &long]
        {
            let said = instead_of(meant.as_bytes(), "is not valid JSON", &error());
            assert!(said.starts_with("is not valid JSON: "), "{meant}: {said}");
        }
        for (other, expected) in [
            ("Not Found", "a site's answer"),
            ("<html>404</html>", "a web page"),
            ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            ("/annex/objects/SHA256E-s9--0a.json\n", "git annex get"),
        ] {
            let said = instead_of(other.as_bytes(), "is not valid JSON", &error());
            assert!(said.contains(expected), "{other}: {said}");
        }
    }

    #[test]
    fn json_that_is_no_error_is_told_apart() {
        for (json, expected) in [
            (r#"{"weight_map": {"a": "b"}}"#, "index of a model in shards"),
            (r#"{"_class_name": "UNet2DConditionModel"}"#, "is a configuration"),
            (r#"{"3": {"class_type": "KSampler", "inputs": {}}}"#, "is a workflow"),
            (r#"{"answer": 42}"#, "is JSON, not weights"),
            ("{\"cut\": \"in the middle", "is JSON, not weights"),
        ] {
            assert!(what(json.as_bytes()).contains(expected), "{json}");
        }
    }

    #[test]
    fn other_formats_are_named() {
        let zip = [&b"PK\x03\x04"[..], &[0; 26], b"archive/data.pkl"].concat();
        for (bytes, expected) in [
            (&zip[..], "pickle"),
            (b"PK\x03\x04readme.txt......................", "ZIP archive"),
            (b"\x80\x04\x95xxxxxxxx", "pickle"),
            (b"\x08\x07\x12\x07pytorch", "ONNX"),
            (b"\x89PNG\r\n\x1a\n", "picture"),
            (&[0; 4096], "begins with zeros"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"/annex/objects/SHA256E-s6938078334--31e3.safetensors\n", "git annex get"),
            (
                &[b"import torch\n".repeat(200)].concat(),
                "is text, not weights; it begins with “import torch”",
            ),
        ] {
            assert!(what(bytes).contains(expected), "{expected}: {}", what(bytes));
        }
        assert_eq!(recognise(b"\xfe\xed\xfa\xce\x01\x02\x03\x04"), None);
        assert_eq!(recognise(b"abc"), None);
    }
}
