//! What values of members do with a picture, in numbers: what is drawn with them and what is written of them are the
//! same.

use serde::{Deserialize, Serialize};

/// What a value does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effect {
    pub(crate) when: When,
    pub(crate) look: Look,
}

/// Which values do it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// This one, as JSON.
    Is(&'static str),
    /// Every number n up to 1 does n times as much.
    Times,
    /// Each whole number does it so many times.
    Each,
}

/// Settings beyond those that have members of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Follow the prompt.
    pub(crate) words: &'static str,
    /// Follow the negative prompt.
    pub(crate) avoid: &'static str,
    /// Of the whole prompt.
    pub(crate) weight: f32,
    pub(crate) finish: Finish,
    pub(crate) pass: Option<Pass>,
    /// Nothing but the prompt and the model: no words of styles and recipes, nothing is done to the finished picture.
    pub(crate) raw: bool,
}

/// What is done to a finished picture. As it is by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Finish {
    /// Distances from the middle grey are multiplied by it.
    pub(crate) contrast: f32,
    /// Distances of colours from grey are multiplied by it.
    pub(crate) saturation: f32,
    /// How far the tones are stretched until black and white are among them, 0 to 1.
    pub(crate) range: f32,
    /// How much of the difference to the blurred picture is added.
    pub(crate) sharpness: f32,
    /// How far it is blurred at its borders: a share of the shorter side.
    pub(crate) blur: f32,
    /// How much light is taken from its corners, 0 to 1.
    pub(crate) vignette: f32,
}

/// Drawn again, larger, from what was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pass {
    /// How much longer the sides are.
    pub(crate) ratio: f64,
    /// How much of it is drawn anew, 0 to 1.
    pub(crate) strength: f64,
}

impl Default for Finish {
    fn default() -> Self {
        Self::NONE
    }
}

impl Finish {
    pub(crate) const NONE: Self =
        Self { contrast: 1.0, saturation: 1.0, range: 0.0, sharpness: 0.0, blur: 0.0, vignette: 0.0 };

    /// Both of them.
    fn and(self, other: Self) -> Self {
        Self {
            contrast: self.contrast * other.contrast,
            saturation: self.saturation * other.saturation,
            range: self.range.max(other.range),
            sharpness: self.sharpness + other.sharpness,
            blur: self.blur.max(other.blur),
            vignette: self.vignette.max(other.vignette),
        }
    }

    fn times(self, n: f32) -> Self {
        Self {
            contrast: self.contrast.powf(n),
            saturation: self.saturation.powf(n),
            range: self.range * n,
            sharpness: self.sharpness * n,
            blur: self.blur * n,
            vignette: self.vignette * n,
        }
    }
}

impl Look {
    pub(crate) const NONE: Self =
        Self { words: "", avoid: "", weight: 1.0, finish: Finish::NONE, pass: None, raw: false };

    pub(crate) fn times(self, n: f32) -> Self {
        Self { weight: self.weight.powf(n), finish: self.finish.times(n), ..self }
    }

    /// What it does, in a list without an end.
    pub(crate) fn about(&self) -> String {
        let Finish { contrast, saturation, range, sharpness, blur, vignette } = self.finish;
        let mut parts = vec![];
        let mut tell = |is: bool, part: String| parts.extend(is.then_some(part));
        tell(
            self.raw,
            "no words of `presetStyle` or of recipes, and nothing is done to the finished picture".into(),
        );
        tell(!self.words.is_empty(), format!("\"{}\" follows the prompt", self.words));
        tell(!self.avoid.is_empty(), format!("\"{}\" follows the negative prompt", self.avoid));
        tell(self.weight != 1.0, format!("the prompt has a weight of {}", self.weight));
        if let Some(Pass { ratio, strength }) = self.pass {
            tell(true, format!("drawn again, with sides {ratio} times as long and a strength of {strength}"));
        }
        tell(contrast != 1.0, format!("contrast × {contrast}"));
        tell(saturation != 1.0, format!("saturation × {saturation}"));
        tell(range > 0.0, format!("tones stretched {} of the way to black and white", percent(range)));
        tell(sharpness > 0.0, format!("sharpened by {}", percent(sharpness)));
        tell(blur > 0.0, format!("blurred towards the borders by {} of the shorter side", percent(blur)));
        tell(vignette > 0.0, format!("corners darkened by {}", percent(vignette)));
        parts.join(", ")
    }
}

impl Effect {
    /// The value, and what it does.
    pub(super) fn about(&self) -> String {
        match self.when {
            When::Is("null") => format!("If absent: {}", self.look.about()),
            When::Is(value) => format!("`{}`: {}", value.trim_matches('"'), self.look.about()),
            When::Times => format!("1: {}; less does less", self.look.about()),
            When::Each => format!("For each of 1 to the value: {}", self.look.about()),
        }
    }
}

fn percent(share: f32) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// The looks of several members together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Looks {
    pub(crate) words: Vec<&'static str>,
    pub(crate) avoid: Vec<&'static str>,
    pub(crate) weight: f32,
    pub(crate) finish: Finish,
    pub(crate) pass: Option<Pass>,
    pub(crate) raw: bool,
}

impl Looks {
    pub(crate) fn of(looks: impl Iterator<Item = Look>) -> Self {
        let none = Look::NONE;
        let mut all = Self {
            words: vec![],
            avoid: vec![],
            weight: none.weight,
            finish: none.finish,
            pass: None,
            raw: false,
        };
        for look in looks {
            all.words.extend(Some(look.words).filter(|words| !words.is_empty()));
            all.avoid.extend(Some(look.avoid).filter(|words| !words.is_empty()));
            all.weight *= look.weight;
            all.finish = all.finish.and(look.finish);
            let ratio = |pass: Option<Pass>| pass.map_or(0.0, |pass| pass.ratio);
            all.pass = if ratio(look.pass) > ratio(all.pass) { look.pass } else { all.pass };
            all.raw |= look.raw;
        }
        if all.raw {
            return Self { pass: all.pass, raw: true, ..Self::of(std::iter::empty()) };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFT: Look = Look {
        words: "soft light",
        weight: 1.2,
        finish: Finish { contrast: 0.8, blur: 0.01, ..Finish::NONE },
        ..Look::NONE
    };
    const LARGE: Look = Look {
        pass: Some(Pass { ratio: 2.0, strength: 0.4 }),
        finish: Finish { contrast: 1.5, sharpness: 0.5, ..Finish::NONE },
        ..Look::NONE
    };

    #[test]
    fn looks_of_several_members_are_all_there() {
        let both = Looks::of([SOFT, LARGE].into_iter());
        assert_eq!((both.words.as_slice(), both.pass, both.weight), (&["soft light"][..], LARGE.pass, 1.2));
        let finish = Finish { contrast: 0.8 * 1.5, sharpness: 0.5, blur: 0.01, ..Finish::NONE };
        assert_eq!(both.finish, finish);
        let raw = Looks::of([SOFT, Look { raw: true, ..Look::NONE }].into_iter());
        assert_eq!((raw.finish, raw.raw), (Finish::NONE, true));
    }

    #[test]
    fn a_description_has_the_numbers_that_are_drawn_with() {
        assert_eq!(
            SOFT.about(),
            "\"soft light\" follows the prompt, the prompt has a weight of 1.2, contrast × 0.8, blurred towards the \
             borders by 1 % of the shorter side"
        );
        assert_eq!(Look::NONE.about(), "");
        assert_eq!(SOFT.times(0.5).finish.blur, 0.005);
    }
}
