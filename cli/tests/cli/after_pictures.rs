//! Pictures that are drawn after others, and transparent ones.

use std::fs;

use crate::program::Place;

#[test]
fn an_image_prompt_says_what_it_needs_before_a_model_is_opened() {
    let place = Place::new();
    let draw = |arguments: &[&str]| place.draw(&[&["a cat"], arguments].concat());
    draw(&["-o", "fox.png"]).succeeded();
    fs::write(place.path("ip.safetensors"), "no tensors").unwrap();
    let prompt = ["--ip-adapter", "ip.safetensors=fox.png=0.5"];
    draw(&prompt).failed(2, &["ip.safetensors", "--image-encoder", "ViT-H"]).at_once();
    draw(&["--ip-adapter", "ip.safetensors"]).failed(2, &["FILE=IMAGE"]).at_once();
    let encoder = ["--image-encoder", "encoder"];
    let scales = [&prompt[..], &["--ip-adapter", "ip.safetensors=fox.png=0.7"], &encoder].concat();
    draw(&scales).failed(2, &["0.5 and 0.7", "count together"]).at_once();
    draw(&[&["--ip-adapter", "ip.safetensors=dog.png"][..], &encoder].concat())
        .failed(1, &["dog.png"])
        .at_once();
    draw(&[&prompt[..], &encoder].concat()).failed(1, &["ip.safetensors", "instead of the file"]);
    let useless = draw(&encoder).succeeded().stderr;
    assert!(useless.contains("--image-encoder has no effect without --ip-adapter"), "{useless}");
}

#[test]
fn a_transparent_picture_has_alpha_and_no_jpeg() {
    let place = Place::new();
    let circle = ["a red circle on a blue background", "--transparent", "--seed", "7", "-o"];
    let draw = |file: &'static str| place.draw(&[&circle[..], &[file]].concat());
    draw("circle.jpg").failed(2, &["--transparent", "JPEG", ".png or .webp"]).at_once();
    for file in ["circle.png", "circle.webp"] {
        draw(file).succeeded();
        let picture = image::open(place.path(file)).unwrap();
        assert!(picture.color().has_alpha(), "{file}");
        // The border is background, wherever the circle is.
        assert_eq!(picture.to_rgba8().get_pixel(0, 0).0[3], 0, "{file}");
    }
    draw("circle.png");
    place
        .draw(&["a cat", "--transparent", "--layer-diffuse", ".", "-o", "cat.png"])
        .failed(1, &["layer_xl_transparent_attn.safetensors", "vae_transparent_decoder.safetensors"]);
}
