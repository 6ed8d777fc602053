//! Matrix products, recurrent cells, losses and optimizer steps on slices.
