//! What the document says of members together.

use crate::fields::Values;
use crate::problem::Problem;

/// Beyond this side, in pixels, one request may have only so many pictures.
const LARGE: u64 = 768;
const MOST_LARGE: u64 = 4;

/// The largest seed of the Flux models.
const LARGEST_FLUX_SEED: u64 = 2_147_483_637;

/// The least contrast of Phoenix with alchemy.
const LEAST_PHOENIX: f64 = 2.5;

/// Checks what no member can be checked for alone.
///
/// # Errors
/// 400 that names the member to change.
pub(super) fn check(values: &Values) -> Result<(), Problem> {
    images_of_a_size(values)?;
    seed_of_flux(values)?;
    contrast_of_phoenix(values)?;
    style_without_alchemy(values)?;
    ultra_without_alchemy(values)?;
    photo_real(values)
}

fn images_of_a_size(values: &Values) -> Result<(), Problem> {
    let [width, height, images] =
        ["width", "height", "num_images"].map(|name| values.integer(name).unwrap_or(0));
    if images <= MOST_LARGE || width.max(height) <= LARGE {
        return Ok(());
    }
    let message = format!(
        "`num_images` must be at most {MOST_LARGE} for pictures of {width}x{height}; {images} are possible where neither \
         side is over {LARGE}"
    );
    Err(Problem::field("num_images", message))
}

fn seed_of_flux(values: &Values) -> Result<(), Problem> {
    let version = values.text("sd_version").unwrap_or_default();
    match values.integer("seed") {
        Some(seed) if version.starts_with("FLUX") && seed > LARGEST_FLUX_SEED => {
            let message = format!(
                "`seed` must be at most {LARGEST_FLUX_SEED} where `sd_version` is {version}, not {seed}"
            );
            Err(Problem::field("seed", message))
        }
        _ => Ok(()),
    }
}

fn contrast_of_phoenix(values: &Values) -> Result<(), Problem> {
    let phoenix = values.text("sd_version") == Some("PHOENIX") && values.flag("alchemy") == Some(true);
    match values.number("contrast") {
        Some(contrast) if phoenix && contrast < LEAST_PHOENIX => {
            let message = format!(
                "`contrast` must be at least {LEAST_PHOENIX} where `sd_version` is PHOENIX and `alchemy` is on, not {contrast}"
            );
            Err(Problem::field("contrast", message))
        }
        _ => Ok(()),
    }
}

fn style_without_alchemy(values: &Values) -> Result<(), Problem> {
    let style = values.text("presetStyle").filter(|_| values.has("presetStyle"));
    match style {
        Some(style) if values.flag("alchemy") == Some(false) && !matches!(style, "LEONARDO" | "NONE") => {
            let message =
                format!("`presetStyle` must be LEONARDO or NONE where `alchemy` is false, not {style}");
            Err(Problem::field("presetStyle", message))
        }
        _ => Ok(()),
    }
}

fn ultra_without_alchemy(values: &Values) -> Result<(), Problem> {
    // What is on by default gives way.
    if values.flag("ultra") == Some(true) && values.has("alchemy") && values.flag("alchemy") == Some(true) {
        let message = "`ultra` cannot be used together with `alchemy`: send `alchemy` false, or leave it out";
        return Err(Problem::field("ultra", message));
    }
    Ok(())
}

fn photo_real(values: &Values) -> Result<(), Problem> {
    if values.flag("photoReal") != Some(true) {
        return Ok(());
    }
    if values.flag("alchemy") == Some(false) {
        return Err(Problem::field("photoReal", "`photoReal` needs `alchemy`: send true, or leave it out"));
    }
    let is_first = values.text("photoRealVersion") == Some("v1");
    if is_first && values.is_unusual("modelId") {
        let message = "`photoRealVersion` v1 has no `modelId`: leave that out, or send v2";
        return Err(Problem::field("photoRealVersion", message));
    }
    Ok(())
}
