//! A PNG or JPEG picture, and files of digits.

#![no_main]

use anaphora_data::picture::{Colour, parse_images, parse_labels, parse_picture};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    parse_picture(content, "a.png".as_ref(), Colour::Rgb, None).ok();
    parse_images(content, "images".as_ref()).ok();
    parse_labels(content, "labels".as_ref()).ok();
});
