//! Pictures.

use std::io::Write;
use std::path::Path;

use anaphora_data::frames::{PictureFrames, PictureSteps};
use anaphora_data::picture::{
    Colour, Fit, Picture, PictureError, Size, parse_images, parse_labels, parse_picture, read_captions,
    read_idx, read_picture,
};
use anaphora_data::table::TableOptions;
use proptest::prelude::*;

use crate::{data, folder};

/// A picture of 4 by 2 pixels as a PNG file: the left half red, the right half white.
fn png() -> Vec<u8> {
    let mut content = vec![];
    let mut encoder = png::Encoder::new(&mut content, 4, 2);
    encoder.set_color(png::ColorType::Rgb);
    let row = [[255, 0, 0], [255, 0, 0], [255; 3], [255; 3]].concat();
    encoder.write_header().unwrap().write_image_data(&row.repeat(2)).unwrap();
    content
}

const JPEG: &[u8] = include_bytes!("goldens/picture.jpg");

fn parse(content: &[u8], colour: Colour, size: Option<Size>) -> Result<Picture, PictureError> {
    parse_picture(content, Path::new("a.png"), colour, size)
}

#[test]
fn pixels_rows_and_patches() {
    let picture = parse(&png(), Colour::Rgb, None).unwrap();
    assert_eq!((picture.width, picture.height, picture.channels), (4, 2, 3));
    assert_eq!((picture.rows().len(), picture.rows().width), (2, 12));
    assert_eq!(picture.pixels().frame(5), [1.0, 0.0, 0.0]);
    let patches = picture.patches(2).unwrap();
    assert_eq!((patches.len(), patches.width), (2, 12));
    assert_eq!(patches.frame(0), [1.0, 0.0, 0.0].repeat(4));
    assert_eq!(patches.frame(1), [1.0; 12]);
    let counted = Picture { width: 4, height: 2, channels: 1, pixels: (0..8).collect() };
    let order: Vec<f32> =
        counted.patches(2).unwrap().values.iter().map(|value| (value * 255.0).round()).collect();
    assert_eq!(order, [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
    assert_eq!(
        picture.patches(3).unwrap_err().to_string(),
        "a picture of 4x2 pixels cannot be cut into patches of 3x3, both sides have to be multiples"
    );
}

#[test]
fn colours_and_sizes() {
    let size = |width, height, fit| Some(Size { width, height, fit });
    let png = png();
    let gray = parse(&png, Colour::Gray, None).unwrap();
    assert_eq!(gray.pixels, [54, 54, 255, 255, 54, 54, 255, 255]);
    let cropped = parse(&png, Colour::Rgb, size(2, 2, Fit::Crop)).unwrap();
    assert_eq!(cropped.pixels, [255, 0, 0, 255, 255, 255].repeat(2));
    let stretched = parse(&png, Colour::Gray, size(2, 6, Fit::Stretch)).unwrap();
    assert_eq!((stretched.width, stretched.height), (2, 6));
    assert!(parse(&png, Colour::Gray, size(0, 2, Fit::Crop)).unwrap_err().to_string().contains("0x2 pixels"));
}

/// Whether all pixels differ by `by` at most.
fn near(picture: &Picture, golden: &serde_json::Value, by: u8) -> bool {
    let golden: Vec<u8> = serde_json::from_value(golden.clone()).unwrap();
    golden.len() == picture.pixels.len()
        && golden.iter().zip(&picture.pixels).all(|(a, b)| a.abs_diff(*b) <= by)
}

#[test]
fn a_photograph_is_upright_and_resized_as_by_pillow() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("goldens/picture.json")).unwrap();
    let tag = JPEG.windows(4).position(|bytes| bytes == [0x01, 0x12, 0x00, 0x03]).unwrap();
    let mut content = JPEG.to_vec();
    for orientation in 1..=8 {
        content[tag + 9] = orientation;
        let picture = parse(&content, Colour::Rgb, None).unwrap();
        let (width, height) = if orientation < 5 { (12, 8) } else { (8, 12) };
        assert_eq!((picture.width, picture.height), (width, height));
        // Two decoders may round differently.
        assert!(
            near(&picture, &golden["upright"][usize::from(orientation) - 1], 2),
            "orientation {orientation}"
        );
    }
    content[tag + 9] = 1;
    for (name, width, height, fit) in [("whole", 5, 3, Fit::Stretch), ("middle", 20, 4, Fit::Crop)] {
        let picture = parse(&content, Colour::Rgb, Some(Size { width, height, fit })).unwrap();
        assert!(near(&picture, &golden[name], 3), "{name}: {:?}", picture.pixels);
    }
}

/// A PNG file with one chunk more, before its pixels or behind them.
fn with_a_chunk(png: &[u8], name: &[u8; 4], content: &[u8], behind: bool) -> Vec<u8> {
    let at = png.windows(4).position(|bytes| bytes == if behind { b"IEND" } else { b"IDAT" }).unwrap() - 4;
    let mut check = flate2::Crc::new();
    check.update(name);
    check.update(content);
    let chunk =
        [&(content.len() as u32).to_be_bytes(), &name[..], content, &check.sum().to_be_bytes()].concat();
    [&png[..at], &chunk, &png[at..]].concat()
}

#[test]
fn a_png_is_upright_by_its_exif_chunk() {
    let lying = parse(&png(), Colour::Rgb, None).unwrap();
    for little in [true, false] {
        let number = |number: u32, length: usize| {
            let bytes = number.to_be_bytes()[4 - length..].to_vec();
            if little { bytes.into_iter().rev().collect() } else { bytes }
        };
        for (orientation, width, first_row) in [
            (1, 4, [[255, 0, 0], [255, 0, 0], [255; 3], [255; 3]].concat()),
            (6, 2, [[255, 0, 0]; 2].concat()),
        ]
        .into_iter()
        .chain([
            (8, 2, [[255; 3]; 2].concat()),
            (3, 4, [[255; 3], [255; 3], [255, 0, 0], [255, 0, 0]].concat()),
        ]) {
            let entry =
                [number(0x0112, 2), number(3, 2), number(1, 4), number(orientation, 2), vec![0, 0]].concat();
            let order = if little { b"II" } else { b"MM" };
            let head = [order.to_vec(), number(42, 2), number(8, 4), number(1, 2)].concat();
            let exif = [head, entry, vec![0; 4]].concat();
            for behind in [false, true] {
                let turned = with_a_chunk(&png(), b"eXIf", &exif, behind);
                let picture = parse(&turned, Colour::Rgb, None).unwrap();
                assert_eq!(picture.width, width, "{orientation}, behind the pixels: {behind}");
                assert_eq!(picture.pixels[..3 * width], first_row, "{orientation}");
            }
        }
    }
    let other = with_a_chunk(&png(), b"eXIf", b"no such data", false);
    assert_eq!(parse(&other, Colour::Rgb, None).unwrap(), lying);
}

/// A file of 3 by 1 black pixels: the first cannot be seen, the second half, the last whole.
fn transparent() -> Vec<u8> {
    let mut content = vec![];
    let mut encoder = png::Encoder::new(&mut content, 3, 1);
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    encoder.write_header().unwrap().write_image_data(&[0, 0, 0, 128, 0, 255]).unwrap();
    content
}

#[test]
fn what_is_transparent_is_laid_on_white() {
    assert_eq!(parse(&transparent(), Colour::Gray, None).unwrap().pixels, [255, 127, 0]);
    let colours = parse(&transparent(), Colour::Rgb, None).unwrap();
    assert_eq!(colours.pixels, [[255; 3], [127; 3], [0; 3]].concat());
    let mut content = vec![];
    let mut encoder = png::Encoder::new(&mut content, 2, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().unwrap().write_image_data(&[255, 0, 0, 255, 0, 0, 255, 51]).unwrap();
    assert_eq!(parse(&content, Colour::Rgb, None).unwrap().pixels, [255, 0, 0, 204, 204, 255]);
}

#[test]
fn what_is_changed_of_a_picture_is_said() {
    let folder = folder(&[("clear.png", &transparent()), ("colours.png", &png()), ("other.jpg", JPEG)]);
    let steps = |width, height, colour| PictureSteps { width, height, colour, frames: PictureFrames::Rows };
    let notes = |name: &str, steps: PictureSteps, fit| {
        let (picture, changed) = steps.read(&folder.path().join(name), fit).unwrap();
        assert!(steps.fit(&picture));
        changed.notes()
    };
    assert_eq!(notes("colours.png", steps(4, 2, Colour::Rgb), Fit::Stretch), [""; 0]);
    assert_eq!(
        notes("colours.png", steps(2, 1, Colour::Gray), Fit::Crop),
        ["the picture of 4x2 pixels was brought to 2x1", "the picture's colours were read as gray"]
    );
    assert_eq!(
        notes("clear.png", steps(2, 2, Colour::Gray), Fit::Stretch),
        [
            "the picture of 3x1 pixels was brought to 2x2, stretched",
            "what is transparent in the picture was laid on white"
        ]
    );
    let cropped = notes("other.jpg", steps(8, 8, Colour::Rgb), Fit::Crop);
    assert_eq!(cropped, ["the picture of 8x12 pixels was brought to 8x8, its middle kept"]);
}

#[test]
fn a_picture_that_is_not_one() {
    let short = &JPEG[..JPEG.len() - 40];
    for content in [&b"no picture"[..], b"", &png()[..40], short, b"\xff\xd8\xff\xd9"] {
        let error = parse(content, Colour::Rgb, None).unwrap_err().to_string();
        assert!(
            error.starts_with("a.png: no picture that can be read, a PNG or JPEG file is needed ("),
            "{error}"
        );
    }
}

#[test]
fn a_picture_that_no_memory_holds() {
    // A head that promises 60,000 by 60,000 pixels of three colours, with its right check sum.
    let mut content = png();
    content[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut check = flate2::Crc::new();
    check.update(&content[12..29]);
    content[29..33].copy_from_slice(&check.sum().to_be_bytes());
    let error = parse(&content, Colour::Rgb, None).unwrap_err().to_string();
    assert!(error.ends_with("(it takes more than 512 MB)"), "{error}");
}

#[test]
fn idx_files() {
    let mut images = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
    let read = |content: &[u8]| parse_images(content, Path::new("a")).map_err(|e| e.to_string());
    let pixels = |pictures: Vec<Picture>| pictures.into_iter().map(|p| p.pixels).collect::<Vec<_>>();
    assert_eq!(pixels(read(&images).unwrap()), [[1, 2], [3, 4]]);
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(&images).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(pixels(read(&gzip).unwrap()), [[1, 2], [3, 4]]);
    assert!(read(&gzip[..gzip.len() - 9]).unwrap_err().starts_with("a: "));
    images.push(5);
    assert_eq!(
        read(&images).unwrap_err(),
        "a: more than the 4 bytes that its head promises, get the file anew"
    );
    images.truncate(19);
    assert_eq!(
        read(&images).unwrap_err(),
        "a: less than the 4 bytes that its head promises, get the file anew"
    );
    images[4..16].fill(0xff);
    assert!(read(&images).unwrap_err().contains("no memory holds that"));
    assert_eq!(
        parse_labels(&images, Path::new("a")).unwrap_err().to_string(),
        "a: it begins with the bytes [00, 00, 08, 03], an IDX file of labels begins with 00 00 08 01 and their number"
    );
}

#[test]
fn pictures_of_captions_lie_in_their_folder() {
    let png = png();
    let folder = folder(&[("a.png", &png)]);
    let (inside, file) = (folder.path().join("table"), folder.path().join("table/captions.txt"));
    std::fs::create_dir(&inside).unwrap();
    for name in ["../a.png".to_owned(), folder.path().join("a.png").display().to_string()] {
        std::fs::write(&file, format!("image,caption\n{name},\"red, white\"\n")).unwrap();
        let refused = read_captions(&inside, &file, &TableOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("does not lie in the folder"), "{refused}");
    }
}

#[test]
fn captions_and_their_pictures() {
    let png = png();
    let table = b"image,caption\na.png,\"red, white\"\nb.png,gone\na.png,white\nc.png,text\na.png,\n";
    let folder = folder(&[("a.png", &png), ("c.png", b"text"), ("d.png", &png), ("captions.txt", table)]);
    let file = folder.path().join("captions.txt");
    let read =
        |skip_bad| read_captions(folder.path(), &file, &TableOptions { skip_bad, ..Default::default() });
    let error = read(false).unwrap_err().to_string();
    assert!(error.ends_with(
        "captions.txt, line 3: the folder holds no picture 'b.png', each caption needs its picture"
    ));
    let read = read(true).unwrap();
    assert_eq!(read.pictures.len(), 1);
    assert_eq!(
        (read.pictures[0].captions.join("|").as_str(), read.pictures[0].line),
        ("red, white|white", 2)
    );
    let skipped: Vec<String> = read.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped.len(), 4);
    assert!(skipped[1].contains("c.png: no picture that can be read"), "{}", skipped[1]);
    assert!(skipped[2].ends_with("line 6: the text is empty, at least one character is needed"));
    assert!(skipped[3].ends_with("d.png: the picture has no caption, one or more are needed"));
}

#[test]
fn mnist() {
    let Some(folder) = data("images") else { return };
    let [images, labels] =
        ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"].map(|name| folder.join(name));
    let digits = read_idx(&images, &labels).unwrap();
    assert_eq!(digits.pictures.len(), 10_000);
    let counts =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|class| digits.labels.iter().filter(|&&l| l == class).count());
    assert_eq!(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    let first = &digits.pictures[0];
    assert_eq!(
        (first.width, first.height, first.rows().len(), first.patches(7).unwrap().len()),
        (28, 28, 28, 16)
    );
    let mean =
        digits.pictures.iter().flat_map(|p| &p.pixels).map(|&p| f64::from(p)).sum::<f64>() / 7_840_000.0;
    assert!((mean / 255.0 - 0.1325).abs() < 1e-3, "{mean}");
    let wrong = read_idx(&images, &folder.join("train-labels-idx1-ubyte.gz")).unwrap_err().to_string();
    assert!(wrong.contains("60000 labels for the 10000 pictures of"), "{wrong}");
}

#[test]
fn photographs() {
    let Some(folder) = data("captions") else { return };
    let read = read_captions(&folder.join("images"), &folder.join("captions.txt"), &TableOptions::default())
        .unwrap();
    assert_eq!((read.pictures.len(), read.skipped.len()), (1000, 0));
    assert!(read.pictures.iter().all(|picture| picture.captions.len() == 5));
    let size = Size { width: 64, height: 64, fit: Fit::Crop };
    for captioned in read.pictures.iter().step_by(20) {
        let picture = read_picture(&captioned.path, Colour::Rgb, Some(size)).unwrap();
        assert_eq!(picture.pixels.len(), 64 * 64 * 3);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_picture_or_refused(
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4), jpeg: bool, cut in 0usize..40,
    ) {
        let mut content = if jpeg { JPEG.to_vec() } else { png() };
        content.truncate(content.len() - cut.min(content.len()));
        let length = content.len();
        changes.iter().for_each(|&(at, byte)| content[at % length] = byte);
        let _ = parse(&content, Colour::Rgb, Some(Size { width: 3, height: 3, fit: Fit::Crop }));
    }

    #[test]
    fn any_bytes_are_digits_or_refused(tail in proptest::collection::vec(0u8..4, 0..40), gzip: bool) {
        let mut content = if gzip { vec![0x1f, 0x8b, 8, 0] } else { vec![0, 0, 8, 3, 0, 0, 0] };
        content.extend(tail);
        if let Ok(pictures) = parse_images(&content, Path::new("any")) {
            prop_assert!(pictures.iter().all(|picture| picture.pixels.len() == picture.width * picture.height));
        }
        let _ = parse_labels(&content, Path::new("any"));
    }
}
