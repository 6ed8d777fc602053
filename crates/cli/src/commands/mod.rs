//! The commands, a file each: the arguments with their help, and what is done with them.

pub mod bench;
pub mod compare;
pub mod convert;
pub mod demo;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod import;
pub mod inspect;
pub mod lecture;
pub mod predict;
pub mod recipe;
pub mod resume;
pub mod runs;
pub mod sample;
pub mod serve;
pub mod studio;
pub mod train;
