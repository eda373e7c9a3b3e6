//! `attack` and `attacks`.

mod images;
mod report;
mod screen;
mod sheet;
mod sources;

use super::{device, evaluate};
use crate::attacks::{
    ATTACKS, Deployed, Entry, Estimator, NetTarget, Norm, Planned, Progress, Suite, attack, suite,
};
use crate::error::Error;
use crate::export::{sha256, write_whole};
use crate::nets::NetSpec;
use crate::train::checkpoint;
use ringfence::data;
use std::path::{Path, PathBuf};

/// Images attacked at a time.
const BATCH: usize = 100;

/// Draws in each gradient (Croce and Hein 2020, the suite `rand`).
const DRAWS: u32 = 20;

/// Arguments of `attack`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer attack runs/madry/best --max 500
  ringfence-trainer attack runs/madry/best --suite standard --epsilon 4/255,8/255 --json attack.json --sheet attack.png
  ringfence-trainer attack runs/madry/best --suite standard --epsilon 4/255,8/255 --json attack.json --resume
  ringfence-trainer attack runs/pni --draws 64
  ringfence-trainer attack runs/c10 --sigma 0.25 --norm l2 --epsilon 0.5 --attacks pgd-20 --draws 64 --max 100
  ringfence-trainer attack runs/c10 --rfm c10.rfm --attacks pgd-20,square,hopskipjump
  ringfence-trainer attack runs/c10 --source runs/other,runs/third --attacks transfer,ensemble,substitute --max 500

`ringfence-trainer attacks` lists the attacks. Each attack runs on the images that those before it left; the last lines are
the worst case over all, with 95 % intervals. With --json the steps done are kept in FILE.partial until the report is complete.")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Attacks, in order
    #[arg(long, value_delimiter = ',', default_value = "fgsm,pgd-20,cw-20,apgd-ce,apgd-t")]
    attacks: Vec<String>,
    /// A list of attacks instead: quick, standard, rand or all
    #[arg(long, conflicts_with = "attacks")]
    suite: Option<String>,
    /// Norm of the perturbation: linf or l2
    #[arg(long, default_value = "linf")]
    norm: String,
    /// Its bound, a number or a fraction; several with commas
    #[arg(long, value_delimiter = ',', default_value = "8/255")]
    epsilon: Vec<String>,
    /// Attack the smoothed classifier of this deviation of noise; 0: the network itself
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    sigma: f32,
    /// Draws of a randomised classifier in each gradient; each attack's own number, or 20, if not given
    #[arg(long)]
    draws: Option<u32>,
    /// Draws whose votes make each of its decisions
    #[arg(long, default_value_t = 100)]
    votes: u32,
    /// Its gradient: of the mean loss, of the loss of the mean probability, or of the mean logits
    #[arg(long, value_enum, default_value_t = Estimator::Probability)]
    estimator: Estimator,
    /// Attack this compiled model: its integers decide, the checkpoint gives the gradients
    #[arg(long, value_name = "FILE")]
    rfm: Option<PathBuf>,
    /// Other checkpoints that `transfer` and `ensemble` craft images on
    #[arg(long, value_name = "RUN", value_delimiter = ',')]
    source: Vec<PathBuf>,
    /// Data set; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Attack only the first images
    #[arg(long)]
    max: Option<usize>,
    /// Seed of random starts and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write the result, image by image, to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Go on from FILE.partial of --json, if there is one
    #[arg(long, requires = "json")]
    resume: bool,
    /// Also draw up to ten broken images, what was added, and the sum, to this PNG file
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Also write all images, broken where the largest size breaks them, to this file, which `ringfence profile --attacked` reads
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device: cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "cpu")]
    device: String,
}

pub(super) fn norm(text: &str) -> Result<Norm, Error> {
    [Norm::Linf, Norm::L2]
        .into_iter()
        .find(|n| n.to_string() == text)
        .ok_or_else(|| Error::Settings(format!("--norm {text}: expected linf or l2")))
}

pub(super) fn length(text: &str) -> Result<f64, Error> {
    let value = match text.split_once('/') {
        None => text.parse::<f64>().ok(),
        Some((a, b)) => a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).map(|(a, b)| a / b),
    };
    value
        .filter(|v| v.is_finite() && *v > 0.0)
        .ok_or_else(|| Error::Settings(format!("--epsilon {text}: expected a number or fraction above 0")))
}

/// The suite that the arguments ask for.
fn asked(args: &Args) -> Result<Suite<'static>, Error> {
    let norm = norm(&args.norm)?;
    let epsilons = args.epsilon.iter().map(|text| length(text)).collect::<Result<_, _>>()?;
    if !(args.sigma.is_finite() && args.sigma >= 0.0) {
        return Err(Error::Settings(format!("--sigma {}: expected a number of at least 0", args.sigma)));
    }
    let entries: Vec<&Entry> = match &args.suite {
        Some(name) => suite(name, norm)?,
        None => args.attacks.iter().map(|name| attack(name, norm)).collect::<Result<_, _>>()?,
    };
    // A number that was given holds for all.
    let planned = |e: &&Entry| {
        let planned = e.planned(norm);
        Planned { draws: planned.draws.filter(|_| args.draws.is_none()), ..planned }
    };
    let attacks: Vec<Planned> = entries.iter().map(planned).collect();
    sources::check(&attacks, &args.source)?;
    Ok(Suite {
        attacks,
        norm,
        epsilons,
        draws: args.draws.unwrap_or(DRAWS),
        votes: args.votes,
        estimator: args.estimator,
        seed: args.seed,
        batch: BATCH,
        sources: &[],
        substitute: None,
    })
}

/// `FILE.partial`.
fn partial(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Runs `attack`.
///
/// # Errors
/// Names, checkpoint, data or device at fault; progress of another run.
pub fn run(args: &Args) -> Result<(), Error> {
    let suite = asked(args)?;
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let spec = args.data.clone().unwrap_or_else(|| state.settings.data.clone());
    let images = evaluate::read(&spec, data::Split::Test, args.max, &state)?;
    let net = checkpoint::load_net(&folder, &state.net, &device)?;
    let deployed = args.rfm.as_deref().map(|file| deployed(file, &state.net, args.sigma)).transpose()?;
    let target = NetTarget {
        net: &net,
        spec: &state.net,
        path,
        seed: args.seed,
        sigma: args.sigma,
        deployed: deployed.as_ref().map(|(d, _)| d),
    };
    let others = sources::read(&args.source, &state.net, &device)?;
    let source_targets = sources::targets(&others, &target);
    let data = (spec.as_str(), images.len());
    let imitation = sources::imitate(&suite.attacks, (&target, &state), data, suite.votes, &device)?;
    let substitute = imitation.as_ref().map(|(i, _)| NetTarget {
        net: &i.net,
        spec: &i.spec,
        sigma: 0.0,
        deployed: None,
        ..target
    });
    let suite = Suite { sources: &source_targets, substitute, ..suite };
    let hashes = report::Hashes {
        network: checkpoint::fingerprint(&folder, &state.net)?,
        model: deployed.as_ref().map(|(_, hash)| hash.clone()),
        sources: others.iter().map(|s| s.fingerprint.clone()).collect(),
    };
    let told = imitation.as_ref().map(|(_, told)| told.clone());
    let settings = settings(args, &suite, (hashes, told), data);
    let mut progress = match &args.json {
        Some(file) => Progress::open(&partial(file), &report::head(&settings)?, args.resume)?,
        None => Progress::default(),
    };
    println!("{} images, {}", images.len(), suite.norm);
    let screen = screen::Screen::default();
    let results = suite.run(&target, (&images, images.len()), &device, &mut progress, &screen)?;
    report::print(suite.norm, &results);
    let limit = if args.images.is_some() { images.len() } else { sheet::LIMIT };
    let examples = (args.sheet.is_some() || args.images.is_some()).then(|| {
        let largest = suite.epsilons.iter().copied().fold(0.0, f64::max);
        suite.examples(&target, &images, &device, &results, (largest, limit))
    });
    let examples = examples.unwrap_or_default();
    deployed.map_or(Ok(()), |(deployed, _)| deployed.check())?;
    if let Some(file) = &args.json {
        write_whole(file, report::json(&settings, &results)?.as_bytes())?;
        progress.remove()?;
    }
    if let Some(file) = &args.sheet {
        let shown = examples.get(..sheet::LIMIT).unwrap_or(&examples);
        sheet::write(file, shown, state.net.input, &state.net.classes)?;
    }
    if let Some(file) = &args.images {
        images::write(file, &images, &examples)?;
    }
    Ok(())
}

/// The model file at `file` with its hash.
pub(super) fn deployed(file: &Path, spec: &NetSpec, sigma: f32) -> Result<(Deployed, String), Error> {
    let bytes = std::fs::read(file).map_err(Error::file(file))?;
    let hash = sha256(&bytes);
    let named = |error| match error {
        Error::Integer(reason) => Error::Integer(format!("{}: {reason}", file.display())),
        other => other,
    };
    let deployed = Deployed::new(bytes, spec).map_err(named)?;
    let made_for = deployed.sigma()?;
    if sigma > 0.0 && (f64::from(sigma) - made_for).abs() > 1e-6 {
        return Err(Error::Settings(format!(
            "--sigma {sigma}: {} was compiled for {made_for}",
            file.display()
        )));
    }
    Ok((deployed, hash))
}

fn settings<'a>(
    args: &'a Args,
    suite: &'a Suite<'_>,
    (hashes, substitute): (report::Hashes, Option<sources::Told>),
    (data, images): (&'a str, usize),
) -> report::Settings<'a> {
    report::Settings {
        program: env!("CARGO_PKG_VERSION"),
        hashes,
        substitute,
        data,
        images,
        norm: suite.norm,
        epsilons: &suite.epsilons,
        sigma: args.sigma,
        draws: suite.draws,
        votes: suite.votes,
        estimator: suite.estimator,
        seed: suite.seed,
        batch: suite.batch,
        device: &args.device,
        attacks: report::rows(suite),
    }
}

/// Runs `attacks`: every attack with its paper, norms and access.
pub fn list() {
    for e in ATTACKS {
        let norms: Vec<String> = e.norms.iter().map(Norm::to_string).collect();
        println!("{:<16} {:<10} {:<9} {}", e.name, norms.join(", "), e.access, e.paper);
    }
}
