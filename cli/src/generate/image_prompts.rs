//! Pictures that a picture is to be like: what was typed, as the engine takes it.

use std::path::Path;
use std::sync::Arc;

use fulmen_engine::picture;
use fulmen_engine::request::ImagePrompt;

use crate::args::ImagePromptArg;
use crate::failure::Failure;

/// Pictures of one adapter, in the order of the command line, count together.
pub(super) fn read(args: Vec<ImagePromptArg>, encoder: Option<&Path>) -> Result<Vec<ImagePrompt>, Failure> {
    let Some(first) = args.first() else { return Ok(vec![]) };
    let Some(encoder) = encoder else {
        let file = first.file.display();
        return Err(Failure::Usage(format!(
            "--ip-adapter {file} needs the encoder of pictures that it was made for; give it with --image-encoder: ViT-H for \
             files with vit-h in their names, ViT-bigG for ip-adapter_sdxl"
        )));
    };
    let mut prompts: Vec<(ImagePrompt, Option<f32>)> = vec![];
    for ImagePromptArg { file, picture, scale } in args {
        let read = Arc::new(picture::open(&picture, picture::Limits::default())?.on_white().into_owned());
        match prompts.iter_mut().find(|(prompt, _)| prompt.file == file) {
            Some((prompt, known)) => {
                if let (Some(one), Some(other)) = (*known, scale)
                    && one != other
                {
                    return Err(two_scales(&file, [one, other]));
                }
                *known = known.or(scale);
                prompt.pictures.push(read);
            }
            None => {
                let prompt =
                    ImagePrompt { file, encoder: encoder.to_path_buf(), pictures: vec![read], scale: 1.0 };
                prompts.push((prompt, scale));
            }
        }
    }
    let scaled =
        |(prompt, scale): (ImagePrompt, Option<f32>)| ImagePrompt { scale: scale.unwrap_or(1.0), ..prompt };
    Ok(prompts.into_iter().map(scaled).collect())
}

fn two_scales(file: &Path, [one, other]: [f32; 2]) -> Failure {
    let file = file.display();
    Failure::Usage(format!(
        "--ip-adapter {file} is given the scales {one} and {other}, but its pictures count together; give one of them"
    ))
}
