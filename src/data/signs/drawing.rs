//! Signs as stacks of filled outlines in sign coordinates: x to the right, y down, the sign inside [-1, 1]^2.

use tiny_skia::{LineCap, LineJoin, Path, PathBuilder, Stroke};

use crate::data::DataError;

/// Red, green, blue, 0..=255.
pub(super) type Colour = [u8; 3];

/// One filled outline.
pub(super) struct Layer {
    pub path: Path,
    pub colour: Colour,
}

/// Distance of the control points of a cubic quarter circle of radius 1.
const QUARTER: f32 = 0.552_284_8;

/// Collects layers from the bottom up; strokes are turned into outlines once, here, so that rendering only fills.
pub(super) struct Drawing {
    name: &'static str,
    layers: Vec<Layer>,
    failed: bool,
}

impl Drawing {
    pub fn new(name: &'static str) -> Self {
        Self { name, layers: Vec::new(), failed: false }
    }

    /// The layers, or an error if an outline was degenerate.
    pub fn finish(self) -> Result<Vec<Layer>, DataError> {
        if self.failed { Err(DataError::Drawing { what: self.name }) } else { Ok(self.layers) }
    }

    fn push(&mut self, colour: Colour, path: Option<Path>) {
        match path {
            Some(path) => self.layers.push(Layer { path, colour }),
            None => self.failed = true,
        }
    }

    pub fn disc(&mut self, colour: Colour, x: f32, y: f32, radius: f32) {
        self.push(colour, PathBuilder::from_circle(x, y, radius));
    }

    pub fn polygon(&mut self, colour: Colour, points: &[(f32, f32)]) {
        let mut builder = PathBuilder::new();
        trace(&mut builder, points);
        builder.close();
        self.push(colour, builder.finish());
    }

    /// A polygon with its corners rounded by a stroke of the same colour, `radius` wide.
    pub fn soft_polygon(&mut self, colour: Colour, radius: f32, points: &[(f32, f32)]) {
        self.polygon(colour, points);
        let mut builder = PathBuilder::new();
        trace(&mut builder, points);
        builder.close();
        self.pen(colour, 2.0 * radius, builder);
    }

    /// An open line through `points`, with round ends and joins.
    pub fn line(&mut self, colour: Colour, width: f32, points: &[(f32, f32)]) {
        let mut builder = PathBuilder::new();
        trace(&mut builder, points);
        self.pen(colour, width, builder);
    }

    /// A run of `count` quarter ellipses, clockwise from quarter `first` (0 starts in the east, 1 in the south, 2 in
    /// the west, 3 in the north).
    pub fn arc(
        &mut self,
        colour: Colour,
        width: f32,
        centre: (f32, f32),
        radii: (f32, f32),
        run: (usize, usize),
    ) {
        let mut builder = PathBuilder::new();
        quarters(&mut builder, centre, radii, run);
        self.pen(colour, width, builder);
    }

    /// A filled arrow head with its tip at `tip`, pointing along the unit vector `towards`.
    pub fn head(&mut self, colour: Colour, tip: (f32, f32), towards: (f32, f32), size: f32) {
        let (dx, dy) = (towards.0 * size, towards.1 * size);
        let base = (tip.0 - dx, tip.1 - dy);
        self.polygon(
            colour,
            &[tip, (base.0 - dy * 0.8, base.1 + dx * 0.8), (base.0 + dy * 0.8, base.1 - dx * 0.8)],
        );
    }

    /// A glyph of strokes in a box `width` wide and `height` high around `centre`.
    pub fn glyph(&mut self, colour: Colour, pen: f32, glyph: char, centre: (f32, f32), size: (f32, f32)) {
        let (cx, cy) = centre;
        let (w, h) = (size.0 / 2.0, size.1 / 2.0);
        let at =
            |points: &[(f32, f32)]| points.iter().map(|&(x, y)| (cx + x * w, cy + y * h)).collect::<Vec<_>>();
        match glyph {
            '0' | 'O' => self.arc(colour, pen, centre, (w, h), (0, 4)),
            '3' => {
                self.arc(colour, pen, (cx, cy - h / 2.0), (w, h / 2.0), (2, 3));
                self.arc(colour, pen, (cx, cy + h / 2.0), (w, h / 2.0), (3, 3));
            }
            '5' => {
                self.line(colour, pen, &at(&[(0.9, -1.0), (-0.7, -1.0), (-0.8, -0.1), (0.0, -0.2)]));
                self.arc(colour, pen, (cx, cy + 0.4 * h), (w, 0.6 * h), (3, 3));
            }
            '8' => {
                self.arc(colour, pen, (cx, cy - 0.5 * h), (0.85 * w, 0.5 * h), (0, 4));
                self.arc(colour, pen, (cx, cy + 0.5 * h), (w, 0.5 * h), (0, 4));
            }
            'P' => {
                self.line(colour, pen, &at(&[(-0.7, 1.0), (-0.7, -1.0), (0.1, -1.0)]));
                self.arc(colour, pen, (cx + 0.1 * w, cy - 0.45 * h), (0.8 * w, 0.55 * h), (3, 2));
                self.line(colour, pen, &at(&[(0.1, 0.1), (-0.7, 0.1)]));
            }
            'S' => {
                self.arc(colour, pen, (cx, cy - h / 2.0), (w, h / 2.0), (1, 3));
                self.arc(colour, pen, (cx, cy + h / 2.0), (w, h / 2.0), (3, 3));
            }
            'T' => {
                self.line(colour, pen, &at(&[(-1.0, -1.0), (1.0, -1.0)]));
                self.line(colour, pen, &at(&[(0.0, -1.0), (0.0, 1.0)]));
            }
            _ => self.failed = true,
        }
    }

    fn pen(&mut self, colour: Colour, width: f32, builder: PathBuilder) {
        let stroke =
            Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        // Outlines are magnified up to about 16 pixels a unit: the scale sets how finely curves are split.
        let outline = builder.finish().and_then(|path| path.stroke(&stroke, 16.0));
        self.push(colour, outline);
    }
}

fn trace(builder: &mut PathBuilder, points: &[(f32, f32)]) {
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
}

fn quarters(builder: &mut PathBuilder, centre: (f32, f32), radii: (f32, f32), run: (usize, usize)) {
    const COMPASS: [(f32, f32); 4] = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
    let at = |x: f32, y: f32| (centre.0 + x * radii.0, centre.1 + y * radii.1);
    let start = COMPASS[run.0 % 4];
    let (x, y) = at(start.0, start.1);
    builder.move_to(x, y);
    for quarter in run.0..run.0 + run.1 {
        let (a, b) = (COMPASS[quarter % 4], COMPASS[(quarter + 1) % 4]);
        let (x1, y1) = at(a.0 + b.0 * QUARTER, a.1 + b.1 * QUARTER);
        let (x2, y2) = at(b.0 + a.0 * QUARTER, b.1 + a.1 * QUARTER);
        let (x3, y3) = at(b.0, b.1);
        builder.cubic_to(x1, y1, x2, y2, x3, y3);
    }
}
