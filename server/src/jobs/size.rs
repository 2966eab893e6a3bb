//! The size that is drawn for a requested size.

/// Latents cover squares of so many pixels.
const GRAIN: usize = 8;

/// The size in which a model that knows one small size only draws a picture of another: the area that it was trained
/// at, in the asked aspect, in multiples of 8.
pub(super) fn in_own_area(own_side: usize, width: usize, height: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    let side = |factor: f64| {
        let latents = own_side as f64 * factor.sqrt() / GRAIN as f64;
        (latents.round() as usize).max(1) * GRAIN
    };
    (side(aspect), side(1.0 / aspect))
}

#[cfg(test)]
mod tests {
    use super::in_own_area;

    #[test]
    fn the_area_stays_and_the_aspect_is_the_asked_one() {
        assert_eq!(in_own_area(128, 1024, 1024), (128, 128));
        assert_eq!(in_own_area(128, 1792, 1024), (168, 96));
        assert_eq!(in_own_area(128, 1024, 1792), (96, 168));
        assert_eq!(in_own_area(128, 1024, 768), (144, 112));
        assert_eq!(in_own_area(128, 32, 1536), (16, 888));
    }
}
