//! Augmentation, order and moments.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::Toy;
use ringfence::data::{Dataset, Region, Shape, Signs, Split};

fn images() -> Images {
    Images::read(&Toy, 0..Toy.len()).unwrap()
}

#[test]
fn a_sample_does_not_depend_on_its_batch() {
    let (images, how) = (images(), Augmentation { crop: 2, flip: true, sigma: 0.25 });
    let order = epoch_order(images.len() as u32, 3, 1);
    let whole = images.training(&order, &how, 3, 1);
    let len = images.shape().bytes();
    for split in [1, 5, 7] {
        let parts: Vec<Batch> = order.chunks(split).map(|c| images.training(c, &how, 3, 1)).collect();
        assert_eq!(whole.pixels, parts.iter().flat_map(|b| b.pixels.clone()).collect::<Vec<_>>());
        assert_eq!(whole.labels, parts.iter().flat_map(|b| b.labels.clone()).collect::<Vec<_>>());
    }
    let again = images.training(&order[..1], &how, 4, 1);
    assert_ne!(whole.pixels[..len], again.pixels, "another epoch must draw anew");
    let other = images.training(&order[..1], &how, 3, 2);
    assert_ne!(whole.pixels[..len], other.pixels, "another seed must draw anew");
}

#[test]
fn crops_and_flips_move_the_image_and_nothing_else() {
    let images = images();
    let shape = images.shape();
    let plain = images.evaluation(&[0], 0.0, 1).pixels;
    let how = Augmentation { crop: 2, flip: true, sigma: 0.0 };
    let mut seen = std::collections::BTreeSet::new();
    for epoch in 0..400 {
        let got = images.training(&[0], &how, epoch, 1).pixels;
        let found = (0..50).find(|case| {
            let (dy, dx, flip) = ((case / 2) / 5, (case / 2) % 5, case % 2 == 1);
            moved(&plain, [shape.height, shape.width], [dy, dx], flip) == got
        });
        seen.insert(found.unwrap());
    }
    assert_eq!(seen.len(), 50, "every shift and mirror image occurs");
}

/// The plain image cropped at `(dy, dx)` from its border of two zeros, mirrored if asked.
fn moved(image: &[f32], [height, width]: [usize; 2], [dy, dx]: [usize; 2], flip: bool) -> Vec<f32> {
    let at = |plane: usize, y: usize, x: usize| {
        let x = if flip { width - 1 - x } else { x };
        let (y, x) = ((y + dy).checked_sub(2), (x + dx).checked_sub(2));
        match (y.filter(|&y| y < height), x.filter(|&x| x < width)) {
            (Some(y), Some(x)) => image[(plane * height + y) * width + x],
            _ => 0.0,
        }
    };
    let planes = image.len() / height / width;
    (0..planes * height * width).map(|i| at(i / height / width, i / width % height, i % width)).collect()
}

/// An object of bright pixels moves with the image that it is in.
#[test]
fn objects_are_located_after_crop_and_flip() {
    let shape = Shape { channels: 3, height: 8, width: 10 };
    let object = Region { top: 1, left: 5, height: 4, width: 3 };
    let on = |i: usize| object.contains(i / 10 % 8, i % 10);
    let image: Vec<u8> = (0..shape.bytes()).map(|i| if on(i) { 255 } else { 0 }).collect();
    let how = Augmentation { crop: 3, flip: true, sigma: 0.0 };
    let mut places = std::collections::BTreeSet::new();
    for epoch in 0..100 {
        let (mut pixels, mut plane) = (vec![0.0; shape.bytes()], vec![0.5; 80]);
        how.apply(shape, &image, [epoch, 4], 9, &mut pixels);
        how.locate(shape, object, [epoch, 4], 9, &mut plane);
        pixels.chunks(80).for_each(|channel| assert_eq!(channel, plane));
        places.insert(plane.iter().map(|v| *v as u8).collect::<Vec<_>>());
    }
    assert!(places.len() > 20);
}

#[test]
fn batches_hold_objects_where_they_were_asked_for() {
    let scenes = Signs::scenes(Split::Train, 32).unwrap();
    let images = Images::read(&scenes, 3..7).unwrap();
    let how = Augmentation { crop: 0, flip: false, sigma: 0.0 };
    assert!(images.training(&[1, 0], &how, 0, 1).objects.is_empty());
    let objects = Images::read_located(&scenes, 3..7).unwrap().training(&[1, 0], &how, 0, 1).objects;
    for (plane, index) in objects.chunks_exact(1024).zip([4, 3]) {
        let object = scenes.object(index).unwrap().unwrap();
        let expected = (0..1024).map(|i| f32::from(object.contains(i / 32, i % 32)));
        assert!(plane.iter().copied().eq(expected));
    }
    assert_eq!(objects.len(), 2048);
    let error = Images::read_located(&Toy, 0..1).unwrap_err().to_string();
    assert!(error.contains("--data toy") && error.contains("signs-scene:K"), "{error}");
}

#[test]
fn noise_has_the_asked_deviation() {
    let images = images();
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let plain = images.evaluation(&indices, 0.0, 1).pixels;
    let noisy = images.evaluation(&indices, 0.5, 1).pixels;
    let noise: Vec<f64> = noisy.iter().zip(&plain).map(|(a, b)| f64::from(a - b)).collect();
    let n = noise.len() as f64;
    let (mean, square) = (noise.iter().sum::<f64>() / n, noise.iter().map(|v| v * v).sum::<f64>() / n);
    assert!(mean.abs() < 4.0 * 0.5 / n.sqrt(), "{mean}");
    assert!((square.sqrt() - 0.5).abs() < 4.0 * 0.5 / (2.0 * n).sqrt(), "{square}");
}

#[test]
fn an_epoch_visits_every_image_once() {
    let mut order = epoch_order(1000, 2, 9);
    assert_ne!(order, epoch_order(1000, 3, 9));
    order.sort_unstable();
    assert!(order.into_iter().eq(0..1000));
}

#[test]
fn moments_are_those_of_the_pixels() {
    let images = images();
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let pixels = images.evaluation(&indices, 0.0, 1).pixels;
    let plane = images.shape().height * images.shape().width;
    let [mean, deviation] = moments(&images);
    for channel in 0..images.shape().channels {
        let of_channel = |(i, _): &(usize, &[f32])| i % images.shape().channels == channel;
        let values: Vec<f64> = pixels
            .chunks(plane)
            .enumerate()
            .filter(of_channel)
            .flat_map(|(_, p)| p.iter().map(|&v| f64::from(v)))
            .collect();
        let m = values.iter().sum::<f64>() / values.len() as f64;
        let v = values.iter().map(|x| (x - m).powi(2)).sum::<f64>() / values.len() as f64;
        assert!((f64::from(mean[channel]) - m).abs() < 1e-4);
        assert!((f64::from(deviation[channel]) - v.sqrt()).abs() < 1e-4);
    }
}
