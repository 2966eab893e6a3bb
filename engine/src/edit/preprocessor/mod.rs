//! Maps that control nets see, made of a picture by plain algorithms.

mod canny;
mod lineart;

use super::fit::Fit;
use crate::picture::Picture;

/// How much smaller a picture becomes on the way to its tile map.
const TILE: usize = 8;

/// What is made of a picture before a control net sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preprocessor {
    /// White edges on black: Canny's algorithm (1986) as OpenCV's `Canny(picture, 100, 200)` computes it on the three
    /// colours, without any blur before.
    Canny,
    /// White lines on black: how much darker a pixel is than its surroundings, in the colour in which it is least so. It
    /// draws dark lines as they are, and the dark side of edges. No network is asked, so it knows nothing of what a
    /// line is.
    Lineart,
    /// The picture an eighth as large, and back: light and colours without details, as nets that add details want it.
    Tile,
    /// The negative, for line drawings in black on white.
    Invert,
}

impl Preprocessor {
    /// Their names.
    pub const WORDS: [(&'static str, Self); 4] =
        [("canny", Self::Canny), ("lineart", Self::Lineart), ("tile", Self::Tile), ("invert", Self::Invert)];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, this)| *this == self).map_or("", |(word, _)| word)
    }

    /// The map of a picture, as large as that. What is transparent is seen on white.
    #[must_use]
    pub fn map(self, picture: &Picture) -> Picture {
        let picture = &*picture.on_white();
        let grey = |values: Vec<u8>| {
            let rgb = values.into_iter().flat_map(|value| [value; 3]).collect();
            Picture::new(picture.width, picture.height, rgb)
        };
        match self {
            Self::Canny => grey(canny::edges(picture, canny::WEAK, canny::STRONG)),
            Self::Lineart => grey(lineart::lines(picture)),
            Self::Tile => tile(picture),
            Self::Invert => {
                let rgb = picture.rgb.iter().map(|value| 255 - value).collect();
                Picture::new(picture.width, picture.height, rgb)
            }
        }
    }
}

fn tile(picture: &Picture) -> Picture {
    let [width, height] = [picture.width, picture.height].map(|side| side.div_ceil(TILE));
    let small = Fit::Stretch.picture(picture, width, height);
    Fit::Stretch.picture(&small, picture.width, picture.height)
}
