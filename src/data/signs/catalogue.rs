//! The sixteen signs.

use super::drawing::{Colour, Drawing, Layer};
use crate::data::DataError;

const RED: Colour = [196, 22, 34];
const WHITE: Colour = [240, 240, 236];
const BLUE: Colour = [12, 76, 168];
const YELLOW: Colour = [248, 196, 16];
const BLACK: Colour = [22, 22, 24];
const GREEN: Colour = [20, 140, 70];
const GREY: Colour = [130, 130, 130];

/// What draws one sign.
type Draw = fn(&mut Drawing);

/// Class names and their drawings; the position is the label.
const SIGNS: [(&str, Draw); 16] = [
    ("stop", stop),
    ("yield", yield_sign),
    ("priority road", priority),
    ("no entry", no_entry),
    ("no overtaking", no_overtaking),
    ("speed limit 30", |d| limit(d, '3')),
    ("speed limit 50", |d| limit(d, '5')),
    ("speed limit 80", |d| limit(d, '8')),
    ("end of restrictions", end_of_restrictions),
    ("danger", danger),
    ("crossroads", crossroads),
    ("traffic lights", traffic_lights),
    ("roundabout", roundabout),
    ("turn right", turn_right),
    ("straight ahead", straight_ahead),
    ("parking", parking),
];

/// Class names in label order.
pub(super) fn names() -> Vec<String> {
    SIGNS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// The layers of every sign, in label order.
pub(super) fn draw_all() -> Result<Vec<Vec<Layer>>, DataError> {
    SIGNS
        .iter()
        .map(|(name, draw)| {
            let mut drawing = Drawing::new(name);
            draw(&mut drawing);
            drawing.finish()
        })
        .collect()
}

fn octagon(size: f32) -> [(f32, f32); 8] {
    // 0.4142 = tan(22.5 degrees): eight equal sides.
    let (a, b) = (size, size * 0.4142);
    [(a, -b), (a, b), (b, a), (-b, a), (-a, b), (-a, -b), (-b, -a), (b, -a)]
}

fn stop(d: &mut Drawing) {
    d.polygon(WHITE, &octagon(0.98));
    d.polygon(RED, &octagon(0.90));
    for (letter, x) in ['S', 'T', 'O', 'P'].into_iter().zip([-0.57, -0.19, 0.19, 0.57]) {
        d.glyph(WHITE, 0.11, letter, (x, 0.0), (0.24, 0.5));
    }
}

fn yield_sign(d: &mut Drawing) {
    d.soft_polygon(RED, 0.12, &[(-0.86, -0.76), (0.86, -0.76), (0.0, 0.73)]);
    d.polygon(WHITE, &[(-0.6, -0.58), (0.6, -0.58), (0.0, 0.46)]);
}

fn priority(d: &mut Drawing) {
    d.soft_polygon(WHITE, 0.1, &[(0.0, -0.88), (0.88, 0.0), (0.0, 0.88), (-0.88, 0.0)]);
    d.polygon(YELLOW, &[(0.0, -0.66), (0.66, 0.0), (0.0, 0.66), (-0.66, 0.0)]);
}

fn no_entry(d: &mut Drawing) {
    d.disc(WHITE, 0.0, 0.0, 0.98);
    d.disc(RED, 0.0, 0.0, 0.92);
    d.polygon(WHITE, &[(-0.68, -0.17), (0.68, -0.17), (0.68, 0.17), (-0.68, 0.17)]);
}

fn ring(d: &mut Drawing) {
    d.disc(RED, 0.0, 0.0, 0.98);
    d.disc(WHITE, 0.0, 0.0, 0.74);
}

fn no_overtaking(d: &mut Drawing) {
    ring(d);
    car(d, RED, -0.32);
    car(d, BLACK, 0.32);
}

fn car(d: &mut Drawing, colour: Colour, x: f32) {
    d.soft_polygon(colour, 0.06, &[(x - 0.2, 0.0), (x + 0.2, 0.0), (x + 0.2, 0.2), (x - 0.2, 0.2)]);
    d.polygon(colour, &[(x - 0.2, 0.0), (x - 0.12, -0.28), (x + 0.12, -0.28), (x + 0.2, 0.0)]);
    for wheel in [-0.17, 0.17] {
        d.disc(colour, x + wheel, 0.28, 0.08);
    }
}

fn limit(d: &mut Drawing, digit: char) {
    ring(d);
    d.glyph(BLACK, 0.17, digit, (-0.31, 0.0), (0.36, 0.66));
    d.glyph(BLACK, 0.17, '0', (0.31, 0.0), (0.34, 0.66));
}

fn end_of_restrictions(d: &mut Drawing) {
    d.disc(GREY, 0.0, 0.0, 0.98);
    d.disc(WHITE, 0.0, 0.0, 0.92);
    d.line(BLACK, 0.28, &[(0.55, -0.55), (-0.55, 0.55)]);
}

fn warning(d: &mut Drawing) {
    d.soft_polygon(RED, 0.1, &[(-0.92, 0.8), (0.92, 0.8), (0.0, -0.8)]);
    d.polygon(WHITE, &[(-0.72, 0.69), (0.72, 0.69), (0.0, -0.58)]);
}

fn danger(d: &mut Drawing) {
    warning(d);
    d.line(BLACK, 0.24, &[(0.0, -0.16), (0.0, 0.2)]);
    d.disc(BLACK, 0.0, 0.52, 0.13);
}

fn crossroads(d: &mut Drawing) {
    warning(d);
    d.line(BLACK, 0.19, &[(-0.3, 0.0), (0.3, 0.56)]);
    d.line(BLACK, 0.19, &[(0.3, 0.0), (-0.3, 0.56)]);
}

fn traffic_lights(d: &mut Drawing) {
    warning(d);
    d.soft_polygon(BLACK, 0.12, &[(-0.1, -0.22), (0.1, -0.22), (0.1, 0.52), (-0.1, 0.52)]);
    for (colour, y) in [(RED, -0.14), (YELLOW, 0.16), (GREEN, 0.46)] {
        d.disc(colour, 0.0, y, 0.145);
    }
}

fn blue_disc(d: &mut Drawing) {
    d.disc(WHITE, 0.0, 0.0, 0.98);
    d.disc(BLUE, 0.0, 0.0, 0.92);
}

fn roundabout(d: &mut Drawing) {
    blue_disc(d);
    // Three gaps in a ring, each closed by an arrow head, at 120 degrees.
    d.arc(WHITE, 0.18, (0.0, 0.0), (0.5, 0.5), (0, 4));
    for (cos, sin) in [(0.0_f32, -1.0_f32), (0.866, 0.5), (-0.866, 0.5)] {
        d.line(BLUE, 0.26, &[(0.36 * cos, 0.36 * sin), (0.64 * cos, 0.64 * sin)]);
        let centre = (0.5 * cos, 0.5 * sin);
        d.head(WHITE, (centre.0 + 0.2 * sin, centre.1 - 0.2 * cos), (sin, -cos), 0.34);
    }
}

fn turn_right(d: &mut Drawing) {
    blue_disc(d);
    d.line(WHITE, 0.24, &[(-0.32, 0.55), (-0.32, -0.1), (0.2, -0.1)]);
    d.head(WHITE, (0.72, -0.1), (1.0, 0.0), 0.46);
}

fn straight_ahead(d: &mut Drawing) {
    blue_disc(d);
    d.line(WHITE, 0.24, &[(0.0, 0.6), (0.0, -0.1)]);
    d.head(WHITE, (0.0, -0.74), (0.0, -1.0), 0.5);
}

fn parking(d: &mut Drawing) {
    let square = |a: f32| [(-a, -a), (a, -a), (a, a), (-a, a)];
    d.soft_polygon(WHITE, 0.1, &square(0.8));
    d.soft_polygon(BLUE, 0.08, &square(0.74));
    d.glyph(WHITE, 0.24, 'P', (0.06, 0.0), (0.62, 1.04));
}
