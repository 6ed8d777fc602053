//! Pages in HTML that show what a model does: one file each, which needs no network and no other file.
//!
//! [`inspection`] shows what models did on one input. [`Page`] is the frame (head, style, script, sections) of any page and
//! [`chart`] what can be drawn on it. [`studio`] is a page that asks the server it came from.

pub mod chart;
mod frame;
pub mod html;
mod inspection;
mod lecture;
mod script;
mod sound;
mod studio;

pub use frame::Page;
pub use inspection::inspection;
pub use lecture::lecture;
pub use studio::studio;
