//! Several attacks at several sizes on a small network; and runs that are cut off.

use super::*;
use crate::data::Images;
use crate::error::Error;
use crate::nets::{Architecture, NetSpec, Network, Pass, Path};
use crate::noise::NoiseSpec;
use crate::testing::{Perturb, Toy};
use crate::train::to_device;
use burn::module::Module;
use ringfence::data::{DataError, Dataset, Shape};
use std::cell::Cell;

/// Images of the toy set with labels of one's own.
struct Labelled(Vec<usize>);

impl Dataset for Labelled {
    fn name(&self) -> &str {
        "labelled"
    }

    fn spec(&self) -> String {
        "labelled".into()
    }

    fn shape(&self) -> Shape {
        Toy.shape()
    }

    fn classes(&self) -> &[String] {
        Toy.classes()
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        Toy.read(index, chw).map(|_| self.0[index])
    }
}

pub(super) struct Bench {
    pub(super) net: Network,
    pub(super) spec: NetSpec,
    pub(super) images: Images,
}

/// A network with random weights, and images that it gets right but for number 5.
pub(super) fn bench() -> Bench {
    bench_of(Architecture::ResNet8)
}

pub(super) fn bench_of(architecture: Architecture) -> Bench {
    let spec = NetSpec {
        architecture,
        input: [3, 8, 8],
        classes: Toy.classes().to_vec(),
        mean: vec![0.5; 3],
        deviation: vec![0.25; 3],
        noise: NoiseSpec::default(),
        mask: None,
    };
    let random = Normals::new(stream(1, Stream::Weights));
    let net = Network::new(&spec, &Device::flex(), 3).map(&mut Perturb(random));
    let data = Images::read(&Toy, 0..24).unwrap().evaluation(&(0..24).collect::<Vec<_>>(), 0.0, 1);
    let (x, _) = to_device(data.pixels, data.labels, &spec, &Device::flex());
    let logits = net.forward(&spec, x, Pass { path: Path::Fused, draw: None });
    let classes: Vec<usize> = logits.argmax(1).into_data().iter::<i32>().map(|c| c as usize).collect();
    let labels = (0..24).map(|i| if i == 5 { (classes[i] + 1) % 3 } else { classes[i] }).collect();
    let images = Images::read(&Labelled(labels), 0..24).unwrap();
    Bench { net, spec, images }
}

pub(super) fn suite_of(norm: Norm, attacks: &[&str], epsilons: &[f64]) -> Suite<'static> {
    let make = |name: &&str| {
        let entry = attack(name, norm).unwrap();
        let attack = match (entry.make)(norm) {
            Attack::DeepFool(a) => Attack::DeepFool(DeepFool { steps: 6, ..a }),
            other => other,
        };
        Planned { attack, ..entry.planned(norm) }
    };
    Suite {
        attacks: attacks.iter().map(make).collect(),
        norm,
        epsilons: epsilons.to_vec(),
        draws: 1,
        votes: 1,
        estimator: Estimator::Loss,
        seed: 4,
        batch: 10,
        sources: &[],
        substitute: None,
    }
}

/// Counts passes.
#[derive(Default)]
struct Counter(Cell<usize>);

impl Watch for Counter {
    fn pass(&self, images: usize) {
        self.0.set(self.0.get() + images);
    }
}

impl Bench {
    pub(super) fn target(&self) -> NetTarget<'_> {
        NetTarget { net: &self.net, spec: &self.spec, path: Path::Fused, seed: 4, sigma: 0.0, deployed: None }
    }

    pub(super) fn run(&self, suite: &Suite) -> Results {
        let Ok(results) = suite.run(&self.target(), (&self.images, 24), &Device::flex(), &mut (), &());
        results
    }

    fn journalled(&self, suite: &Suite, progress: &mut Progress) -> (Result<Results, Error>, usize) {
        let counter = Counter::default();
        let found = suite.run(&self.target(), (&self.images, 24), &Device::flex(), progress, &counter);
        (found, counter.0.get())
    }

    /// Sizes of which some break about a third, about two thirds and almost all images.
    fn sizes(&self, norm: Norm) -> Vec<f64> {
        let alone = self.run(&suite_of(norm, &["deepfool"], &[1e3]));
        let mut least: Vec<f32> = alone.images.iter().filter(|r| r.clean).filter_map(|r| r.least).collect();
        least.sort_by(f32::total_cmp);
        assert!(least.len() > 8, "too few images can be broken: {least:?}");
        [1, 2, 3].map(|third| f64::from(least[third * (least.len() - 1) / 3]) * 1.01).to_vec()
    }
}

#[test]
fn attacks_at_several_sizes_are_those_at_each() {
    let bench = bench();
    for norm in [Norm::Linf, Norm::L2] {
        let sizes = bench.sizes(norm);
        let names = ["fgsm", "deepfool", "pgd-7"];
        let all = bench.run(&suite_of(norm, &names, &sizes));
        assert_eq!(all.images.iter().filter(|r| !r.clean).count(), 1);
        for (at, outcome) in all.outcomes.iter().enumerate() {
            let alone = bench.run(&suite_of(norm, &names, &sizes[at..=at]));
            let plain = |o: &Outcome| -> Vec<_> {
                o.lines.iter().map(|l| (l.attack, l.epsilon, l.accuracy, l.broken)).collect()
            };
            assert_eq!(plain(outcome), plain(&alone.outcomes[0]), "{norm}");
            assert_eq!(outcome.clean, 23.0 / 24.0);
            assert_eq!(
                outcome.lines.iter().map(|l| l.cost.is_some()).collect::<Vec<_>>(),
                [true, at == 0, true]
            );
            let more = (outcome.broken_elsewhere as f64) / 24.0;
            assert!((alone.outcomes[0].robust - more - outcome.robust).abs() < 1e-9, "{norm}");
            assert_eq!(alone.outcomes[0].broken_elsewhere, 0);
            for (one, other) in outcome.broken_by.iter().zip(&alone.outcomes[0].broken_by) {
                assert!(one == other || (other.is_none() && outcome.broken_elsewhere > 0));
            }
        }
        let robust: Vec<f64> = all.outcomes.iter().map(|o| o.robust).collect();
        assert!(robust[0] > robust[2] && robust.windows(2).all(|w| w[1] <= w[0]), "{norm}: {robust:?}");
        let lists: Vec<_> = all.outcomes.iter().map(|o| &o.broken_by).collect();
        for pair in lists.windows(2) {
            assert!(pair[0].iter().zip(pair[1]).all(|(small, large)| small.is_none() || large.is_some()));
        }
    }
}

#[test]
fn attacks_are_remembered_image_by_image() {
    let bench = bench();
    let sizes = bench.sizes(Norm::Linf);
    let names = ["fgsm", "deepfool", "pgd-7"];
    let all = bench.run(&suite_of(Norm::Linf, &names, &sizes));
    for (id, record) in all.images.iter().enumerate() {
        assert_eq!((record.image as usize, record.clean), (id, id != 5));
        let distances = record.tries.iter().filter_map(|t| t.distance);
        let least = if record.clean { distances.reduce(f32::min) } else { Some(0.0) };
        assert_eq!(record.least, least);
        for outcome in &all.outcomes {
            let ran = |t: &&Try| t.epsilon.is_none_or(|e| e == outcome.epsilon);
            let mut tries = record.tries.iter().filter(ran);
            match outcome.broken_by[id] {
                None => assert_eq!(tries.map(|t| t.attack).collect::<Vec<_>>(), names, "it stood all"),
                Some("clean") => assert!(!record.clean && tries.next().is_none()),
                Some(name) => {
                    let inside = |d: f32| f64::from(d) <= outcome.epsilon * 1.0001;
                    let broke = |t: &Try| t.attack == name && t.distance.is_some_and(inside);
                    assert!(record.tries.iter().any(broke), "{name}: {record:?}");
                }
            }
        }
    }
}

#[test]
fn attacks_give_examples_of_what_they_broke() {
    let bench = bench();
    let sizes = bench.sizes(Norm::Linf);
    let suite = suite_of(Norm::Linf, &["fgsm", "deepfool"], &sizes);
    let all = bench.run(&suite);
    let examples = suite.examples(&bench.target(), &bench.images, &Device::flex(), &all, (sizes[2], 4));
    let broken = all.images.iter().filter(|r| r.clean && r.least.is_some_and(|d| f64::from(d) <= sizes[2]));
    assert_eq!(
        examples.iter().map(|e| e.image).collect::<Vec<_>>(),
        broken.map(|r| r.image).take(4).collect::<Vec<_>>()
    );
    for e in &examples {
        assert_eq!(e.original, bench.images.evaluation(&[e.image], 0.0, 1).pixels);
        let most = e.adversarial.iter().zip(&e.original).fold(0.0f32, |m, (a, o)| m.max((a - o).abs()));
        let least = all.images[e.image as usize].least.unwrap();
        assert!(e.class != e.label && (most - least).abs() < 1e-5, "{most} {least} {}", e.attack);
    }
}

/// Wherever the file ends, also within a line, the rest is run and nothing else, and the result is the same.
#[test]
fn attacks_that_were_cut_off_end_as_if_they_were_not() {
    let bench = bench();
    let sizes = bench.sizes(Norm::Linf);
    let suite = suite_of(Norm::Linf, &["fgsm", "deepfool"], &sizes[..2]);
    let dir = tempfile::tempdir().unwrap();
    let (path, settings) = (dir.path().join("attack.json.partial"), "{\"seed\":4}");
    let mut progress = Progress::open(&path, settings, false).unwrap();
    let (whole, passes) = bench.journalled(&suite, &mut progress);
    let whole = serde_json::to_string(&whole.unwrap()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() > 8 && text.starts_with(settings), "{text}");
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let middles = ends.iter().scan(0, |from, to| Some((std::mem::replace(from, *to) + to) / 2));
    let mut before = passes + 1;
    let mut cuts: Vec<usize> = [0].into_iter().chain(middles).chain(ends.iter().copied()).collect();
    cuts.sort_unstable();
    for cut in cuts {
        std::fs::write(&path, &text[..cut]).unwrap();
        let mut progress = Progress::open(&path, settings, true).unwrap();
        let (found, passes) = bench.journalled(&suite, &mut progress);
        assert_eq!(serde_json::to_string(&found.unwrap()).unwrap(), whole, "cut at {cut}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "cut at {cut}");
        assert!(
            passes <= before && (passes < before || !ends.contains(&cut) || cut == ends[0]),
            "cut at {cut}"
        );
        before = passes;
    }
    assert_eq!(before, 0, "a whole file leaves nothing to run");
}

#[test]
fn attacks_refuse_the_progress_of_others() {
    let bench = bench();
    let suite = suite_of(Norm::Linf, &["fgsm"], &[0.01]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("attack.json.partial");
    let mut progress = Progress::open(&path, "{\"seed\":4,\"draws\":1}", true).unwrap();
    bench.journalled(&suite, &mut progress).0.unwrap();
    let message = |settings: &str, resume| Progress::open(&path, settings, resume).unwrap_err().to_string();
    assert!(message("{\"seed\":4,\"draws\":1}", false).contains("--resume"));
    assert!(message("{\"seed\":5,\"draws\":1}", true).contains("seed is 4, not 5"));
    assert!(message("{\"seed\":4,\"draws\":1,\"votes\":2}", true).contains("votes is none, not 2"));
    let other = suite_of(Norm::Linf, &["pgd-7"], &[0.01]);
    let mut progress = Progress::open(&path, "{\"seed\":4,\"draws\":1}", true).unwrap();
    let error = bench.journalled(&other, &mut progress).0.unwrap_err().to_string();
    assert!(error.contains("not a step of this run where pgd-7"), "{error}");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"found\"", "\"lost\"", 1)).unwrap();
    assert!(message("{\"seed\":4,\"draws\":1}", true).contains("found"));
    progress.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn suites_of_attacks_have_names() {
    let names = |name, norm| -> Vec<&str> { suite(name, norm).unwrap().iter().map(|e| e.name).collect() };
    for norm in [Norm::Linf, Norm::L2] {
        assert!(SUITES.iter().all(|(name, _)| !names(name, norm).is_empty()));
        let able = ATTACKS.iter().filter(|e| e.norms.contains(&norm));
        let able: Vec<&str> =
            able.map(|e| e.name).filter(|n| !["transfer", "ensemble"].contains(n)).collect();
        assert_eq!(names("all", norm), able);
        assert_eq!(names("quick", norm), ["fgsm", "pgd-20", "cw-20", "apgd-ce"]);
    }
    assert!(names("standard", Norm::Linf).ends_with(&["square"]));
    for (name, members) in SUITES {
        assert!(members.iter().all(|m| ATTACKS.iter().any(|e| e.name == *m)), "{name}");
    }
    assert!(suite("x", Norm::L2).unwrap_err().to_string().contains("quick, standard, rand or all"));
}
