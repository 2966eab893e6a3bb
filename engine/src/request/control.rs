//! Pictures that guide what is drawn, each through a net of its own.

use std::path::PathBuf;
use std::sync::Arc;

use super::refuse;
use crate::Result;
use crate::edit::Preprocessor;
use crate::message::Setting;
use crate::picture::Picture;

/// Largest scale, either way; 1 is as the net was trained.
const MOST_SCALE: f32 = 10.0;

/// Most nets of one request.
pub(crate) const MOST_CONTROLS: usize = 8;

/// A ControlNet or T2I-Adapter with the picture that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// The net's file or folder.
    pub file: PathBuf,
    /// What guides: edges, depth, a pose, as the net was trained to read them; or what a map is made from.
    pub picture: Arc<Picture>,
    /// How the map is made, where the picture is not one.
    pub preprocessor: Option<Preprocessor>,
    /// How strongly; 1 is as it was trained, 0 has no effect.
    pub scale: f32,
    /// The share of the steps that are done without it at first, 0 to 1.
    pub start: f64,
    /// The share of the steps after which it is left out, 0 to 1.
    pub end: f64,
    /// Whether it guides on its own, without a prompt: less in the outer levels, and not where guidance draws without
    /// the prompt.
    pub guess: bool,
    /// What the picture shows, for a net that reads several kinds; `None` is what the map shows that is made of it.
    pub mode: Option<ControlMode>,
}

impl Control {
    /// A net that guides all steps as it was trained to.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, picture: Arc<Picture>) -> Self {
        let (file, preprocessor, mode) = (file.into(), None, None);
        Self { file, picture, preprocessor, scale: 1.0, start: 0.0, end: 1.0, guess: false, mode }
    }

    /// What the net reads shows, where that is known.
    pub(crate) fn shown(&self) -> Option<ControlMode> {
        self.mode.or(self.preprocessor.map(|preprocessor| match preprocessor {
            Preprocessor::Canny | Preprocessor::Lineart | Preprocessor::Invert => ControlMode::Canny,
            Preprocessor::Tile => ControlMode::Tile,
        }))
    }

    /// Whether it guides the `call`-th of so many calls of the UNet, as diffusers counts them.
    pub(crate) fn guides(&self, call: usize, calls: usize) -> bool {
        let share = |call: usize| call as f64 / calls as f64;
        self.scale != 0.0 && share(call) >= self.start && share(call + 1) <= self.end
    }

    pub(super) fn validate(&self) -> Result<()> {
        let Self { picture, scale, start, end, .. } = self;
        if !(-MOST_SCALE..=MOST_SCALE).contains(scale) {
            let what =
                format!("'s scale {scale} is not possible; use 0 to {MOST_SCALE}, 1 being as it was trained");
            return refuse(Setting::Control, what);
        }
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        for (setting, share) in [(Setting::ControlStart, start), (Setting::ControlEnd, end)] {
            if !is_share(share) {
                return refuse(
                    setting,
                    format!(" {share} is not possible; use a share of the steps, 0 to 1"),
                );
            }
        }
        if start >= end {
            return refuse(Setting::ControlStart, format!(" {start} is not before the end, {end}"));
        }
        match picture.width.checked_mul(picture.height) {
            Some(pixels) if pixels > 0 && picture.rgb.len() == 3 * pixels => Ok(()),
            _ => refuse(Setting::Control, "'s picture is not as large as it says".into()),
        }
    }
}

/// What a picture shows: the kinds that ControlNet-Union tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlMode {
    /// A pose, as lines between joints.
    Openpose,
    /// Depth: near is bright.
    Depth,
    /// Soft edges (HED, PiDiNet), scribbles.
    SoftEdge,
    /// Hard edges: Canny, drawings of lines, straight lines (MLSD).
    Canny,
    /// Normals of surfaces.
    Normal,
    /// Segments, a colour each.
    Segment,
    /// The picture itself, blurred or small.
    Tile,
    /// The picture with a part left out.
    Repaint,
}

impl ControlMode {
    /// Words for each, the one that is written first.
    pub const WORDS: &[(&str, Self)] = &[
        ("openpose", Self::Openpose),
        ("depth", Self::Depth),
        ("softedge", Self::SoftEdge),
        ("canny", Self::Canny),
        ("normal", Self::Normal),
        ("segment", Self::Segment),
        ("tile", Self::Tile),
        ("repaint", Self::Repaint),
        ("pose", Self::Openpose),
        ("hed", Self::SoftEdge),
        ("scribble", Self::SoftEdge),
        ("lineart", Self::Canny),
        ("mlsd", Self::Canny),
        ("seg", Self::Segment),
        ("inpaint", Self::Repaint),
    ];

    /// The one that a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, mode)| *mode == self).map_or("", |(word, _)| word)
    }

    /// Its place among those that a net tells apart.
    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps 3 and 4 of 4 begin after half of them; diffusers leaves out what does not end before the end.
    #[test]
    fn nets_guide_the_calls_that_lie_wholly_in_their_share() {
        let picture = Arc::new(Picture::new(1, 1, vec![0; 3]));
        let guided = |start, end, calls: usize| -> Vec<usize> {
            let control = Control { start, end, ..Control::new("x", picture.clone()) };
            (0..calls).filter(|call| control.guides(*call, calls)).collect()
        };
        assert_eq!(guided(0.0, 1.0, 3), [0, 1, 2]);
        assert_eq!(guided(0.5, 1.0, 4), [2, 3]);
        assert_eq!(guided(0.0, 0.5, 4), [0, 1]);
        assert_eq!(guided(0.0, 0.5, 3), [0]);
        assert_eq!(guided(0.3, 0.9, 4), [2]);
        assert!(guided(0.4, 0.5, 4).is_empty());
        let silent = Control { scale: 0.0, ..Control::new("x", picture) };
        assert!(!silent.guides(0, 1));
    }

    #[test]
    fn every_mode_has_a_word_that_names_it() {
        for place in 0..8 {
            let found: Vec<_> = ControlMode::WORDS.iter().filter(|(_, mode)| mode.place() == place).collect();
            let (word, mode) = found[0];
            assert_eq!((mode.word(), ControlMode::of_word(word)), (*word, Some(*mode)));
        }
    }
}
