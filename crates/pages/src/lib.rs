//! Pages in HTML that show what a model does: one file each, which needs no network and no other file.
//!
//! [`inspection`] shows what models did on one input. [`Page`] is the frame (head, style, script, sections) of any page and
//! [`chart`] what can be drawn on it.

pub mod chart;
mod frame;
pub mod html;
mod inspection;
mod lecture;
mod script;
mod sound;

pub use frame::Page;
pub use inspection::inspection;
pub use lecture::lecture;

/// The studio: a page for people, which asks the server that it came from.
pub fn studio() -> String {
    use html::{tag, text};
    let heading = tag("h1", &[], [text("Anaphora")]);
    format!("<!DOCTYPE html>\n{}", tag("html", &[("lang", "en")], [tag("body", &[], [heading])]).as_str())
}
