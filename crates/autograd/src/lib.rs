//! A tape of coarse operations over flat parameters.
