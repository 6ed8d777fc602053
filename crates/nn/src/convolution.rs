//! Convolutions over pictures.

use anaphora_autograd::{Graph, NOWHERE, ShapeError, Tensor};

use crate::{Builder, Linear};

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionOptions {
    /// Input channels: values for each pixel.
    pub channels: usize,
    /// Filters: values for each pixel of the output.
    pub filters: usize,
    /// Rows and columns of pixels that an output sees.
    pub kernel: usize,
    /// Pixels from one output to the next, in both directions; at least 1.
    pub stride: usize,
    /// Zeros around the picture.
    pub padding: usize,
}

/// A convolution over pictures whose pixels are rows: a linear layer on the pixels around each.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    options: ConvolutionOptions,
    linear: Linear,
}

impl Convolution {
    /// Adds `NAME.weight [filters, kernel * kernel * channels]`, row by row of the kernel and the channels of a pixel
    /// side by side (PyTorch's `weight.permute(0, 2, 3, 1).flatten(1)`), and `NAME.bias [filters]`, uniform as PyTorch
    /// begins them.
    pub fn new(builder: &mut Builder, name: &str, options: ConvolutionOptions) -> Self {
        let ConvolutionOptions { channels, filters, kernel, .. } = options;
        Self { options, linear: Linear::new(builder, name, kernel * kernel * channels, filters) }
    }

    /// Output height and width for pictures of this height and width; none if the kernel does not fit into them.
    pub fn output_size(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let ConvolutionOptions { kernel, stride, padding, .. } = self.options;
        let outputs =
            |pixels: usize| Some((pixels + 2 * padding).checked_sub(kernel)?.checked_div(stride)? + 1);
        Some([outputs(size[0])?, outputs(size[1])?])
    }

    /// Pictures of height and width `size`, `x[pictures * height * width, channels]` row by row of each, to
    /// `[pictures * output height * output width, filters]` and output height and width.
    pub fn forward(
        &self,
        graph: &mut Graph,
        x: Tensor,
        size: [usize; 2],
    ) -> Result<(Tensor, [usize; 2]), ShapeError> {
        let pixels = size[0] * size[1];
        let error = |right: &str, right_shape: &[usize], rule| ShapeError::Sizes {
            operation: "convolution",
            left: "input".into(),
            left_shape: x.shape().to_vec(),
            right: right.into(),
            right_shape: right_shape.to_vec(),
            rule,
        };
        if pixels == 0 || !x.rows.is_multiple_of(pixels) {
            return Err(error("picture", &size, "there must be a row a pixel of whole pictures"));
        }
        let ConvolutionOptions { kernel, stride, .. } = self.options;
        let Some(output) = self.output_size(size) else {
            let side = [kernel, kernel, stride];
            return Err(error("kernel and stride", &side, "the kernel must fit into the picture, and go on"));
        };
        let indices = self.windows(x.rows / pixels, size, output);
        let windows = graph.gather(x, &indices, kernel * kernel)?;
        Ok((self.linear.forward(graph, windows)?, output))
    }

    /// The pixels that each output sees.
    fn windows(&self, pictures: usize, [height, width]: [usize; 2], output: [usize; 2]) -> Vec<u32> {
        let ConvolutionOptions { kernel, stride, padding, .. } = self.options;
        let inside = |place: usize, end: usize| place.checked_sub(padding).filter(|&place| place < end);
        let mut picture = Vec::with_capacity(output[0] * output[1] * kernel * kernel);
        for y in 0..output[0] {
            for x in 0..output[1] {
                for ky in 0..kernel {
                    for kx in 0..kernel {
                        let pixel = inside(y * stride + ky, height).zip(inside(x * stride + kx, width));
                        picture.push(pixel.map_or(NOWHERE, |(y, x)| (y * width + x) as u32));
                    }
                }
            }
        }
        let mut indices = Vec::with_capacity(pictures * picture.len());
        for first in (0..pictures).map(|number| (number * height * width) as u32) {
            let shifted = |&pixel: &u32| if pixel == NOWHERE { NOWHERE } else { first + pixel };
            indices.extend(picture.iter().map(shifted));
        }
        indices
    }
}
