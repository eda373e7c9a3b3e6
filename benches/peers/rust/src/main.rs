//! Noisy samples through tract or rten, timed as `benches/peers/peers/worker.py` times the others: noise, network and
//! count of each call. Prints one JSON object.

use std::time::Instant;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

type Any = Box<dyn std::error::Error>;
/// From a batch of pictures to its logits.
type Network = Box<dyn FnMut(&[f32]) -> Result<Vec<f32>, Any>>;

struct Job {
    engine: String,
    model: String,
    shape: [usize; 3],
    batch: usize,
    seconds: f64,
    /// Samples of one certificate; 0: calls of one batch until `seconds` are over.
    samples: usize,
    sigma: f32,
}

const USAGE: &str =
    "rust-peers tract|rten MODEL.onnx C,H,W BATCH SECONDS SAMPLES SIGMA (rten: RTEN_NUM_THREADS)";

fn job() -> Result<Job, Any> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [engine, model, shape, batch, seconds, samples, sigma] =
        <[String; 7]>::try_from(args).map_err(|_| USAGE)?;
    let shape: Vec<usize> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
    Ok(Job {
        engine,
        model,
        shape: shape.try_into().map_err(|_| USAGE)?,
        batch: batch.parse()?,
        seconds: seconds.parse()?,
        samples: samples.parse()?,
        sigma: sigma.parse()?,
    })
}

/// tract wants the batch fixed before it optimises.
fn tract(job: &Job) -> Result<Network, Any> {
    use tract_onnx::prelude::*;
    let [c, h, w] = job.shape;
    let shape = [job.batch, c, h, w];
    let model = tract_onnx::onnx()
        .model_for_path(&job.model)?
        .with_input_fact(0, f32::fact(shape).into())?
        .with_output_fact(0, InferenceFact::default())?
        .into_optimized()?
        .into_runnable()?;
    Ok(Box::new(move |pictures| {
        let input = Tensor::from_shape(&shape, pictures)?;
        let output = model.run(tvec!(input.into()))?;
        Ok(output[0].to_plain_array_view::<f32>()?.iter().copied().collect())
    }))
}

fn rten(job: &Job) -> Result<Network, Any> {
    use rten_tensor::{AsView, NdTensorView};
    let model = rten::Model::load_file(&job.model)?;
    let [c, h, w] = job.shape;
    let shape = [job.batch, c, h, w];
    Ok(Box::new(move |pictures| {
        let output = model.run_one(NdTensorView::from_data(shape, pictures).into(), None)?;
        let logits: rten_tensor::NdTensor<f32, 2> = output.try_into()?;
        Ok(logits.to_vec())
    }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Any> {
    let job = job()?;
    let mut network = match job.engine.as_str() {
        "tract" => tract(&job)?,
        "rten" => rten(&job)?,
        other => return Err(format!("no engine {other}; {USAGE}").into()),
    };
    let pixels: usize = job.shape.iter().product();
    let mut pictures = vec![0f32; job.batch * pixels];
    let mut random = SmallRng::seed_from_u64(1);
    let mut votes = vec![0u64; 0];
    let mut sample = |noise_s: &mut Vec<f64>, total_s: &mut Vec<f64>| -> Result<(), Any> {
        let start = Instant::now();
        for value in &mut pictures {
            *value = 0.5 + job.sigma * random.sample::<f32, _>(StandardNormal);
        }
        noise_s.push(start.elapsed().as_secs_f64());
        let logits = network(&pictures)?;
        let classes = logits.len() / job.batch;
        votes.resize(classes, 0);
        for row in logits.chunks_exact(classes) {
            let best = (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
            votes[best] += 1;
        }
        total_s.push(start.elapsed().as_secs_f64());
        Ok(())
    };
    sample(&mut vec![], &mut vec![])?;
    let (mut noise_s, mut total_s) = (vec![], vec![]);
    let start = Instant::now();
    loop {
        sample(&mut noise_s, &mut total_s)?;
        let enough = match job.samples {
            0 => start.elapsed().as_secs_f64() >= job.seconds,
            samples => total_s.len() * job.batch >= samples,
        };
        if enough {
            break;
        }
    }
    let whole = start.elapsed().as_secs_f64();
    let scale = 1e6 / job.batch as f64;
    println!(
        "{{\"us_per_sample\": {:.3}, \"us_best\": {:.3}, \"us_noise\": {:.3}, \"calls\": {}, \"seconds\": {whole:.6}}}",
        median(total_s.clone()) * scale,
        total_s.iter().copied().fold(f64::INFINITY, f64::min) * scale,
        median(noise_s) * scale,
        total_s.len(),
    );
    Ok(())
}
