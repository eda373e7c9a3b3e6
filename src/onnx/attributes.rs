//! Attributes of a node. Each is taken by name; one that nobody took is an error, so that none is ignored unseen.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use super::Reason;

/// The attributes of one node that have not been read yet.
pub struct Attributes<'a>(Vec<&'a AttributeProto>);

impl<'a> Attributes<'a> {
    /// All attributes of `node`.
    pub fn of(node: &'a NodeProto) -> Self {
        Self(node.attribute.iter().collect())
    }

    fn take(&mut self, name: &str, kind: AttributeType) -> Reason<Option<&'a AttributeProto>> {
        let Some(at) = self.0.iter().position(|a| a.name == name) else { return Ok(None) };
        let attribute = self.0.swap_remove(at);
        // Files of the first ONNX versions leave the type out.
        if attribute.r#type == kind as i32 || attribute.r#type == AttributeType::Undefined as i32 {
            Ok(Some(attribute))
        } else {
            Err(format!("attribute {name} is not of type {}", kind.as_str_name()))
        }
    }

    /// Takes an attribute that does not matter here.
    pub fn ignore(&mut self, name: &str) {
        self.0.retain(|a| a.name != name);
    }

    /// Takes an integer.
    pub fn int(&mut self, name: &str) -> Reason<Option<i64>> {
        Ok(self.take(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// Takes a float.
    pub fn float(&mut self, name: &str) -> Reason<Option<f32>> {
        Ok(self.take(name, AttributeType::Float)?.map(|a| a.f))
    }

    /// Takes a list of integers.
    pub fn ints(&mut self, name: &str) -> Reason<Option<&'a [i64]>> {
        Ok(self.take(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    /// Takes a list of floats.
    pub fn floats(&mut self, name: &str) -> Reason<Option<&'a [f32]>> {
        Ok(self.take(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    /// Takes a string.
    pub fn string(&mut self, name: &str) -> Reason<Option<String>> {
        let taken = self.take(name, AttributeType::String)?;
        Ok(taken.map(|a| String::from_utf8_lossy(&a.s).into_owned()))
    }

    /// Takes a tensor.
    pub fn tensor(&mut self, name: &str) -> Reason<Option<&'a TensorProto>> {
        Ok(self.take(name, AttributeType::Tensor)?.and_then(|a| a.t.as_ref()))
    }

    /// Takes an integer that must have one value (`default` is what its absence means).
    pub fn require_int(&mut self, name: &str, wanted: i64, default: i64) -> Reason<()> {
        match self.int(name)?.unwrap_or(default) {
            found if found == wanted => Ok(()),
            found => Err(format!("attribute {name} = {found}, only {wanted} is supported")),
        }
    }

    /// Takes a list of integers that must all be `wanted` (absence means that they are).
    pub fn require_all(&mut self, name: &str, wanted: i64) -> Reason<()> {
        match self.ints(name)? {
            Some(found) if found.iter().any(|x| *x != wanted) => {
                Err(format!("attribute {name} = {found:?}, only {wanted} is supported"))
            }
            _ => Ok(()),
        }
    }

    /// All attributes must have been taken by now.
    pub fn finish(self) -> Reason<()> {
        match self.0.first() {
            None => Ok(()),
            Some(attribute) => Err(format!("unknown attribute {}", attribute.name)),
        }
    }
}
