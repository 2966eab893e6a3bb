//! A picture that guides, on the command line: the net that reads it, what is made of it first, and how strongly it guides.

use std::path::{Path, PathBuf};

use fulmen_engine::edit::Preprocessor;
use fulmen_engine::request::ControlMode;

/// `--control MODEL=[KIND@][PREPROCESSOR:]IMAGE[=SCALE]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ControlArg {
    pub(crate) file: PathBuf,
    pub(crate) mode: Option<ControlMode>,
    pub(crate) preprocessor: Option<Preprocessor>,
    pub(crate) picture: PathBuf,
    pub(crate) scale: f32,
}

/// When pictures guide, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct ControlArgs {
    /// A ControlNet or T2I-Adapter, the picture that it reads, and how strongly that guides [default: 1]; any number of
    /// them. `canny:`, `lineart:`, `tile:` or `invert:` before the picture makes the map from it that such a net reads
    #[arg(long = "control", value_name = "NET=IMAGE[=SCALE]", value_parser = control, help_heading = "Guidance by pictures")]
    pub(crate) controls: Vec<ControlArg>,

    /// The share of the steps that are done without it at first, 0 to 1; once for all, or once for each [default: 0]
    #[arg(long = "control-start", value_name = "SHARE", help_heading = "Guidance by pictures")]
    pub(crate) starts: Vec<f64>,

    /// The share of the steps after which it is left out, 0 to 1; once for all, or once for each [default: 1]
    #[arg(long = "control-end", value_name = "SHARE", help_heading = "Guidance by pictures")]
    pub(crate) ends: Vec<f64>,

    /// Let pictures guide on their own, with an empty prompt: less in the details, and not where guidance draws without
    /// the prompt
    #[arg(long = "control-guess", help_heading = "Guidance by pictures")]
    pub(crate) guess: bool,
}

/// Names may have `=` in them: only a number after the last one is a scale, and of several others the first is meant that
/// something is in front of which is there.
fn control(text: &str) -> Result<ControlArg, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok();
    let scaled = text.rsplit_once('=').and_then(|(rest, last)| Some((rest, number(last)?)));
    let (rest, scale) = scaled.filter(|(rest, _)| rest.contains('=')).unwrap_or((text, 1.0));
    if !scale.is_finite() {
        return Err("its scale must be a number; 1 is as the net was trained".into());
    }
    let splits: Vec<(&str, &str)> =
        rest.match_indices('=').map(|(at, _)| (&rest[..at], &rest[at + 1..])).collect();
    let there = splits.iter().find(|(file, _)| Path::new(file).exists());
    let (file, picture) = *there.or(splits.first()).ok_or(NEEDS)?;
    let (mode, picture) =
        match picture.split_once('@').and_then(|(word, rest)| Some((ControlMode::of_word(word)?, rest))) {
            Some((mode, rest)) => (Some(mode), rest),
            None => (None, picture),
        };
    let known =
        |word: &str| Preprocessor::WORDS.iter().find(|(known, _)| *known == word).map(|(_, made)| *made);
    let (preprocessor, picture) =
        match picture.split_once(':').and_then(|(word, rest)| Some((known(word)?, rest))) {
            Some((preprocessor, rest)) => (Some(preprocessor), rest),
            None => (None, picture),
        };
    if file.is_empty() || picture.is_empty() {
        return Err(NEEDS.into());
    }
    Ok(ControlArg { file: file.into(), mode, preprocessor, picture: picture.into(), scale })
}

const NEEDS: &str = "it needs a net and a picture: NET=IMAGE, or NET=canny:IMAGE=0.7";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, f32) {
        let ControlArg { file, picture, scale, .. } = control(text).unwrap();
        (file.display().to_string(), picture.display().to_string(), scale)
    }

    #[test]
    fn nets_pictures_and_scales_are_told_apart() {
        for (text, file, picture, scale) in [
            ("net=a.png", "net", "a.png", 1.0),
            ("net=a.png=0.7", "net", "a.png", 0.7),
            ("net=a=b.png=-.5", "net", "a=b.png", -0.5),
            ("net=2", "net", "2", 1.0),
            (r"C:\nets\canny=D:\a.png=0.7", r"C:\nets\canny", r"D:\a.png", 0.7),
            (r"C:\net=canny:D:\a.png", r"C:\net", r"D:\a.png", 1.0),
            ("net=x:a.png", "net", "x:a.png", 1.0),
            ("net=mail@a.png", "net", "mail@a.png", 1.0),
            ("net=pose@./canny:a.png", "net", "./canny:a.png", 1.0),
        ] {
            assert_eq!(read(text), (file.to_owned(), picture.to_owned(), scale), "{text}");
        }
        for text in ["", "net", "=a.png", "net=", "net=canny:", "net=pose@"] {
            assert_eq!(control(text), Err(NEEDS.to_owned()), "{text}");
        }
        assert!(control("net=a=inf").unwrap_err().contains("must be a number"));
    }

    #[test]
    fn of_several_equals_signs_the_one_after_a_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let net = folder.path().join("a=b");
        std::fs::write(&net, "").unwrap();
        let text = format!("{}=c=d.png=0.5", net.display());
        assert_eq!(read(&text), (net.display().to_string(), "c=d.png".to_owned(), 0.5));
    }

    #[test]
    fn kinds_and_maps_stand_before_the_picture() {
        let of = |text| control(text).map(|arg| (arg.mode, arg.preprocessor)).unwrap();
        assert_eq!(of("net=a.png"), (None, None));
        assert_eq!(of("net=canny:a.png"), (None, Some(Preprocessor::Canny)));
        assert_eq!(of("net=openpose@a.png"), (Some(ControlMode::Openpose), None));
        assert_eq!(
            of("net=scribble@invert:a.png"),
            (Some(ControlMode::SoftEdge), Some(Preprocessor::Invert))
        );
    }
}
