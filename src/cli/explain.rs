//! `ringfence explain`: what a model of adaptive smoothing does with an image, as a row of pictures.

use std::io::Write;
use std::path::PathBuf;

use ringfence_runtime::format::Mask;
use ringfence_runtime::noise::{Generator, Noise, Normal, Purpose, Seed};
use ringfence_runtime::smooth::adaptive::{Mixture, Piece, Recipe};
use ringfence_runtime::smooth::{Image, Smoother};
use ringfence_runtime::{Backend, Model};

use serde_json::json;

use super::CliError;
use super::aligned::Aligned;
use super::model_file::{ModelFile, check_fit};
use super::screen::ScreenArgs;
use super::seed::SeedPlan;
use crate::data::{self, SPECS, Split};
use crate::report::png;

const EXAMPLES: &str = "\
Examples:
  ringfence explain model.rfm --data signs-scene:64 --index 7 --out row.png
  ringfence explain model.rfm --data signs-scene:64 --out row.png --json    the numbers (schema ringfence.explain/1)

From left to right: the image, the first noisy image, the mask made from it (white is 1), the masked image with the second
noise, and the mix of both noisy images that the classifier sees. One draw of the noise.";

/// Pixels between two panels.
const GAP: usize = 2;
/// Panels of a row.
const PANELS: usize = 5;

/// Draw what a model of adaptive smoothing makes of an image, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) of adaptive smoothing
    model: String,
    /// Data set
    #[arg(long, value_name = "SPEC", long_help = data_help())]
    data: String,
    /// Half of the data set
    #[arg(long, default_value = "test", value_name = "train|test")]
    split: Split,
    /// Index of the image
    #[arg(long, default_value_t = 0, value_name = "I")]
    index: usize,
    /// Picture to write (PNG)
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Sample whose noise is drawn
    #[arg(long, default_value_t = 0, value_name = "J")]
    sample: u32,
    /// Side of the square that each pixel becomes
    #[arg(long, default_value_t = 3, value_name = "PIXELS", value_parser = clap::value_parser!(u8).range(1..=16))]
    zoom: u8,
    /// Derive all randomness from these hexadecimal digits: a replay or test, not a certificate
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Write JSON instead of text (schema ringfence.explain/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
}

fn data_help() -> String {
    format!("Data set: {SPECS}")
}

/// Runs the verb.
///
/// # Errors
/// Files, a model of plain smoothing, data that do not fit it.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(Some(&args.model))?;
    let model = file.parse()?;
    let Some(mask) = model.mask() else {
        return Err(CliError::Usage(format!(
            "{}: a model of plain smoothing has no mask to show",
            file.name()
        )));
    };
    let data = data::open(&args.data, args.split)?;
    check_fit(&model, data.as_ref(), args.screen)?;
    let mut pixels = vec![0; data.shape().bytes()];
    let label = data.read(args.index, &mut pixels)?;
    let input = model.input();
    let image = Image::chw(&pixels, input.channels, input.height, input.width)
        .map_err(|error| CliError::failed(format!("image {}", args.index), error))?;
    let seed = SeedPlan::from_flag(args.seed.as_deref())?.seed(args.index)?;
    let mut arena = Aligned::zeroed(model.arena_bytes(1));
    let failed = |error| CliError::failed("mask", error);
    let mut smoother = Smoother::with_backend(&model, arena.bytes_mut(), Backend::best()).map_err(failed)?;
    let found = smoother.mask(&image, &seed, Purpose::Vote, args.sample).map_err(failed)?;
    let plane = found.unwrap_or_default().to_vec();
    let row = Row::of(&model, mask, &image, &plane, (&seed, args.sample));
    let picture = row.picture(args.zoom.into());
    let failed = |source| CliError::File { path: args.out.clone(), action: "cannot be written", source };
    let bytes = png(picture.width as u32, picture.height as u32, &picture.rgb).map_err(failed)?;
    std::fs::write(&args.out, bytes).map_err(failed)?;
    let mean = plane.iter().map(|w| f64::from(*w)).sum::<f64>() / (255 * plane.len().max(1)) as f64;
    let [first, second] = [mask.adaptive.first, row.deviation].map(|steps| f64::from(steps) / 65_025.0);
    let (index, out) = (args.index, args.out.display().to_string());
    let line = if args.json {
        json!({ "schema": "ringfence.explain/1", "idx": index, "label": label, "sample": args.sample,
                "mean_mask": mean, "sigma": [first, second], "out": out })
        .to_string()
    } else {
        let name = model.class_name(label).unwrap_or("-");
        format!(
            "image {index} ({name}), mask {mean:.3} on average, \
             noise of deviation {first:.4} and then {second:.4}: {out}"
        )
    };
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// The panels of an image, channel by channel, eight bits a value.
struct Row {
    /// Channels, height and width.
    shape: [usize; 3],
    panels: [Vec<u8>; PANELS],
    /// Deviation of the second step.
    deviation: u32,
}

impl Row {
    fn of(model: &Model<'_>, mask: &Mask<'_>, image: &Image<'_>, plane: &[u8], draw: (&Seed, u32)) -> Self {
        let shape @ [channels, height, width] = image.shape();
        let (seed, sample) = draw;
        let squares = plane.iter().map(|w| u64::from(*w).pow(2)).sum();
        let mixture = Mixture::new(mask.adaptive.first, mask.adaptive.deviation(squares));
        let deviation = mixture.deviation();
        let clean: Vec<u8> =
            (0..channels).flat_map(|c| (0..height).flat_map(move |y| image.row(c, y))).collect();
        let mut panels = std::array::from_fn(|_| vec![0; clean.len()]);
        let pixels = (height * width).max(1);
        panels[2] = (0..clean.len()).map(|i| plane[i % pixels]).collect();
        let generator = Generator::default();
        let recipe = Recipe {
            image,
            mask: plane,
            first: Noise::with_generator(model.noise(), generator, seed, Purpose::Vote, sample),
            second: Normal::new(mask.adaptive.quantiles, generator, seed, Purpose::Vote, sample),
            mixture: &mixture,
        };
        recipe.each_piece(|Piece { place: [c, y, x], first, deviates, mixed }| {
            for i in 0..mixed.len() {
                let at = (c * height + y) * width + x + i;
                let masked = f64::from(plane[at % pixels]) * f64::from(clean[at]);
                let second = masked + f64::from(deviation) * deviates[i] as f64 / 2f64.powi(58);
                // `as` saturates: what is darker than black or brighter than white is shown as these.
                panels[1][at] = first[i].clamp(0, 255) as u8;
                panels[3][at] = (second / 255.0).round() as u8;
                panels[4][at] = mixed[i].clamp(0, 255) as u8;
            }
        });
        panels[0] = clean;
        Self { shape, panels, deviation }
    }

    /// The panels side by side.
    fn picture(&self, zoom: usize) -> Picture {
        let [channels, height, width] = self.shape;
        let (wide, gap) = (width * zoom, GAP * zoom);
        let (total, high) = (PANELS * wide + (PANELS - 1) * gap, height * zoom);
        let mut rgb = vec![255; 3 * total * high];
        for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
            let (y, x) = (i / total / zoom, i % total);
            let (panel, x) = (x / (wide + gap), x % (wide + gap) / zoom);
            if x < width {
                for (c, value) in pixel.iter_mut().enumerate() {
                    // Grey pictures have one channel for all colours.
                    let plane = if channels == 3 { c } else { 0 };
                    *value = self.panels[panel][(plane * height + y) * width + x];
                }
            }
        }
        Picture { width: total, height: high, rgb }
    }
}

struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}
