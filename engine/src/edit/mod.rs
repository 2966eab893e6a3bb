//! What is done to pictures as pixels before and after a model draws: fitting, masks, the region of one, margins to be
//! drawn, the way back into the picture, mattes, and the maps that control nets see. No network is needed for any of it.

mod blur;
mod colour;
mod fit;
mod mask;
mod matte;
mod outpaint;
mod paste;
mod preprocessor;
mod region;
mod resample;

pub use fit::Fit;
pub(crate) use mask::is_drawn;
pub use mask::{Mask, has_transparent, has_white};
pub use matte::matte;
pub use outpaint::{Extended, extended};
pub use paste::{pasted, pasted_into};
pub use preprocessor::Preprocessor;
pub use region::Region;
pub use resample::resampled;
