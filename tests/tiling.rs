//! Pictures whose opposite sides fit together, as pixels show it.

use fulmen_engine::graph::Tiling;
use fulmen_engine::picture::Picture;
use fulmen_engine::{Engine, Options, Request};

use super::devices::backends;

/// By how much neighbouring columns differ on average, and the last from the first; rows where `rows` says so.
fn differences(picture: &Picture, rows: bool) -> [f64; 2] {
    let Picture { width, height, ref rgb, .. } = *picture;
    let (lines, length) = if rows { (height, width) } else { (width, height) };
    let apart = |a: usize, b: usize| {
        let place = |line, i| if rows { line * width + i } else { i * width + line };
        let channels =
            (0..length).flat_map(|i| (0..3).map(move |c| (3 * place(a, i) + c, 3 * place(b, i) + c)));
        let sum: f64 = channels.map(|(a, b)| f64::from(rgb[a].abs_diff(rgb[b]))).sum();
        sum / (3 * length) as f64
    };
    let inside = (1..lines).map(|line| apart(line - 1, line)).sum::<f64>() / (lines - 1) as f64;
    [inside, apart(lines - 1, 0)]
}

/// A house by day has the sky above and the grass below: 13 times what neighbouring rows differ by. In a picture that
/// continues, the seam is no more than any other place.
#[test]
fn no_seam_shows_where_a_picture_continues_on_its_opposite_sides() {
    for backend in backends() {
        let mut engine = Engine::open_on(backend, &Options::default()).expect("the demo model");
        for (x, y) in [(false, false), (true, false), (false, true), (true, true)] {
            let prompt = "a house with a red roof by day";
            let request = Request { seed: Some(5), tiling: Tiling { x, y }, ..Request::new(prompt) };
            let picture = engine.draw(&request).expect("a picture");
            for (continues, rows) in [(x, false), (y, true)] {
                let [inside, seam] = differences(&picture, rows);
                let is_seen = seam > 1.5 * inside;
                let what = format!("{inside:.2} within, {seam:.2} at the seam; rows: {rows}, x: {x}, y: {y}");
                assert_eq!(is_seen, !continues, "{what} on {}", engine.device());
            }
        }
    }
}
