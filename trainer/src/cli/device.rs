//! `--device`.

use crate::error::Error;
use crate::nets::Path;
use burn::tensor::Device;

/// The devices named in `names`, separated by commas.
///
/// # Errors
/// [`Error::Device`] for a name or device that is not usable, or kinds that do not go together.
pub fn open_all(names: &str) -> Result<(Vec<Device>, Path), Error> {
    let opened = names.split(',').map(open).collect::<Result<Vec<_>, _>>()?;
    let path = opened.first().map_or(Path::Fused, |(_, path)| *path);
    if opened.iter().any(|(_, p)| *p != path) {
        let reason = "devices that share batches must be of one kind".into();
        return Err(Error::Device { device: names.into(), reason });
    }
    Ok((opened.into_iter().map(|(device, _)| device).collect(), path))
}

/// The device named `cpu`, `cuda` or `cuda:INDEX`, and how networks are computed on it.
///
/// # Errors
/// [`Error::Device`] for another name or a device that is not usable.
pub fn open(name: &str) -> Result<(Device, Path), Error> {
    let fail = |reason: String| Error::Device { device: name.into(), reason };
    if name == "cpu" {
        return Ok((Device::flex(), Path::Fused));
    }
    let index = match name.strip_prefix("cuda") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix(':').and_then(|i| i.parse::<usize>().ok()),
        None => None,
    };
    let index = index.ok_or_else(|| fail("expected cpu, cuda or cuda:INDEX".into()))?;
    cuda(index).map_err(fail)
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<(Device, Path), String> {
    super::cuda::Machine::this().check(index)?;
    Ok((Device::cuda(index), Path::Stock))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<(Device, Path), String> {
    Err("this program was built without CUDA: build it with `--features cuda`".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn names_that_are_no_device_are_refused() {
        for name in ["", "gpu", "cuda:", "cuda:x", "cuda0", "cpu:1"] {
            let error = open(name).unwrap_err().to_string();
            assert!(error.contains("expected cpu, cuda or cuda:INDEX"), "{name:?}: {error}");
        }
        assert_eq!(open("cpu").unwrap().1, Path::Fused);
        assert_eq!(open_all("cpu,cpu").unwrap().0.len(), 2);
        assert!(open_all("cpu,").is_err());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_build_without_cuda_says_so() {
        assert!(open("cuda:0").unwrap_err().to_string().contains("--features cuda"));
    }
}
