//! The compiled network under attack: its integers decide, its float twin gives the gradients.

use crate::error::Error;
use crate::nets::NetSpec;
use crate::quantise::IntegerNet;
use burn::tensor::Tensor;
use std::sync::OnceLock;

/// A model file as a target. Backward passes replace it by its float twin (BPDA: Athalye et al. 2018, arXiv:1802.00420,
/// section 4.1); forward passes are those of the runtime.
#[derive(Debug)]
pub struct Deployed {
    net: IntegerNet,
    spec: NetSpec,
    failed: OnceLock<Error>,
}

impl Deployed {
    /// The model file `bytes`, which must take the images of `spec` and tell as many classes.
    ///
    /// # Errors
    /// If it is no model, or one of other images or classes.
    pub fn new(bytes: Vec<u8>, spec: &NetSpec) -> Result<Self, Error> {
        let net = IntegerNet::from_model(bytes)?;
        let (input, classes) = net.shape()?;
        if input != spec.input || classes != spec.classes.len() {
            let ([c, h, w], [a, b, d]) = (input, spec.input);
            let theirs = spec.classes.len();
            return Err(Error::Integer(format!(
                "takes {c}x{h}x{w} of {classes} classes, its float twin {a}x{b}x{d} of {theirs}"
            )));
        }
        Ok(Self { net, spec: spec.clone(), failed: OnceLock::new() })
    }

    /// Deviation of the noise that it was compiled for.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn sigma(&self) -> Result<f64, Error> {
        self.net.sigma()
    }

    /// Why a pass could not be run: then the results of an attack mean nothing.
    ///
    /// # Errors
    /// The first reason, if there is one.
    pub fn check(self) -> Result<(), Error> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    /// `logits` of the float twin with the integers' values: pixels are rounded to steps of 1/255 as a camera gives them, and
    /// so is the noise on them.
    pub(super) fn replace(
        &self,
        images: &Tensor<4>,
        noise: Option<&Tensor<4>>,
        logits: Tensor<2>,
    ) -> Tensor<2> {
        let plain = if images.is_autodiff() { images.clone().inner() } else { images.clone() };
        let rounded = plain.mul_scalar(255.0).round().div_scalar(255.0);
        let seen = match noise {
            Some(noise) => rounded + noise.clone(),
            None => rounded,
        };
        let pixels: Vec<f32> = seen.into_data().iter::<f32>().collect();
        match self.net.run(&pixels, &self.spec, false) {
            Ok(outputs) => {
                let device = logits.device();
                let exact = outputs.real_logits(&device.clone().inner());
                if logits.is_autodiff() {
                    logits.clone() + (exact.autodiff() - logits.detach())
                } else {
                    exact
                }
            }
            Err(error) => {
                // The first reason counts.
                let _ = self.failed.set(error);
                logits
            }
        }
    }
}
