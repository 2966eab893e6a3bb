//! The words that members of `POST /generations` and its answers may be, as the official clients know them.
//! A word that a client does not know makes it drop the whole answer.

pub(super) const SCHEDULERS: &[&str] =
    &["KLMS", "EULER_ANCESTRAL_DISCRETE", "EULER_DISCRETE", "DDIM", "DPM_SOLVER", "PNDM", "LEONARDO"];

pub(super) const VERSIONS: &[&str] = &[
    "v1_5",
    "v2",
    "v3",
    "SDXL_0_8",
    "SDXL_0_9",
    "SDXL_1_0",
    "SDXL_LIGHTNING",
    "PHOENIX",
    "FLUX",
    "FLUX_DEV",
    "KINO_2_0",
];

pub(super) const STYLES: &[&str] = &[
    "ANIME",
    "BOKEH",
    "CINEMATIC",
    "CINEMATIC_CLOSEUP",
    "CREATIVE",
    "DYNAMIC",
    "ENVIRONMENT",
    "FASHION",
    "FILM",
    "FOOD",
    "GENERAL",
    "HDR",
    "ILLUSTRATION",
    "LEONARDO",
    "LONG_EXPOSURE",
    "MACRO",
    "MINIMALISTIC",
    "MONOCHROME",
    "MOODY",
    "NONE",
    "NEUTRAL",
    "PHOTOGRAPHY",
    "PORTRAIT",
    "RAYTRACED",
    "RENDER_3D",
    "RETRO",
    "SKETCH_BW",
    "SKETCH_COLOR",
    "STOCK_PHOTO",
    "VIBRANT",
    "UNPROCESSED",
];

pub(super) const CONTROL_STRENGTHS: &[&str] = &["Low", "Mid", "High", "Ultra", "Max"];

pub(super) const CONTROL_IMAGES: &[&str] = &["GENERATED", "UPLOADED"];

pub(super) const CONTROL_TYPES: &[&str] = &["POSE", "CANNY", "DEPTH"];

pub(super) const CANVAS_TYPES: &[&str] = &["INPAINT", "OUTPAINT", "SKETCH2IMG", "IMG2IMG"];

pub(super) const TRANSPARENCIES: &[&str] = &["disabled", "foreground_only"];

pub(super) const STATUSES: &[&str] = &["PENDING", "COMPLETE", "FAILED"];

pub(super) const TRANSFORMS: &[&str] = &["OUTPAINT", "INPAINT", "UPSCALE", "UNZOOM", "NOBG"];
