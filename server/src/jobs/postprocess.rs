//! What is done to a picture after the model: contrast, and the requested size.

use fulmen_engine::edit;
use fulmen_engine::picture::Picture;

/// The grey that no contrast changes.
const MIDDLE: f32 = 127.5;

/// The picture in exactly this size (Lanczos, 3 lobes).
pub(super) fn resampled(picture: Picture, width: usize, height: usize) -> Picture {
    if (picture.width, picture.height) == (width, height) {
        return picture;
    }
    edit::resampled(&picture, width, height)
}

/// Every colour moved away from the middle grey by `factor`, or towards it.
pub(super) fn with_contrast(mut picture: Picture, factor: f32) -> Picture {
    for value in &mut picture.rgb {
        *value = ((f32::from(*value) - MIDDLE) * factor + MIDDLE).round().clamp(0.0, 255.0) as u8;
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, value: u8) -> Picture {
        Picture::new(width, height, vec![value; width * height * 3])
    }

    #[test]
    fn a_plain_picture_stays_plain_in_another_size() {
        assert_eq!(resampled(grey(16, 8, 77), 40, 33), grey(40, 33, 77));
    }

    #[test]
    fn contrast_moves_dark_and_light_apart_and_one_changes_nothing() {
        assert_eq!(with_contrast(grey(1, 1, 100), 1.0), grey(1, 1, 100));
        assert_eq!(with_contrast(grey(1, 1, 100), 1.2), grey(1, 1, 95));
        assert_eq!(with_contrast(grey(1, 1, 200), 0.5), grey(1, 1, 164));
        assert_eq!(with_contrast(grey(1, 1, 250), 4.0), grey(1, 1, 255));
    }
}
