//! The parser: what it reads, and the error of its own that each fault has.

use crate::mutation::{MODELS, exercise, model_file};
use crate::support::{Network, Rng, Style, random_network, reseal, resnet20};
use ringfence_runtime::format::layout::{
    self, HEADER_BYTES, SECTION_RECORD_BYTES, Section, header, input, noise, op, section, softmax, tensor,
};
use ringfence_runtime::format::{
    CertificateFault, CertificateTable, ClassFault, InputFault, Method, NoiseFault, OpFault, SoftmaxFault,
    TensorFault,
};
use ringfence_runtime::{FormatError, Model};

/// Start and length of a section.
pub fn find(file: &[u8], kind: Section) -> (usize, usize) {
    let table = &file[HEADER_BYTES..];
    let field = |record: &[u8], at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
    let record = table.chunks(SECTION_RECORD_BYTES).find(|r| field(r, section::KIND) == kind as u32).unwrap();
    (field(record, section::OFFSET) as usize, field(record, section::LENGTH) as usize)
}

/// The error after bytes of a section were replaced (and the checksum made right again).
pub fn fault(file: &[u8], kind: Section, at: usize, bytes: &[u8]) -> FormatError {
    let mut file = file.to_vec();
    let start = find(&file, kind).0 + at;
    file[start..start + bytes.len()].copy_from_slice(bytes);
    reseal(&mut file);
    Model::parse(&file).unwrap_err()
}

#[test]
fn valid_models_parse_and_tell_what_was_written() {
    for seed in 0..200 {
        let network: Network = random_network(&mut Rng(seed));
        let file = network.to_bytes();
        assert!(exercise(&file));
        let model = Model::parse(&file).unwrap();
        assert_eq!(model.bytes(), file);
        assert_eq!(model.source_sha256(), &[0xA5; 32]);
        assert_eq!(model.meta(), Some("{}"));
        assert_eq!(
            (model.tensors().count(), model.ops().count()),
            (network.tensors.len(), network.layers.len())
        );
        assert_eq!(model.class_name(1), Some("class 1"));
        assert_eq!(model.noise().tv_budget, 77);
        let found: Vec<_> = model.certificates().map(|t| (t.method(), t.n0(), t.n(), t.first())).collect();
        let methods = [Method::TwoStage, Method::SingleStage, Method::Predict, Method::Sequential];
        let expected =
            [(methods[0], 4, 8, 6), (methods[1], 0, 8, 7), (methods[2], 0, 8, 0), (methods[3], 0, 8, 1000)];
        assert_eq!(found, expected);
        assert_eq!(model.certificates().next().unwrap().entry(8), Some(20));
        assert_eq!(model.certificates().next().unwrap().entry(5), None);
        assert_eq!((model.softmax().weight(0), model.softmax().weight(64)), (32768, 4096));
    }
}

#[test]
fn headers_have_their_own_errors() {
    let file = model_file(1);
    let with = |at: usize, value: u32, seal: bool| {
        let mut file = file.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        if seal {
            reseal(&mut file);
        }
        Model::parse(&file).unwrap_err()
    };
    let length = file.len();
    assert_eq!(Model::parse(&[]).unwrap_err(), FormatError::Truncated { expected: 64, found: 0 });
    assert_eq!(Model::parse(b"RINGFMDX").unwrap_err(), FormatError::BadMagic);
    assert_eq!(with(header::MAGIC, 7, true), FormatError::BadMagic);
    assert_eq!(with(header::VERSION, 1, true), FormatError::UnsupportedVersion { found: 1 });
    let shorter = with(header::LENGTH, length as u32 - 1, false);
    assert_eq!(shorter, FormatError::TrailingBytes { expected: length - 1, found: length });
    let longer = with(header::LENGTH, length as u32 + 1, false);
    assert_eq!(longer, FormatError::Truncated { expected: length + 1, found: length });
    let expected = layout::checksum(&file);
    assert_eq!(
        with(header::CHECKSUM, !expected, false),
        FormatError::Checksum { expected, found: !expected }
    );
    let altered = with(length - 4, 0, false);
    assert!(matches!(altered, FormatError::Checksum { found, .. } if found == expected));
    assert_eq!(with(header::SECTION_COUNT, 0, true), FormatError::SectionCount { found: 0 });
    assert_eq!(with(header::SECTION_COUNT, 33, true), FormatError::SectionCount { found: 33 });
    assert_eq!(with(header::RESERVED, 1, true), FormatError::Reserved { section: None });
}

#[test]
fn section_tables_have_their_own_errors() {
    let file = model_file(2);
    let with = |entry: usize, field: usize, value: u32| {
        let mut file = file.clone();
        let at = HEADER_BYTES + entry * SECTION_RECORD_BYTES + field;
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        reseal(&mut file);
        Model::parse(&file).map(|_| ()).err()
    };
    let (input, tensors) = (Section::Input, Section::Tensors);
    assert_eq!(with(0, section::KIND, 99), Some(FormatError::UnknownSection { kind: 99 }));
    assert_eq!(with(0, section::KIND, 2), Some(FormatError::DuplicateSection { section: tensors }));
    assert_eq!(with(8, section::KIND, 1), Some(FormatError::DuplicateSection { section: input }));
    assert_eq!(with(0, section::OFFSET, 8), Some(FormatError::SectionRange { section: input }));
    assert_eq!(with(0, section::OFFSET, 1 << 31), Some(FormatError::SectionRange { section: input }));
    assert_eq!(with(0, section::LENGTH, u32::MAX), Some(FormatError::SectionRange { section: input }));
    assert_eq!(with(0, section::RESERVED, 1), Some(FormatError::Reserved { section: None }));
    let first = find(&file, input).0 as u32;
    assert_eq!(with(1, section::OFFSET, first), Some(FormatError::SectionOverlap { section: tensors }));
    let short = FormatError::SectionLength { section: input, expected: 64, found: 63 };
    assert_eq!(with(0, section::LENGTH, 63), Some(short));
    let mut without_meta = file.clone();
    without_meta[header::SECTION_COUNT] = 8;
    reseal(&mut without_meta);
    assert_eq!(Model::parse(&without_meta).unwrap().meta(), None);
    without_meta[header::SECTION_COUNT] = 7;
    reseal(&mut without_meta);
    let missing = FormatError::MissingSection { section: Section::Softmax };
    assert_eq!(Model::parse(&without_meta).unwrap_err(), missing);
    let meta = find(&file, Section::Meta).0;
    assert_eq!(fault(&file, Section::Meta, 0, &[0xFF]), FormatError::Meta);
    assert_eq!(meta % layout::ALIGN, 0);
}

/// A network whose first operation is a convolution that leaves the size of the image as it is.
fn conv_file() -> Vec<u8> {
    let starts_with_conv = |file: &Vec<u8>| {
        let record = &file[find(file, Section::Ops).0..];
        record[op::KIND] == op::CONV && record[op::KERNEL_H..op::PAD_TOP] == [1; 4]
    };
    (0..MODELS).map(model_file).find(starts_with_conv).unwrap()
}

#[test]
fn graphs_have_their_own_errors() {
    let file = conv_file();
    let at = |at: usize, bytes: &[u8]| match fault(&file, Section::Ops, at, bytes) {
        FormatError::Op { index: 0, fault } => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(op::KIND, &[9]), OpFault::Kind(9));
    assert_eq!(at(op::PAIRS, &[2]), OpFault::Reserved);
    assert_eq!(at(op::TAIL + 27, &[1]), OpFault::Reserved);
    assert_eq!(at(op::INPUT, &[200, 0]), OpFault::Tensor(200));
    assert_eq!(at(op::INPUT, &[1, 0]), OpFault::NotWritten(1));
    assert_eq!(at(op::OUTPUT, &[0xFF, 0xFF]), OpFault::Tensor(0xFFFF));
    assert_eq!(at(op::KERNEL_H, &[0]), OpFault::Kernel);
    assert_eq!(at(op::STRIDE_W, &[0]), OpFault::Stride);
    assert_eq!(at(op::PAD_TOP, &[200]), OpFault::Window);
    assert_eq!(at(op::KERNEL_H, &[200]), OpFault::Window);
    assert_eq!(at(op::WEIGHTS, &[1]), OpFault::WeightRange);
    assert_eq!(at(op::REQUANT, &[0, 0, 0, 0x7F]), OpFault::WeightRange);
    assert!(matches!(at(op::OUT_CHANNELS, &[77, 0]), OpFault::Channels { found: 77, .. }));
    assert_eq!(
        fault(&file, Section::Weights, 0, &[0x80]),
        FormatError::Op { index: 0, fault: OpFault::Weight }
    );

    let (ops, length) = find(&file, Section::Ops);
    let last = length - layout::OP_BYTES;
    let early_logits = fault(&file, Section::Ops, 0, &file[ops + last..ops + length]);
    assert!(matches!(early_logits, FormatError::Op { index: 0, .. }), "{early_logits:?}");

    let tensor_fault = |at: usize, bytes: &[u8]| match fault(&file, Section::Tensors, at, bytes) {
        FormatError::Tensor { index: 0, fault } => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(tensor_fault(tensor::CHANNELS, &[0, 0]), TensorFault::Empty);
    assert_eq!(tensor_fault(tensor::OFFSET, &[1]), TensorFault::Alignment(1));
    assert_eq!(tensor_fault(tensor::TAIL, &[1]), TensorFault::Reserved);
    assert_eq!(tensor_fault(tensor::TAIL + 1, &[1]), TensorFault::Reserved);
    assert_eq!(tensor_fault(tensor::MIRRORED, &[2]), TensorFault::Mirrored(2));
    assert_eq!(tensor_fault(tensor::TOP, &[128]), TensorFault::Top(128));
    assert_eq!(tensor_fault(tensor::ZERO_POINT, &[128, 127]), TensorFault::ZeroPoint(128));
    assert!(matches!(tensor_fault(tensor::OFFSET, &[0, 0, 0, 1]), TensorFault::Range { .. }));

    let input_fault = |at: usize, bytes: &[u8]| match fault(&file, Section::Input, at, bytes) {
        FormatError::Input(fault) => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(input_fault(input::CHANNELS, &[5]), InputFault::Channels(5));
    assert_eq!(input_fault(input::TENSOR, &[0, 9]), InputFault::Tensor(0x900));
    assert_eq!(input_fault(input::HEIGHT, &[0xFF]), InputFault::Shape);
    assert_eq!(input_fault(input::RULES, &[0; 4]), InputFault::Mul(0));
    assert_eq!(input_fault(input::RULES + 4, &[0, 0, 0, 0x21]), InputFault::Add(0));
}

#[test]
fn results_stay_below_the_top_of_their_tensor() {
    let file = conv_file();
    let output = usize::from(file[find(&file, Section::Ops).0 + op::OUTPUT]);
    let mut low = file.clone();
    let record = find(&file, Section::Tensors).0 + output * layout::TENSOR_BYTES;
    low[record + tensor::ZERO_POINT] = 9;
    low[record + tensor::TOP] = 127;
    assert_eq!(
        fault(&low, Section::Ops, op::LO, &[128]),
        FormatError::Op { index: 0, fault: OpFault::Lo(128) }
    );
}

#[test]
fn groups_are_summed_in_pairs_only_where_that_is_exact() {
    let mut rng = Rng(7);
    let mut fault_of = |top: u8, style: Style| {
        let file = resnet20(&mut rng, top, style).to_bytes();
        let mut second = file.clone();
        second[find(&file, Section::Ops).0 + layout::OP_BYTES + op::PAIRS] = 1;
        reseal(&mut second);
        Model::parse(&second).err()
    };
    let cases = [(127, Style::Small), (255, Style::Small), (127, Style::Uniform)];
    let pairs = Some(FormatError::Op { index: 1, fault: OpFault::Pairs });
    assert!(cases.map(|(top, style)| fault_of(top, style)) == [None, pairs, pairs]);
    let logits = layout::OP_BYTES * 22;
    let file = resnet20(&mut rng, 127, Style::Small).to_bytes();
    let reserved = FormatError::Op { index: 22, fault: OpFault::Reserved };
    assert_eq!(fault(&file, Section::Ops, logits + op::PAIRS, &[1]), reserved);
}

#[test]
fn outputs_may_not_share_bytes_with_inputs() {
    let file = conv_file();
    let (tensors, _) = find(&file, Section::Tensors);
    let place = &file[tensors..tensors + 4];
    // The output of the first operation moves onto its input.
    let ops = find(&file, Section::Ops).0;
    let output = usize::from(file[ops + op::OUTPUT]);
    let mut moved = file.clone();
    moved[header::SAMPLE_ARENA + 2] = 0x10;
    let found = fault(&moved, Section::Tensors, output * layout::TENSOR_BYTES, place);
    assert_eq!(found, FormatError::Op { index: 0, fault: OpFault::Overlap });
}

#[test]
fn tables_have_their_own_errors() {
    let file = model_file(3);
    let noise_fault = |at, bytes: &[u8]| fault(&file, Section::Noise, at, bytes);
    let reserved = |section| FormatError::Reserved { section: Some(section) };
    let sigma = FormatError::Noise(NoiseFault::Sigma);
    assert_eq!(noise_fault(noise::SIGMA, &f64::NAN.to_le_bytes()), sigma);
    assert_eq!(noise_fault(noise::SIGMA, &(-1f64).to_le_bytes()), sigma);
    assert_eq!(noise_fault(noise::SIGMA, &[0; 8]), sigma);
    assert_eq!(noise_fault(noise::COLUMN_BITS, &[5]), FormatError::Noise(NoiseFault::ColumnBits(5)));
    assert!(matches!(noise_fault(noise::COLUMN_BITS, &[7]), FormatError::SectionLength { .. }));
    assert_eq!(noise_fault(noise::METHOD, &[1]), FormatError::Noise(NoiseFault::Method(1)));
    assert_eq!(noise_fault(noise::TAIL, &[1]), reserved(Section::Noise));
    let range = NoiseFault::Range { min: 8000, max: 8063 };
    assert_eq!(noise_fault(noise::MIN_VALUE, &8000i32.to_le_bytes()), FormatError::Noise(range));

    let classes = |at, bytes: &[u8]| fault(&file, Section::Classes, at, bytes);
    assert_eq!(classes(0, &[1, 0]), FormatError::Class(ClassFault::Count(1)));
    assert_eq!(classes(0, &[129, 0]), FormatError::Class(ClassFault::Count(129)));
    assert_eq!(classes(2, &[6]), FormatError::Class(ClassFault::Length));
    assert_eq!(classes(3, &[0xFF]), FormatError::Class(ClassFault::Utf8(0)));

    let soft = |at, bytes: &[u8]| fault(&file, Section::Softmax, at, bytes);
    assert_eq!(soft(softmax::SHIFT, &[64]), FormatError::Softmax(SoftmaxFault::Shift(64)));
    assert_eq!(soft(softmax::TAIL, &[1]), reserved(Section::Softmax));
    assert_eq!(soft(64, &[0, 0]), FormatError::Softmax(SoftmaxFault::Entry(0)));
    assert_eq!(soft(66, &[0, 0x81]), FormatError::Softmax(SoftmaxFault::Entry(1)));

    let tables = |at, bytes: &[u8]| fault(&file, Section::Certificates, at, bytes);
    let table = |fault| FormatError::Certificate { index: 0, fault };
    assert_eq!(tables(0, &[65]), FormatError::CertificateCount { found: 65 });
    assert_eq!(tables(8, &[5]), table(CertificateFault::Method(5)));
    assert_eq!(tables(9, &[1]), table(CertificateFault::Reserved));
    assert_eq!(tables(8 + layout::certificate::OFFSET, &[1]), table(CertificateFault::Range));
    assert_eq!(tables(8 + layout::certificate::LENGTH, &[0, 0, 0, 0x40]), table(CertificateFault::Range));
}

#[test]
fn certificate_tables_are_checked() {
    let bytes = |entries: &[u32]| entries.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<_>>();
    let alpha = 0.001f64.to_bits();
    let new = |method, n0, n, first, entries: &[u32]| {
        CertificateTable::new(method, n0, n, alpha, first, &bytes(entries)).map(|_| ())
    };
    let (two, one, predict) = (Method::TwoStage, Method::SingleStage, Method::Predict);
    assert_eq!(new(two, 1, 3, 2, &[4, 4]), Ok(()));
    assert_eq!(new(one, 0, 3, 4, &[]), Ok(()));
    assert_eq!(new(two, 0, 3, 2, &[4, 4]), Err(CertificateFault::Samples));
    assert_eq!(new(one, 0, 0, 1, &[]), Err(CertificateFault::Samples));
    assert_eq!(new(one, 0, 4, 2, &[1, 2, 3]), Err(CertificateFault::First(2)));
    assert_eq!(new(one, 0, 4, 6, &[]), Err(CertificateFault::First(6)));
    assert_eq!(new(one, 0, 4, 3, &[1]), Err(CertificateFault::Length { expected: 2, found: 1 }));
    assert_eq!(new(one, 0, 4, 3, &[2, 1]), Err(CertificateFault::Entry(1)));
    assert_eq!(new(predict, 0, 1, 0, &[2, 2]), Ok(()));
    assert_eq!(new(predict, 0, 1, 0, &[2, 3]), Err(CertificateFault::Entry(1)));
    assert_eq!(new(predict, 0, 1, 1, &[2]), Err(CertificateFault::First(1)));
    let odd = CertificateTable::new(one, 0, 4, alpha, 3, &[0; 9]).map(|_| ());
    assert_eq!(odd, Err(CertificateFault::Length { expected: 2, found: 2 }));
    for alpha in [0.0f64, 1.0, f64::NAN, f64::INFINITY, -0.5] {
        let table = CertificateTable::new(one, 0, 4, alpha.to_bits(), 3, &[0; 8]).map(|_| ());
        assert_eq!(table, Err(CertificateFault::Alpha));
    }
}

#[test]
fn checkpoints_are_checked() {
    let new = |n0, first, entries: &[u32]| {
        let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        CertificateTable::new(Method::Sequential, n0, 10, 0.1f64.to_bits(), first, &bytes).map(|_| ())
    };
    let good = [1, 1, 0, 2, 3, 1, 9, 10, 4, 10, 6, 5];
    assert_eq!(new(0, 7, &good), Ok(()));
    assert_eq!(new(1, 7, &good), Err(CertificateFault::Samples));
    assert_eq!(new(0, 0, &good), Err(CertificateFault::First(0)));
    assert_eq!(new(0, 7, &[]), Err(CertificateFault::Length { expected: 3, found: 0 }));
    assert_eq!(new(0, 7, &good[..11]), Err(CertificateFault::Length { expected: 12, found: 11 }));
    let odd = CertificateTable::new(Method::Sequential, 0, 10, 0.1f64.to_bits(), 7, &[1; 13]).map(|_| ());
    assert_eq!(odd, Err(CertificateFault::Length { expected: 3, found: 3 }));
    // No votes, the same votes again, more votes than n; half the votes accepted, more than all + 1; no gap.
    for (at, value) in [(0, 0), (3, 1), (9, 11), (10, 5), (7, 11), (11, 6), (5, u32::MAX), (4, u32::MAX)] {
        let mut entries = good;
        entries[at] = value;
        assert_eq!(new(0, 7, &entries), Err(CertificateFault::Entry(at / 3 * 3)), "{entries:?}");
    }
}
