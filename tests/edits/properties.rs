//! What holds for pictures and masks of any size.

use fulmen_engine::edit::{Fit, Mask, Preprocessor, Region, matte, pasted, pasted_into, resampled};
use fulmen_engine::picture::Picture;
use proptest::prelude::*;

fn side() -> impl Strategy<Value = usize> {
    prop_oneof![1..4_usize, 1..40_usize]
}

fn pictures() -> impl Strategy<Value = Picture> {
    (side(), side(), any::<u64>(), any::<bool>()).prop_map(|(width, height, seed, clear)| {
        let noise = |i: usize| (seed.wrapping_mul(2 * i as u64 + 1) >> 29) as u8;
        let alpha = clear.then(|| (0..width * height).map(|i| noise(i + 7)).collect());
        Picture { width, height, rgb: (0..width * height * 3).map(noise).collect(), alpha }
    })
}

fn masked() -> impl Strategy<Value = (Picture, Mask)> {
    (pictures(), any::<u64>()).prop_map(|(picture, seed)| {
        let value = |i: usize| match seed.wrapping_mul(2 * i as u64 + 1) >> 61 {
            0..=4 => 0,
            5 => 255,
            _ => (seed >> (i % 50)) as u8,
        };
        let values = (0..picture.width * picture.height).map(value).collect();
        let mask = Mask { width: picture.width, height: picture.height, values };
        (picture, mask)
    })
}

fn is_whole(picture: &Picture, width: usize, height: usize) -> bool {
    let Picture { rgb, alpha, .. } = picture;
    (picture.width, picture.height) == (width, height)
        && rgb.len() == width * height * 3
        && alpha.as_ref().is_none_or(|alpha| alpha.len() == width * height)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_picture_fits_into_every_size(picture in pictures(), width in side(), height in side()) {
        for (_, fit) in Fit::WORDS {
            prop_assert!(is_whole(&fit.picture(&picture, width, height), width, height));
            let mask = Mask::of_luminance(&picture);
            let fitted = fit.mask(&mask, (picture.width, picture.height), (width, height));
            prop_assert_eq!(fitted.values.len(), width * height);
        }
    }

    /// A mask lies over the fitted picture as it lay over the picture.
    #[test]
    fn a_mask_is_fitted_like_its_picture(picture in pictures(), width in side(), height in side()) {
        let grey = Mask::of_luminance(&picture.on_white());
        let rgb = grey.values.iter().flat_map(|value| [*value; 3]).collect();
        let shown = Picture::new(grey.width, grey.height, rgb);
        for (_, fit) in Fit::WORDS {
            let fitted = fit.mask(&grey, (grey.width, grey.height), (width, height));
            prop_assert_eq!(fitted, Mask::of_luminance(&fit.picture(&shown, width, height)));
        }
    }

    #[test]
    fn a_picture_that_is_nearly_of_its_size_is_only_cut_or_extended(
        picture in pictures(), by in (0..8_usize, 0..8_usize),
    ) {
        let (width, height) = (picture.width + by.0, picture.height + by.1);
        let padded = Fit::Pad.picture(&picture, width, height);
        prop_assert_eq!(&Fit::Crop.picture(&padded, picture.width, picture.height), &picture);
        let (left, top) = (width / 2 - picture.width / 2, height / 2 - picture.height / 2);
        let region = Region { left, top, width: picture.width, height: picture.height };
        prop_assert_eq!(&region.of(&padded), &picture);
    }

    #[test]
    fn own_sizes_are_multiples_of_eight_and_near((width, height) in (1..5000_usize, 1..5000_usize)) {
        for (_, fit) in Fit::WORDS {
            let sides = fit.own_size(width, height);
            for (side, own) in [(width, sides.0), (height, sides.1)] {
                prop_assert!(own % 8 == 0 && own >= 8 && own.abs_diff(side) < 8, "{side} becomes {own}");
            }
        }
        prop_assert_eq!(Fit::Crop.own_size(1001, 667), (1000, 664));
        prop_assert_eq!(Fit::Pad.own_size(1001, 667), (1008, 672));
    }

    #[test]
    fn outside_a_mask_every_pixel_stays_and_within_it_is_drawn((picture, mask) in masked(), drawn in any::<u8>()) {
        let other = Picture::new(picture.width, picture.height, vec![drawn; picture.rgb.len()]);
        let laid = pasted(&picture, &other, &mask);
        for (at, share) in mask.values.iter().enumerate() {
            let [old, new] = [&picture, &laid].map(|picture| &picture.rgb[at * 3..at * 3 + 3]);
            match share {
                0 => prop_assert_eq!(old, new),
                255 => prop_assert_eq!(new, &[drawn; 3][..]),
                _ => prop_assert!((0..3).all(|i| (old[i].min(drawn)..=old[i].max(drawn)).contains(&new[i]))),
            }
        }
    }

    #[test]
    fn a_region_holds_its_mask_and_what_is_outside_of_it_stays(
        (picture, mask) in masked(), padding in 0..60_usize, width in side(), height in side(),
    ) {
        let Some(region) = Region::around(&mask, padding, (width, height)) else {
            prop_assert!(mask.is_empty());
            return Ok(());
        };
        prop_assert!(region.left + region.width <= picture.width && region.top + region.height <= picture.height);
        let marked = |mask: &Mask| mask.values.iter().filter(|value| **value > 0).count();
        prop_assert_eq!(marked(&region.of_mask(&mask)), marked(&mask));
        // Drawn at another size, put back, and the region's own pixels where nothing was changed.
        let part = region.of(&picture);
        prop_assert!(is_whole(&part, region.width, region.height));
        prop_assert_eq!(&pasted_into(&picture, region, &part, &mask).rgb, &picture.rgb);
        let drawn = Fit::Pad.picture(&part, width * 8, height * 8);
        let laid = pasted_into(&picture, region, &drawn, &mask);
        let stays = |at: usize| mask.values[at] > 0 || laid.rgb[at * 3..at * 3 + 3] == picture.rgb[at * 3..at * 3 + 3];
        prop_assert!((0..mask.values.len()).all(stays));
    }

    #[test]
    fn every_map_is_as_large_as_its_picture(picture in pictures()) {
        for (word, preprocessor) in Preprocessor::WORDS {
            let map = preprocessor.map(&picture);
            prop_assert!(is_whole(&map, picture.width, picture.height) && map.alpha.is_none(), "{}", word);
        }
        let negative = Preprocessor::Invert.map(&picture);
        prop_assert_eq!(&Preprocessor::Invert.map(&negative), &*picture.on_white());
    }

    #[test]
    fn a_matte_changes_no_colour_but_along_its_edge(picture in pictures()) {
        let (made, white) = (matte(&picture), picture.on_white());
        let alpha = made.alpha.as_ref().expect("alpha");
        prop_assert!(is_whole(&made, picture.width, picture.height));
        for (at, alpha) in alpha.iter().enumerate() {
            let same = made.rgb[at * 3..at * 3 + 3] == white.rgb[at * 3..at * 3 + 3];
            prop_assert!(same || *alpha > 0, "a pixel that cannot be seen");
        }
    }

    #[test]
    fn a_plain_picture_stays_plain(colour in any::<[u8; 3]>(), size in (side(), side()), to in (side(), side())) {
        let of = |(width, height): (usize, usize)| Picture::new(width, height, colour.repeat(width * height));
        prop_assert_eq!(resampled(&of(size), to.0, to.1), of(to));
    }
}
