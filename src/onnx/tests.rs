#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use tract_onnx::pb::AttributeProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::type_proto::Value;

use super::testing::{Builder, evaluate, float, int, ints, random_network, random_unet, string, tensor};
use super::*;

fn image(shape: [usize; 3], seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..shape.iter().product()).map(|_| next() * 1.5 - 0.25).collect()
}

fn assert_close(got: &[f64], wanted: &[f32], what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(1.0f64, |l, w| l.max(f64::from(w.abs())));
    for (got, wanted) in got.iter().zip(wanted) {
        assert!((got - f64::from(*wanted)).abs() < 2e-5 * largest, "{what}: {got} {wanted}");
    }
}

/// The reader keeps the meaning of every spelling it accepts: tract, which reads the file on its own, agrees.
#[test]
fn graphs_compute_what_tract_computes() {
    for seed in 0..90 {
        let (file, shape) = if seed < 60 { random_network(seed) } else { random_unet(seed) };
        let graph = parse(&file).unwrap();
        let output = graph.nodes[graph.output].value.clone();
        let float = FloatModel::new(&file, &graph, &[&output]).unwrap();
        let image = image(shape, seed);
        assert_close(&evaluate(&graph, &image), &float.run(&image).unwrap()[0], &format!("seed {seed}"));
    }
}

#[test]
fn inner_values_come_in_the_order_asked_for() {
    let mut b = Builder::new([2, 3, 3]);
    let w = b.weights(&[1, 2, 1, 1], &[1.0, -1.0]);
    let conv = b.node("Conv", &["x", &w], vec![]);
    let relu = b.node("Relu", &[&conv], vec![]);
    let file = b.finish(&relu);
    let float = FloatModel::new(&file, &parse(&file).unwrap(), &[&relu, &conv]).unwrap();
    let x = image([2, 3, 3], 3);
    let values = float.run(&x).unwrap();
    let wanted: Vec<f32> = (0..9).map(|i| x[i] - x[9 + i]).collect();
    assert_eq!(values[1], wanted);
    assert_eq!(values[0], wanted.iter().map(|w| w.max(0.0)).collect::<Vec<_>>());
}

#[test]
fn tract_is_not_asked_for_values_that_do_not_exist() {
    let mut b = Builder::new([1, 2, 2]);
    let relu = b.node("Relu", &["x"], vec![]);
    let file = b.finish(&relu);
    let error = FloatModel::new(&file, &parse(&file).unwrap(), &["nowhere"]).err().unwrap();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let float = FloatModel::new(&file, &parse(&file).unwrap(), &[&relu]).unwrap();
    assert!(matches!(float.run(&[0.0; 3]), Err(OnnxError::Tract(_))));
}

/// One node on a 4x6x6 image, with what the error must say besides node, operator and shape.
#[test]
fn what_is_not_supported_is_named() {
    let conv_weight = [0.1f32; 8 * 4 * 9];
    let two = |other| vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), other];
    type Case<'a> = (&'a str, &'a [&'a str], Vec<AttributeProto>, &'a str);
    let cases: Vec<Case> = vec![
        ("MaxPool", &["x"], vec![ints("kernel_shape", &[2, 2])], "[2, 2] at strides [1, 1]: only [2, 2] at"),
        ("MaxPool", &["x"], two(ints("pads", &[0, 0, 1, 1])), "pads = [0, 0, 1, 1]"),
        ("MaxPool", &["x"], two(ints("dilations", &[2, 2])), "dilations = [2, 2]"),
        ("MaxPool", &["x"], two(string("auto_pad", "SAME_UPPER")), "auto_pad SAME_UPPER"),
        ("Resize", &["x", "", "half"], vec![], "only twice as many rows and columns"),
        ("Resize", &["x", "", "", "shape"], vec![], "only twice as many rows and columns"),
        ("Resize", &["x", "", "twice"], vec![string("mode", "linear")], "mode linear: only nearest"),
        (
            "Resize",
            &["x", "", "twice"],
            vec![string("nearest_mode", "ceil")],
            "coordinates half_pixel with rounding ceil",
        ),
        ("Resize", &["x", "", "twice"], vec![ints("axes", &[2, 3])], "only twice as many rows and columns"),
        ("Resize", &["x", "", "twice"], vec![int("antialias", 1)], "antialias = 1"),
        ("Resize", &["x", ""], vec![], "expected either scales or sizes"),
        ("Upsample", &["x", "twice"], vec![], "operator is not supported"),
        ("Softmax", &["x"], vec![], "operator is not supported"),
        ("Conv", &["x", "w"], vec![int("group", 2)], "group = 2"),
        ("Conv", &["x", "w"], vec![ints("dilations", &[2, 2])], "dilations = [2, 2]"),
        ("Conv", &["x", "w"], vec![ints("strides", &[0, 1])], "strides [0, 1]"),
        ("Conv", &["x", "w"], vec![ints("pads", &[-1, 0, 0, 0])], "pads [-1, 0]"),
        ("Conv", &["x", "w"], vec![ints("kernel_shape", &[5, 5])], "kernel_shape [5, 5]"),
        ("Conv", &["x", "w"], vec![string("auto_pad", "SOME")], "auto_pad SOME"),
        ("Conv", &["x", "w"], vec![int("novelty", 1)], "unknown attribute novelty"),
        ("Conv", &["x", "w"], vec![ints("group", &[1])], "attribute group is not of type INT"),
        ("Conv", &["x"], vec![], "input 1 is missing"),
        ("Conv", &["x", "x"], vec![], "expected a constant"),
        ("Conv", &["x", "vector"], vec![], "expected [out, in, height, width]"),
        ("Conv", &["x", "shape"], vec![], "expected floats"),
        ("Conv", &["x", "narrow"], vec![], "wants 3 channels, the input has 4"),
        ("Conv", &["x", "huge"], vec![], "larger than the padded input"),
        ("BatchNormalization", &["x", "vector", "vector", "vector", "vector"], vec![], "expected 4 values"),
        ("AveragePool", &["x"], vec![ints("kernel_shape", &[2, 2])], "only the whole map ([6, 6])"),
        (
            "AveragePool",
            &["x"],
            vec![ints("kernel_shape", &[6, 6]), ints("pads", &[1, 0, 0, 0])],
            "pads = [1, 0, 0, 0]",
        ),
        ("ReduceMean", &["x"], vec![ints("axes", &[1])], "axes [1]"),
        ("Gemm", &["x", "vector"], vec![], "flatten it first"),
        ("Flatten", &["x"], vec![int("axis", 2)], "axis 2"),
        ("Reshape", &["x", "shape"], vec![], "only [N, 144]"),
        ("Squeeze", &["x"], vec![ints("axes", &[2, 3])], "length 1"),
        ("Pad", &["x"], vec![ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]), string("mode", "edge")], "mode edge"),
        ("Pad", &["x"], vec![ints("pads", &[0, 1, 0, 0, 0, 0, 0, 0])], "rows and columns are supported"),
        ("Pad", &["x"], vec![ints("pads", &[0, 0, 1, 1, 0, 0, 1, 1]), float("value", 1.0)], "pads with 1"),
        ("Add", &["x", "vector"], vec![], "or one per channel"),
        ("Div", &["vector", "x"], vec![], "expected one value"),
        ("Div", &["x", "zero"], vec![], "division by zero"),
        ("Mul", &["x", "x"], vec![], "both operands are computed"),
        ("Relu", &["vector"], vec![], "is a constant"),
        ("Conv", &["x", "nan"], vec![], "holds NaN"),
        ("Gather", &["shape", "far"], vec![], "index 9 of 4 entries"),
        ("Gather", &["x", "far"], vec![], "expected a constant"),
        ("Unsqueeze", &["shape"], vec![ints("axes", &[0])], "only a number to a vector"),
        ("Concat", &["shape", "x"], vec![int("axis", 0)], "expected a constant"),
        ("Concat", &["shape", "shape"], vec![int("axis", 1)], "axis Some(1) of vectors"),
        ("Concat", &["x", "x"], vec![int("axis", 2)], "axis Some(2) of maps: only channels"),
        ("Concat", &["x", "x", "x"], vec![int("axis", 1)], "3 maps: only two"),
        ("Concat", &["x", "vector"], vec![int("axis", 1)], "input 1 is a constant"),
        ("Cast", &["x"], vec![int("to", 10)], "only FLOAT is supported"),
    ];
    for (op, inputs, attributes, reason) in cases {
        let mut b = Builder::new([4, 6, 6]);
        b.graph.initializer = vec![
            tensor("w", &[8, 4, 3, 3], &conv_weight),
            tensor("narrow", &[8, 3, 3, 3], &conv_weight[..216]),
            tensor("huge", &[1, 4, 9, 8], &conv_weight),
            tensor("nan", &[1, 4, 1, 1], &[0.0, f32::NAN, 0.0, 0.0]),
            tensor("vector", &[5], &[1.0; 5]),
            tensor("zero", &[], &[0.0]),
            tensor("half", &[4], &[1.0, 1.0, 0.5, 0.5]),
            tensor("twice", &[4], &[1.0, 1.0, 2.0, 2.0]),
        ];
        for (name, values) in [("shape", vec![1, 4, 36, 1]), ("far", vec![9])] {
            b.graph.initializer.push(TensorProto {
                name: name.into(),
                dims: vec![values.len() as i64],
                data_type: DataType::Int64 as i32,
                int64_data: values,
                ..Default::default()
            });
        }
        let output = b.node(op, inputs, attributes);
        let error = parse(&b.finish(&output)).unwrap_err().to_string();
        assert!(error.contains(reason), "{op} {inputs:?}: {error}");
        assert!(error.starts_with(&format!("node n0 ({op}) on ")), "{error}");
        if inputs.contains(&"x") {
            assert!(error.contains("[N, 4, 6, 6]"), "{error}");
        }
    }
}

#[test]
fn models_of_another_kind_are_refused() {
    let relu = |change: &dyn Fn(&mut Builder)| {
        let mut b = Builder::new([3, 4, 4]);
        let output = b.node("Relu", &["x"], vec![]);
        change(&mut b);
        parse(&b.finish(&output)).unwrap_err().to_string()
    };
    let dim = |b: &mut Builder, axis: usize, value: dimension::Value| {
        let Some(Value::TensorType(tensor)) = &mut b.graph.input[0].r#type.as_mut().unwrap().value else {
            panic!()
        };
        tensor.shape.as_mut().unwrap().dim[axis].value = Some(value);
    };
    type Case<'a> = (&'a dyn Fn(&mut Builder), &'a str);
    let cases: [Case; 9] = [
        (&|b| b.opset = 6, "operator set 6, expected 7 or later"),
        (
            &|b| dim(b, 2, dimension::Value::DimParam("H".into())),
            "input x: shape [?, 3, ?, 4], expected [N, C, H, W]",
        ),
        (&|b| dim(b, 0, dimension::Value::DimValue(10)), "export the model with a batch of 1"),
        (&|b| dim(b, 3, dimension::Value::DimValue(70000)), "expected [N, C, H, W] with fixed"),
        (&|b| b.graph.input.clear(), "expected one input, found []"),
        (&|b| b.graph.node[0].input[0] = "y".into(), "reads y, which nothing before it defines"),
        (&|b| b.graph.node[0].domain = "com.microsoft".into(), "foreign domain com.microsoft"),
        (&|b| b.graph.node.push(b.graph.node[0].clone()), "value v0 is defined twice"),
        (&|b| b.graph.initializer.push(tensor("w", &[2, 2], &[1.0; 3])), "needs 4 values, the file holds 3"),
    ];
    for (change, wanted) in cases {
        let error = relu(change);
        assert!(error.contains(wanted), "{error}");
    }
    let external = relu(&|b| {
        let mut far = tensor("w", &[1], &[1.0]);
        far.data_location = Some(DataLocation::External as i32);
        b.graph.initializer.push(far);
    });
    assert!(external.contains("tensor w: data is in another file"), "{external}");
    let constant = {
        let mut b = Builder::new([3, 4, 4]);
        let w = b.weights(&[1], &[1.0]);
        parse(&b.finish(&w)).unwrap_err().to_string()
    };
    assert!(constant.contains("output w0 is a constant"), "{constant}");
}

/// Nodes off the path to the output are dropped, dropout and identity leave no trace, constants come from nodes too.
#[test]
fn only_what_computes_remains() {
    let mut b = Builder::new([3, 4, 4]);
    let dead = b.node("Relu", &["x"], vec![]);
    b.node("Relu", &[&dead], vec![]);
    let half = b.node("Constant", &[], vec![float("value_float", 0.5)]);
    let scaled = b.node("Mul", &["x", &half], vec![]);
    let dropped = b.node("Dropout", &[&scaled], vec![]);
    let same = b.node("Identity", &[&dropped], vec![]);
    let out = b.node("Relu", &[&same], vec![]);
    let graph = parse(&b.finish(&out)).unwrap();
    let ops: Vec<&str> = graph.nodes.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(ops, ["Input", "Mul", "Relu"]);
    assert_eq!(graph.nodes[2].inputs, [1]);
    assert_eq!(graph.nodes[1].op, Op::Affine(Affine { mul: vec![0.5; 3], add: vec![0.0; 3] }));
}

/// Every accepted way to find the nearest pixel repeats each pixel twice, in tract too; odd sides lose their last line.
#[test]
fn nearest_pixels_are_repeated_and_maxima_leave_odd_lines_out() {
    let modes = [("asymmetric", "floor"), ("asymmetric", "round_prefer_floor")];
    let others = ["half_pixel", "pytorch_half_pixel"];
    let others = others.map(|mode| [(mode, "round_prefer_floor"), (mode, "round_prefer_ceil")]);
    for (opset, (coordinates, rounding)) in [11, 13, 18]
        .into_iter()
        .flat_map(|opset| [&modes[..], others.as_flattened()].concat().into_iter().map(move |m| (opset, m)))
    {
        let mut b = Builder::new([2, 5, 6]);
        b.opset = opset;
        let pooled = b.node("MaxPool", &["x"], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
        let (roi, scales) = (b.weights(&[0], &[]), b.weights(&[4], &[1.0, 1.0, 2.0, 2.0]));
        let mode =
            vec![string("coordinate_transformation_mode", coordinates), string("nearest_mode", rounding)];
        let up = b.node("Resize", &[&pooled, &roi, &scales], mode);
        let file = b.finish(&up);
        let graph = parse(&file).unwrap();
        assert_eq!(graph.nodes[2].shape, Shape::Map { channels: 2, height: 4, width: 6 });
        let x = image([2, 5, 6], 1);
        let float = FloatModel::new(&file, &graph, &[&up]).unwrap().run(&x).unwrap();
        let wanted = |i: usize| {
            let (c, y, x_at) = (i / 24, i / 6 % 4 / 2 * 2, i % 6 / 2 * 2);
            [0, 1, 6, 7].iter().map(|step| x[c * 30 + y * 6 + x_at + step]).fold(f32::MIN, f32::max)
        };
        assert_eq!(float[0], (0..48).map(wanted).collect::<Vec<_>>(), "{opset} {coordinates} {rounding}");
        let evaluated: Vec<f32> = evaluate(&graph, &x).into_iter().map(|y| y as f32).collect();
        assert_eq!(evaluated, float[0]);
    }
}

/// Operator set 10 has two inputs and no coordinates; operator set 18 may name the axes.
#[test]
fn scales_may_come_in_older_and_newer_forms() {
    for (opset, inputs, scales, attributes) in [
        (10, vec!["x", "scales"], vec![1.0, 1.0, 2.0, 2.0], vec![]),
        (18, vec!["x", "", "scales"], vec![2.0, 2.0], vec![ints("axes", &[-2, 3])]),
    ] {
        let mut b = Builder::new([3, 4, 4]);
        b.opset = opset;
        b.graph.initializer.push(tensor("scales", &[scales.len()], &scales));
        let up = b.node("Resize", &inputs, attributes);
        let file = b.finish(&up);
        let graph = parse(&file).unwrap();
        assert_eq!((graph.nodes[1].op.clone(), graph.nodes[1].shape.len()), (Op::Upsample, 3 * 64));
        let x = image([3, 4, 4], 2);
        let float = FloatModel::new(&file, &graph, &[&up]).unwrap().run(&x).unwrap();
        assert_close(&evaluate(&graph, &x), &float[0], &opset.to_string());
    }
}

#[test]
fn same_padding_puts_the_odd_pixel_where_the_name_says() {
    for (mode, wanted) in [("SAME_UPPER", (0, 1)), ("SAME_LOWER", (1, 0))] {
        let mut b = Builder::new([1, 6, 6]);
        let w = b.weights(&[1, 1, 3, 3], &[1.0; 9]);
        let out = b.node("Conv", &["x", &w], vec![string("auto_pad", mode), ints("strides", &[2, 2])]);
        let graph = parse(&b.finish(&out)).unwrap();
        let Op::Conv(conv) = &graph.nodes[1].op else { panic!() };
        assert_eq!((conv.padding.top, conv.padding.bottom), wanted);
        assert_eq!(graph.nodes[1].shape, Shape::Map { channels: 1, height: 3, width: 3 });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Damaged files give an error or a graph, never a panic.
    #[test]
    fn any_bytes_are_read(seed in 0u64..20, cut in 0.0..1.0f64, flips in prop::collection::vec((0.0..1.0f64, any::<u8>()), 0..6)) {
        let (mut file, _) = if seed % 2 == 0 { random_network(seed) } else { random_unet(seed) };
        for (at, value) in flips {
            let at = (at * file.len() as f64) as usize;
            file[at] = value;
        }
        // Most of a file is weights: half of the cuts fall into the graph's nodes at its start.
        file.truncate(if cut < 0.5 { file.len() } else { ((cut - 0.5) * 2.0 * file.len() as f64) as usize });
        let _ = parse(&file);
    }

    #[test]
    fn garbage_is_no_model(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&bytes).is_err());
    }
}
