//! What `quality` asks of a model: other numbers of steps, or another size where it knows one number only.

use crate::fields::{Finish, Values};
use crate::jobs::ModelInfo;
use crate::warning::Warning;

/// The share of the sides that is drawn where fewer steps are not possible.
const SMALLER: usize = 75;

/// How much is sharpened where more steps are not possible.
const SHARPNESS: f32 = 0.4;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Quality {
    /// `None`: as many as the model was made for.
    pub(super) steps: Option<usize>,
    /// Pixels to draw, where the picture is resampled to its size.
    pub(super) drawn: Option<[usize; 2]>,
    pub(super) sharpness: f32,
}

impl Quality {
    /// Of a picture of this size. Steps that were asked for by number count for more.
    pub(super) fn of(
        values: &Values,
        model: &ModelInfo,
        (width, height): (usize, usize),
        warnings: &mut Vec<Warning>,
    ) -> Self {
        let quality = values.text("quality").unwrap_or_default();
        if let Some(steps) = steps(values, warnings) {
            if values.is_unusual("quality") && !is_usual(quality) {
                let message =
                    format!("`quality`: \"{quality}\" is overruled by the {steps} steps that were requested");
                warnings.push(Warning::no_effect("quality", message));
            }
            return Self { steps: Some(steps), ..Self::default() };
        }
        let is_for_one = model.hd_steps == model.steps;
        match quality {
            "low" if is_for_one || model.steps == 1 => {
                let smaller = |side: usize| (side * SMALLER / 800).max(1) * 8;
                Self { drawn: Some([smaller(width), smaller(height)]), ..Self::default() }
            }
            "low" => Self { steps: Some(model.steps / 2), ..Self::default() },
            quality if is_usual(quality) => Self::default(),
            _ if is_for_one => Self { sharpness: SHARPNESS, ..Self::default() },
            _ => Self { steps: Some(model.hd_steps), ..Self::default() },
        }
    }

    /// What is done to the finished picture with it.
    pub(super) fn on(self, finish: Finish) -> Finish {
        Finish { sharpness: finish.sharpness + self.sharpness, ..finish }
    }
}

/// Whether the model's own number is meant.
fn is_usual(quality: &str) -> bool {
    matches!(quality, "standard" | "medium" | "auto")
}

/// As many as were asked for.
fn steps(values: &Values, warnings: &mut Vec<Warning>) -> Option<usize> {
    let [own, alias] = ["steps", "num_inference_steps"].map(|name| values.integer(name));
    if own.is_some() && alias.is_some() && own != alias {
        let message = "`num_inference_steps` is overruled by `steps`";
        warnings.push(Warning::no_effect("num_inference_steps", message));
    }
    own.or(alias).map(|steps| steps as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::fields::GENERATIONS;
    use super::*;

    fn of(quality: &str, steps: usize, hd_steps: usize) -> Quality {
        let body =
            Map::from_iter([("prompt".to_owned(), json!("a")), ("quality".to_owned(), Value::from(quality))]);
        let model = ModelInfo {
            name: "a model".into(),
            own_size: 1024,
            is_demo: false,
            distilled: true,
            steps,
            hd_steps,
            guidance: 0.0,
            largest_preview: 256,
            device: "cpu".into(),
            nets: crate::config::Nets::default(),
            enlarging: 0.0,
        };
        Quality::of(&Values::checked(body, GENERATIONS).unwrap(), &model, (1024, 768), &mut vec![])
    }

    #[test]
    fn less_is_fewer_steps_or_fewer_pixels_and_more_is_more_steps_or_sharper() {
        let usual = Quality::default();
        for word in ["standard", "medium", "auto"] {
            assert_eq!((of(word, 4, 8), of(word, 4, 4)), (usual, usual), "{word}");
        }
        for word in ["hd", "high", "xhigh", "max"] {
            assert_eq!(of(word, 4, 8), Quality { steps: Some(8), ..usual }, "{word}");
            assert_eq!(of(word, 4, 4), Quality { sharpness: SHARPNESS, ..usual }, "{word}");
        }
        assert_eq!(of("low", 4, 8), Quality { steps: Some(2), ..usual });
        for (steps, hd_steps) in [(4, 4), (1, 2)] {
            assert_eq!(of("low", steps, hd_steps), Quality { drawn: Some([768, 576]), ..usual });
        }
    }
}
