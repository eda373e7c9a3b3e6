//! `--device`.

use crate::error::Error;
use crate::nets::Path;
use burn::tensor::Device;

/// The device named `cpu`, `cuda` or `cuda:INDEX`, and how networks are computed on it.
///
/// # Errors
/// [`Error::Device`] for another name or a device that is not usable.
pub fn open(name: &str) -> Result<(Device, Path), Error> {
    let fail = |reason: String| Error::Device { device: name.into(), reason };
    if name == "cpu" {
        return Ok((Device::flex(), Path::Fused));
    }
    Err(fail("expected cpu, cuda or cuda:INDEX".into()))
}
