//! Readers, tokenizers, splits and batches of sequences.
