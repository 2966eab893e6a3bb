//! The picture that another is drawn over, and which parts of it.

use std::path::PathBuf;

use clap::ValueEnum;
use fulmen_engine::edit::Fit;

use super::number::count;

/// Nothing here has an effect without --init.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Drawing over a picture")]
pub(crate) struct InitArgs {
    /// A PNG, JPEG or WebP file to draw over; `-` reads it from standard input
    #[arg(long, value_name = "IMAGE")]
    pub(crate) init: Option<PathBuf>,

    /// How much of it is drawn anew, 0 to 1: about 0.3 keeps its shapes, 0.75 its colours and layout. As many of
    /// the steps are run [default: 0.75; 1 with --outpaint]
    #[arg(long, value_name = "S", requires = "init")]
    pub(crate) strength: Option<f64>,

    /// How it is brought to --width and --height, where it has another shape [default: crop]
    #[arg(long, value_name = "FIT", requires = "init")]
    pub(crate) fit: Option<FitArg>,

    /// A picture that is white where the other is drawn anew, and black where it stays as it is, to the bit;
    /// `alpha`: what is transparent is drawn
    #[arg(long, value_name = "IMAGE|alpha", requires = "init")]
    pub(crate) mask: Option<PathBuf>,

    /// Soften the mask's edge, by a Gaussian of so many pixels [default: 0]
    #[arg(long, value_name = "PX", requires = "init")]
    pub(crate) mask_blur: Option<f32>,

    /// Draw only the masked region with so many pixels around it, at the full size, and put it back: small things
    /// become sharp
    #[arg(long, value_name = "PADDING", requires = "mask", value_parser = count)]
    pub(crate) only_masked: Option<usize>,

    /// Extend the picture by so many pixels at each side, and draw these: 0,0,256,0 goes on to the right
    #[arg(long, value_name = "LEFT,TOP,RIGHT,BOTTOM", requires = "init", value_parser = margins, allow_hyphen_values = true)]
    pub(crate) outpaint: Option<[usize; 4]>,
}

/// How a picture is brought to another shape.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FitArg {
    /// Scale it until it covers the size, and cut off what is too much
    Crop,
    /// Scale it until the size holds it, and continue its edges
    Pad,
    /// Scale both sides by themselves
    Stretch,
}

impl From<FitArg> for Fit {
    fn from(fit: FitArg) -> Self {
        match fit {
            FitArg::Crop => Self::Crop,
            FitArg::Pad => Self::Pad,
            FitArg::Stretch => Self::Stretch,
        }
    }
}

/// Four numbers of pixels.
fn margins(text: &str) -> Result<[usize; 4], String> {
    let sides: Vec<&str> = text.split(',').map(str::trim).collect();
    let sides: [&str; 4] = sides
        .try_into()
        .map_err(|_| "four numbers are expected: LEFT,TOP,RIGHT,BOTTOM, such as 0,0,256,0")?;
    let mut margins = [0; 4];
    for ((margin, side), name) in margins.iter_mut().zip(sides).zip(["left", "top", "right", "bottom"]) {
        *margin = count(side).map_err(|why| format!("of {name}, {side}: {why}"))?;
    }
    Ok(margins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_four_numbers() {
        assert_eq!(margins("0,8, 256 ,0"), Ok([0, 8, 256, 0]));
        for (wrong, why) in [
            ("1,2,3", "four numbers"),
            ("1,2,3,4,5", "four numbers"),
            ("1,2,3,-4", "of bottom, -4: it cannot be less than 0"),
        ] {
            assert!(margins(wrong).is_err_and(|said| said.contains(why)), "{wrong}: {:?}", margins(wrong));
        }
    }
}
