//! Paths as clients write them: whose shape their errors have, other spellings of them, and whose they are where
//! nothing is here.

use crate::problem::{Family, Problem};

/// Most characters of a path that a sentence repeats.
const SHOWN: usize = 100;

/// What stands in front of the routes of the three families, in any number: `/v1`, `/api/v1`, `/api/rest/v1`.
const PREFIXES: &[&str] = &["api", "rest", "v1"];

/// What draws here, for those who came with another API in mind.
const INSTEAD: &str = "POST /v1/images/generations draws a picture from a prompt, as OpenAI's clients request it, \
     and GET /openapi.json lists everything else";

/// APIs that others speak, and what their paths begin with, behind any prefix.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("the API of Stable Diffusion web UI (AUTOMATIC1111, Forge)", &["sdapi"]),
    ("stable-diffusion.cpp's own API", &["sdcpp"]),
    (
        "an API for text (there is no language model here)",
        &[
            "chat/completions",
            "completions",
            "responses",
            "embeddings",
            "moderations",
            "assistants",
            "threads",
            "messages",
        ],
    ),
    ("an API for sound", &["audio", "realtime"]),
    ("an API for videos", &["videos"]),
    (
        "ComfyUI's API",
        &[
            "prompt",
            "history",
            "object_info",
            "queue",
            "system_stats",
            "view",
            "ws",
            "interrupt",
            "upload/image",
            "upload/mask",
            "extensions",
        ],
    ),
    ("Ollama's API", &["generate", "chat", "tags", "show", "version", "ps"]),
    ("Gradio's API", &["gradio_api", "run/predict"]),
    ("Replicate's API", &["predictions"]),
    ("Stability AI's API", &["generation", "v2beta"]),
];

/// A path with single slashes and none at its end.
pub(crate) fn plain(path: &str) -> String {
    let words = words(path);
    format!("/{}", words.join("/"))
}

/// Where else a route may be that is not at this path: with one of the prefixes, or none, instead of those that are
/// there. A client's base URL often lacks the version, or has it twice.
pub(crate) fn other_spellings(path: &str) -> [String; 3] {
    let mut tail = tail(path);
    // Some clients leave the slashes in a model's name as they are.
    if let Some(name) = tail.strip_prefix("models/") {
        tail = format!("models/{}", name.replace('/', "%2F"));
    }
    ["/v1/", "/api/rest/v1/", "/"].map(|prefix| format!("{prefix}{tail}"))
}

/// That nothing is at this path, and what it may be that is looked for. `sent` is the path as the client knows it,
/// `meant` one that ends alike.
pub(crate) fn nothing_at(path: &str, sent: &str, meant: Option<&str>) -> Problem {
    let shown = shown(sent);
    let tail = tail(path);
    let begins =
        |begin: &str| tail.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let whose =
        ELSEWHERE.iter().find(|(_, all)| all.iter().any(|begin| begins(begin))).map(|(whose, _)| whose);
    let message = match (meant, whose) {
        (Some(meant), _) => format!("there is nothing at `{shown}`; it may be `{meant}` that is meant"),
        (None, _) if words(path).contains(&"rest") => format!(
            "`{shown}` looks like Leonardo's API, but is not here: POST /generations draws, and GET /openapi.json lists \
             everything else"
        ),
        (None, Some(whose)) => {
            format!("`{shown}` belongs to {whose}, which Fulmen does not speak; {INSTEAD}")
        }
        (None, None) => format!("there is nothing at `{shown}`; {INSTEAD}"),
    };
    Problem::not_found(message)
}

/// A path, short enough for a sentence. The gate lets visible ASCII through only.
pub(crate) fn shown(path: &str) -> String {
    match path.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

impl Family {
    /// Whose shape the errors of a path have, whether anything is there or not. A query may follow.
    pub(crate) fn of_path(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let tail = tail(path);
        let mut tail = tail.split('/');
        match (tail.next(), tail.next()) {
            _ if words(path).contains(&"rest") => Self::Leonardo,
            (
                Some(
                    "generations" | "me" | "platformModels" | "elements" | "pricing-calculator"
                    | "variations" | "uploads" | "init-image" | "canvas-init-image",
                ),
                _,
            ) => Self::Leonardo,
            // Alone it is ComfyUI's.
            (Some("prompt"), Some("improve" | "random")) => Self::Leonardo,
            (Some("images"), Some("generations" | "edits" | "variations")) => Self::OpenAi,
            (Some("images"), _) => Self::Images,
            _ => Self::OpenAi,
        }
    }
}

fn words(path: &str) -> Vec<&str> {
    path.split('/').filter(|word| !word.is_empty()).collect()
}

/// What follows the prefixes.
fn tail(path: &str) -> String {
    let words = words(path);
    let prefixes = words.iter().take_while(|word| PREFIXES.contains(word)).count();
    words[prefixes..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_single_and_none_is_last() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/v1/models", "/v1/models"),
            ("/v1/models/", "/v1/models"),
            ("//v1///images//generations//", "/v1/images/generations"),
            ("/v1/models/a%2Fb/", "/v1/models/a%2Fb"),
        ] {
            assert_eq!(plain(path), expected);
        }
    }

    #[test]
    fn a_missing_or_repeated_version_is_another_spelling() {
        for path in ["/images/generations", "/v1/v1/images/generations", "/api/v1/api/v1/images/generations"]
        {
            assert_eq!(other_spellings(path)[0], "/v1/images/generations", "{path}");
        }
        assert_eq!(other_spellings("/v1/generations/7")[2], "/generations/7");
        assert_eq!(other_spellings("/v1/models/a/b%2Fc")[0], "/v1/models/a%2Fb%2Fc", "one name");
        assert_eq!(other_spellings("/v2/images/generations")[2], "/v2/images/generations", "another version");
    }

    #[test]
    fn other_apis_are_named_with_what_to_ask_instead() {
        for (path, whose) in [
            ("/sdapi/v1/txt2img", "AUTOMATIC1111"),
            ("/v1/chat/completions", "no language model"),
            ("/v1/responses/resp_1", "no language model"),
            ("/v1/v1/embeddings", "no language model"),
            ("/object_info", "ComfyUI"),
            ("/api/prompt", "ComfyUI"),
            ("/api/generate", "Ollama"),
            ("/api/rest/v1/init-image", "Leonardo"),
        ] {
            let message = nothing_at(path, path, None).message;
            assert!(message.contains(whose) && message.contains(path), "{message}");
            assert!(message.contains("POST /"), "{message}");
        }
        let other = nothing_at("/v1/histories", "/draw/v1/histories", None).message;
        assert!(other.starts_with("there is nothing at `/draw/v1/histories`"), "{other}");
        assert!(nothing_at("/long", &"/long".repeat(2000), None).message.len() < 500);
    }
}
