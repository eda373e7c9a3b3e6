//! A trained mask and classifier, exported and compiled: the votes of the integers against those of the floats.

use super::*;
use crate::data::{Augmentation, Images, moments};
use crate::methods::Choice;
use crate::nets::{Architecture, Defence, Mask, NetSpec};
use crate::noise::NoiseSpec;
use crate::testing::Large;
use crate::train::{Decay, Place, Schedule, Settings, Split, checkpoint, train, votes};
use ringfence::compile::{Networks, Options, compile_adaptive};
use ringfence::data::{DataError, Dataset, Shape};
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother};
use std::sync::LazyLock;

/// Enough noise that votes of most images are divided.
const SIGMA: f32 = 1.0;
const SPLIT: f64 = 0.4;
const DRAWS: u32 = 300;

/// The toy with an eighth of its contrast: classes 10 steps of brightness apart.
struct Faint;

impl Dataset for Faint {
    fn name(&self) -> &str {
        "faint-toy"
    }

    fn spec(&self) -> String {
        "faint-toy".into()
    }

    fn shape(&self) -> Shape {
        Large.shape()
    }

    fn classes(&self) -> &[String] {
        static CLASSES: LazyLock<Vec<String>> = LazyLock::new(|| Large.classes().to_vec());
        &CLASSES
    }

    fn len(&self) -> usize {
        Large.len()
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let label = Large.read(index, chw)?;
        chw.iter_mut().for_each(|byte| *byte = 100 + *byte / 8);
        Ok(label)
    }
}

fn trained(images: &Images) -> (NetSpec, Defence) {
    let [mean, deviation] = moments(images);
    let spec = NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 16, 16],
        classes: Large.classes().to_vec(),
        mean,
        deviation,
        noise: NoiseSpec::default(),
        mask: Some("unet:4".parse::<crate::nets::MaskSpec>().unwrap().with_split(SPLIT).unwrap()),
    };
    let settings = Settings {
        augmentation: Augmentation { crop: 0, flip: false, sigma: SIGMA },
        batch: 12,
        schedule: Schedule { rate: 0.05, warmup: 0.5, epochs: 15, decay: Decay::Cosine },
        method: Choice::new("ars", &[]).unwrap(),
        validation: 0,
        ..Settings::usual("large-toy", 15)
    };
    let (dir, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let nothing = Images::read(&Faint, 0..0).unwrap();
    let split = Split { train: images, validation: &nothing };
    train(&spec, &settings, split, Place::new(dir.path(), &device, Path::Fused), false, None).unwrap();
    let newest = checkpoint::resolve(dir.path()).unwrap();
    let defence = checkpoint::load_defence(&newest, &spec, &device).unwrap();
    (spec, defence)
}

#[test]
fn integers_vote_like_the_floats() {
    let images = Images::read(&Faint, 0..Faint.len()).unwrap();
    let (spec, defence) = trained(&images);
    let Some(Mask::UNet(unet)) = &defence.mask else { unreachable!() };
    let classifier = to_onnx(&defence.net, &spec, "toy").unwrap();
    let mask = unet_to_onnx(unet, spec.input, "toy-mask").unwrap();
    let networks = Networks { classifier: &classifier, mask: &mask };
    let options = Options { images: 24, tables: vec![], ..Options::new(f64::from(SIGMA)) };
    let rfm = compile_adaptive(networks, "toy", &Faint, (&options, SPLIT), &|_, _| {}).unwrap();
    let model = Model::parse(&rfm).unwrap();
    let mut arena = vec![0; model.arena_bytes(4)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let float = votes(&defence, &spec, &images, (SIGMA, Path::Fused, DRAWS), 1, &Device::flex());
    let (mut apart, mut divided) = (0.0, 0);
    for (index, float) in float.iter().enumerate() {
        let mut chw = vec![0; Large.shape().bytes()];
        Faint.read(index, &mut chw).unwrap();
        let image = Image::chw(&chw, 3, 16, 16).unwrap();
        let integer = smoother.tally(&image, &Seed([9; 32]), Purpose::Vote, 0..DRAWS).unwrap();
        let distance: u32 = float.iter().zip(&integer).map(|(a, b)| a.abs_diff(*b)).sum();
        apart += f64::from(distance) / f64::from(2 * DRAWS) / images.len() as f64;
        divided += usize::from(float.iter().all(|count| *count < DRAWS * 9 / 10));
    }
    // Votes of one distribution, drawn twice, lie 0.03 to 0.05 apart.
    assert!(apart < 0.08, "{apart}");
    assert!(divided >= 4, "only {divided} images divide the votes");
}
