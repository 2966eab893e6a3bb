//! What one request may ask of the engine: checked before it takes a place, and before anything is written.

use super::{ModelInfo, Spec};
use crate::config::Work;
use crate::error::{Error, Result};
use crate::problem::Problem;

/// The members of a request that say how much work it is, by their names in its family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members {
    pub(crate) width: &'static str,
    pub(crate) height: &'static str,
    /// `None`: always one picture.
    pub(crate) images: Option<&'static str>,
    pub(crate) steps: &'static str,
}

/// Whether one request may be so much work.
///
/// # Errors
/// 400 that names the member to change, and the option that says how much.
pub(crate) fn check(most: &Work, spec: &Spec, members: &Members) -> Result<(), Problem> {
    let Spec { width, height, images, .. } = *spec;
    let one = (width * height) as u64;
    if one > most.pixels {
        let name = if width >= height { members.width } else { members.height };
        let message = format!(
            "`{name}`: {width}x{height} are {one} pixels, and this server draws at most {} for a request \
             (--max-pixels); ask for a smaller size",
            most.pixels
        );
        return Err(Problem::field(name, message));
    }
    let all = one * images as u64;
    if let Some(name) = members.images.filter(|_| all > most.pixels) {
        let message = format!(
            "`{name}`: {images} pictures of {width}x{height} are {all} pixels, and this server draws at most {} for a \
             request (--max-pixels); ask for at most {}, or for a smaller size",
            most.pixels,
            most.pixels / one
        );
        return Err(Problem::field(name, message));
    }
    match spec.steps {
        Some(steps) if steps > most.steps => {
            let name = members.steps;
            let message = format!(
                "`{name}`: this takes {steps} steps, and this server does at most {} (--max-steps); ask for fewer",
                most.steps
            );
            Err(Problem::field(name, message))
        }
        _ => Ok(()),
    }
}

/// Whether the model may draw at all as it does where a request gives no number of steps.
///
/// # Errors
/// It takes more steps than are allowed.
pub(crate) fn check_model(most: &Work, model: &ModelInfo) -> Result<()> {
    if model.steps <= most.steps {
        return Ok(());
    }
    Err(Error::Options(format!(
        "--max-steps {} is less than the {} steps that {} takes where a request asks for no number; allow at least as many",
        most.steps, model.steps, model.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: Members = Members { width: "width", height: "height", images: Some("n"), steps: "steps" };

    fn verdict(side: [usize; 2], images: usize, steps: Option<usize>) -> Option<(String, String)> {
        let most = Work { pixels: 1 << 20, steps: 30, ..Work::default() };
        let spec = Spec { width: side[0], height: side[1], images, steps, ..Spec::default() };
        let problem = check(&most, &spec, &MEMBERS).err()?;
        assert_eq!(problem.status, 400);
        Some((problem.field?, problem.message))
    }

    #[test]
    fn what_is_within_the_limits_is_drawn() {
        for (side, images, steps) in
            [([1024, 1024], 1, Some(30)), ([512, 512], 4, None), ([64, 64], 256, None)]
        {
            assert_eq!(verdict(side, images, steps), None);
        }
    }

    #[test]
    fn what_is_beyond_names_its_member_and_the_option_with_its_value() {
        for (side, images, steps, member, words) in [
            ([1032, 1024], 1, None, "width", ["--max-pixels", "1048576"]),
            ([512, 2056], 1, None, "height", ["--max-pixels", "1048576"]),
            ([512, 512], 5, None, "n", ["--max-pixels", "at most 4"]),
            ([64, 64], 1, Some(31), "steps", ["--max-steps", "at most 30"]),
        ] {
            let (field, message) = verdict(side, images, steps).unwrap();
            assert_eq!(field, member);
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
    }

    #[test]
    fn the_usual_limits_allow_whatever_the_documented_apis_do() {
        for (side, images, steps) in [(2048, 10, 100), (1536, 4, 60), (768, 8, 60)] {
            let spec = Spec { width: side, height: side, images, steps: Some(steps), ..Spec::default() };
            assert_eq!(check(&Work::default(), &spec, &MEMBERS), Ok(()));
        }
    }
}
