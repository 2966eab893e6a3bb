//! Files that lie where weights or configurations are expected and are something else: what they are,
//! and what to do.

use serde_json::Value;

use crate::quote;

/// What is read of a file to see whether it is text, and what that text says.
const LOOKED_AT: usize = 64 << 10;

/// First bytes of other formats.
const FORMATS: &[(&[u8], &str)] = &[
    (b"GGUF", "is a GGUF file; Fulmen reads safetensors, fetch the model in that format"),
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
const PICTURE: &str = "is a picture or video, not weights; fetch the model itself";

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
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{1b}');
    (text.len() >= 8 && !text.contains(is_control)).then(|| text.to_owned())
}

fn of_text(text: &str, whole: &[u8]) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("version https://git-lfs") {
        return "is a Git LFS pointer, not the file itself; run `git lfs pull` in its folder".into();
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
        // Sites answer in a line or two.
        0..=1024 => answer("a site's answer", Some(text.to_owned())),
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
    let is_json = bytes.trim_ascii_start().starts_with(b"{");
    recognise(bytes).filter(|_| !is_json).unwrap_or_else(|| format!("{what}: {error}"))
}

/// What a file of lines is, where it begins as none of its own would.
pub(crate) fn instead_of_lines(bytes: &[u8]) -> Option<String> {
    let start = bytes.trim_ascii_start();
    let start = start[..start.len().min(32)].to_ascii_lowercase();
    let others = [&b"version https://git-lfs"[..], b"<!doctype", b"<html", b"<?xml", b"{"];
    let is_other = others.iter().any(|begin| start.starts_with(begin));
    recognise(bytes).filter(|_| is_other)
}

/// What a site's error says, if this JSON is one: a configuration that was fetched without permission is
/// valid JSON, too.
pub(crate) fn site_answer(value: &Value) -> Option<String> {
    let object = value.as_object()?;
    let is_config = object.len() > 8 || object.keys().any(|key| key.starts_with('_'));
    (!is_config).then(|| said(value, 4)).flatten().map(|said| answer("a site's answer", Some(said)))
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
            let member = |key: &str| object.get(key).and_then(|value| said(value, depth - 1));
            let what = ["error", "errors", "title", "code", "reason"].iter().find_map(|key| member(key));
            let more = ["message", "detail", "details", "error_description", "description", "msg"]
                .iter()
                .find_map(|key| member(key));
            match (what, more) {
                (Some(what), Some(more)) if what != more => Some(format!("{what}: {more}")),
                (what, more) => more.or(what),
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
    let locked = ["unauthori", "forbidden", "denied", "restricted", "gated", "authenticat"];
    let todo = if speaks_of(&locked)
        || speaks_of(&["log in", "logged in", "login", "sign in", "401", "403"])
        || speaks_of(&["username", "password", "token", "credential", "permission", "api key"])
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
