//! The float constants of an ONNX file as weights.

use crate::error::Error;
use burn::module::{Param, RunningState};
use burn::nn::BatchNorm;
use burn::tensor::{Tensor, TensorData};
use ringfence::onnx::{FloatConstants, float_constants};
use std::path::{Path, PathBuf};

/// The float constants of an ONNX file.
#[derive(Debug, PartialEq)]
pub(super) struct Constants {
    path: PathBuf,
    tensors: FloatConstants,
}

impl Constants {
    /// Those in `bytes`, read from `path`.
    ///
    /// # Errors
    /// When the bytes are no ONNX file, or a constant is not what its extents say.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let tensors = float_constants(bytes).map_err(Error::record(path))?;
        Ok(Self { path: path.into(), tensors })
    }

    /// Puts the constant `name` in the place of `param`, which has its extents.
    ///
    /// # Errors
    /// Naming the file, the constant and the extents expected.
    pub(super) fn put<const D: usize>(&self, name: &str, param: &mut Param<Tensor<D>>) -> Result<(), Error> {
        *param = Param::from_tensor(self.like(name, &param.val())?);
        Ok(())
    }

    /// Puts `NAME.gamma`, `NAME.beta`, `NAME.mean` and `NAME.variance` into `norm`.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub(super) fn norm(&self, name: &str, norm: &mut BatchNorm) -> Result<(), Error> {
        self.put(&format!("{name}.gamma"), &mut norm.gamma)?;
        self.put(&format!("{name}.beta"), &mut norm.beta)?;
        for (part, state) in [("mean", &mut norm.running_mean), ("variance", &mut norm.running_var)] {
            *state = RunningState::new(self.like(&format!("{name}.{part}"), &state.value_sync())?);
        }
        Ok(())
    }

    /// The constant `name`, which must have the extents of `place`.
    fn like<const D: usize>(&self, name: &str, place: &Tensor<D>) -> Result<Tensor<D>, Error> {
        let expected = place.dims();
        let refuse = |found: &str| Error::Record {
            path: self.path.clone(),
            reason: format!("constant {name:?}: {found}, expected floats of extents {expected:?}"),
        };
        let (dims, values) = self.tensors.get(name).ok_or_else(|| refuse("none"))?;
        if dims[..] != expected {
            return Err(refuse(&format!("extents {dims:?}")));
        }
        Ok(Tensor::from_data(TensorData::new(values.clone(), expected), &place.device()))
    }
}
