//! PNG and JPEG files as pixels, the right way up.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Picture;

/// The most bytes that a picture may take when it is decoded.
const MOST: usize = 1 << 29;

/// Decodes a picture of 1 to 4 channels (gray or colours, each with transparency or without).
///
/// The error says as a clause what is wrong.
pub(super) fn decode(content: &[u8]) -> Result<Picture, String> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => png(content),
        [0xff, 0xd8, ..] => jpeg(content),
        _ => Err("it begins as neither".to_owned()),
    }
}

/// Whether a picture begins as one: its head is read, its pixels are not.
pub(super) fn check(content: &[u8]) -> Result<(), String> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => png_reader(content).map(drop),
        [0xff, 0xd8, ..] => jpeg_decoder(content).map(drop),
        _ => Err("it begins as neither".to_owned()),
    }
}

fn png_reader(content: &[u8]) -> Result<png::Reader<Cursor<&[u8]>>, String> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(content), png::Limits { bytes: MOST });
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.read_info().map_err(|e| e.to_string())
}

fn png(content: &[u8]) -> Result<Picture, String> {
    let mut reader = png_reader(content)?;
    let bytes = reader.output_buffer_size().filter(|&bytes| bytes <= MOST).ok_or_else(too_large)?;
    let mut pixels = vec![0; bytes];
    let frame = reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    pixels.truncate(frame.buffer_size());
    let (width, height) = (frame.width as usize, frame.height as usize);
    // EXIF data may come behind the pixels; what is wrong there takes nothing from these.
    let _ = reader.finish();
    let orientation = reader.info().exif_metadata.as_deref().and_then(orientation).unwrap_or(1);
    Ok(upright(Picture { width, height, channels: frame.color_type.samples(), pixels }, orientation))
}

/// A decoder that has read the head, set to give gray or colours.
fn jpeg_decoder(content: &[u8]) -> Result<JpegDecoder<Cursor<&[u8]>>, String> {
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(content), DecoderOptions::default());
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let colours = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(DecoderOptions::default().jpeg_set_out_colorspace(colours));
    Ok(decoder)
}

fn jpeg(content: &[u8]) -> Result<Picture, String> {
    // The decoder fills what is missing with gray. Within a scan, no such pair of bytes comes by chance.
    let last = |marker: u8| content.windows(2).rposition(|pair| pair == [0xff, marker]);
    if last(0xd9) < last(0xda) {
        return Err("it is cut short".to_owned());
    }
    let mut decoder = jpeg_decoder(content)?;
    let bytes = decoder.output_buffer_size().filter(|&bytes| bytes <= MOST).ok_or_else(too_large)?;
    let info = decoder.info().ok_or("it has no head")?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    let channels = bytes / (width * height).max(1);
    if channels == 0 || pixels.len() != width * height * channels {
        return Err("its pixels are not as many as its head promises".to_owned());
    }
    let orientation = decoder.exif().and_then(|exif| orientation(exif)).unwrap_or(1);
    Ok(upright(Picture { width, height, channels, pixels }, orientation))
}

fn too_large() -> String {
    format!("it takes more than {} MB", MOST >> 20)
}

/// The orientation (1 to 8) in EXIF data: tag 0x0112 of the first directory.
fn orientation(exif: &[u8]) -> Option<u8> {
    let little = exif.starts_with(b"II");
    let number = |at: usize, length: usize| {
        let bytes = exif.get(at..at.checked_add(length)?)?;
        let append = |number: usize, &byte: &u8| number << 8 | usize::from(byte);
        Some(if little { bytes.iter().rev().fold(0, append) } else { bytes.iter().fold(0, append) })
    };
    let directory = number(4, 4)?;
    let entries = (0..number(directory, 2)?).map(|index| directory + 2 + 12 * index);
    let entry = entries.take_while(|&at| at < exif.len()).find(|&at| number(at, 2) == Some(0x0112))?;
    number(entry + 8, 2).and_then(|value| u8::try_from(value).ok())
}

/// Turns and mirrors a picture as its EXIF orientation asks for.
fn upright(picture: Picture, orientation: u8) -> Picture {
    let Picture { width: w, height: h, channels, ref pixels } = picture;
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            turned.extend_from_slice(&pixels[(from_y * w + from_x) * channels..][..channels]);
        }
    }
    Picture { width, height, channels, pixels: turned }
}
