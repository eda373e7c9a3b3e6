//! The float constants of an ONNX file, by name.

use crate::error::Error;
use burn::module::{Param, RunningState};
use burn::nn::BatchNorm;
use burn::tensor::{Tensor, TensorData};
use prost::Message;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};

/// The float constants of an ONNX file.
#[derive(Debug, PartialEq)]
pub(super) struct Constants {
    path: PathBuf,
    tensors: HashMap<String, Constant>,
}

#[derive(Debug, PartialEq)]
struct Constant {
    dims: Vec<usize>,
    /// Row-major.
    values: Vec<f32>,
}

impl Constant {
    /// None if it holds no floats, or other bytes than its extents say.
    fn read(proto: &TensorProto) -> Option<Self> {
        if proto.data_type != DataType::Float as i32 {
            return None;
        }
        let dims: Vec<usize> = proto.dims.iter().map(|&d| usize::try_from(d).ok()).collect::<Option<_>>()?;
        let (words, []) = proto.raw_data.as_chunks() else { return None };
        let values: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let count = dims.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        (count == Some(values.len())).then_some(Self { dims, values })
    }
}

impl Constants {
    /// Those in `bytes`, read from `path`.
    ///
    /// # Errors
    /// When the bytes are no ONNX file.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let model = ModelProto::decode(bytes).map_err(Error::record(path))?;
        let protos = model.graph.unwrap_or_default().initializer;
        let tensors =
            protos.into_iter().filter_map(|p| Some((p.name.clone(), Constant::read(&p)?))).collect();
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
        let Constant { dims, values } = self.tensors.get(name).ok_or_else(|| refuse("none"))?;
        if dims[..] != expected {
            return Err(refuse(&format!("extents {dims:?}")));
        }
        Ok(Tensor::from_data(TensorData::new(values.clone(), expected), &place.device()))
    }
}
