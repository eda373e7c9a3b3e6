//! A slow, obvious evaluator: one loop per index, double precision.

use crate::onnx::{Conv, Graph, Op, Shape};

/// The output of `graph` for one image in order channel, row, column.
pub fn evaluate(graph: &Graph, image: &[f32]) -> Vec<f64> {
    let mut values: Vec<Vec<f64>> = Vec::new();
    for node in &graph.nodes {
        let input = |index: usize| values[node.inputs[index]].as_slice();
        let value = match &node.op {
            Op::Input => image.iter().map(|x| f64::from(*x)).collect(),
            Op::Conv(layer) => conv(layer, input(0), graph.nodes[node.inputs[0]].shape, node.shape),
            Op::Dense(dense) => (0..dense.bias.len())
                .map(|o| {
                    let products =
                        input(0).iter().enumerate().map(|(i, x)| f64::from(dense.weight[[o, i]]) * x);
                    f64::from(dense.bias[o]) + products.sum::<f64>()
                })
                .collect(),
            Op::Affine(affine) => {
                let plane = input(0).len() / affine.mul.len();
                input(0)
                    .iter()
                    .enumerate()
                    .map(|(i, x)| affine.mul[i / plane] * x + affine.add[i / plane])
                    .collect()
            }
            Op::Pad(padding) => {
                let (channels, height, width) = sides(graph.nodes[node.inputs[0]].shape);
                let (_, rows, columns) = sides(node.shape);
                let at = |c: usize, y: isize, x: isize| {
                    let inside = (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
                    let fold = |at: isize, size: usize| {
                        (size as isize - 1 - (size as isize - 1 - at.abs()).abs()) as usize
                    };
                    let (row, column) = (fold(y, height), fold(x, width));
                    let value = |y: usize, x: usize| input(0)[(c * height + y) * width + x];
                    if inside || padding.mirrored { value(row, column) } else { 0.0 }
                };
                places(Shape::Map { channels, height: rows, width: columns })
                    .map(|(c, y, x)| {
                        at(c, y as isize - padding.top as isize, x as isize - padding.left as isize)
                    })
                    .collect()
            }
            Op::Curve(curve) => input(0).iter().map(|x| curve.at(*x)).collect(),
            Op::Relu => input(0).iter().map(|x| x.max(0.0)).collect(),
            Op::Add => input(0).iter().zip(input(1)).map(|(a, b)| a + b).collect(),
            Op::GlobalAvgPool => {
                let plane = input(0).len() / node.shape.channels();
                input(0).chunks(plane).map(|plane| plane.iter().sum::<f64>() / plane.len() as f64).collect()
            }
            Op::MaxPool => {
                let (_, height, width) = sides(graph.nodes[node.inputs[0]].shape);
                let at = |(c, y, x)| input(0)[(c * height + y) * width + x];
                let four = |(c, y, x)| [0, 1, 2, 3].map(|i| at((c, 2 * y + i / 2, 2 * x + i % 2)));
                places(node.shape).map(|place| four(place).into_iter().fold(f64::MIN, f64::max)).collect()
            }
            Op::Upsample => {
                let (_, height, width) = sides(graph.nodes[node.inputs[0]].shape);
                places(node.shape).map(|(c, y, x)| input(0)[(c * height + y / 2) * width + x / 2]).collect()
            }
            Op::Concat => [input(0), input(1)].concat(),
            Op::Flatten => input(0).to_vec(),
            Op::Quantise(levels) => {
                let (scale, zero) = (f64::from(levels.scale), f64::from(levels.zero_point));
                let level = |x: f64| ((x / scale).round_ties_even() + zero).clamp(0.0, 255.0);
                input(0).iter().map(|x| scale * (level(*x) - zero)).collect()
            }
        };
        values.push(value);
    }
    values.swap_remove(graph.output)
}

/// Channels, rows and columns in the order of the values.
fn places(shape: Shape) -> impl Iterator<Item = (usize, usize, usize)> {
    let (channels, height, width) = sides(shape);
    (0..channels * height * width).map(move |i| (i / width / height, i / width % height, i % width))
}

fn sides(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Map { channels, height, width } => (channels, height, width),
        Shape::Vector(features) => (features, 1, 1),
    }
}

fn conv(conv: &Conv, input: &[f64], from: Shape, to: Shape) -> Vec<f64> {
    let ((_, height, width), (outputs, rows, columns)) = (sides(from), sides(to));
    let (_, channels, kernel_h, kernel_w) = conv.weight.dim();
    let at = |c: usize, y: isize, x: isize| {
        let inside = (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
        let fold =
            |at: isize, size: usize| (size as isize - 1 - (size as isize - 1 - at.abs()).abs()) as usize;
        if inside || conv.padding.mirrored {
            input[(c * height + fold(y, height)) * width + fold(x, width)]
        } else {
            0.0
        }
    };
    let mut output = Vec::new();
    for (o, y, x) in
        (0..outputs).flat_map(|o| (0..rows).flat_map(move |y| (0..columns).map(move |x| (o, y, x))))
    {
        let mut sum = f64::from(conv.bias[o]);
        for (c, ky, kx) in (0..channels)
            .flat_map(|c| (0..kernel_h).flat_map(move |ky| (0..kernel_w).map(move |kx| (c, ky, kx))))
        {
            let row = (y * conv.strides.0 + ky) as isize - conv.padding.top as isize;
            let column = (x * conv.strides.1 + kx) as isize - conv.padding.left as isize;
            sum += f64::from(conv.weight[[o, c, ky, kx]]) * at(c, row, column);
        }
        output.push(sum);
    }
    output
}
