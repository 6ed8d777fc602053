//! Layers and blocks, written as forward passes.
