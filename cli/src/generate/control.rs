//! Pictures that guide, as the command line names them: read, and put beside their nets.

use std::sync::Arc;

use fulmen_engine::picture::{self, Limits};
use fulmen_engine::request::Control;

use crate::args::{ControlArg, ControlArgs};
use crate::failure::Failure;

/// What the engine is asked for. Pictures are read here.
pub(super) fn read(args: &ControlArgs) -> Result<Vec<Control>, Failure> {
    let one = |(place, arg): (usize, &ControlArg)| {
        let (start, end) = (share(args, &args.starts, 0.0, place)?, share(args, &args.ends, 1.0, place)?);
        let ControlArg { file, picture, mode, preprocessor, scale } = arg.clone();
        let control = Control::new(file, Arc::new(picture::open(&picture, Limits::default())?));
        Ok(Control { preprocessor, scale, start, end, guess: args.guess, mode, ..control })
    };
    args.controls.iter().enumerate().map(one).collect()
}

/// The share that the `place`-th picture has, of those that were given for one of the flags.
fn share(args: &ControlArgs, shares: &[f64], usual: f64, place: usize) -> Result<f64, Failure> {
    match shares {
        [] => Ok(usual),
        [one] => Ok(*one),
        each if each.len() == args.controls.len() => Ok(each[place]),
        each => Err(Failure::Usage(format!(
            "--control was given {} times and its start or end {} times; give those once for all, or once for each",
            args.controls.len(),
            each.len()
        ))),
    }
}

/// That something was said of pictures that guide where there are none.
pub(super) fn is_idle(args: &ControlArgs) -> bool {
    let is_said = args.guess || !args.starts.is_empty() || !args.ends.is_empty();
    is_said && args.controls.is_empty()
}
