//! A model on the command line of a server: what clients call it, and its path.

use std::path::{Path, PathBuf};

/// Longest id.
const LONGEST: usize = 100;

/// One of a server's models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelArg {
    /// `None`: its file's or folder's name.
    pub(crate) id: Option<String>,
    pub(crate) path: PathBuf,
}

/// `PATH` or `ID=PATH`. A name may have `=` in it: what is there under the whole of it is meant, and an id has
/// letters, digits, `.`, `_` and `-` alone.
pub(super) fn model(text: &str) -> Result<ModelArg, String> {
    let plain = ModelArg { id: None, path: text.into() };
    let Some((id, path)) = text.split_once('=').filter(|_| !Path::new(text).exists()) else {
        return Ok(plain);
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if id.is_empty() || id.len() > LONGEST || !id.chars().all(is_letter) {
        return Ok(plain);
    }
    if path.is_empty() {
        return Err(format!("the model {id} needs a path: {id}=PATH"));
    }
    Ok(ModelArg { id: Some(id.to_owned()), path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_before_the_first_equals_sign_unless_the_whole_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("a=b");
        std::fs::write(&there, "").unwrap();
        let there = there.to_str().unwrap();
        for (text, id, path) in [
            ("x.safetensors", None, "x.safetensors"),
            ("fast=x.safetensors", Some("fast"), "x.safetensors"),
            ("fast=x=y", Some("fast"), "x=y"),
            ("folder/x=y", None, "folder/x=y"),
            (there, None, there),
        ] {
            let expected = ModelArg { id: id.map(Into::into), path: path.into() };
            assert_eq!(model(text), Ok(expected), "{text}");
        }
        assert!(model("fast=").unwrap_err().contains("needs a path"));
    }
}
