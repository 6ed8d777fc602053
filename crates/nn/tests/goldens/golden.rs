//! Reading golden files.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

/// The tensors of a file by name; whole numbers are held as floats too.
pub struct Golden {
    pub file: String,
    pub tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Golden {
    pub fn read(name: &str) -> Self {
        let file = format!("{name}.safetensors");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(&file);
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tensors =
            SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plain = |(name, tensor): (&str, safetensors::tensor::TensorView)| {
            let (words, _) = tensor.data().as_chunks::<4>();
            let value = |&word: &[u8; 4]| match tensor.dtype() {
                Dtype::F32 => f32::from_le_bytes(word),
                Dtype::I32 => i32::from_le_bytes(word) as f32,
                other => panic!("{file}: {name} has the type {other:?}"),
            };
            (name.to_owned(), (tensor.shape().to_vec(), words.iter().map(value).collect()))
        };
        Self { tensors: tensors.iter().map(plain).collect(), file }
    }

    pub fn get(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("{} holds no {name}", self.file)).1
    }

    pub fn shape(&self, name: &str) -> &[usize] {
        let _ = self.get(name);
        &self.tensors[name].0
    }

    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.get(name).iter().map(|&id| id as u32).collect()
    }

    /// Matrix `index` of a stack of matrices.
    pub fn matrix(&self, name: &str, index: usize) -> (&[f32], usize, usize) {
        let &[_, rows, cols] = self.shape(name) else {
            panic!("{}: {name} is no stack of matrices", self.file)
        };
        (&self.get(name)[index * rows * cols..][..rows * cols], rows, cols)
    }

    pub fn agrees(&self, name: &str, found: &[f32]) {
        self.agree(name, found, self.get(name));
    }

    pub fn agree(&self, name: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{}: values of {name}", self.file);
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (found - expected).abs();
            assert!(
                error <= 1e-5 * expected.abs().max(1.0),
                "{}: {name}[{i}] is {found}, and {expected} in PyTorch",
                self.file
            );
        }
    }
}
