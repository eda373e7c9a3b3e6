//! What a C program holds: a file, a model, an arena, an image.

use crate::support::{Rng, random_network};
use ringfence_runtime::ffi::{
    CBudget, CImage, CModel, CSeed, CSmoother, Generator, Layout, Method, Status, ringfence_model_parse,
};
use ringfence_runtime::smooth::Seed;
use ringfence_runtime::{Backend, Model};
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr;

pub const SEED: Seed = Seed([9; 32]);
/// alpha of the tables in the test models.
pub const ALPHA: f64 = 0.1;

/// Most multiply-accumulates of a network, small enough for an interpreter.
const MACS: u64 = 4_000;

pub struct Caller {
    pub file: Vec<u8>,
    /// Channel by channel.
    pub pixels: Vec<u8>,
    pub arena: Vec<u8>,
    /// One; in a vector, because a box that moves would be alone in referring to it.
    pub model: Vec<MaybeUninit<CModel>>,
    pub shape: [usize; 3],
}

impl Caller {
    /// With memory of exactly the sizes that a batch asks for, so that a byte too far is seen.
    pub fn new(file: &[u8], batch: usize) -> Self {
        let parsed = Model::parse(file).unwrap();
        let input = parsed.input();
        let mut caller = Self {
            file: file.into(),
            pixels: (0..input.values()).map(|i| (i * 53) as u8).collect(),
            arena: vec![0xEE; parsed.arena_bytes(batch)],
            model: vec![MaybeUninit::zeroed()],
            shape: [input.channels, input.height, input.width],
        };
        assert_eq!(caller.parse(), Status::Ok);
        caller
    }

    pub fn parse(&mut self) -> Status {
        let model = self.model.as_mut_ptr().cast();
        unsafe { ringfence_model_parse(self.file.as_ptr(), self.file.len(), model) }
    }

    pub fn model(&self) -> *const CModel {
        self.model.as_ptr().cast()
    }

    pub fn smoother(&mut self) -> CSmoother {
        CSmoother {
            model: self.model(),
            arena: self.arena.as_mut_ptr(),
            arena_bytes: self.arena.len(),
            generator: Generator::Xoshiro as u32,
            backend: ptr::null(),
        }
    }

    pub fn image(&self) -> CImage {
        let [channels, height, width] = self.shape.map(|side| side as u32);
        let layout = Layout::Chw as u32;
        CImage { pixels: self.pixels.as_ptr(), length: self.pixels.len(), channels, height, width, layout }
    }
}

pub fn seed() -> CSeed {
    CSeed { bytes: SEED.0 }
}

pub fn budget(method: Method, n0: u32, n: u32, target: u32) -> CBudget {
    CBudget { method: method as u32, n0, n, target, alpha: ALPHA }
}

/// The result of a call.
pub fn get<T>(call: impl FnOnce(*mut T) -> Status) -> Result<T, Status> {
    let mut result = MaybeUninit::uninit();
    match call(result.as_mut_ptr()) {
        Status::Ok => Ok(unsafe { result.assume_init() }),
        status => Err(status),
    }
}

/// Files of a few small networks; an interpreter gets fewer.
pub fn files() -> impl Iterator<Item = Vec<u8>> {
    let files = (0..).map(|seed| random_network(&mut Rng(seed)).to_bytes());
    let is_small =
        |file: &Vec<u8>| Model::parse(file).unwrap().ops().map(|op| op.macs()).sum::<u64>() <= MACS;
    files.filter(is_small).take(if cfg!(miri) { 1 } else { 40 })
}

/// One of them.
pub fn file() -> Vec<u8> {
    files().next().unwrap()
}

/// Names of the backends of this CPU.
pub fn backends() -> impl Iterator<Item = CString> {
    let available = Backend::ALL.into_iter().filter(|backend| backend.is_available());
    available.map(|backend| CString::new(backend.name()).unwrap())
}
