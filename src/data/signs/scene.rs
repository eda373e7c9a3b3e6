//! A scene on the canvas: cluttered background, post, sign in a random pose, partial occlusion.

use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Transform};

use super::super::Region;
use super::SIDE;
use super::drawing::{Colour, Layer};
use super::stream::Stream;

/// Families of background colours: sky and ground, foliage, masonry, dusk, snow.
const PALETTES: [[Colour; 4]; 5] = [
    [[150, 190, 230], [205, 220, 235], [110, 120, 100], [95, 95, 100]],
    [[40, 80, 35], [90, 120, 50], [120, 140, 80], [60, 60, 40]],
    [[165, 120, 95], [130, 90, 75], [190, 180, 165], [90, 85, 85]],
    [[40, 45, 70], [80, 70, 90], [140, 100, 90], [25, 28, 36]],
    [[225, 228, 232], [190, 200, 210], [150, 160, 170], [100, 110, 105]],
];

/// Fill colours of stray shapes that look like parts of other signs.
const DECOYS: [Colour; 4] = [[196, 22, 34], [12, 76, 168], [248, 196, 16], [240, 240, 236]];

/// Where the sign is: its centre in pixels and the matrix from sign coordinates to pixels.
struct Pose {
    transform: Transform,
    x: f32,
    y: f32,
    radius: f32,
}

impl Pose {
    /// The sign spans 70 to 96 % of a picture of `SIDE` pixels, turned by up to 14 degrees, squeezed and sheared as if seen aslant,
    /// and shifted so that at most a sliver leaves the picture.
    fn draw(side: f32, stream: &mut Stream) -> Self {
        let radius = SIDE as f32 / 2.0 * stream.range(0.70, 0.96);
        // Half-angle form: cosine and sine without a mathematical library.
        let t = stream.around(0.12);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let squeeze = stream.range(0.78, 1.0);
        let shear = stream.around(0.14);
        let free = side / 2.0 - radius + 1.0;
        let (x, y) = (side / 2.0 + stream.around(free), side / 2.0 + stream.around(free));
        // rotation * [[squeeze, 0], [shear, 1]]: the far side of an aslant plate also moves up or down.
        let (a, b) = (cos * squeeze - sin * shear, sin * squeeze + cos * shear);
        let transform = Transform::from_row(radius * a, radius * b, -radius * sin, radius * cos, x, y);
        Self { transform, x, y, radius }
    }

    /// The pixels of a square picture that the sign reaches.
    fn region(&self, sign: &[Layer], side: usize) -> Region {
        let outlines = sign.iter().filter_map(|layer| layer.path.clone().transform(self.transform));
        let bounds = outlines.map(|path| path.bounds()).reduce(|a, b| a.join(&b).unwrap_or(a));
        let span = |[first, end]: [f32; 2]| {
            let first = first.floor().max(0.0) as usize;
            (first, (end.ceil().max(0.0) as usize).min(side).saturating_sub(first))
        };
        let spans = bounds.map(|b| (span([b.top(), b.bottom()]), span([b.left(), b.right()])));
        let ((top, height), (left, width)) = spans.unwrap_or_default();
        Region { top, left, height, width }
    }
}

/// Draws a scene without a sign on a square canvas; returns its colours.
pub(super) fn background(canvas: &mut Pixmap, stream: &mut Stream) -> [Colour; 4] {
    let palette = PALETTES[stream.below(PALETTES.len())];
    backdrop(canvas, &palette, stream);
    clutter(canvas, &palette, stream);
    palette
}

/// Draws one scene with a sign somewhere in it on a square canvas of at least `SIDE` x `SIDE` pixels; returns where.
pub(super) fn render(canvas: &mut Pixmap, sign: &[Layer], stream: &mut Stream) -> Region {
    let palette = background(canvas, stream);
    let pose = Pose::draw(canvas.width() as f32, stream);
    post(canvas, &pose, stream);
    let wear = stream.range(0.0, 0.2);
    let dirt = palette[stream.below(4)];
    for layer in sign {
        fill(canvas, &layer.path, mix(layer.colour, dirt, wear), 255, pose.transform);
    }
    if stream.chance(0.45) {
        occlude(canvas, &palette, &pose, stream);
    }
    pose.region(sign, canvas.width() as usize)
}

/// Two colours from top to bottom with a horizon somewhere.
fn backdrop(canvas: &mut Pixmap, palette: &[Colour; 4], stream: &mut Stream) {
    let (top, middle, bottom) =
        (palette[stream.below(4)], palette[stream.below(4)], palette[stream.below(4)]);
    let side = canvas.width() as usize;
    let horizon = stream.range(0.3, 0.9) * side as f32;
    for (row, pixels) in canvas.pixels_mut().chunks_exact_mut(side).enumerate() {
        let y = row as f32;
        let colour = if y < horizon { mix(top, middle, y / horizon) } else { bottom };
        let [r, g, b] = colour;
        // Opaque, so the components never exceed alpha; the constructor checks just that.
        if let Some(pixel) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
            pixels.fill(pixel);
        }
    }
}

/// Walls, trunks, leaves and stray shapes in sign colours.
fn clutter(canvas: &mut Pixmap, palette: &[Colour; 4], stream: &mut Stream) {
    let side = canvas.width() as usize;
    // As dense in a large picture as in a small one.
    let shapes = (3 + stream.below(6)) * side * side / (SIDE * SIDE);
    let side = side as f32;
    for _ in 0..shapes {
        let shade = stream.range(0.6, 1.3);
        let mut colour = palette[stream.below(4)].map(|value| (f32::from(value) * shade) as u8);
        if stream.chance(0.12) {
            colour = DECOYS[stream.below(DECOYS.len())];
        }
        let (x, y) = (stream.range(0.0, side), stream.range(0.0, side));
        let (w, h) = (stream.range(2.0, 16.0), stream.range(2.0, 16.0));
        let lean = Transform::from_row(1.0, stream.around(0.3), stream.around(0.3), 1.0, x, y);
        let path = if stream.chance(0.5) {
            Rect::from_ltrb(-w / 2.0, -h / 2.0, w / 2.0, h / 2.0).map(PathBuilder::from_rect)
        } else {
            Rect::from_ltrb(-w / 2.0, -h / 2.0, w / 2.0, h / 2.0).and_then(PathBuilder::from_oval)
        };
        fill_some(canvas, path, colour, 160 + stream.below(96) as u8, lean);
    }
}

/// The post below the sign.
fn post(canvas: &mut Pixmap, pose: &Pose, stream: &mut Stream) {
    let width = stream.range(1.0, 3.0);
    let grey = 60 + stream.below(120) as u8;
    let path =
        Rect::from_ltrb(pose.x - width / 2.0, pose.y, pose.x + width / 2.0, 2.0 * canvas.height() as f32)
            .map(PathBuilder::from_rect);
    fill_some(canvas, path, [grey; 3], 255, Transform::identity());
}

/// A branch across the sign, a few leaves or stickers on it, or something in front of its rim.
fn occlude(canvas: &mut Pixmap, palette: &[Colour; 4], pose: &Pose, stream: &mut Stream) {
    let colour = palette[stream.below(4)];
    let r = pose.radius;
    match stream.below(3) {
        0 => {
            let width = stream.range(0.8, 2.6);
            let path =
                Rect::from_ltrb(-2.0 * r, -width / 2.0, 2.0 * r, width / 2.0).map(PathBuilder::from_rect);
            let slope = stream.around(1.0);
            let (x, y) = (pose.x + stream.around(0.7 * r), pose.y + stream.around(0.7 * r));
            let lean = if stream.chance(0.5) { (1.0, slope, -slope, 1.0) } else { (slope, 1.0, -1.0, slope) };
            fill_some(canvas, path, colour, 255, Transform::from_row(lean.0, lean.1, lean.2, lean.3, x, y));
        }
        1 => {
            for _ in 0..2 + stream.below(4) {
                let (x, y) = (pose.x + stream.around(0.9 * r), pose.y + stream.around(0.9 * r));
                let path = PathBuilder::from_circle(x, y, stream.range(0.8, 2.4));
                fill_some(canvas, path, colour, 230, Transform::identity());
            }
        }
        _ => {
            let side = if stream.chance(0.5) { 1.0 } else { -1.0 };
            let depth = stream.range(0.65, 1.0) * r;
            let path = PathBuilder::from_circle(pose.x + side * (depth + r), pose.y + stream.around(r), r);
            fill_some(canvas, path, colour, 255, Transform::identity());
        }
    }
}

fn fill_some(canvas: &mut Pixmap, path: Option<Path>, colour: Colour, alpha: u8, transform: Transform) {
    // An outline without extent covers nothing.
    if let Some(path) = path {
        fill(canvas, &path, colour, alpha, transform);
    }
}

fn fill(canvas: &mut Pixmap, path: &Path, colour: Colour, alpha: u8, transform: Transform) {
    let [r, g, b] = colour;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, alpha));
    canvas.fill_path(path, &paint, FillRule::Winding, transform, None);
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|c| (f32::from(a[c]) + (f32::from(b[c]) - f32::from(a[c])) * share) as u8)
}
