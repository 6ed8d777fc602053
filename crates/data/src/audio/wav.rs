//! WAV files: how their samples are laid out, and where they lie.

/// The samples of a WAV file.
pub(super) struct Wav {
    pub channels: u16,
    /// Samples of a channel in a second.
    pub rate: u32,
    /// The samples of all channels in turn, full scale being -1..=1.
    pub samples: Vec<f32>,
}

/// Why a file gives no samples.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// It is none, or of a kind that is not read: why, as a clause.
    NoWav(String),
    /// It ends early.
    Cut {
        /// Samples that are there, of all channels.
        found: usize,
        /// Samples that its head promises.
        promised: usize,
    },
}

/// Sizes from here on are no sizes: what is written to a pipe has one of these in place of what was not known yet.
const UNKNOWN: usize = 0x7FFF_0000;

/// What makes a number of the format a GUID in an extensible one.
const GUID: [u8; 14] = *b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";

/// How a sample is written.
#[derive(Clone, Copy)]
enum Kind {
    /// A byte of which 128 is silence.
    Unsigned,
    /// Two's complement of 2 to 4 bytes. Where fewer bits are valid they are the upper ones, so that full scale is that of
    /// the bytes.
    Signed,
    Float,
    Double,
}

struct Layout {
    channels: u16,
    rate: u32,
    kind: Kind,
    /// Bytes of a sample.
    width: usize,
}

pub(super) fn decode(content: &[u8]) -> Result<Wav, Fault> {
    let no_wav = |reason: &str| Fault::NoWav(reason.to_owned());
    match (content.get(..4), content.get(8..12)) {
        (Some(b"RIFF"), Some(b"WAVE")) => {}
        (Some(b"RF64" | b"BW64"), _) => {
            return Err(no_wav("it is an RF64 file, which may have more than 4 GB"));
        }
        (Some(b"RIFX"), _) => {
            return Err(no_wav("it is a RIFX file, whose numbers begin with their upper byte"));
        }
        _ => return Err(no_wav("it does not begin with RIFF and WAVE")),
    }
    let mut layout = None;
    let mut at = 12;
    while let Some((head, body)) = content.get(at..).and_then(|rest| rest.split_first_chunk::<8>()) {
        let [.., a, b, c, d] = *head;
        let size = u32::from_le_bytes([a, b, c, d]) as usize;
        match (&head[..4], &layout) {
            (b"fmt ", _) => {
                layout = Some(read_layout(body.get(..size).unwrap_or(body)).map_err(Fault::NoWav)?)
            }
            (b"data", Some(layout)) => {
                // A size of 0 is believed where that of the whole file is right.
                let whole = u32::from_le_bytes([content[4], content[5], content[6], content[7]]) as usize;
                let known =
                    if size == 0 { whole + 8 == content.len() } else { size < UNKNOWN || size <= body.len() };
                return samples(layout, body, known.then_some(size));
            }
            (b"data", None) => {
                return Err(no_wav("its samples come before the chunk that says what they are"));
            }
            _ => {}
        }
        // A chunk of odd size has a byte behind it.
        at = at.saturating_add(8).saturating_add(size.next_multiple_of(2));
    }
    Err(no_wav("it has no samples, a data chunk is needed"))
}

fn read_layout(format: &[u8]) -> Result<Layout, String> {
    let two = |at: usize| Some(u16::from_le_bytes([*format.get(at)?, *format.get(at + 1)?]));
    let fields = || Some((two(0)?, two(2)?, two(4)?, two(6)?, two(12)?, two(14)?));
    let (mut tag, channels, low, high, block, bits) = fields().ok_or("its head is cut short")?;
    let extensible = tag == 0xFFFE;
    if extensible && format.get(26..40) == Some(&GUID) {
        tag = two(24).unwrap_or(0);
    }
    if channels == 0 || !block.is_multiple_of(channels) {
        return Err(format!("its head promises {channels} channels in blocks of {block} bytes"));
    }
    let width = usize::from(block / channels);
    let kind = match (tag, width) {
        (1, 1) => Kind::Unsigned,
        (1, 2..=4) => Kind::Signed,
        (3, 4) => Kind::Float,
        (3, 8) => Kind::Double,
        (1 | 3, _) => return Err(format!("its samples have {width} bytes each")),
        (6, _) => return Err("it is compressed by the A-law".to_owned()),
        (7, _) => return Err("it is compressed by the µ-law".to_owned()),
        (2 | 17, _) => return Err("it is compressed as ADPCM".to_owned()),
        (85, _) => return Err("it holds MP3".to_owned()),
        (tag, _) => return Err(format!("its samples are of format 0x{tag:04X}")),
    };
    if !extensible && usize::from(bits).div_ceil(8) != width {
        return Err(format!(
            "its samples have {bits} bits in {width} bytes each, without saying which of them"
        ));
    }
    Ok(Layout { channels, rate: u32::from(high) << 16 | u32::from(low), kind, width })
}

/// The samples at the beginning of `body`, which are `size` bytes; all there is where that is not known.
fn samples(layout: &Layout, body: &[u8], size: Option<usize>) -> Result<Wav, Fault> {
    let &Layout { channels, rate, kind, width } = layout;
    let block = width * usize::from(channels);
    let size = size.unwrap_or(body.len() / block * block);
    let Some(data) = body.get(..size) else {
        return Err(Fault::Cut { found: body.len() / width, promised: size / width });
    };
    if !size.is_multiple_of(block) {
        return Err(Fault::NoWav(format!(
            "its {size} bytes of samples are no whole number of blocks of {block}"
        )));
    }
    let sample = |bytes: &[u8]| match kind {
        Kind::Unsigned => (f32::from(bytes[0]) - 128.0) / 128.0,
        Kind::Signed => {
            let mut four = [0; 4];
            four[4 - bytes.len()..].copy_from_slice(bytes);
            i32::from_le_bytes(four) as f32 / 2f32.powi(31)
        }
        Kind::Float => bytes.try_into().map_or(f32::NAN, f32::from_le_bytes),
        Kind::Double => bytes.try_into().map_or(f32::NAN, |bytes| f64::from_le_bytes(bytes) as f32),
    };
    Ok(Wav { channels, rate, samples: data.chunks_exact(width).map(sample).collect() })
}
