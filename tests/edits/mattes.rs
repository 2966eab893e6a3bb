//! Subjects without their background, on grounds that a model draws and on made ones.

use fulmen_engine::edit::matte;
use fulmen_engine::picture::{Limits, Picture, open};

use super::beside;

const SIDE: usize = 96;

/// How much of a pixel a disc covers: a mean of 8×8 points.
fn coverage(x: usize, y: usize, radius: f64) -> f64 {
    let points = (0..64).filter(|i| {
        let (dx, dy) = (x as f64 + (f64::from(i % 8) + 0.5) / 8.0, y as f64 + (f64::from(i / 8) + 0.5) / 8.0);
        (dx - 48.0).hypot(dy - 50.0) < radius
    });
    points.count() as f64 / 64.0
}

/// A shaded disc on a ground.
fn disc(ground: impl Fn(usize, usize) -> [f64; 3]) -> (Picture, Vec<f64>) {
    let mut rgb = Vec::new();
    let mut shares = Vec::new();
    for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
        let share = coverage(x, y, 26.0);
        let subject = [200.0 + y as f64 / 4.0, 40.0 + x as f64 / 3.0, 60.0];
        let mixed =
            subject.iter().zip(ground(x, y)).map(|(s, g)| (s * share + g * (1.0 - share)).round() as u8);
        rgb.extend(mixed);
        shares.push(share);
    }
    (Picture::new(SIDE, SIDE, rgb), shares)
}

type Ground = fn(usize, usize) -> [f64; 3];

const GROUNDS: [(&str, Ground); 5] = [
    ("plain", |_, _| [235.0, 235.0, 240.0]),
    ("black", |_, _| [0.0; 3]),
    ("shaded", |x, y| [90.0 + x as f64 / 2.0, 140.0 + y as f64 / 2.0, 160.0]),
    ("noisy", |x, y| [128.0 + ((x * 7 + y * 13) % 9) as f64, 180.0, 190.0]),
    ("striped", |x, _| if x / 6 % 2 == 0 { [40.0, 90.0, 160.0] } else { [230.0, 225.0, 150.0] }),
];

/// Mean and largest error of alpha, of 1.
fn errors(made: &Picture, shares: &[f64]) -> (f64, f64) {
    let alpha = made.alpha.as_ref().expect("alpha");
    let errors = alpha.iter().zip(shares).map(|(a, share)| (f64::from(*a) / 255.0 - share).abs());
    (errors.clone().sum::<f64>() / shares.len() as f64, errors.fold(0.0, f64::max))
}

#[test]
fn a_disc_is_freed_of_grounds_that_are_plain_shaded_noisy_and_striped() {
    for (name, ground) in GROUNDS {
        let (picture, shares) = disc(ground);
        let (mean, most) = errors(&matte(&picture), &shares);
        assert!(mean < 0.003 && most < 0.3, "{name}: {mean:.5} in the mean, {most:.3} at most");
    }
}

/// Laid on another ground it looks as if it had been drawn there: no rim of the old one is left.
#[test]
fn no_rim_of_the_old_ground_is_left() {
    for (name, ground) in GROUNDS {
        let (picture, shares) = disc(ground);
        let made = matte(&picture);
        let alpha = made.alpha.as_ref().expect("alpha");
        let other = |_: usize, _: usize| [20.0, 200.0, 60.0];
        let (expected, _) = disc(other);
        let rim = (0..shares.len()).filter(|&at| shares[at] > 0.0 && shares[at] < 1.0);
        let errors: Vec<f64> = rim
            .flat_map(|at| {
                let share = f64::from(alpha[at]) / 255.0;
                let laid = [0, 1, 2]
                    .map(|i| f64::from(made.rgb[at * 3 + i]) * share + other(0, 0)[i] * (1.0 - share));
                [0, 1, 2].map(|i| (laid[i] - f64::from(expected.rgb[at * 3 + i])).abs())
            })
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(mean < 8.0, "{name}: {mean:.2} of 255 along the rim");
    }
}

#[test]
fn what_a_ring_encloses_stays_and_what_reaches_in_from_one_side_does_too() {
    let ring = |x: usize, y: usize| {
        let far = (x as f64 - 48.0).hypot(y as f64 - 48.0);
        if (20.0..30.0).contains(&far) { [200, 30, 30] } else { [240, 240, 240] }
    };
    let bust = |x: usize, y: usize| {
        if y > 60 && (30..70).contains(&x) { [60, 40, 120] } else { [240, 240, 240] }
    };
    let drawn = |colour: &dyn Fn(usize, usize) -> [u8; 3]| {
        let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
        matte(&Picture::new(SIDE, SIDE, pixels.flat_map(|(x, y)| colour(x, y)).collect())).alpha.unwrap()
    };
    let (ring, bust) = (drawn(&ring), drawn(&bust));
    assert_eq!((ring[0], ring[48 * SIDE + 48], ring[48 * SIDE + 23]), (0, 255, 255));
    assert_eq!((bust[0], bust[SIDE * SIDE - SIDE + 50], bust[SIDE * SIDE - 1]), (0, 255, 0));
}

#[test]
fn a_picture_without_such_a_ground_keeps_everything_and_a_plain_one_nothing() {
    let mut state = 1_u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise = (0..SIDE * SIDE * 3).map(|_| byte()).collect();
    let alpha = |picture: Picture| matte(&picture).alpha.unwrap();
    let kept = alpha(Picture::new(SIDE, SIDE, noise)).iter().filter(|&&alpha| alpha == 255).count();
    assert!(kept * 10 > SIDE * SIDE * 9, "{kept} pixels");
    assert!(alpha(Picture::new(SIDE, SIDE, vec![90; SIDE * SIDE * 3])).iter().all(|&alpha| alpha == 0));
}

/// The share of each picture that is subject, as looked at once, and whether its middle is.
#[test]
fn what_the_demo_model_draws_is_freed_of_its_ground() {
    for (name, expected, is_middle) in [
        ("red_circle", 0.234, true),
        ("cat", 0.358, true),
        ("striped", 0.541, true),
        ("star_left", 0.164, false),
        ("sky_8_steps", 0.073, false),
    ] {
        let file = beside("golden/demo").join(name).with_extension("png");
        let picture = open(&file, Limits::default()).expect(name);
        let alpha = matte(&picture).alpha.expect("alpha");
        let share = alpha.iter().map(|alpha| f64::from(*alpha) / 255.0).sum::<f64>() / alpha.len() as f64;
        assert!((share - expected).abs() < 0.02, "{name}: {share:.3} of it");
        let middle = alpha[picture.width * picture.height / 2 + picture.width / 2];
        let corners = [0, alpha.len() - 1].map(|at| alpha[at]);
        assert_eq!((corners, middle), ([0, 0], if is_middle { 255 } else { 0 }), "{name}");
    }
}
