//! Losses against values computed by hand, gradients against finite differences, and what the papers claim on a toy.

#![allow(clippy::unwrap_used, clippy::panic)]

mod effects;
mod gradients;
mod losses;
mod values;

use super::*;
use crate::nets::{Architecture, NetSpec, Network, Path};
use crate::noise::NoiseSpec;
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Images of 3x6x6 in four classes.
fn spec() -> NetSpec {
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 6, 6],
        classes: (0..4).map(|i| i.to_string()).collect(),
        mean: vec![0.5; 3],
        deviation: vec![0.3; 3],
        noise: NoiseSpec::default(),
        mask: None,
    }
}

fn net() -> Network {
    Network::new(&spec(), &Device::flex().autodiff(), 7)
}

/// Five images with labels 0, 1, 2, 3, 0.
fn batch() -> Batch {
    let device = Device::flex();
    let mut random = Normals::new(stream(11, Stream::Weights));
    let pixels: Vec<f32> = (0..5 * 108).map(|_| (0.5 + 0.2 * random.draw()).clamp(0.1, 0.9)).collect();
    Batch {
        images: Tensor::from_data(TensorData::new(pixels, [5, 3, 6, 6]), &device),
        labels: Tensor::<1, Int>::from_data([0, 1, 2, 3, 0], &device),
        ids: vec![3, 9, 27, 81, 243],
        epoch: 2,
        progress: 2.5,
        seed: 5,
        sigma: 0.2,
        objects: None,
    }
}

/// The method `name` with `changes` and its loss on the batch by `net`; the teacher is another network.
fn loss_of(name: &str, changes: &[&str], net: &Network) -> Tensor<1> {
    let changes: Vec<String> = changes.iter().map(|c| (*c).into()).collect();
    let choice = Choice::new(name, &changes).unwrap();
    let spec = spec();
    let teacher = Network::new(&spec, &Device::flex(), 8);
    let model = Model::new(net, &spec, Path::Fused, 5, 40).guided_by(Some(&teacher));
    choice.objective().loss(&model, &batch(), &mut Carry::default())
}

/// Rows of a matrix.
fn rows(t: Tensor<2>) -> Vec<Vec<f64>> {
    let [_, columns] = t.dims();
    let values: Vec<f64> = t.into_data().iter::<f32>().map(f64::from).collect();
    values.chunks(columns).map(<[f64]>::to_vec).collect()
}

#[test]
fn every_entry_round_trips_and_is_named_once() {
    for e in METHODS {
        let choice = Choice::new(e.name, &[]).unwrap();
        let json = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<Choice>(&json).unwrap(), choice);
        assert!(choice.changes().is_empty(), "{}", e.name);
        assert_eq!(METHODS.iter().filter(|o| o.name == e.name).count(), 1);
        assert!(choice.objective().cost() >= 1.0);
    }
    let choice = Choice::new("trades", &["beta=1/2".into()]).unwrap();
    assert_eq!(choice.changes(), ["beta=0.5"]);
}

#[test]
fn noise_belongs_to_the_image_and_not_to_its_place() {
    let whole = batch();
    let parts = whole.shares(2);
    assert_eq!(parts.iter().map(Batch::len).collect::<Vec<_>>(), [3, 2]);
    let joined = |of: fn(&Batch) -> Tensor<4>| {
        let parts = Tensor::cat(parts.iter().map(of).collect(), 0);
        assert_eq!(parts.into_data(), of(&whole).into_data());
    };
    joined(|b| b.noise(1));
    joined(|b| b.start_uniform(0));
    joined(|b| b.start_normal(3));
    joined(|b| b.coin_tensor(2));
    assert_ne!(whole.noise(0).into_data(), whole.noise(1).into_data());
    assert_ne!(whole.coins(0), whole.coins(1));
}
