//! Peaks of one core of this CPU, as JSON: the roof that `docs/performance.md` measures kernels against.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peak/Cargo.toml            # [--samples COUNT | --clock]
//! cargo run --release --manifest-path benches/peak/Cargo.toml -- --beside target/criterion    # a table of kernels
//! ```
//!
//! The table holds whatever `cargo bench -p ringfence-runtime --bench kernels` stored, in percent of the peaks.
//!
//! Every figure is the best and the median of many short samples: the best is the roof, a median far below it says that
//! something else used the core (or, for AMX, its neighbour).

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod beside;
#[cfg(target_arch = "x86_64")]
mod dot;
#[cfg(target_arch = "x86_64")]
mod memory;
mod sample;

#[cfg(target_arch = "x86_64")]
fn main() -> std::process::ExitCode {
    use sample::Sampler;
    use std::process::ExitCode;

    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["--clock"] {
        println!("{:.3}", dot::clock_ghz());
        return ExitCode::SUCCESS;
    }
    let (mut folder, mut args) = (None, args);
    if args.first().is_some_and(|first| first == "--beside") && args.len() == 2 {
        folder = args.pop();
        args.clear();
    }
    let count = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Some(31),
        ["--samples", count] => count.parse().ok().filter(|&count| count > 0),
        _ => None,
    };
    let Some(count) = count else {
        eprintln!("usage: peak [--samples COUNT | --clock | --beside FOLDER]");
        return ExitCode::from(2);
    };
    let clock = dot::clock_ghz();
    let mut sampler = Sampler::new(count);
    dot::measure(&mut sampler);
    amx::measure(&mut sampler);
    if let Some(folder) = folder {
        return match beside::print(folder.as_ref(), &sampler) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{folder}: {error}");
                ExitCode::FAILURE
            }
        };
    }
    memory::measure(&mut sampler);
    print!("{}", sampler.json(clock));
    ExitCode::SUCCESS
}

#[cfg(not(target_arch = "x86_64"))]
fn main() {
    eprintln!("peak knows x86-64 only");
    std::process::exit(2);
}
