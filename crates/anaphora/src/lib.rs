//! Learn from sequences: train, generate, evaluate.
