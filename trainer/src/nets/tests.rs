//! The families: paths against each other, sizes, names and initial weights.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::noise::NoiseSpec;
use crate::random::{Normals, Stream, stream};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};

/// One member of each family and an image size it takes.
pub(crate) const SMALL: [(&str, [usize; 3]); 6] = [
    ("resnet8", [3, 8, 8]),
    ("resnet8", [1, 9, 6]),
    ("wrn-16-1", [3, 8, 8]),
    ("smallcnn", [1, 16, 18]),
    ("madry-mnist", [1, 9, 8]),
    ("mlp", [1, 4, 4]),
];

pub(crate) fn spec(net: &str, input: [usize; 3], noise: &str) -> NetSpec {
    NetSpec {
        architecture: net.parse().unwrap(),
        input,
        classes: (0..5).map(|i| i.to_string()).collect(),
        mean: vec![0.4; input[0]],
        deviation: vec![0.3; input[0]],
        noise: noise.parse().unwrap(),
        mask: None,
    }
}

pub(crate) fn images(spec: &NetSpec, batch: usize, device: &Device) -> Tensor<4> {
    let [c, h, w] = spec.input;
    let mut random = Normals::new(stream(5, Stream::Order { epoch: 0 }));
    let values: Vec<f32> = (0..batch * c * h * w).map(|_| 0.5 + 0.3 * random.draw()).collect();
    Tensor::from_data(TensorData::new(values, [batch, c, h, w]), device)
}

pub(crate) fn floats<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_into_vec().unwrap()
}

/// Largest difference over the largest magnitude.
pub(crate) fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / scale
}

/// Gradients of parameters that have one, or else all values.
struct Collect<'a> {
    gradients: Option<&'a Gradients>,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        match self.gradients {
            Some(gradients) => self.found.extend(param.val().grad(gradients).map(floats)),
            None => self.found.push(floats(param.val())),
        }
    }
}

/// Gradients of all parameters, or all parameters and running statistics.
pub(crate) fn collect(net: &impl Module, gradients: Option<&Gradients>) -> Vec<Vec<f32>> {
    let mut collect = Collect { gradients, found: vec![] };
    net.visit(&mut collect);
    collect.found
}

/// Logits, gradients of the input and of all parameters, and statistics after one training pass.
pub(crate) fn train(spec: &NetSpec, pass: Pass, frozen: bool) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let net = Network::new(spec, &device, 3);
    let net = if frozen { net.freeze().set_require_grad(true) } else { net };
    let x = images(spec, 3, &device).require_grad();
    let logits = net.forward(spec, x.clone(), pass);
    let weights = Tensor::<1, Int>::arange(0..15, &device).float().reshape([3, 5]).sin();
    let grads = (logits.clone() * weights).sum().backward();
    let mut out = vec![floats(logits), floats(x.grad(&grads).unwrap())];
    out.extend(collect(&net, Some(&grads)));
    out.extend(collect(&net.valid(), None));
    out
}

fn both_paths(spec: &NetSpec, frozen: bool, tolerance: f32) {
    let [fused, stock] = [Path::Fused, Path::Stock].map(|path| train(spec, Pass::quiet(path), frozen));
    assert_eq!(fused.len(), stock.len());
    for (i, (a, b)) in fused.iter().zip(&stock).enumerate() {
        let (name, off) = (spec.architecture, difference(a, b));
        assert!(off < tolerance, "{name} {:?}: tensor {i}: {off}", spec.input);
    }
}

#[test]
fn fused_equals_stock_in_training() {
    for (net, input) in SMALL {
        both_paths(&spec(net, input, "none"), false, 2e-3);
    }
}

#[test]
fn fused_equals_stock_with_fixed_statistics() {
    for (net, input) in SMALL {
        both_paths(&spec(net, input, "none"), true, 2e-4);
    }
}

#[test]
fn fused_equals_stock_in_evaluation() {
    let device = Device::flex();
    for (net, input) in SMALL {
        let spec = spec(net, input, "none");
        let net = Network::new(&spec, &device, 3);
        let [fused, stock] = [Path::Fused, Path::Stock]
            .map(|path| floats(net.forward(&spec, images(&spec, 4, &device), Pass::quiet(path))));
        assert!(difference(&fused, &stock) < 1e-5, "{:?}", spec.architecture);
    }
}

/// What an attack differentiates: parameters that are constants, fixed statistics.
#[test]
fn the_gradient_of_the_input_needs_no_other() {
    let device = Device::flex().autodiff();
    for (net, input) in SMALL {
        let spec = spec(net, input, "none");
        let net = Network::new(&spec, &device, 3);
        let gradient = |net: &Network, path| {
            let x = images(&spec, 3, &device).require_grad();
            let grads = net.forward(&spec, x.clone(), Pass::quiet(path)).sin().sum().backward();
            floats(x.grad(&grads).unwrap())
        };
        let all = gradient(&net.clone().freeze().set_require_grad(true), Path::Fused);
        let before = collect(&net.valid(), None);
        for path in [Path::Fused, Path::Stock] {
            let only = gradient(&net.valid(), path);
            let off = difference(&only, &all);
            assert!(off < 1e-4, "{:?} {path:?}: {off}", spec.architecture);
        }
        assert_eq!(collect(&net.valid(), None), before);
    }
}

/// Published sizes, on images of the data set each is for, with ten classes.
#[test]
fn networks_have_their_published_sizes() {
    let sizes = [
        ("resnet8", [3, 32, 32], 78_042),
        ("resnet20", [3, 32, 32], 272_474),
        ("resnet44", [3, 32, 32], 661_338),
        ("resnet110", [3, 32, 32], 1_730_714),
        ("preact-resnet18", [3, 32, 32], 11_172_170),
        ("wrn-16-1", [3, 32, 32], 175_066),
        ("wrn-28-4", [3, 32, 32], 5_849_050),
        ("wrn-28-10", [3, 32, 32], 36_479_194),
        ("wrn-34-10", [3, 32, 32], 46_160_474),
        ("smallcnn", [1, 28, 28], 312_202),
        ("cw-mnist", [1, 28, 28], 312_202),
        ("madry-mnist", [1, 28, 28], 3_274_634),
        ("cw-cifar", [3, 32, 32], 1_147_978),
        ("mlp", [1, 28, 28], 1_863_690),
    ];
    for (net, input, size) in sizes {
        let spec = NetSpec { classes: vec![String::new(); 10], ..spec(net, input, "none") };
        assert_eq!(Network::blank(&spec, &Device::flex()).parameters(), size, "{net}");
    }
    assert_eq!(parameters(&UNet::blank([3, 32, 32], 32, &Device::flex())), 1_991_969);
}

#[test]
fn names_parse_back() {
    let wide = [(28, 10), (34, 10), (16, 1)].map(|(depth, width)| Architecture::Wide { depth, width });
    for a in Architecture::NAMED.into_iter().chain(wide) {
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!(serde_json::from_str::<Architecture>(&format!("\"{a}\"")).unwrap(), a);
        assert_eq!(serde_json::to_string(&a).unwrap(), format!("\"{a}\""));
    }
    for bad in
        ["resnet9", "wrn-29-10", "wrn-4-1", "wrn-28-0", "wrn-28-101", "wrn-28", "wrn-28-x", "WRN-28-10"]
    {
        let error = bad.parse::<Architecture>().unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")), "{error}");
        assert!(error.contains("preact-resnet18") && error.contains("wrn-DEPTH-WIDTH"), "{error}");
    }
}

#[test]
fn specs_from_before_the_noise_are_read() {
    let old =
        r#"{"architecture":"resnet20","input":[3,32,32],"classes":["a"],"mean":[0.5],"deviation":[0.2]}"#;
    let spec: NetSpec = serde_json::from_str(old).unwrap();
    assert_eq!((spec.architecture, &spec.noise), (Architecture::ResNet20, &NoiseSpec::default()));
    assert_eq!(serde_json::to_string(&spec).unwrap(), old);
}

#[test]
fn images_that_are_too_small_are_refused() {
    for (net, least) in [("smallcnn", 16), ("cw-cifar", 16), ("madry-mnist", 4), ("mlp", 1), ("wrn-16-1", 1)]
    {
        let check = |side| spec(net, [3, 40, side], "none").check();
        assert!(check(least).is_ok(), "{net}");
        if least > 1 {
            let error = check(least - 1).unwrap_err().to_string();
            assert!(error.contains(net) && error.contains(&format!("{least}x{least}")), "{error}");
        }
    }
}

/// The weights published cards were trained from.
#[test]
fn the_first_weights_of_a_seed_stay() {
    let device = Device::flex();
    for (net, conv, head) in [
        ("resnet8", [-0.081_847_76, -0.007_264_958_7, 0.081_678_35], -0.124_946_95),
        ("resnet20", [-0.149_676_98, 0.048_207_436, 0.022_976_85], 0.001_095_205_5),
    ] {
        let net = Network::new(&spec(net, [3, 8, 8], "none"), &device, 3);
        let Network::ResNet(net) = net else { unreachable!("{net:?}") };
        let close = |values: Vec<f32>, expected: &[f32]| {
            let end = &values[values.len() - expected.len()..];
            assert!(end.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{end:?} {expected:?}");
        };
        close(floats(net.stem.conv.weight.val())[..3].to_vec(), &[-0.464_263_9, 0.364_326_45, -0.285_043_98]);
        close(floats(net.blocks[2].second.conv.weight.val()), &conv);
        close(floats(net.head.weight.val()), &[head]);
    }
}

#[test]
fn the_mask_is_the_same_by_both_paths() {
    let device = Device::flex().autodiff();
    let net = UNet::new([3, 16, 24], 4, &device, 1);
    let spec = spec("resnet8", [3, 16, 24], "none");
    let [fused, stock] = [Path::Fused, Path::Stock].map(|path| {
        let net = net.clone().freeze().set_require_grad(true);
        let x = images(&spec, 2, &device).require_grad();
        let mask = net.forward(x.clone(), path);
        assert_eq!(mask.dims(), [2, 1, 16, 24]);
        let grads = (mask.clone() * mask.clone()).sum().backward();
        let mut out = vec![floats(mask), floats(x.grad(&grads).unwrap())];
        out.extend(collect(&net, Some(&grads)));
        out
    });
    assert!(fused[0].iter().all(|m| (0.0..1.0).contains(m)));
    assert!(fused.len() > 40 && fused.len() == stock.len(), "{}", fused.len());
    for (i, (a, b)) in fused.iter().zip(&stock).enumerate() {
        assert!(difference(a, b) < 1e-3, "tensor {i}: {}", difference(a, b));
    }
}
