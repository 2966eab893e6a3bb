//! The small networks beside the demo model do what their card says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fulmen_engine::picture::Picture;
use fulmen_engine::request::Control;
use fulmen_engine::weights::LoraFile;
use fulmen_engine::{Engine, Options, Request};

fn companion(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project").join("models/companions").join(name)
}

fn drawn(options: &Options, request: &Request) -> Picture {
    let options = Options { device: "cpu".parse().expect("a device"), ..options.clone() };
    Engine::open(&options).expect("the demo model").draw(request).expect("a picture")
}

fn seeded(prompt: &str, seed: u64) -> Request {
    Request { seed: Some(seed), ..Request::new(prompt) }
}

/// A map of one edge: a ring, 128×128.
fn ring([x, y, radius]: [f64; 3]) -> Picture {
    let far = |place: usize| (place % 128) as f64 - x;
    let values = (0..128 * 128).map(|place| far(place).hypot((place / 128) as f64 - y));
    let rgb = values.flat_map(|far| [if (far - radius).abs() < 0.6 { 255 } else { 0 }; 3]).collect();
    Picture::new(128, 128, rgb)
}

/// Where the middle of what is red is, and how many pixels are.
fn red(picture: &Picture) -> [f64; 3] {
    let pixels = picture.rgb.chunks_exact(3).enumerate();
    let places: Vec<usize> =
        pixels.filter(|(_, p)| p[0] > 150 && p[2] < 120).map(|(place, _)| place).collect();
    let mean = |of: fn(usize) -> usize| {
        places.iter().map(|&place| of(place)).sum::<usize>() as f64 / places.len() as f64
    };
    [mean(|place| place % 128), mean(|place| place / 128), places.len() as f64]
}

#[test]
fn a_circle_is_drawn_where_the_canny_net_is_shown_its_edge() {
    for [x, y, radius] in [[44.0, 80.0, 24.0], [80.0, 44.0, 20.0], [40.0, 64.0, 30.0]] {
        let control = Control::new(companion("canny-controlnet"), Arc::new(ring([x, y, radius])));
        let request = Request { controls: vec![control], ..seeded("a red circle on a blue background", 7) };
        let [red_x, red_y, pixels] = red(&drawn(&Options::default(), &request));
        let found =
            format!("of a circle at {x}, {y} of radius {radius}, {pixels} pixels at {red_x:.1}, {red_y:.1}");
        assert!((red_x - x).hypot(red_y - y) < 3.0, "{found}");
        assert!((0.85..1.15).contains(&(pixels / (std::f64::consts::PI * radius * radius))), "{found}");
    }
}

#[test]
fn the_chalk_lora_draws_light_lines_on_a_dark_board() {
    let options =
        Options { loras: vec![LoraFile::new(companion("chalk.safetensors"), 1.0)], ..Options::default() };
    let request = seeded("an orange cat on a blue background", 4);
    let [colours, chalk] = [Options::default(), options].map(|options| drawn(&options, &request));
    let share = |picture: &Picture, is: fn(u8) -> bool| {
        picture.rgb.iter().filter(|&&value| is(value)).count() as f64 / picture.rgb.len() as f64
    };
    let [dark, light]: [fn(u8) -> bool; 2] = [|value| value < 70, |value| value > 180];
    assert!(share(&chalk, dark) > 0.6, "{} of the board is dark", share(&chalk, dark));
    assert!((0.03..0.3).contains(&share(&chalk, light)), "{} of it is chalk", share(&chalk, light));
    assert!(share(&colours, dark) < 0.5, "without the LoRA {} is dark", share(&colours, dark));
}
