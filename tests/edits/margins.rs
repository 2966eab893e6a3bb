//! Margins to be drawn: no edge shows where the picture ended, and the picture stays.

use fulmen_engine::edit::{Extended, extended, pasted};
use fulmen_engine::picture::Picture;

use super::{picture, with_tensors};

/// The mean step between two neighbours, from column `x` to `x + 1`.
fn step_across(picture: &Picture, x: usize, rows: std::ops::Range<usize>) -> f64 {
    let at = |x: usize, y: usize| &picture.rgb[(y * picture.width + x) * 3..][..3];
    let steps =
        rows.clone().flat_map(|y| at(x, y).iter().zip(at(x + 1, y)).map(|(a, b)| f64::from(a.abs_diff(*b))));
    steps.sum::<f64>() / (rows.len() * 3) as f64
}

/// The same from row `y` to `y + 1`.
fn step_down(picture: &Picture, y: usize, columns: std::ops::Range<usize>) -> f64 {
    let turned = |picture: &Picture| {
        let pixels = (0..picture.width).flat_map(|x| (0..picture.height).map(move |y| (x, y)));
        let rgb =
            pixels.flat_map(|(x, y)| picture.rgb[(y * picture.width + x) * 3..][..3].to_vec()).collect();
        Picture::new(picture.height, picture.width, rgb)
    };
    step_across(&turned(picture), y, columns)
}

const MARGINS: [usize; 4] = [30, 20, 41, 60];

#[test]
fn no_edge_shows_where_the_picture_ended() {
    with_tensors(|tensors| {
        for number in 0..6 {
            let picture = picture(tensors, &format!("canny.{number}"));
            let (width, height) = (picture.width, picture.height);
            let Extended { picture: whole, .. } = extended(&picture, MARGINS);
            assert_eq!((whole.width, whole.height), (width + 71, height + 80));
            let [left, top, ..] = MARGINS;
            let (right, bottom) = (left + width, top + height);
            let (rows, columns) = (top..bottom, left..right);
            for (edge, within) in [(left - 1, left), (right - 1, right - 2)] {
                let steps = [edge, within].map(|x| step_across(&whole, x, rows.clone()));
                assert!(steps[0] <= steps[1], "{number}: {steps:?} at column {edge}");
            }
            for (edge, within) in [(top - 1, top), (bottom - 1, bottom - 2)] {
                let steps = [edge, within].map(|y| step_down(&whole, y, columns.clone()));
                assert!(steps[0] <= steps[1], "{number}: {steps:?} at row {edge}");
            }
        }
    });
}

/// Far from the picture its margins have its light and hardly any details.
#[test]
fn margins_become_softer_the_farther_they_go() {
    with_tensors(|tensors| {
        let picture = picture(tensors, "canny.4");
        let whole = extended(&picture, [0, 0, 120, 0]).picture;
        let rows = 0..picture.height;
        let near = step_across(&whole, picture.width - 3, rows.clone());
        let steps = [0, 10, 40, 100].map(|far| step_across(&whole, picture.width + far, rows.clone()));
        assert!(near > 50.0 && steps[0] < 0.7 * near && steps[1] < 3.0, "{near}, {steps:?}");
        assert!(steps[2..].iter().all(|step| *step < 0.5), "{steps:?}");
        let mean = |rgb: &[u8]| rgb.iter().map(|v| f64::from(*v)).sum::<f64>() / rgb.len() as f64;
        let last: Vec<u8> =
            whole.rgb.chunks_exact(whole.width * 3).flat_map(|row| row[row.len() - 30..].to_vec()).collect();
        assert!((mean(&last) - mean(&picture.rgb)).abs() < 8.0, "{} and {}", mean(&last), mean(&picture.rgb));
    });
}

#[test]
fn the_picture_itself_stays_and_only_its_edge_is_blended() {
    with_tensors(|tensors| {
        let picture = picture(tensors, "canny.3");
        let Extended { picture: whole, mask } = extended(&picture, [30, 0, 8, 0]);
        assert_eq!(mask.values.len() * 3, whole.rgb.len());
        let drawn = Picture::new(whole.width, whole.height, whole.rgb.iter().map(|v| 255 - v).collect());
        let laid = pasted(&whole, &drawn, &mask);
        for y in 0..picture.height {
            let at = |x: usize| y * whole.width + x;
            let own = &picture.rgb[y * picture.width * 3..][..picture.width * 3];
            assert_eq!(whole.rgb[at(30) * 3..][..own.len()], *own, "row {y}");
            // Sixteen pixels at each side that goes on, none at those that do not.
            assert_eq!(laid.rgb[at(46) * 3..at(30 + 96 - 16) * 3], own[16 * 3..80 * 3], "row {y}");
            assert!(mask.values[at(0)..at(30)].iter().all(|&value| value == 255));
            assert!(
                mask.values[at(30)..at(47)].is_sorted_by(|a, b| a > b),
                "{:?}",
                &mask.values[at(30)..at(47)]
            );
            assert!(mask.values[at(110)..at(127)].is_sorted(), "{:?}", &mask.values[at(110)..at(127)]);
        }
    });
}

#[test]
fn margins_of_any_size_around_the_smallest_pictures_are_filled() {
    for (width, height) in [(1, 1), (1, 7), (3, 2)] {
        let picture = Picture::new(width, height, (0..width * height * 3).map(|i| (i * 40) as u8).collect());
        for margins in [[0; 4], [1, 0, 0, 0], [0, 0, 0, 300], [50, 60, 70, 80]] {
            let whole = extended(&picture, margins);
            let [left, top, right, bottom] = margins;
            assert_eq!(
                (whole.picture.width, whole.picture.height),
                (left + width + right, top + height + bottom)
            );
            assert_eq!(whole.picture.rgb.len(), whole.mask.values.len() * 3);
        }
    }
}
