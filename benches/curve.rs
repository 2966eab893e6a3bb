//! Curves of FLOP/s over the widths of pictures, as SVG.

use std::fmt::Write as _;

use super::sizes::GRAIN;

/// Pixels of one panel, and of what stands around it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 60.0;
const ABOVE: f64 = 34.0;
const BELOW: f64 = 30.0;

/// Of the curves, in their order; both can be told apart without colours, by their darkness.
const COLOURS: [&str; 2] = ["#1b4f9c", "#e08a2b"];

/// One operation.
pub struct Panel {
    /// What it is.
    pub title: String,
    /// Curves with their names: FLOP/s at widths in steps of [`GRAIN`] from it on.
    pub curves: Vec<(&'static str, Vec<f64>)>,
}

impl Panel {
    fn most(&self) -> f64 {
        self.curves.iter().flat_map(|(_, rates)| rates).copied().fold(1.0, f64::max)
    }

    fn widest(&self) -> usize {
        self.curves.iter().map(|(_, rates)| rates.len() * GRAIN).max().unwrap_or(GRAIN)
    }

    /// Its part of the picture, from `top` on.
    fn draw(&self, svg: &mut String, top: f64) -> std::fmt::Result {
        let (most, widest, base) = (self.most(), self.widest() as f64, top + ABOVE + HEIGHT);
        let x = |width: f64| LEFT + WIDTH * width / widest;
        let y = |rate: f64| base - HEIGHT * rate / most;
        writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 20.0, self.title)?;
        for share in [0.0, 0.5, 1.0] {
            let (height, rate) = (y(share * most), share * most / 1e9);
            writeln!(svg, "<path d=\"M{LEFT} {height:.1}h{WIDTH}\" stroke=\"#ccc\"/>")?;
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{rate:.0}</text>",
                LEFT - 6.0,
                height + 4.0
            )?;
        }
        for width in (0..=self.widest()).step_by(256) {
            let place = x(width as f64);
            writeln!(
                svg,
                "<text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{width}</text>",
                base + 16.0
            )?;
        }
        for ((name, rates), (place, colour)) in self.curves.iter().zip(COLOURS.iter().enumerate()) {
            let points = rates.iter().enumerate();
            let points =
                points.map(|(n, rate)| format!("{:.1},{:.1}", x((GRAIN * (n + 1)) as f64), y(*rate)));
            let points: Vec<String> = points.collect();
            writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>", points.join(" "))?;
            let right = LEFT + WIDTH - 90.0 * place as f64;
            writeln!(
                svg,
                "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
                top + 20.0
            )?;
        }
        Ok(())
    }
}

/// All panels, one below the other, with a line of text above them.
#[must_use]
pub fn svg(caption: &str, panels: &[Panel]) -> String {
    let panel = ABOVE + HEIGHT + BELOW;
    let (width, height) = (LEFT + WIDTH + 20.0, panel * panels.len() as f64 + 40.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"10\" y=\"20\">{}</text>\n",
        caption.replace('&', "&amp;").replace('<', "&lt;")
    );
    for (place, one) in panels.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = one.draw(&mut svg, 30.0 + panel * place as f64);
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_from_left_to_right() {
        let panel = Panel { title: "linear".into(), curves: vec![("square", vec![1e9, 2e9])] };
        let svg = svg("a < b", &[panel]);
        assert!(svg.contains("points=\"420.0,139.0 780.0,64.0\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"), "{svg}");
    }
}
