//! Certified accuracy over radius as one self-contained SVG picture.

use std::fmt::Write as _;

use super::interval::wilson_95;
use super::record::Norm;
use super::rows::Row;
use super::summary::in_pixels;

/// One curve of the picture.
pub struct Curve<'a> {
    /// Legend text.
    pub name: &'a str,
    /// The rows of the run.
    pub rows: &'a [Row],
    /// Largest radius that the number of samples allows, in pixels, if it is known: drawn as a dashed line.
    pub limit: Option<f64>,
}

impl Curve<'_> {
    /// Where the curve ends, in pixels.
    fn end(&self) -> f64 {
        let largest = self.rows.iter().map(|row| row.radius_units).max();
        self.limit.unwrap_or_else(|| in_pixels(largest.unwrap_or(0)))
    }
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 58.0;
const INKS: [&str; 4] = ["#0b5fa5", "#c2410c", "#15803d", "#7e22ce"];

/// Where data lie on the picture.
struct Axes {
    /// Right end of the radius axis, in `unit`.
    reach: f64,
    /// What radii are written in: name, and how many are in a pixel.
    unit: (&'static str, f64),
}

impl Axes {
    /// Of a radius in pixels.
    fn x(&self, radius: f64) -> f64 {
        LEFT + radius * self.unit.1 / self.reach * (WIDTH - LEFT - RIGHT)
    }

    fn y(share: f64) -> f64 {
        TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
    }
}

/// Draws the curves, each with the band of its pointwise 95 % intervals.
#[must_use]
pub fn certified_accuracy_svg(title: &str, curves: &[Curve<'_>], norm: Norm) -> String {
    let unit = norm.shown_in();
    let largest = curves.iter().map(|curve| curve.end() * unit.1).fold(0.05, f64::max);
    let step = tick_step(largest);
    let axes = Axes { reach: (largest / step + 0.2).ceil() * step, unit };
    let mut svg = String::new();
    // Writing to a String cannot fail, so the results below carry no information.
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"
    );
    frame(&mut svg, title, &axes, step);
    for (i, curve) in curves.iter().enumerate() {
        draw(&mut svg, &axes, curve, INKS[i % INKS.len()], i);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Grid, tick labels, axis titles.
fn frame(svg: &mut String, title: &str, axes: &Axes, step: f64) {
    let (bottom, right) = (Axes::y(0.0), WIDTH - RIGHT);
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"26\" font-size=\"16\" fill=\"#111111\">{}</text>",
        escape(title)
    );
    for percent in (0..=100).step_by(20) {
        let y = Axes::y(f64::from(percent) / 100.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#dddddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\" fill=\"#333333\">{percent} %</text>",
            LEFT - 8.0,
            y + 5.0
        );
    }
    let ticks = (axes.reach / step).round() as u32;
    for tick in 0..=ticks {
        let radius = f64::from(tick) * step;
        let x = axes.x(radius / axes.unit.1);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"#eeeeee\"/><text x=\"{x:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\" fill=\"#333333\">{radius:.*}</text>",
            bottom,
            bottom + 20.0,
            if step < 0.1 { 2 } else { 1 }
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#111111\">certified {}</text>\n<text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\" \
         fill=\"#111111\">certified accuracy</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 12.0,
        axes.unit.0,
        (TOP + bottom) / 2.0
    );
}

/// Steps of a curve: so many images are certified in their true class up to this radius, then the curve falls.
fn steps(curve: &Curve<'_>) -> Vec<(f64, usize)> {
    let mut radii: Vec<u32> =
        curve.rows.iter().filter(|row| row.correct()).map(|row| row.radius_units).collect();
    radii.sort_unstable();
    let mut steps = Vec::new();
    let mut below = 0;
    for equal in radii.chunk_by(|a, b| a == b) {
        steps.push((in_pixels(equal[0]), radii.len() - below));
        below += equal.len();
    }
    steps.push((curve.end(), 0));
    steps
}

/// Band, step line and legend entry of one curve.
fn draw(svg: &mut String, axes: &Axes, curve: &Curve<'_>, ink: &str, index: usize) {
    let images = curve.rows.len();
    let steps = steps(curve);
    let line = |value: &dyn Fn(usize) -> f64| {
        let mut path = format!("M{LEFT} {:.1}", Axes::y(value(steps[0].1)));
        for &(radius, certified) in &steps {
            let _ = write!(path, "V{:.1}H{:.1}", Axes::y(value(certified)), axes.x(radius));
        }
        path
    };
    let mut lower = String::new();
    for &(radius, certified) in steps.iter().rev() {
        let _ = write!(lower, "H{:.1}V{:.1}", axes.x(radius), Axes::y(wilson_95(certified, images).0));
    }
    let _ = writeln!(
        svg,
        "<path d=\"{}{lower}H{LEFT}Z\" fill=\"{ink}\" fill-opacity=\"0.15\"/>\n\
         <path d=\"{}\" fill=\"none\" stroke=\"{ink}\" stroke-width=\"2\"/>",
        line(&|certified| wilson_95(certified, images).1),
        line(&|certified| certified as f64 / images.max(1) as f64),
    );
    if let Some(limit) = curve.limit {
        draw_limit(svg, axes.x(limit), ink);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{ink}\" stroke=\"#ffffff\" \
         stroke-width=\"4\" paint-order=\"stroke\">{}, {images} images</text>",
        WIDTH - RIGHT - 12.0,
        TOP + 22.0 + 22.0 * index as f64,
        escape(curve.name)
    );
}

/// Where unanimous votes end.
fn draw_limit(svg: &mut String, limit: f64, ink: &str) {
    let bottom = Axes::y(0.0);
    let _ = writeln!(
        svg,
        "<path d=\"M{limit:.1} {TOP}V{bottom:.1}\" stroke=\"{ink}\" stroke-dasharray=\"5 4\"/>\n\
         <text transform=\"translate({:.1} {:.1}) rotate(-90)\" text-anchor=\"middle\" font-size=\"12\" \
         fill=\"{ink}\">largest radius these votes can give</text>",
        limit + 16.0,
        (TOP + bottom) / 2.0,
    );
}

/// A round step of the radius axis: five to ten ticks.
fn tick_step(largest: f64) -> f64 {
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0].into_iter().find(|step| largest / step <= 9.0).unwrap_or(5.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(predict: Option<usize>, radius_units: u32) -> Row {
        Row { idx: 0, label: 1, predict, radius_units, time: Duration::ZERO, stop: None }
    }

    #[test]
    fn curve_falls_at_each_radius_of_a_correct_image() {
        let rows = [
            row(Some(1), 524_288),
            row(Some(1), 262_144),
            row(Some(1), 262_144),
            row(Some(0), 9),
            row(None, 0),
        ];
        let curve = Curve { name: "a", rows: &rows, limit: Some(0.6) };
        assert_eq!(steps(&curve), [(0.25, 3), (0.5, 1), (0.6, 0)]);
    }

    #[test]
    fn names_are_escaped_and_no_rows_still_give_a_picture() {
        let svg = certified_accuracy_svg(
            "a < b & c",
            &[Curve { name: "<&>", rows: &[], limit: Some(0.6) }],
            Norm::L2,
        );
        assert!(svg.contains(">a &lt; b &amp; c</text>") && svg.contains(">&lt;&amp;&gt;, 0 images</text>"));
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"));
    }
}
