//! Buffers kept from step to step.

use anaphora_kernels::Buffer;
use anaphora_kernels::recurrent::{BackwardBuffers, Saved};

/// What a [`crate::Graph`] uses again from step to step: activation buffers and what layers keep between forward and
/// backward. It holds nothing of any weights: it may serve one model after another, each on any device.
#[derive(Default)]
pub struct Workspace {
    spare: Vec<Buffer>,
    pub(crate) saved: Vec<Saved>,
    pub(crate) backward: BackwardBuffers,
}

impl Workspace {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer of `len` values of which nothing is known: the smallest spare one that is large enough. Where none is, the
    /// largest makes room for it, so that batches of changing size do not pile up buffers.
    pub(crate) fn take(&mut self, len: usize) -> Buffer {
        if len == 0 {
            return Buffer::default();
        }
        let order = |&(_, spare): &(usize, &Buffer)| (spare.capacity() < len, spare.capacity().abs_diff(len));
        let closest = self.spare.iter().enumerate().min_by_key(order).map(|(i, _)| i);
        match closest.map(|i| self.spare.swap_remove(i)).filter(|spare| spare.capacity() >= len) {
            Some(mut buffer) => {
                buffer.fit(len);
                buffer
            }
            None => Buffer::zeros(len),
        }
    }

    /// A buffer of `len` zeros.
    pub(crate) fn take_zeroed(&mut self, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, buffer: Buffer) {
        if buffer.capacity() > 0 {
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_changing_size_do_not_pile_up_buffers() {
        let mut workspace = Workspace::new();
        for len in 1..100 {
            let buffers = [workspace.take(len), workspace.take(2 * len), workspace.take(0)];
            assert_eq!(buffers.each_ref().map(|buffer| buffer.len()), [len, 2 * len, 0]);
            buffers.into_iter().for_each(|buffer| workspace.give(buffer));
        }
        assert_eq!(workspace.spare.len(), 2);
    }
}
