//! Pictures as prompts on the command line: `FILE=IMAGE[=SCALE]`.

use std::path::{Path, PathBuf};

/// An adapter, a picture, and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImagePromptArg {
    pub(crate) file: PathBuf,
    pub(crate) picture: PathBuf,
    /// `None`: as the adapter's others, or 1.
    pub(crate) scale: Option<f32>,
}

/// Names may have `=` in them: only a number after the last one is a scale, and of several places between the two names
/// that counts at which both are there.
pub(super) fn image_prompt(text: &str) -> Result<ImagePromptArg, String> {
    parse(text, Path::exists)
}

fn parse(text: &str, exists: impl Fn(&Path) -> bool) -> Result<ImagePromptArg, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok();
    let scaled = text.rsplit_once('=').and_then(|(rest, last)| Some((rest, number(last)?)));
    // Without a second `=` the number is the picture's name.
    let (names, scale) = match scaled.filter(|(rest, _)| rest.contains('=')) {
        Some((names, scale)) => (names, Some(scale)),
        None => (text, None),
    };
    if scale.is_some_and(|scale| !scale.is_finite()) {
        return Err("its scale must be a number; 1 is as it was trained".into());
    }
    let places = || names.match_indices('=').map(|(at, _)| (&names[..at], &names[at + 1..]));
    let both = |(file, picture): &(&str, &str)| {
        !file.is_empty() && exists(file.as_ref()) && exists(picture.as_ref())
    };
    let (file, picture) = places().find(both).or_else(|| places().next()).unwrap_or_default();
    if file.is_empty() || picture.is_empty() {
        return Err(
            "it needs an adapter and a picture: FILE=IMAGE, or FILE=IMAGE=0.6 for a weaker one".into()
        );
    }
    Ok(ImagePromptArg { file: file.into(), picture: picture.into(), scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_signs_in_names_are_told_from_those_between_them() {
        let there = ["ip.safetensors", "a=b.safetensors", "fox.png", "x=1.png", "7"];
        let exists = |path: &Path| there.iter().any(|name| path == Path::new(name));
        for (text, file, picture, scale) in [
            ("ip.safetensors=fox.png", "ip.safetensors", "fox.png", None),
            ("ip.safetensors=fox.png=0.6", "ip.safetensors", "fox.png", Some(0.6)),
            ("ip.safetensors=fox.png=-.5", "ip.safetensors", "fox.png", Some(-0.5)),
            ("a=b.safetensors=x=1.png=2", "a=b.safetensors", "x=1.png", Some(2.0)),
            ("a=b.safetensors=x=1.png", "a=b.safetensors", "x=1.png", None),
            ("ip.safetensors=7", "ip.safetensors", "7", None),
            // Nothing is there: the error will name what was most likely meant.
            ("no.safetensors=no.png=1", "no.safetensors", "no.png", Some(1.0)),
        ] {
            let wanted = ImagePromptArg { file: file.into(), picture: picture.into(), scale };
            assert_eq!(parse(text, exists), Ok(wanted), "{text}");
        }
        for text in ["", "ip.safetensors", "=fox.png", "ip.safetensors="] {
            assert!(parse(text, exists).unwrap_err().contains("needs an adapter and a picture"), "{text}");
        }
        assert!(parse("ip.safetensors=fox.png=inf", exists).unwrap_err().contains("must be a number"));
    }
}
