//! Drawing over a picture, from the command line.

use image::{Rgb, RgbImage, Rgba, RgbaImage};

use crate::program::{Place, Run, repository};

const SIDE: u32 = 64;

/// A picture that no model would draw.
fn stripes(place: &Place, name: &str) -> RgbImage {
    let picture =
        RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, (x % 7 * 30) as u8]));
    picture.save(place.path(name)).unwrap();
    picture
}

/// White in the right half.
fn half(place: &Place, name: &str) {
    let mask = RgbImage::from_fn(SIDE, SIDE, |x, _| Rgb([if x < SIDE / 2 { 0 } else { 255 }; 3]));
    mask.save(place.path(name)).unwrap();
}

fn opened(place: &Place, name: &str) -> RgbImage {
    image::open(place.path(name)).unwrap().into_rgb8()
}

fn over(place: &Place, arguments: &[&str]) -> Run {
    let always =
        ["generate", "a red circle", "--device", "cpu", "--seed", "1", "--init", "in.png", "-o", "out.png"];
    place.run(&[&always[..], arguments].concat())
}

/// Mean difference of all colours.
fn apart(a: &RgbImage, b: &RgbImage) -> f64 {
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn the_less_strength_the_more_of_the_picture_is_kept_and_the_plan_says_how_many_steps_that_is() {
    let place = Place::new();
    let picture = stripes(&place, "in.png");
    let drawn = |strength: &str, steps: u64| {
        let run = over(&place, &["--steps", "8", "--strength", strength, "--json"]).succeeded();
        let events = run.events();
        let plan = events.iter().find(|event| event["event"] == "plan").unwrap();
        assert_eq!(
            (plan["steps"].as_u64(), plan["init"]["of_steps"].as_u64()),
            (Some(steps), Some(8)),
            "{plan}"
        );
        assert_eq!((plan["width"].as_u64(), plan["height"].as_u64()), (Some(64), Some(64)));
        assert_eq!(events.iter().filter(|event| event["event"] == "step").count() as u64, steps);
        assert_eq!(events.iter().filter(|event| event["stage"] == "encode").count(), 1);
        assert!(run.last_event("done")["seconds"]["encode"].as_f64() > Some(0.0));
        apart(&picture, &opened(&place, "out.png"))
    };
    let (little, much) = (drawn("0.25", 2), drawn("0.9", 7));
    assert!(little < 0.8 * much, "{little} apart at little strength, {much} at much");
    let text = fs_text(&place, "out.png");
    assert!(text.contains("Steps: 8") && text.contains("Denoising strength: 0.9,"), "{text}");
}

/// The settings in a file.
fn fs_text(place: &Place, name: &str) -> String {
    let bytes = std::fs::read(place.path(name)).unwrap();
    String::from_utf8_lossy(&bytes[..2000.min(bytes.len())]).into_owned()
}

#[test]
fn outside_the_mask_nothing_changes_to_the_bit() {
    let place = Place::new();
    let picture = stripes(&place, "in.png");
    half(&place, "mask.png");
    over(&place, &["--mask", "mask.png", "--mask-blur", "1"]).succeeded();
    let drawn = opened(&place, "out.png");
    let text = fs_text(&place, "out.png");
    assert!(text.contains("Mask blur: 1"), "{text}");
    for y in 0..SIDE {
        for x in 0..SIDE / 2 - 4 {
            assert_eq!(drawn.get_pixel(x, y), picture.get_pixel(x, y), "at {x}, {y}");
        }
    }
    assert!(apart(&picture, &drawn) > 1.0, "the other half is drawn");
    // The same by what is transparent.
    let alpha = |x: u32| if x < SIDE / 2 { 255 } else { 0 };
    let open = RgbaImage::from_fn(SIDE, SIDE, |x, y| {
        let Rgb([r, g, b]) = *picture.get_pixel(x, y);
        Rgba([r, g, b, alpha(x)])
    });
    open.save(place.path("in.png")).unwrap();
    over(&place, &["--mask", "alpha"]).succeeded();
    let drawn = opened(&place, "out.png");
    assert!((0..SIDE / 2).all(|x| drawn.get_pixel(x, 9) == picture.get_pixel(x, 9)));
}

#[test]
fn a_region_is_drawn_by_itself_and_margins_are_added() {
    let place = Place::new();
    let picture = stripes(&place, "in.png");
    half(&place, "mask.png");
    let masked = ["--mask", "mask.png", "--only-masked", "4", "--width", "128", "--height", "128", "--json"];
    let run = over(&place, &masked).succeeded();
    let plan = run.events().into_iter().find(|event| event["event"] == "plan").unwrap();
    assert_eq!((plan["width"].as_u64(), plan["init"]["finished_size"][0].as_u64()), (Some(128), Some(64)));
    assert_eq!(opened(&place, "out.png").dimensions(), (SIDE, SIDE));
    over(&place, &["--outpaint", "0,8,32,0"]).succeeded();
    let drawn = opened(&place, "out.png");
    assert_eq!(drawn.dimensions(), (96, 72));
    assert_eq!(drawn.get_pixel(3, 60), picture.get_pixel(3, 52));
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_drawing_over_a_large_picture_is_predicted_within_a_tenth() {
    let place = Place::new();
    let picture = RgbImage::from_fn(1024, 768, |x, y| Rgb([(x / 4) as u8, (y / 4) as u8, 90]));
    picture.save(place.path("in.png")).unwrap();
    RgbImage::from_pixel(32, 24, Rgb([255; 3])).save(place.path("mask.png")).unwrap();
    for mask in [&[][..], &["--mask", "mask.png"]] {
        let run = over(&place, &[&["--json", "--strength", "0.25"], mask].concat()).succeeded();
        let done = run.last_event("done");
        let bytes = |name: &str| done[name].as_u64().unwrap() as f64;
        let ratio = bytes("peak_anonymous_bytes") / bytes("predicted_bytes");
        assert!((0.9..1.1).contains(&ratio), "{ratio} of what was predicted: {done}");
    }
}

#[test]
fn an_inpainting_model_is_told_and_drawn_with() {
    let place = Place::new();
    let configs = ["model_index", "scheduler/scheduler_config"].map(str::to_owned).into_iter();
    let parts = ["text_encoder", "text_encoder_2", "unet", "vae"].map(|part| format!("{part}/config"));
    for file in configs.chain(parts) {
        let from = repository(&format!("models/demo/{file}.json"));
        let to = place.path(&format!("demo/{file}.json"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let config = std::fs::read_to_string(from).unwrap();
        std::fs::write(to, config.replace("\"in_channels\": 4", "\"in_channels\": 9")).unwrap();
    }
    place.run(&["models", "synth", "--config", "demo", "--out", "nine"]).succeeded();
    let told = place.run(&["models", "inspect", "nine"]).succeeded().stdout;
    assert!(told.contains("an inpainting model: its UNet is given a mask"), "{told}");
    let told = place.run(&["models", "inspect", "nine", "--json"]).succeeded().events();
    assert_eq!(told[0]["inpainting"], true);
    let picture = stripes(&place, "in.png");
    half(&place, "mask.png");
    over(&place, &["--model", "nine", "--mask", "mask.png"]).succeeded();
    let drawn = opened(&place, "out.png");
    assert!((0..SIDE / 2).all(|x| drawn.get_pixel(x, 9) == picture.get_pixel(x, 9)));
    let text = place.draw(&["a cat", "--model", "nine", "-o", "text.png"]).succeeded();
    assert!(text.stderr.contains("this is an inpainting model"), "{}", text.stderr);
}

#[test]
fn a_picture_comes_from_standard_input_where_the_prompt_does_not() {
    let place = Place::new();
    stripes(&place, "in.png");
    let bytes = std::fs::read(place.path("in.png")).unwrap();
    place
        .draw_with_input(
            &["a circle", "--init", "-", "--seed", "2", "--strength", "1", "-o", "a.png"],
            &bytes,
        )
        .succeeded();
    place
        .draw(&["a circle", "--init", "in.png", "--seed", "2", "--strength", "1", "-o", "b.png"])
        .succeeded();
    assert!(opened(&place, "a.png") == opened(&place, "b.png"));
    place
        .draw_with_input(&["-", "--init", "-"], &bytes)
        .failed(2, &["the prompt or the picture, not both"])
        .at_once();
    let words = ["the picture on standard input", "PNG, JPEG or WebP"];
    place.draw_with_input(&["a circle", "--init", "-"], b"GIF89a and so on").failed(1, &words).at_once();
}

#[test]
fn what_does_not_go_together_is_said_before_a_model_is_opened() {
    let place = Place::new();
    stripes(&place, "in.png");
    half(&place, "mask.png");
    let refused = |arguments: &[&str], words: &[&str]| {
        place.draw(&[&["a cat"][..], arguments].concat()).failed(2, words).at_once();
    };
    refused(&["--strength", "0.5"], &["--init"]);
    refused(&["--init", "in.png", "--mask-blur", "3"], &["--mask-blur", "--mask"]);
    refused(&["--init", "in.png", "--only-masked", "3"], &["--mask"]);
    refused(&["--init", "in.png", "--mask", "alpha"], &["in.png is wholly opaque"]);
    refused(&["--init", "in.png", "--strength", "1.5"], &["--strength 1.5 is not possible; use 0 to 1"]);
    refused(&["--init", "in.png", "--outpaint", "1,2,3"], &["four numbers"]);
    refused(&["--init", "in.png", "--outpaint", "-8,0,0,0"], &["--outpaint", "of left, -8", "less than 0"]);
    refused(&["--init", "in.png", "--outpaint", "0,0,0,0"], &["extends no side"]);
    place.draw(&["a cat", "--init", "none.png"]).failed(1, &["cannot read none.png"]).at_once();
    std::fs::write(place.path("cut.png"), &std::fs::read(place.path("in.png")).unwrap()[..90]).unwrap();
    place.draw(&["a cat", "--init", "cut.png"]).failed(1, &["cut.png", "was cut off"]).at_once();
    // How many steps there are is known once the model is open.
    let few = ["a cat", "--init", "in.png", "--strength", "0.1"];
    place.draw(&few).failed(2, &["--strength 0.1 leaves none of 1 steps; use more of either"]);
    let all = place.draw(&["a cat", "--init", "in.png", "--strength", "1", "-o", "x.png"]).succeeded();
    assert!(all.stderr.contains("--strength 1 draws everything anew"), "{}", all.stderr);
    let masked =
        place.draw(&["a cat", "--init", "in.png", "--strength", "1", "--mask", "mask.png", "-o", "x.png"]);
    assert!(!masked.succeeded().stderr.contains("everything anew"));
}
