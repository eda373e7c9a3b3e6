//! Runs a model some number of times over one constant image, for counting instructions: the difference of
//! two counts is that of the passes alone.
//!
//! ```text
//! passes MODEL.rfm BACKEND PASSES
//! ```
//!
//! Prints the multiply-accumulates of one pass.

use ringfence_runtime::{Backend, Executor, Model};
use std::error::Error;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [path, backend, passes] = args.as_slice() else {
        return Err("usage: passes MODEL.rfm BACKEND PASSES".into());
    };
    let file = fs::read(path)?;
    let model = Model::parse(&file).map_err(|error| format!("{path}: {error}"))?;
    let backend = Backend::from_name(backend).ok_or_else(|| format!("no backend {backend}"))?;
    let executor =
        Executor::new(&model, backend).ok_or_else(|| format!("this CPU cannot run {}", backend.name()))?;
    let mut arena = vec![0; model.arena_bytes(1)];
    let mut logits = vec![0; model.classes()];
    for _ in 0..passes.parse::<u32>()? {
        executor.write_input(&mut arena, 0)?;
        executor.run(&mut arena, 1, &mut logits, |_, _, _| ())?;
    }
    println!("{}", model.ops().map(|op| op.macs()).sum::<u64>());
    Ok(())
}
