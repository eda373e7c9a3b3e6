//! Kernels beside the peak of their instruction set: what criterion stored, as percent of what was measured just now.

use crate::sample::Sampler;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A stored benchmark whose throughput counts multiply-adds.
struct Kernel {
    group: String,
    name: String,
    backend: String,
    gmacs: f64,
}

/// The figure that bounds a backend. With activations of seven bits AVX2 has a faster product.
fn peak(backend: &str, group: &str) -> Option<&'static str> {
    Some(match backend {
        "avx2" if group.contains("7 bits") => "avx2 i8 maddubs+maddwd+paddd",
        "avx2" => "avx2 i16 maddwd+paddd",
        "avxvnni" => "avxvnni i8 vpdpbusd ymm",
        "avx512vnni" => "avx512vnni i8 vpdpbusd zmm",
        "amx" => "amx i8 tdpbusd, registers",
        _ => return None,
    })
}

/// Prints a line for each benchmark below `folder` that a peak bounds.
pub fn print(folder: &Path, sampler: &Sampler) -> io::Result<()> {
    let mut kernels: Vec<Kernel> = stored(folder)?.iter().filter_map(|folder| read(folder)).collect();
    kernels.sort_by(|a, b| (&a.group, &a.name, a.gmacs as u64).cmp(&(&b.group, &b.name, b.gmacs as u64)));
    println!("{:24} {:28} {:12} {:>8} {:>8}", "group", "kernel", "backend", "GMAC/s", "% peak");
    for Kernel { group, name, backend, gmacs } in kernels {
        let best = peak(&backend, &group).and_then(|peak| sampler.best(peak));
        let percent = best.map_or_else(|| "-".into(), |best| format!("{:.0}", 100.0 * gmacs / best));
        println!("{group:24} {name:28} {backend:12} {gmacs:8.0} {percent:>8}");
    }
    Ok(())
}

/// Folders that hold the newest result of a benchmark.
fn stored(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(stored(&path)?);
        }
    }
    Ok(found)
}

/// None for a benchmark that counts something else than elements, or whose files are not criterion's.
fn read(folder: &Path) -> Option<Kernel> {
    let json =
        |name: &str| -> Option<Value> { serde_json::from_slice(&fs::read(folder.join(name)).ok()?).ok() };
    let (benchmark, estimates) = (json("benchmark.json")?, json("estimates.json")?);
    let text = |key: &str| Some(benchmark[key].as_str()?.to_owned());
    let group = text("group_id")?;
    let macs = benchmark["throughput"]["Elements"].as_f64()?;
    // Others count samples, certificates or noise values.
    if !["conv", "network"].iter().any(|counted| group.starts_with(counted)) {
        return None;
    }
    let nanoseconds = estimates["median"]["point_estimate"].as_f64()?;
    Some(Kernel { group, name: text("function_id")?, backend: text("value_str")?, gmacs: macs / nanoseconds })
}
