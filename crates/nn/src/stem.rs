//! A stem: a few convolutions in front of a backbone make a picture a sequence.

use anaphora_autograd::{Activation, Graph, ShapeError, Tensor};

use crate::convolution::ConvolutionOptions;
use crate::{Builder, Convolution};

/// Convolutions of stride 2, each with twice the filters of the one before and a rectifier behind it, until no side of the
/// picture has more than [`Stem::MOST`] places; each place is then a step of a sequence, row by row ("early convolutions":
/// Xiao et al. 2021).
#[derive(Clone, Debug)]
pub struct Stem {
    convolutions: Vec<Convolution>,
    /// Height and width of the pictures.
    size: [usize; 2],
    steps: usize,
    filters: usize,
}

impl Stem {
    /// Places along a side of what comes out.
    pub const MOST: usize = 8;

    /// Adds `NAME.0.weight` and so on for pictures of height and width `size` with so many `channels`.
    pub fn new(builder: &mut Builder, name: &str, channels: usize, size: [usize; 2]) -> Self {
        let (mut convolutions, mut channels, mut filters, mut places) = (Vec::new(), channels, 32, size);
        while convolutions.is_empty() || places.into_iter().any(|side| side > Self::MOST) {
            let options = ConvolutionOptions { channels, filters, kernel: 3, stride: 2, padding: 1 };
            let convolution = Convolution::new(builder, &format!("{name}.{}", convolutions.len()), options);
            places = convolution.output_size(places).expect("a kernel of 3 fits into any padded picture");
            convolutions.push(convolution);
            (channels, filters) = (filters, 2 * filters);
        }
        Self { convolutions, size, steps: places[0] * places[1], filters: channels }
    }

    /// Rows and columns of the steps that come out of pictures of height and width `size`.
    pub fn grid(size: [usize; 2]) -> [usize; 2] {
        // A stride of 2 with one pixel around the picture.
        let halved = |places: [usize; 2]| places.map(|side| side.div_ceil(2));
        let mut places = halved(size);
        while places.into_iter().any(|side| side > Self::MOST) {
            places = halved(places);
        }
        places
    }

    /// Output size: values for each step.
    pub fn output_size(&self) -> usize {
        self.filters
    }

    /// `x[height * width * pictures, channels]`, the pixels of all pictures side by side as in a packed batch, to
    /// `[steps * pictures, output_size]` in the same order, and its rows a step.
    pub fn forward(&self, graph: &mut Graph, x: Tensor) -> Result<(Tensor, Vec<usize>), ShapeError> {
        let pixels = self.size[0] * self.size[1];
        let pictures = x.rows / pixels.max(1);
        let mut y = graph.gather(x, &transposed(pictures, pixels), 1)?;
        let mut size = self.size;
        for convolution in &self.convolutions {
            (y, size) = convolution.forward(graph, y, size)?;
            y = graph.activate(Activation::Relu, y);
        }
        let steps = graph.gather(y, &transposed(self.steps, pictures), 1)?;
        Ok((steps, vec![pictures; self.steps]))
    }
}

/// The places of a matrix `[columns, rows]` in the order of one `[rows, columns]`.
fn transposed(rows: usize, columns: usize) -> Vec<u32> {
    (0..rows).flat_map(|row| (0..columns).map(move |column| (column * rows + row) as u32)).collect()
}

#[cfg(test)]
mod tests {
    use anaphora_autograd::{Device, Params, Precision, Workspace};

    use super::*;

    #[test]
    fn each_picture_is_read_by_itself() {
        let (mut params, device, mut workspace) =
            (Params::new(), Device::new(1, Precision::F32), Workspace::new());
        let stem = Stem::new(&mut Builder::random(&mut params, 1), "stem", 3, [17, 12]);
        assert_eq!((stem.steps, stem.output_size()), (5 * 3, 64));
        assert_eq!(Stem::grid([17, 12]), [5, 3]);
        let pixels = 17 * 12;
        let pictures: Vec<Vec<f32>> = (0..3)
            .map(|p| (0..pixels * 3).map(|i| ((i * 7 + p * 13) % 29) as f32 / 29.0).collect())
            .collect();
        let mut read = |pictures: &[&Vec<f32>]| {
            let packed: Vec<f32> = (0..pixels)
                .flat_map(|i| pictures.iter().flat_map(move |p| p[i * 3..i * 3 + 3].iter().copied()))
                .collect();
            let mut graph = Graph::infer(&device, &params, &mut workspace);
            let x = graph.constant(&packed, pixels * pictures.len(), 3).unwrap();
            let (y, sizes) = stem.forward(&mut graph, x).unwrap();
            assert_eq!(sizes, vec![pictures.len(); 15]);
            graph.value(y).to_vec()
        };
        let all = read(&[&pictures[0], &pictures[1], &pictures[2]]);
        for (number, picture) in pictures.iter().enumerate() {
            let alone = read(&[picture]);
            assert!(alone.iter().any(|&value| value > 0.0));
            for step in 0..15 {
                let (one, other) = (&alone[step * 64..][..64], &all[(step * 3 + number) * 64..][..64]);
                assert!(one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-5), "step {step}");
            }
        }
    }
}
