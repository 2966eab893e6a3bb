//! The picture that another is drawn over, read before the model is opened.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use fulmen_engine::edit::Mask;
use fulmen_engine::init::{Init, USUAL_STRENGTH};
use fulmen_engine::picture::{self, Limits, Picture};

use crate::args::InitArgs;
use crate::failure::Failure;

/// More than any picture within the limits of pixels has.
const MOST_BYTES: u64 = 256 << 20;

/// What `--init` and the flags beside it ask for.
pub(super) fn read(args: &InitArgs, is_prompt_on_standard_input: bool) -> Result<Option<Init>, Failure> {
    let Some(path) = &args.init else { return Ok(None) };
    check(args)?;
    let picture = if path == Path::new("-") {
        if is_prompt_on_standard_input {
            let what = "standard input holds the prompt or the picture, not both; give one of them by name";
            return Err(Failure::Usage(what.into()));
        }
        from_standard_input()?
    } else {
        picture::open(path, Limits::default())?
    };
    let usual = if args.outpaint.is_some() { 1.0 } else { USUAL_STRENGTH };
    let init = Init {
        fit: args.fit.map_or_else(Default::default, Into::into),
        denoising_strength: args.strength.unwrap_or(usual),
        mask: args.mask.as_deref().map(|mask| read_mask(mask, path, &picture)).transpose()?,
        mask_blur: args.mask_blur.unwrap_or_default(),
        only_masked: args.only_masked,
        outpaint: args.outpaint,
        ..Init::new(Arc::new(picture))
    };
    Ok(Some(init))
}

fn check(args: &InitArgs) -> Result<(), Failure> {
    if args.mask_blur.is_some() && args.mask.is_none() && args.outpaint.is_none() {
        return Err(Failure::Usage("--mask-blur softens the edge of a mask; give one with --mask".into()));
    }
    Ok(())
}

fn read_mask(mask: &Path, of: &Path, picture: &Picture) -> Result<Arc<Mask>, Failure> {
    if mask != Path::new("alpha") {
        return Ok(Arc::new(Mask::of_luminance(&picture::open(mask, Limits::default())?)));
    }
    let transparent = Mask::of_transparency(picture).map(Arc::new);
    transparent.ok_or_else(|| {
        let what = format!(
            "--mask alpha draws what is transparent, and {} is wholly opaque; give a mask of its own",
            of.display()
        );
        Failure::Usage(what)
    })
}

fn from_standard_input() -> Result<Picture, Failure> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Run(format!("cannot read the picture from standard input: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::Usage("standard input has more than 256 MiB; is that a picture?".into()));
    }
    picture::read(&bytes, Limits::default())
        .map_err(|error| Failure::Run(format!("the picture on standard input {error}")))
}
