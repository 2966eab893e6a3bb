//! Which files a run leaves, and what is in them.

use std::fs;
use std::path::Path;

use crate::program::{Place, Run};

/// The pixels of a picture's file, as another program reads them.
fn pixels(file: &Path) -> image::RgbImage {
    image::open(file).unwrap().to_rgb8()
}

#[test]
fn without_a_name_a_file_is_named_after_its_seed_and_replaces_nothing() {
    let place = Place::new();
    fs::write(place.path("fulmen-5-2.png"), "mine").unwrap();
    for _ in 0..2 {
        place.draw(&["a cat", "--seed", "5"]).succeeded();
    }
    assert_eq!(place.files(), ["fulmen-5-2.png", "fulmen-5-3.png", "fulmen-5.png"]);
    assert_eq!(fs::read(place.path("fulmen-5-2.png")).unwrap(), b"mine");
    assert_eq!(
        fs::read(place.path("fulmen-5.png")).unwrap(),
        fs::read(place.path("fulmen-5-3.png")).unwrap()
    );
}

#[test]
fn a_named_file_is_replaced() {
    let place = Place::new();
    fs::write(place.path("cat.png"), "old").unwrap();
    place.draw(&["a cat", "-o", "cat.png"]).succeeded();
    assert_eq!(pixels(&place.path("cat.png")).dimensions(), (64, 64));
    assert_eq!(place.files(), ["cat.png"]);
}

#[test]
fn the_last_line_says_where_the_picture_is_and_what_it_took() {
    let place = Place::new();
    let said = place.draw(&["a cat", "--seed", "7", "-o", "cat.png"]).succeeded().stdout;
    let last = said.lines().last().unwrap();
    for word in ["cat.png", "64×64", "seed 7", "s/step"] {
        assert!(last.contains(word), "no `{word}` in: {last}");
    }
}

#[test]
fn several_pictures_have_their_seeds_in_their_names_and_are_those_of_their_seeds() {
    let place = Place::new();
    place.draw(&["a cat", "-n", "3", "--seed", "10", "-o", "cat.png"]).succeeded();
    place.draw(&["a cat", "--seed", "11", "-o", "alone.png"]).succeeded();
    assert_eq!(place.files(), ["alone.png", "cat-10.png", "cat-11.png", "cat-12.png"]);
    assert!(pixels(&place.path("cat-11.png")) == pixels(&place.path("alone.png")), "seed 11 alone differs");
    assert!(pixels(&place.path("cat-10.png")) != pixels(&place.path("alone.png")), "two seeds are alike");
}

#[test]
fn the_extension_chooses_the_format() {
    let place = Place::new();
    for (name, head) in [
        ("a.png", &b"\x89PNG"[..]),
        ("a.jpg", b"\xff\xd8\xff"),
        ("a.JPEG", b"\xff\xd8\xff"),
        ("a.webp", b"RIFF"),
    ] {
        place.draw(&["a cat", "--seed", "1", "-o", name]).succeeded();
        let bytes = fs::read(place.path(name)).unwrap();
        assert!(bytes.starts_with(head), "{name} begins with {:?}", &bytes[..4]);
    }
    assert!(pixels(&place.path("a.webp")) == pixels(&place.path("a.png")), "WebP is lossless");
}

#[test]
fn a_png_holds_every_setting() {
    let place = Place::new();
    let arguments = [
        "a cat, sitting",
        "--negative",
        "dogs",
        "--guidance",
        "2.5",
        "--steps",
        "2",
        "--seed",
        "9",
        "--rng",
        "philox",
        "--width",
        "72",
        "-o",
        "cat.png",
        "--device",
        "cpu",
        "--height",
        "64",
    ];
    place.run(&[&["generate"][..], &arguments].concat()).succeeded();
    let file = std::io::BufReader::new(fs::File::open(place.path("cat.png")).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    let chunk = reader.info().uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == "parameters");
    let text = &chunk.expect("a chunk of text called `parameters`").text;
    let wanted = [
        "a cat, sitting\n",
        "Negative prompt: dogs\n",
        "Steps: 2,",
        "Sampler: Euler,",
        "Schedule type: ",
        "CFG scale: 2.5,",
        "Seed: 9,",
        "Size: 72x64,",
        "Model: ",
        "RNG: NV",
        "Version: Fulmen ",
    ];
    for word in wanted {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_anything_is_opened() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    fs::create_dir(place.path("folder.png")).unwrap();
    for name in ["file/cat.png", "missing/cat.png", "folder.png"] {
        place.draw(&["a cat", "-o", name]).failed(1, &["cannot write", name]).at_once();
        place.draw(&["a cat", "-o", "cat.png", "--trace", name]).failed(1, &["cannot write", name]).at_once();
    }
    assert_eq!(place.files(), ["file", "folder.png"]);
}

#[test]
fn a_place_that_cannot_be_written_is_called_as_the_user_calls_it() {
    let place = Place::new();
    for arguments in [
        &["-o", "missing/cat.png"][..],
        &["-n", "2", "-o", "missing/cat.png"],
        &["-o", "cat.png", "--trace", "missing/cat.png"],
    ] {
        let said = place.draw(&[&["a cat"][..], arguments].concat()).at_once();
        let said = said.failed(1, &["cannot write missing/cat.png: there is no folder missing"]).stderr;
        assert!(!said.contains(".part") && !said.contains("check"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn the_system_s_reason_stands_without_the_name_of_another_file() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let place = Place::new();
    fs::write(place.path("file.png"), "").unwrap();
    let root = fs::metadata(place.path("file.png")).unwrap().uid() == 0;
    for folder in ["", "closed"] {
        fs::create_dir_all(place.path(folder)).unwrap();
        fs::set_permissions(place.path(folder), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let drawn = |arguments: &[&str]| {
        let mut command = place.command();
        // To root no folder is closed.
        if root {
            command.uid(65534).gid(65534);
        }
        Run::of(command.args(["generate", "a cat", "--device", "cpu"]).args(arguments).output().unwrap())
    };
    let denied = "Permission denied (os error 13)\n";
    for (arguments, why) in [
        (&["-o", "closed/cat.png"][..], &["cannot write closed/cat.png: ", denied].concat()),
        (&["-n", "2", "-o", "closed/cat.png"], &["cannot write closed/cat.png: ", denied].concat()),
        (&[], &["cannot write fulmen-SEED.png: ", denied].concat()),
        (
            &["-o", "/dev/null", "--trace", "closed/cat.tsv"],
            &["cannot write closed/cat.tsv: ", denied].concat(),
        ),
        (
            &["-o", "file.png/cat.png"],
            &"cannot write file.png/cat.png: Not a directory (os error 20)\n".into(),
        ),
    ] {
        drawn(arguments).failed(1, &[why]).at_once();
    }
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_trace_does_not_replace_the_picture() {
    let place = Place::new();
    for arguments in [
        &["-o", "cat.png", "--trace", "./cat.png"][..],
        &["-o", "cat.png", "-n", "2", "--seed", "7", "--trace", "cat-8.png"],
        &["--seed", "7", "--trace", "fulmen-7.png"],
    ] {
        let run = place.draw(&[&["a cat"][..], arguments].concat());
        run.failed(2, &["--trace would replace the picture", "another name"]).at_once();
    }
    assert!(place.files().is_empty());
}

#[cfg(unix)]
#[test]
fn a_name_that_is_too_long_is_found_before_anything_is_opened() {
    let place = Place::new();
    let long = |letters| "x".repeat(letters) + ".png";
    for arguments in [
        &["-o", &long(252)][..],
        &["-o", &long(240), "-n", "2"],
        &["-o", &long(250), "-n", "2", "--seed", "9"],
        &["-o", "cat.png", "--trace", &long(252)],
    ] {
        let run = place.draw(&[&["a cat"][..], arguments].concat());
        run.failed(1, &["cannot write xxx", "File name too long"]).at_once();
    }
    assert!(place.files().is_empty());
    place.draw(&["a cat", "-o", &long(249), "-n", "2", "--seed", "8"]).succeeded();
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_what_it_points_to_is_written() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    symlink("folder/link.png", place.path("cat.png")).unwrap();
    symlink("new.png", place.path("folder/link.png")).unwrap();
    symlink("circle.png", place.path("circle.png")).unwrap();
    // At first there is nothing there, then a picture.
    for seed in ["1", "2"] {
        place.draw(&["a cat", "-o", "cat.png", "--seed", seed]).succeeded();
        assert!(place.path("cat.png").is_symlink() && place.path("folder/link.png").is_symlink());
        assert_eq!(pixels(&place.path("folder/new.png")).dimensions(), (64, 64));
    }
    place.draw(&["a cat", "-o", "circle.png"]).failed(1, &["cannot write circle.png"]).at_once();
}

#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let place = Place::new();
    for mode in [0o600, 0o640, 0o666, 0o755] {
        for name in ["cat.png", "trace.tsv"] {
            fs::write(place.path(name), "old").unwrap();
            fs::set_permissions(place.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        place.draw(&["a cat", "-o", "cat.png", "--trace", "trace.tsv"]).succeeded();
        for name in ["cat.png", "trace.tsv"] {
            let about = fs::metadata(place.path(name)).unwrap();
            assert!(about.len() > 100, "{name} was not replaced");
            assert_eq!(about.mode() & 0o7777, mode, "{name}");
        }
    }
}

#[test]
fn a_file_tells_nothing_of_itself_where_that_is_asked_for() {
    let place = Place::new();
    place.draw(&["a cat", "--seed", "4", "-o", "told.png"]).succeeded();
    for name in ["cat.png", "cat.jpg", "cat.webp"] {
        place.draw(&["a cat", "--seed", "4", "-o", name, "--png-text", "none"]).succeeded();
        let file = fs::read(place.path(name)).unwrap();
        let wide: Vec<u8> = "a cat".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for words in ["a cat".as_bytes(), b"Steps", b"Exif", b"EXIF", &wide] {
            assert!(!file.windows(words.len()).any(|window| window == words), "{name} holds {words:?}");
        }
    }
    assert!(pixels(&place.path("told.png")) == pixels(&place.path("cat.png")), "the pictures differ");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_file() {
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.path("full.png")).unwrap();
    place.draw(&["a cat", "-o", "full.png"]).failed(1, &["full.png", "No space left"]);
    place
        .draw(&["a cat", "-o", "cat.png", "--trace", "/dev/full"])
        .failed(1, &["/dev/full", "No space left"]);
    assert!(fs::symlink_metadata("/dev/full").is_ok_and(|about| !about.is_file()), "the device was replaced");
}

#[test]
fn a_trace_has_a_row_for_every_node_and_does_not_change_the_picture() {
    let place = Place::new();
    place.draw(&["a cat", "--seed", "4", "-o", "plain.png"]).succeeded();
    place.draw(&["a cat", "--seed", "4", "-o", "traced.png", "--trace", "trace.tsv"]).succeeded();
    assert!(pixels(&place.path("plain.png")) == pixels(&place.path("traced.png")), "the pictures differ");
    let trace = fs::read_to_string(place.path("trace.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = trace.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0][..4], ["program", "node", "operation", "shape"]);
    assert!(rows.len() > 100 && rows.iter().all(|row| row.len() == 9), "{} rows", rows.len());
    for program in ["text", "unet step 1", "vae"] {
        assert!(rows.iter().any(|row| row[0] == program), "no rows of {program}");
    }
}

#[test]
fn a_trace_that_ends_in_jsonl_is_json_lines() {
    let place = Place::new();
    place.draw(&["a cat", "-o", "cat.png", "--trace", "trace.jsonl"]).succeeded();
    let trace = fs::read_to_string(place.path("trace.jsonl")).unwrap();
    for line in trace.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row["mean"].is_number() && row["shape"].as_array().unwrap().len() == 4, "{line}");
    }
}
