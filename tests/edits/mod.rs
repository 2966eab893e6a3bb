//! What is done to pictures as pixels, against Pillow, diffusers and OpenCV.

mod margins;
mod mattes;
mod properties;

use fulmen_engine::edit::{Fit, Mask, Preprocessor, Region, pasted, resampled};
use fulmen_engine::picture::Picture;
use safetensors::SafeTensors;

use super::golden::beside;

fn with_tensors(work: impl FnOnce(&SafeTensors<'_>)) {
    let bytes = std::fs::read(beside("fixtures/edits.safetensors")).expect("a fixture");
    work(&SafeTensors::deserialize(&bytes).expect("tensors"));
}

fn picture(tensors: &SafeTensors<'_>, name: &str) -> Picture {
    let tensor = tensors.tensor(name).expect(name);
    let (values, shape) = (tensor.data(), tensor.shape());
    let rgb = values.chunks_exact(shape[2]).flat_map(|pixel| pixel[..3].to_vec()).collect();
    let alpha = (shape[2] == 4).then(|| values.chunks_exact(4).map(|pixel| pixel[3]).collect());
    Picture { width: shape[1], height: shape[0], rgb, alpha }
}

fn mask(tensors: &SafeTensors<'_>, name: &str) -> Mask {
    let tensor = tensors.tensor(name).expect(name);
    Mask { width: tensor.shape()[1], height: tensor.shape()[0], values: tensor.data().to_vec() }
}

/// What follows `prefix.` in the names of tensors, for instance `64x40`, as numbers.
fn numbered(tensors: &SafeTensors<'_>, prefix: &str) -> Vec<(String, usize, usize)> {
    let size = |name: &str| {
        let (width, height) = name.strip_prefix(prefix)?.strip_prefix('.')?.split_once('x')?;
        Some((name.to_owned(), width.parse().ok()?, height.parse().ok()?))
    };
    let sizes: Vec<_> = tensors.names().into_iter().filter_map(size).collect();
    assert!(sizes.len() > 4, "{prefix}: {sizes:?}");
    sizes
}

#[test]
fn pictures_in_other_sizes_are_pillows_to_the_bit() {
    with_tensors(|tensors| {
        for of in ["picture", "clear"] {
            for (name, width, height) in numbered(tensors, of) {
                let (ours, theirs) =
                    (resampled(&picture(tensors, of), width, height), picture(tensors, &name));
                let differ = ours.rgb.iter().zip(&theirs.rgb).filter(|(a, b)| a != b).count();
                assert!(differ == 0 && ours.alpha == theirs.alpha, "{name}: {differ} of {}", ours.rgb.len());
            }
        }
    });
}

#[test]
fn pictures_that_are_cut_or_padded_are_diffusers_to_the_bit() {
    with_tensors(|tensors| {
        let whole = picture(tensors, "picture");
        for (fit, prefix) in [(Fit::Crop, "crop"), (Fit::Pad, "pad"), (Fit::Stretch, "picture")] {
            for (name, width, height) in numbered(tensors, prefix) {
                assert!(fit.picture(&whole, width, height) == picture(tensors, &name), "{fit:?}: {name}");
            }
        }
    });
}

#[test]
fn a_blurred_mask_is_pillows_to_the_bit() {
    with_tensors(|tensors| {
        let whole = mask(tensors, "mask");
        for deviation in [0.4_f32, 1.0, 2.0, 4.0, 7.5, 33.0] {
            let name = format!("mask.blur.{deviation}");
            assert_eq!(whole.blurred(deviation), mask(tensors, &name), "{name}");
        }
        assert_eq!(whole.blurred(0.0), whole);
    });
}

#[test]
fn a_region_around_a_mask_is_diffusers() {
    with_tensors(|tensors| {
        let tensor = tensors.tensor("regions").expect("regions");
        let numbers: Vec<i32> =
            tensor.data().chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(numbers.len(), 112 * 11);
        for case in numbers.chunks_exact(11) {
            let numbers: Vec<usize> = case.iter().map(|&number| number as usize).collect();
            let &[left, top, right, bottom, padding, width, height, x0, y0, x1, y1] = &numbers[..] else {
                panic!("{numbers:?}")
            };
            let mut mask = Mask::plain(96, 64, 0);
            (top..bottom).for_each(|y| mask.values[y * 96 + left..y * 96 + right].fill(1));
            let region = Region::around(&mask, padding, (width, height));
            let expected = Region { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
            assert_eq!(region, Some(expected), "{case:?}");
        }
        assert_eq!(Region::around(&Mask::plain(96, 64, 0), 4, (64, 64)), None);
    });
}

/// Pillow multiplies colours by their alpha, blends and divides; here it is one step.
#[test]
fn what_was_drawn_is_laid_over_the_picture_as_diffusers_does_it() {
    with_tensors(|tensors| {
        let whole = picture(tensors, "picture");
        let negative = Picture::new(whole.width, whole.height, whole.rgb.iter().map(|v| 255 - v).collect());
        let blurred = mask(tensors, "mask.blur.2");
        let laid = pasted(&whole, &negative, &blurred);
        let theirs = picture(tensors, "overlay");
        let most = laid.rgb.iter().zip(&theirs.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most <= Some(2), "{most:?}");
    });
}

/// Pixels that differ, of all.
#[test]
fn canny_edges_are_opencvs() {
    with_tensors(|tensors| {
        for number in 0..6 {
            let map = Preprocessor::Canny.map(&picture(tensors, &format!("canny.{number}")));
            let edges = mask(tensors, &format!("canny.{number}.edges"));
            let marked = edges.values.iter().filter(|&&value| value > 0).count();
            assert!(marked * 50 > edges.values.len(), "{number}: only {marked} pixels of edges");
            let differ = map.rgb.chunks_exact(3).zip(&edges.values).filter(|(a, b)| a[0] != **b).count();
            assert_eq!(differ, 0, "{number}: of {} pixels", edges.values.len());
        }
    });
}
