//! What a `presetStyle` means here: words that follow the prompt, and for some what is done to the finished picture.

use crate::fields::{Effect, Finish, Look, When};

/// Every style and its words, in the order of the document. Those without words leave the prompt as it is.
const WORDS: &[(&str, &str)] = &[
    ("ANIME", "anime style, clean lines, cel shading"),
    ("BOKEH", "shallow depth of field, soft bokeh background"),
    ("CINEMATIC", "cinematic film still, dramatic light, wide shot"),
    ("CINEMATIC_CLOSEUP", "cinematic film still, dramatic light, close-up"),
    ("CREATIVE", "imaginative, unusual composition"),
    ("DYNAMIC", "dynamic light, vivid detail"),
    ("ENVIRONMENT", "wide view of the surroundings, atmospheric perspective"),
    ("FASHION", "fashion photography, studio light"),
    ("FILM", "analog film photograph, fine grain"),
    ("FOOD", "food photography, appetising, soft window light"),
    ("GENERAL", "detailed, balanced composition"),
    ("HDR", "high dynamic range, rich shadows and highlights"),
    ("ILLUSTRATION", "digital illustration, painted"),
    ("LEONARDO", ""),
    ("LONG_EXPOSURE", "long exposure photograph, motion trails"),
    ("MACRO", "macro photograph, extreme close-up, fine detail"),
    ("MINIMALISTIC", "minimalistic, much empty space, few elements"),
    ("MONOCHROME", "monochrome, black and white"),
    ("MOODY", "moody, low-key light, muted colours"),
    ("NONE", ""),
    ("NEUTRAL", "neutral light, natural colours"),
    ("PHOTOGRAPHY", "photograph, natural light, sharp focus"),
    ("PORTRAIT", "portrait photograph, soft light on the face"),
    ("RAYTRACED", "ray traced render, realistic reflections"),
    ("RENDER_3D", "3D render, smooth shading"),
    ("RETRO", "retro look, faded colours, vintage print"),
    ("SKETCH_BW", "black and white pencil sketch"),
    ("SKETCH_COLOR", "coloured pencil sketch"),
    ("STOCK_PHOTO", "stock photograph, bright and clean"),
    ("VIBRANT", "vibrant saturated colours"),
    ("UNPROCESSED", ""),
];

const fn is(style: &'static str, finish: Finish) -> Effect {
    Effect { when: When::Is(style), look: Look { finish, ..Look::NONE } }
}

const AS_IT_IS: Finish = Finish::NONE;

/// What else some styles do: to the finished picture.
pub(super) const EFFECTS: &[Effect] = &[
    is("\"BOKEH\"", Finish { blur: 0.03, ..AS_IT_IS }),
    is("\"CINEMATIC\"", Finish { contrast: 1.08, vignette: 0.25, ..AS_IT_IS }),
    is("\"HDR\"", Finish { range: 0.7, sharpness: 0.2, ..AS_IT_IS }),
    is("\"MONOCHROME\"", Finish { saturation: 0.0, ..AS_IT_IS }),
    is("\"MOODY\"", Finish { saturation: 0.8, vignette: 0.4, ..AS_IT_IS }),
    is("\"RETRO\"", Finish { contrast: 0.9, saturation: 0.7, ..AS_IT_IS }),
    is("\"SKETCH_BW\"", Finish { saturation: 0.0, contrast: 1.15, sharpness: 0.4, ..AS_IT_IS }),
    is("\"VIBRANT\"", Finish { saturation: 1.35, ..AS_IT_IS }),
];

/// The words of a style.
pub(super) fn words(style: &str) -> &'static str {
    WORDS.iter().find(|(name, _)| *name == style).map_or("", |(_, words)| words)
}

/// What `openapi.json` says of each style.
pub(super) fn table() -> String {
    let lines = WORDS.iter().map(|(style, words)| match *words {
        "" => format!("- {style}: nothing"),
        words => format!("- {style}: \"{words}\""),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::leonardo::words::STYLES;

    #[test]
    fn every_documented_style_has_its_line_and_no_other() {
        assert!(WORDS.iter().map(|(name, _)| name).eq(STYLES));
    }

    #[test]
    fn three_styles_add_nothing() {
        let silent: Vec<_> = STYLES.iter().filter(|style| words(style).is_empty()).collect();
        assert_eq!(silent, [&"LEONARDO", &"NONE", &"UNPROCESSED"]);
    }

    #[test]
    fn no_two_styles_mean_the_same() {
        let said: Vec<_> = WORDS.iter().map(|(_, words)| words).filter(|words| !words.is_empty()).collect();
        let different: std::collections::HashSet<_> = said.iter().collect();
        assert_eq!(different.len(), said.len());
    }
}
