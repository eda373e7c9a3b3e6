//! What the papers claim, on pictures with one strong and one frail feature (as in Tsipras et al. 2019, section 2): brightness
//! tells the class and no small perturbation changes it; a faint pattern tells it more easily, until it is attacked.

use super::*;
use crate::attacks::{NetTarget, Norm, Pgd, Start};
use crate::data::{Augmentation, Images};
use crate::methods::loss::cross_entropy;
use crate::nets::Defence;
use crate::train::checkpoint::{self, load_net};
use crate::train::{Decay, Place, Schedule, Settings, Split, evaluate, robust_accuracy, to_device, train};
use ringfence::data::{DataError, Dataset, Shape};
use std::sync::LazyLock;

/// 3x8x8 images of two classes: brightness .5 -+ `strong`, a checkerboard of -+ `frail`, noise of .02 an image and .1 a pixel.
#[derive(Debug, Clone, Copy)]
struct Pictures {
    strong: f32,
    frail: f32,
}

static CLASSES: LazyLock<Vec<String>> = LazyLock::new(|| ["dark", "light"].map(String::from).to_vec());

impl Dataset for Pictures {
    fn name(&self) -> &str {
        "pictures"
    }

    fn spec(&self) -> String {
        "pictures".into()
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: 8, width: 8 }
    }

    fn classes(&self) -> &[String] {
        &CLASSES
    }

    fn len(&self) -> usize {
        128
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let label = index % 2;
        let sign = if label == 0 { -1.0 } else { 1.0 };
        let mut random = Normals::new(stream(21, Stream::Evaluation { index: index as u32 }));
        let shift = 0.02 * random.draw();
        for (i, byte) in chw.iter_mut().enumerate() {
            let board = if (i / 8 + i) % 2 == 0 { 1.0 } else { -1.0 };
            let value = 0.5 + shift + sign * (self.strong + board * self.frail) + 0.1 * random.draw();
            *byte = (255.0 * value.clamp(0.0, 1.0)).round() as u8;
        }
        Ok(label)
    }
}

struct Trained {
    net: Network,
    spec: NetSpec,
    test: Images,
}

fn picture_spec() -> NetSpec {
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: CLASSES.to_vec(),
        mean: vec![0.5; 3],
        deviation: vec![0.2; 3],
        noise: NoiseSpec::default(),
        mask: None,
    }
}

/// Six epochs of `name` with `changes` on half of the pictures.
fn trained(name: &str, changes: &[&str], pictures: Pictures, sigma: f32) -> Trained {
    let dir = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let (images, test) = (Images::read(&pictures, 0..64).unwrap(), Images::read(&pictures, 64..128).unwrap());
    let spec = picture_spec();
    let changes: Vec<String> = changes.iter().map(|c| (*c).into()).collect();
    let teacher = (name == "cat-rs").then(|| dir.path().join("teacher"));
    let settings = |name: &str, changes: &[String], teacher| Settings {
        validation: 0,
        augmentation: Augmentation { crop: 0, flip: false, sigma },
        batch: 16,
        schedule: Schedule { rate: 0.05, warmup: 0.5, epochs: 6, decay: Decay::Cosine },
        seed: 3,
        method: Choice::new(name, changes).unwrap(),
        teacher,
        ..Settings::usual("pictures", 6)
    };
    let nothing = Images::read(&pictures, 0..0).unwrap();
    let run = |out: &std::path::Path, settings: &Settings| {
        let place = Place::new(out, &device, Path::Fused);
        let split = Split { train: &images, validation: &nothing };
        train(&spec, settings, split, place, false, None).unwrap();
        load_net(&checkpoint::resolve(out).unwrap(), &spec, &device).unwrap()
    };
    if let Some(out) = &teacher {
        run(out, &settings("gaussian", &[], None));
    }
    let net = run(&dir.path().join("run"), &settings(name, &changes, teacher));
    Trained { net, spec, test }
}

const FRAIL: Pictures = Pictures { strong: 0.08, frail: 0.03 };
const EPSILON: f64 = 0.05;
const SIGMA: f32 = 0.5;

impl Trained {
    fn clean(&self) -> f64 {
        evaluate(
            &Defence::plain(self.net.clone()),
            &self.spec,
            &self.test,
            (0.0, Path::Fused),
            1,
            &Device::flex(),
        )
        .accuracy
    }

    fn robust(&self) -> f64 {
        let attack = Pgd { norm: Norm::Linf, epsilon: EPSILON, step: 0.0, steps: 0, start: Start::Uniform };
        let (net, spec, path) = (&self.net, &self.spec, Path::Fused);
        let target = NetTarget { net, spec, path, seed: 1, sigma: 0.0, deployed: None };
        robust_accuracy(&target, &self.test, &attack, &Device::flex())
    }

    /// The loss of `name` with `changes` on the held-out images, with fixed statistics.
    fn loss(&self, name: &str, changes: &[&str], teacher: &Network) -> f64 {
        let changes: Vec<String> = changes.iter().map(|c| (*c).into()).collect();
        let ids: Vec<u32> = (0..self.test.len() as u32).collect();
        let data = self.test.evaluation(&ids, 0.0, 1);
        let (images, labels) = to_device(data.pixels, data.labels, &self.spec, &Device::flex());
        let batch =
            Batch { images, labels, ids, epoch: 9, progress: 9.0, seed: 2, sigma: SIGMA, objects: None };
        let model = Model::new(&self.net, &self.spec, Path::Fused, 2, 0).guided_by(Some(teacher));
        let choice = Choice::new(name, &changes).unwrap();
        f64::from(choice.objective().loss(&model, &batch, &mut Carry::default()).into_scalar::<f32>())
    }
}

#[test]
fn plain_training_falls_to_the_attack_that_adversarial_training_stands() {
    let plain = trained("plain", &[], FRAIL, 0.0);
    assert!(plain.clean() > 0.9 && plain.robust() < 0.5, "{} {}", plain.clean(), plain.robust());
    let sets = ["epsilon=0.05", "step=0.0125"];
    for name in ["madry", "mixed", "trades", "mart"] {
        let net = trained(name, &sets, FRAIL, 0.0);
        let found = (net.clean(), net.robust());
        assert!(
            found.0 > 0.8 && found.1 > plain.robust() + 0.3,
            "{name}: {found:?}, plain {}",
            plain.robust()
        );
    }
    for (name, sets) in
        [("fast", vec!["epsilon=0.05", "step=0.0625"]), ("free", vec!["epsilon=0.05", "replays=4"])]
    {
        let net = trained(name, &sets, FRAIL, 0.0);
        let found = (net.clean(), net.robust());
        assert!(found.1 > plain.robust() + 0.3, "{name}: {found:?}, plain {}", plain.robust());
    }
}

/// Each method wins its own objective, on images that it has not seen, against training on noisy copies alone.
#[test]
fn methods_for_smoothing_win_their_own_objective() {
    let pictures = Pictures { strong: 0.05, frail: 0.0 };
    let gaussian = trained("gaussian", &[], pictures, SIGMA);
    let attacked = vec!["epsilon=0.5", "step=0.25", "warmup_epochs=0", "steps=3"];
    for (name, changes) in [
        ("consistency", vec!["lambda=5"]),
        ("macer", vec!["copies=4", "lambda=1", "beta=4"]),
        ("smoothadv", attacked.clone()),
        ("smoothmix", vec!["step=0.25", "warmup_epochs=0", "steps=3"]),
        ("cat-rs", vec!["epsilon=0.5", "copies=2", "steps=2"]),
    ] {
        let mine = trained(name, &changes, pictures, SIGMA);
        // The second part of CAT-RS compares with its teacher, which is the other network here.
        let (measure, changes) =
            if name == "cat-rs" { ("smoothadv", attacked.clone()) } else { (name, changes) };
        let [own, theirs] = [&mine, &gaussian].map(|net| net.loss(measure, &changes, &gaussian.net));
        assert!(own < 0.99 * theirs, "{name}: own {own}, gaussian {theirs}");
    }
}

/// A noisy network is attacked better by the mean gradient of eight draws than by that of one (EPGD).
#[test]
fn averaging_draws_finds_stronger_perturbations() {
    let pictures = Images::read(&FRAIL, 0..64).unwrap();
    let spec = NetSpec { noise: "pni-w-layer+input:0.3".parse().unwrap(), ..picture_spec() };
    let net = Network::new(&spec, &Device::flex(), 4);
    let ids: Vec<u32> = (0..64).collect();
    let data = pictures.evaluation(&ids, 0.0, 1);
    let (images, labels) = to_device(data.pixels, data.labels, &spec, &Device::flex());
    let batch = Batch { images, labels, ids, epoch: 0, progress: 0.0, seed: 6, sigma: 0.0, objects: None };
    let model = Model::new(&net, &spec, Path::Fused, 6, 0);
    let after = |draws: usize| {
        let frozen = model.frozen(Craft::Evaluation);
        let attack = Pgd { norm: Norm::Linf, epsilon: EPSILON, step: 0.01, steps: 8, start: Start::Image };
        let loss = |x: &Tensor<4>| cross_entropy(frozen.logits(x.clone()), &batch.labels).sum();
        let x = attack.ascend(&batch.images, batch.images.clone(), &mut |x| {
            (1..draws).fold(loss(&x), |sum, _| sum + loss(&x))
        });
        (0..32).map(|_| f64::from(loss(&x).into_scalar::<f32>())).sum::<f64>()
    };
    let (one, eight) = (after(1), after(8));
    assert!(eight > one, "{eight} {one}");
}
