//! A LoRA on the command line: a file, and how strongly it is applied.

use fulmen_engine::weights::LoraFile;

/// `FILE` or `FILE=WEIGHT`. A name may have `=` in it: only a number after the last one is a weight.
pub(super) fn lora(text: &str) -> Result<LoraFile, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok();
    let (path, weight) = match text.rsplit_once('=').and_then(|(path, last)| Some((path, number(last)?))) {
        Some((path, weight)) => (path, weight),
        None => (text, 1.0),
    };
    if path.is_empty() {
        return Err("it needs a file: FILE, or FILE=0.8 for a weaker one".into());
    }
    if !weight.is_finite() {
        return Err("its weight must be a number; 1 is as it was trained".into());
    }
    Ok(LoraFile::new(path, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_after_the_last_equals_sign_is_a_weight() {
        for (text, path, weight) in [
            ("x.safetensors", "x.safetensors", 1.0),
            ("x.safetensors=0.8", "x.safetensors", 0.8),
            ("x=-1.safetensors", "x=-1.safetensors", 1.0),
            ("a=b=-.5", "a=b", -0.5),
            ("x=", "x=", 1.0),
        ] {
            assert_eq!(lora(text), Ok(LoraFile::new(path, weight)), "{text}");
        }
        assert!(lora("=2").unwrap_err().contains("needs a file"));
        assert!(lora("x=nan").unwrap_err().contains("must be a number"));
    }
}
