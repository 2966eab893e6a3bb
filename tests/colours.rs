//! Does the picture show what the prompt says? Colours are read from the pixels, as the demo model's
//! own evaluation reads them (models/demo/recipe/evaluate.py): the background from the border, the
//! object from the pixels that differ from it, each named after the nearest colour in CIELAB.

use fulmen_engine::backend::CancelToken;
use fulmen_engine::engine::{Event, Watch};
use fulmen_engine::picture::Picture;
use fulmen_engine::{Engine, Options, Request};

const COLOURS: [(&str, [u8; 3]); 12] = [
    ("red", [226, 40, 46]),
    ("orange", [247, 138, 24]),
    ("yellow", [253, 216, 48]),
    ("green", [52, 168, 72]),
    ("cyan", [54, 205, 214]),
    ("blue", [36, 84, 212]),
    ("purple", [132, 58, 184]),
    ("pink", [248, 142, 188]),
    ("white", [247, 247, 245]),
    ("black", [30, 30, 34]),
    ("gray", [138, 142, 150]),
    ("brown", [126, 78, 46]),
];

const SHAPES: [&str; 10] =
    ["circle", "square", "triangle", "star", "heart", "ring", "cross", "hexagon", "crescent", "diamond"];

/// Lightness weighs less than hue: an object's shadow is not another colour.
const LIGHTNESS: f64 = 0.35;

/// sRGB to CIELAB under D65.
fn lab(rgb: [u8; 3]) -> [f64; 3] {
    let linear = rgb.map(|c| f64::from(c) / 255.0).map(|c| match c {
        c if c <= 0.04045 => c / 12.92,
        c => ((c + 0.055) / 1.055).powf(2.4),
    });
    let matrix = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175],
        [0.019_333_9, 0.119_192, 0.950_304_1],
    ];
    let white = [0.95047, 1.0, 1.08883];
    let mut f = [0.0; 3];
    for ((f, row), white) in f.iter_mut().zip(matrix).zip(white) {
        let t = row.iter().zip(linear).map(|(m, c)| m * c).sum::<f64>() / white;
        *f = if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    }
    [116.0 * f[1] - 16.0, 500.0 * (f[0] - f[1]), 200.0 * (f[1] - f[2])]
}

fn distance(a: [f64; 3], b: [f64; 3], lightness: f64) -> f64 {
    (lightness * (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

fn nearest(colour: [f64; 3]) -> usize {
    let far = |i: &usize| distance(colour, lab(COLOURS[*i].1), 1.0);
    (0..COLOURS.len()).min_by(|a, b| far(a).total_cmp(&far(b))).expect("a palette")
}

/// (object, background), as places in the palette.
fn read_colours(picture: &Picture) -> (Option<usize>, usize) {
    let (width, height) = (picture.width, picture.height);
    let pixels: Vec<[f64; 3]> = picture.rgb.as_chunks::<3>().0.iter().map(|&rgb| lab(rgb)).collect();
    let at_edge = |i: &usize| {
        let (x, y) = (i % width, i / width);
        x.min(y).min(width - 1 - x).min(height - 1 - y) < 8
    };
    let edge: Vec<[f64; 3]> = (0..pixels.len()).filter(at_edge).map(|i| pixels[i]).collect();
    let background = [0, 1, 2].map(|axis| {
        let mut values: Vec<f64> = edge.iter().map(|p| p[axis]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    });
    let named = nearest(background);
    let mut votes = [0; COLOURS.len()];
    for pixel in pixels.iter().filter(|&&p| distance(p, background, LIGHTNESS) > 16.0) {
        votes[nearest(*pixel)] += 1;
    }
    votes[named] = 0;
    let most = (0..votes.len()).max_by_key(|&i| votes[i]).filter(|&i| votes[i] >= 60);
    (most, named)
}

/// Whether more than 3 % of a picture's pixels are rather blue than red or green.
fn has_blue(picture: &Picture) -> bool {
    let pixels = picture.rgb.as_chunks::<3>().0;
    let is_blue =
        |[red, green, blue]: &&[u8; 3]| *blue > red.saturating_add(40) && *blue > green.saturating_add(20);
    pixels.iter().filter(is_blue).count() * 100 > 3 * pixels.len()
}

/// A negative prompt works although the demo model draws without guidance.
#[test]
fn a_negative_colour_is_seldom_drawn_without_guidance() {
    let options = Options { device: "cpu".parse().expect("a device"), ..Options::default() };
    let mut engine = Engine::open(&options).expect("the demo model");
    let mut blue = |negative: Option<&str>| {
        let request = Request {
            negative_prompt: negative.map(str::to_owned),
            seed: Some(1000),
            images: 100,
            ..Request::new("a large circle on a striped background")
        };
        let mut count = 0;
        let mut event = |event| {
            if let Event::Picture(drawn) = event {
                count += usize::from(has_blue(&drawn.picture));
            }
        };
        let cancel = CancelToken::default();
        let mut watch = Watch { event: &mut event, trace: None, previews: 0, cancel };
        engine.generate(&request, &mut watch).expect("pictures");
        count
    };
    let (without, with) = (blue(None), blue(Some("a blue circle")));
    assert!(without >= 70 && with <= 10, "{without} of 100 are blue, and {with} where that is negative");
}

#[test]
fn pictures_have_the_colours_that_the_prompt_names() {
    let options = Options { device: "cpu".parse().expect("a device"), ..Options::default() };
    let mut engine = Engine::open(&options).expect("the demo model");
    let mut wrong = Vec::new();
    for i in 0..100 {
        // Steps that share no factor with the lists walk through all of them.
        let (shape, colour) = (SHAPES[i % 10], (7 * i + i / 12) % 12);
        let background = (colour + 1 + (5 * i + i / 10) % 11) % 12;
        let prompt = format!("a {} {shape} on a {} background", COLOURS[colour].0, COLOURS[background].0);
        let request = Request { seed: Some(i as u64), ..Request::new(prompt.as_str()) };
        let seen = read_colours(&engine.draw(&request).expect("a picture"));
        if seen != (Some(colour), background) {
            let (object, background) = (seen.0.map(|i| COLOURS[i].0), COLOURS[seen.1].0);
            wrong.push(format!("{prompt}: {object:?} on {background}"));
        }
    }
    assert!(wrong.len() <= 5, "{} of 100 are wrong: {wrong:#?}", wrong.len());
}
