//! From a scene to a photograph: light and shadow, haze, colour cast, blur, grain, eight bits.

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::stream::Stream;

/// Red, green and blue planes of a square picture with values around 0..1.
struct Planes {
    side: usize,
    colours: [Vec<f32>; 3],
}

/// Photographs a square canvas into `chw` (3 planes).
pub(super) fn expose(canvas: &Pixmap, chw: &mut [u8], stream: &mut Stream) {
    let side = canvas.width() as usize;
    let plane = |colour: fn(PremultipliedColorU8) -> u8| {
        canvas.pixels().iter().map(|pixel| f32::from(colour(*pixel)) / 255.0).collect()
    };
    let colours = [
        plane(PremultipliedColorU8::red),
        plane(PremultipliedColorU8::green),
        plane(PremultipliedColorU8::blue),
    ];
    let mut planes = Planes { side, colours };
    light(&mut planes, stream);
    blur(&mut planes, stream);
    develop(&planes, chw, stream);
}

/// Sunlight that falls off across the picture, the edge of a shadow, haze and a colour cast.
fn light(planes: &mut Planes, stream: &mut Stream) {
    let gain = stream.range(0.75, 1.25);
    let (slope_x, slope_y) = (stream.around(0.2), stream.around(0.2));
    let shadow = if stream.chance(0.3) { stream.range(0.6, 0.85) } else { 1.0 };
    let (edge_x, edge_y, edge) = (stream.around(1.0), stream.around(1.0), stream.around(0.6));
    let haze = if stream.chance(0.3) { stream.range(0.0, 0.25) } else { 0.0 };
    let haze_level = stream.range(0.4, 0.9);
    let cast = [stream.range(0.88, 1.12), stream.range(0.92, 1.08), stream.range(0.85, 1.15)];
    let side = planes.side;
    let centre = (side as f32 - 1.0) / 2.0;
    for i in 0..side * side {
        let (x, y) = (((i % side) as f32 - centre) / centre, ((i / side) as f32 - centre) / centre);
        let shade = if edge_x * x + edge_y * y > edge { shadow } else { 1.0 };
        let lit = gain * (1.0 + slope_x * x + slope_y * y) * shade;
        for (plane, tint) in planes.colours.iter_mut().zip(cast) {
            plane[i] = (plane[i] * lit * (1.0 - haze) + haze * haze_level) * tint;
        }
    }
}

/// Defocus (a 3x3 tent, once or twice) or motion along one of four directions.
fn blur(planes: &mut Planes, stream: &mut Stream) {
    let strength = stream.range(0.0, 0.9);
    let steps: &[(isize, isize)] = match stream.below(6) {
        0 => &[],
        1 => &[(1, 0), (0, 1)],
        2 => &[(1, 0), (0, 1), (1, 0), (0, 1)],
        3 => &[(1, 0), (1, 0)],
        4 => &[(0, 1)],
        _ => &[(1, 1)],
    };
    for &step in steps {
        for plane in &mut planes.colours {
            smear(plane, planes.side, step, strength);
        }
    }
}

/// Replaces each value by `(1 - s)` of itself and `s` of the 1-2-1 mean along `step`; the rim repeats.
fn smear(plane: &mut [f32], side: usize, step: (isize, isize), strength: f32) {
    let source = plane.to_vec();
    let last = side as isize - 1;
    let at = |x: isize, y: isize| source[y.clamp(0, last) as usize * side + x.clamp(0, last) as usize];
    for (i, value) in plane.iter_mut().enumerate() {
        let (x, y) = ((i % side) as isize, (i / side) as isize);
        let around = at(x - step.0, y - step.1) + at(x + step.0, y + step.1);
        let mean = 0.25 * around + 0.5 * source[i];
        *value = source[i] + strength * (mean - source[i]);
    }
}

/// Sensor grain, then rounding to bytes.
fn develop(planes: &Planes, chw: &mut [u8], stream: &mut Stream) {
    let grain = stream.range(0.0, 0.04);
    for (value, byte) in planes.colours.iter().flatten().zip(chw) {
        // `as` saturates: values below 0 and above 255 clip as on a sensor.
        *byte = ((value + grain * stream.bell()) * 255.0 + 0.5) as u8;
    }
}
