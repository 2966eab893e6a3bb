//! Claims about pictures that are drawn over.

use super::*;

const GRAIN: usize = 8;

/// A picture whose pixels tell where they are.
fn picture(width: usize, height: usize) -> Arc<Picture> {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| [x as u8, y as u8, (x * y) as u8]));
    Arc::new(Picture::new(width, height, pixels.flatten().collect()))
}

/// White in a box.
fn mask(width: usize, height: usize, [left, top, right, bottom]: [usize; 4]) -> Arc<Mask> {
    let is_in = |x: usize, y: usize| (left..right).contains(&x) && (top..bottom).contains(&y);
    let values = (0..height).flat_map(|y| (0..width).map(move |x| if is_in(x, y) { 255 } else { 0 }));
    Arc::new(Mask { width, height, values: values.collect() })
}

fn over(width: usize, height: usize) -> Init {
    Init::new(picture(width, height))
}

fn drawn(init: &Init, asked: [Option<usize>; 2]) -> (usize, usize) {
    init.sizes(asked, GRAIN).drawn
}

fn verdict(init: &Init) -> String {
    init.validate().map_or_else(|error| error.to_string(), |()| "fine".into())
}

#[test]
fn a_picture_is_drawn_over_at_its_own_size_in_whole_latents_unless_another_is_asked_for() {
    let init = over(107, 70);
    assert_eq!(drawn(&init, [None, None]), (104, 64));
    assert_eq!(drawn(&Init { fit: Fit::Pad, ..init.clone() }, [None, None]), (112, 72));
    assert_eq!(drawn(&init, [Some(64), Some(96)]), (64, 96));
    // One side asked for: the other follows the picture's shape.
    assert_eq!(drawn(&init, [Some(208), None]), (208, 136));
    assert_eq!(drawn(&init, [None, Some(136)]), (208, 136));
    assert_eq!(drawn(&over(3, 2), [None, None]), (8, 8));
    let extended = Init { outpaint: Some([8, 0, 16, 40]), ..over(64, 64) };
    assert_eq!(drawn(&extended, [None, None]), (88, 104));
    let cut = |init: &Init, asked| init.cut(asked, GRAIN).map(|told| told.to_string());
    assert_eq!(cut(&extended, [None; 2]), None);
    let odd = Init { outpaint: Some([5, 0, 0, 0]), ..over(64, 64) };
    let told = cut(&odd, [None; 2]).expect("a warning");
    assert!(told.starts_with("--outpaint makes 69x64 pixels, of which 64x64 are drawn"), "{told}");
    assert_eq!(cut(&odd, [Some(72), Some(64)]), None);
    assert_eq!(cut(&Init { fit: Fit::Pad, ..odd }, [None; 2]), None);
}

#[test]
fn what_cannot_be_drawn_over_is_told_with_what_to_do() {
    let init = over(32, 24);
    assert_eq!(verdict(&init), "fine");
    for (init, said) in [
        (Init { denoising_strength: 1.5, ..init.clone() }, "--strength 1.5 is not possible; use 0 to 1"),
        (Init { denoising_strength: f64::NAN, ..init.clone() }, "--strength NaN is not possible"),
        (Init { mask_blur: -1.0, ..init.clone() }, "--mask-blur -1 is not possible; use 0 to 256"),
        (Init { mask_blur: f32::INFINITY, ..init.clone() }, "--mask-blur inf is not possible"),
        (Init { mask: Some(mask(32, 24, [0; 4])), ..init.clone() }, "--mask is nowhere white"),
        (Init { only_masked: Some(8), ..init.clone() }, "--only-masked needs --mask"),
        (Init { outpaint: Some([0; 4]), ..init.clone() }, "--outpaint extends no side"),
        (Init { outpaint: Some([0, 0, 20_000, 0]), ..init.clone() }, "--outpaint makes 20032x24 pixels"),
        (Init { outpaint: Some([usize::MAX, 0, 1, 0]), ..init.clone() }, "which is too large"),
    ] {
        assert!(verdict(&init).contains(said), "{}", verdict(&init));
    }
    let left = |strength| Init { denoising_strength: strength, ..init.clone() }.check_steps(4);
    assert!(left(0.25).is_ok());
    let said = left(0.2).unwrap_err().to_string();
    assert_eq!(said, "--strength 0.2 leaves none of 4 steps; use more of either");
}

#[test]
fn outside_the_mask_pixels_come_back_to_the_bit_whatever_was_drawn() {
    let (width, height) = (64, 48);
    let drawn = Picture::new(width, height, vec![200; width * height * 3]);
    for (mask_blur, mask) in
        [(0.0, mask(width, height, [20, 10, 40, 30])), (2.0, mask(32, 24, [10, 5, 20, 15]))]
    {
        let init = Init { mask: Some(mask), mask_blur, ..over(width, height) };
        let prepared = Prepared::new(&init, init.sizes([None, None], GRAIN));
        assert_eq!(prepared.seen, *init.picture);
        let whole = prepared.put_back(drawn.clone());
        let kept = whole.rgb.iter().zip(&init.picture.rgb).filter(|(a, b)| a == b).count();
        let new = whole.rgb.iter().filter(|value| **value == 200).count();
        assert!(kept > width * height * 3 / 2 && new > 100, "{kept} kept, {new} new");
        for place in [0, width - 1, (height - 1) * width, width * height - 1] {
            assert_eq!(whole.rgb[place * 3..][..3], init.picture.rgb[place * 3..][..3]);
        }
    }
}

#[test]
fn a_latent_is_drawn_where_its_first_pixel_is() {
    let init = Init { mask: Some(mask(32, 16, [8, 0, 17, 8])), ..over(32, 16) };
    let prepared = Prepared::new(&init, init.sizes([None, None], GRAIN));
    assert_eq!(prepared.latent_mask(GRAIN).unwrap(), [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let seen: Vec<f32> = prepared.seen.rgb.iter().map(|value| f32::from(*value)).collect();
    let masked = prepared.masked(&seen, -1.0);
    let greys = masked.iter().filter(|value| **value == -1.0).count();
    assert_eq!(greys, 9 * 8 * 3);
    assert_eq!(masked[..24], seen[..24]);
}

#[test]
fn a_masked_region_is_drawn_at_the_full_size_and_put_back_within_the_whole_picture() {
    let mut mask = mask(200, 100, [150, 40, 160, 50]);
    // Nearly black, as in a JPEG.
    Arc::get_mut(&mut mask).unwrap().values[..100].fill(1);
    let init = Init { mask: Some(mask), only_masked: Some(5), ..over(200, 100) };
    let sizes = init.sizes([Some(64), Some(64)], GRAIN);
    assert_eq!((sizes.drawn, sizes.whole), ((64, 64), (200, 100)));
    let prepared = Prepared::new(&init, sizes);
    assert_eq!((prepared.seen.width, prepared.seen.height), (64, 64));
    // Twenty pixels of the picture, from (145, 35) on.
    assert!(
        prepared.seen.rgb.chunks_exact(3).all(|pixel| pixel[0] >= 140 && pixel[1] >= 30 && pixel[1] <= 60)
    );
    let whole = prepared.put_back(Picture::new(64, 64, vec![7; 64 * 64 * 3]));
    assert_eq!((whole.width, whole.height), (200, 100));
    let changed = whole.rgb.chunks_exact(3).zip(init.picture.rgb.chunks_exact(3)).filter(|(a, b)| a != b);
    assert_eq!(changed.count(), 100);
}

#[test]
fn another_picture_of_the_same_lies_over_what_is_drawn() {
    for (only_masked, asked) in
        [(Some(5), [Some(64), Some(96)]), (None, [Some(120), Some(120)]), (None, [None, None])]
    {
        for fit in [Fit::Crop, Fit::Pad, Fit::Stretch] {
            let mask = mask(200, 100, [150, 40, 170, 60]);
            let init = Init { mask: Some(mask), only_masked, fit, ..over(200, 100) };
            let sizes = init.sizes(asked, GRAIN);
            let sizes = init.sizes([Some(sizes.drawn.0), Some(sizes.drawn.1)], 1);
            let prepared = Prepared::new(&init, sizes);
            assert!(prepared.beside(&init.picture) == prepared.seen, "{only_masked:?} {fit:?}");
            let whole = Prepared::new(&Init { mask: None, only_masked: None, ..init.clone() }, sizes);
            assert!(only_masked.is_some() || whole.beside(&init.picture) == whole.seen, "{fit:?}");
        }
    }
}

#[test]
fn a_mask_and_its_region_grow_with_the_picture() {
    let whole = mask(96, 96, [40, 40, 56, 64]);
    let init = Init { mask: Some(whole), only_masked: Some(4), ..over(96, 96) };
    let first = Prepared::new(&init, init.sizes([Some(64), Some(64)], 1));
    let large = Picture::new(192, 192, vec![7; 192 * 192 * 3]);
    let second = first.enlarged(large, (128, 128)).expect("a part");
    assert_eq!((second.seen.width, second.seen.height), (128, 128));
    let share = |prepared: &Prepared| {
        let drawn = prepared.drawn.as_ref().expect("a mask");
        drawn.iter().filter(|drawn| **drawn).count() as f64 / drawn.len() as f64
    };
    assert!((share(&first) - share(&second)).abs() < 0.03, "{} and {}", share(&first), share(&second));
    let back = second.put_back(Picture::new(128, 128, vec![99; 128 * 128 * 3]));
    let at = |x: usize, y: usize| back.rgb[(y * 192 + x) * 3];
    assert_eq!(
        (back.width, at(0, 0), at(70, 100), at(96, 100), at(102, 118), at(124, 100)),
        (192, 7, 7, 99, 99, 7)
    );
    let all = Prepared::new(&over(96, 96), Sizes { drawn: (96, 96), whole: (96, 96) });
    assert!(all.enlarged(Picture::new(8, 8, vec![0; 192]), (8, 8)).is_none());
}

#[test]
fn margins_are_drawn_with_what_a_mask_says_besides() {
    let (width, height) = (64, 64);
    let init = Init {
        mask: Some(mask(width, height, [30, 30, 34, 34])),
        outpaint: Some([16, 0, 0, 8]),
        ..over(width, height)
    };
    let sizes = init.sizes([None, None], GRAIN);
    assert_eq!(sizes.drawn, (80, 72));
    let prepared = Prepared::new(&init, sizes);
    let is_drawn = prepared.drawn.as_ref().unwrap();
    let at = |x: usize, y: usize| is_drawn[y * 80 + x];
    assert!(at(0, 0) && at(15, 20) && at(79, 71) && at(16 + 31, 31));
    assert!(!at(79, 0) && !at(16 + 40, 40));
    let whole = prepared.put_back(Picture::new(80, 72, vec![9; 80 * 72 * 3]));
    assert_eq!(whole.rgb[(40 * 80 + 16 + 40) * 3..][..2], [40, 40]);
    assert_eq!(whole.rgb[..3], [9; 3]);
}

#[test]
fn what_is_transparent_is_seen_on_white_and_stays_transparent_where_it_is_kept() {
    let rgb = vec![10; 16 * 8 * 3];
    let alpha = (0..16 * 8).map(|at| if at % 16 < 8 { 0 } else { 255 }).collect();
    let picture = Picture { width: 16, height: 8, rgb, alpha: Some(alpha) };
    let init = Init { mask: Some(mask(16, 8, [12, 0, 16, 8])), ..Init::new(Arc::new(picture)) };
    let prepared = Prepared::new(&init, init.sizes([None, None], GRAIN));
    assert_eq!((prepared.seen.rgb[0], prepared.seen.rgb[8 * 3]), (255, 10));
    let whole = prepared.put_back(Picture::new(16, 8, vec![99; 16 * 8 * 3]));
    assert_eq!((whole.rgb[0], whole.rgb[15 * 3]), (10, 99));
    assert_eq!(whole.alpha.unwrap()[..16], [[0; 8], [255; 8]].concat());
}
