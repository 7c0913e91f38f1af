//! Content encodings, read incrementally and with a cap on what they expand to.

use std::io::{self, Read, Write};

use bytes::Bytes;
use http::HeaderMap;

/// The largest window of a zstd frame: what a content-encoding may ask for (RFC 9659, 3).
const ZSTD_WINDOW_MOST: u64 = 8 << 20;
/// Bytes of the longest zstd frame header (RFC 8878, 3.1.1).
const ZSTD_HEADER_MOST: usize = 18;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// A content encoding that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Encoding {
    /// The body's encoding; `None` when it is not one we know.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(http::header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Some(Self::Identity) };
        if values.next().is_some() {
            return None;
        }
        match value.to_str().ok()?.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Expands a whole body, up to `limit` bytes; `None` when it would be larger.
pub fn expand(encoding: Encoding, body: &Bytes, limit: usize) -> io::Result<Option<Bytes>> {
    let Some(mut decoder) = Decoder::new(encoding, limit) else { return Ok(Some(body.clone())) };
    let mut whole = Vec::new();
    for part in body.chunks(64 * 1024) {
        match decoder.push(part) {
            Ok(bytes) => whole.extend_from_slice(&bytes),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    match decoder.finish() {
        Ok(bytes) => whole.extend_from_slice(&bytes),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(Some(whole.into()))
}

/// Decodes a body as it comes: what went in so far comes out so far, with no window held back.
pub struct Decoder {
    kind: DecoderKind,
}

enum DecoderKind {
    Gzip(flate2::write::MultiGzDecoder<Sink>),
    Zlib(ZlibDecoder),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Sink>>),
    Zstd(Box<ZstdDecoder>),
}

/// Collects output and refuses more than the limit in total.
struct Sink {
    out: Vec<u8>,
    left: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Unlike the library's own writer, this one notices when the stream ends too early.
struct ZlibDecoder {
    inflate: flate2::Decompress,
    ended: bool,
    sink: Sink,
}

impl ZlibDecoder {
    fn push(&mut self, mut chunk: &[u8]) -> io::Result<Bytes> {
        let mut buffer = [0_u8; 16 * 1024];
        while !self.ended {
            let (read_before, written_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(chunk, &mut buffer, flate2::FlushDecompress::None)?;
            let read = usize::try_from(self.inflate.total_in() - read_before).unwrap_or(0);
            let written = usize::try_from(self.inflate.total_out() - written_before).unwrap_or(0);
            chunk = chunk.get(read..).unwrap_or_default();
            self.sink.write_all(buffer.get(..written).unwrap_or_default())?;
            self.ended = status == flate2::Status::StreamEnd;
            if read == 0 && written == 0 {
                break;
            }
        }
        Ok(take(&mut self.sink))
    }
}

/// zstd frames need their blocks whole: input waits here until a block can be decoded.
struct ZstdDecoder {
    frame: ruzstd::decoding::FrameDecoder,
    pending: Vec<u8>,
    begun: bool,
    sink: Sink,
}

impl Decoder {
    /// A decoder whose output is at most `limit` bytes; `None` for identity.
    pub fn new(encoding: Encoding, limit: usize) -> Option<Self> {
        let sink = Sink { out: Vec::new(), left: limit };
        let kind = match encoding {
            Encoding::Identity => return None,
            Encoding::Gzip => DecoderKind::Gzip(flate2::write::MultiGzDecoder::new(sink)),
            Encoding::Deflate => {
                DecoderKind::Zlib(ZlibDecoder { inflate: flate2::Decompress::new(true), ended: false, sink })
            }
            Encoding::Brotli => {
                DecoderKind::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(sink, 16 * 1024)))
            }
            Encoding::Zstd => DecoderKind::Zstd(Box::new(ZstdDecoder {
                frame: ruzstd::decoding::FrameDecoder::new(),
                pending: Vec::new(),
                begun: false,
                sink,
            })),
        };
        Some(Self { kind })
    }

    /// Takes encoded bytes, gives all that they decode to.
    pub fn push(&mut self, chunk: &[u8]) -> io::Result<Bytes> {
        match &mut self.kind {
            DecoderKind::Gzip(decoder) => {
                decoder.write_all(chunk)?;
                decoder.flush()?;
                Ok(take(decoder.get_mut()))
            }
            DecoderKind::Zlib(decoder) => decoder.push(chunk),
            DecoderKind::Brotli(decoder) => {
                decoder.write_all(chunk)?;
                decoder.flush()?;
                Ok(take(decoder.get_mut()))
            }
            DecoderKind::Zstd(decoder) => decoder.push(chunk),
        }
    }

    /// The encoded bytes have ended: gives the rest, or says that they broke off.
    pub fn finish(&mut self) -> io::Result<Bytes> {
        match &mut self.kind {
            DecoderKind::Gzip(decoder) => {
                decoder.try_finish()?;
                Ok(take(decoder.get_mut()))
            }
            DecoderKind::Zlib(decoder) if decoder.ended => Ok(Bytes::new()),
            DecoderKind::Zlib(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            DecoderKind::Brotli(decoder) => {
                decoder.close()?;
                Ok(take(decoder.get_mut()))
            }
            DecoderKind::Zstd(decoder) => decoder.finish(),
        }
    }
}

fn take(sink: &mut Sink) -> Bytes {
    std::mem::take(&mut sink.out).into()
}

impl ZstdDecoder {
    fn push(&mut self, chunk: &[u8]) -> io::Result<Bytes> {
        self.pending.extend_from_slice(chunk);
        self.decode(false)
    }

    fn finish(&mut self) -> io::Result<Bytes> {
        let rest = self.decode(true)?;
        if !self.begun || !self.frame.is_finished() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(rest)
    }

    /// Decodes what is whole of the pending bytes, one frame after the other; at the end they are all that is left.
    fn decode(&mut self, at_end: bool) -> io::Result<Bytes> {
        use ruzstd::decoding::BlockDecodingStrategy::{All, UptoBytes};
        let mut input = self.pending.as_slice();
        loop {
            let is_between = !self.begun || self.frame.is_finished();
            if is_between {
                // A shorter stream than a header can be long is read at its end.
                if input.is_empty() || (input.len() < ZSTD_HEADER_MOST && !at_end) {
                    break;
                }
                check_window(input, self.sink.left)?;
                self.frame.reset(&mut input).map_err(io::Error::other)?;
                self.begun = true;
            }
            while !self.frame.is_finished() && (has_block(input) || at_end) {
                let strategy = if at_end && !has_block(input) { All } else { UptoBytes(1) };
                self.frame.decode_blocks(&mut input, strategy).map_err(io::Error::other)?;
                drain(&mut self.frame, &mut self.sink)?;
            }
            if !self.frame.is_finished() {
                break;
            }
            drain(&mut self.frame, &mut self.sink)?;
        }
        let used = self.pending.len() - input.len();
        self.pending.drain(..used);
        Ok(take(&mut self.sink))
    }
}

/// Refuses a frame whose header (RFC 8878, 3.1.1.1) asks for more memory than it may: its window is held back by the
/// decoder, out of sight of the sink.
fn check_window(input: &[u8], left: usize) -> io::Result<()> {
    // What is no frame at all is told by the decoder.
    let Some((&ZSTD_MAGIC, [descriptor, window, ..])) = input.split_first_chunk::<4>() else { return Ok(()) };
    let is_single_segment = descriptor & 0x20 != 0;
    let (window, most) = if is_single_segment {
        // The window is the whole content.
        (content_size(*descriptor, input.get(5..).unwrap_or_default()), left as u64)
    } else {
        let base = 1_u64 << (10 + (window >> 3));
        (base + base / 8 * u64::from(window & 7), ZSTD_WINDOW_MOST)
    };
    if window > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}

/// The content size that the header of a single-segment frame tells; `rest` is what follows its descriptor.
fn content_size(descriptor: u8, rest: &[u8]) -> u64 {
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or(0);
    let length = 1_usize << (descriptor >> 6);
    let bytes = rest.get(dictionary..).unwrap_or_default().iter().take(length).rev();
    let size = bytes.fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    if length == 2 { size + 256 } else { size }
}

/// Whether `input` begins with a whole block: three bytes of header (RFC 8878, 3.1.1.2), its content, and the
/// four bytes of checksum that may follow the last one.
fn has_block(input: &[u8]) -> bool {
    let Some(&[a, b, c]) = input.first_chunk::<3>() else { return false };
    let header = u32::from_le_bytes([a, b, c, 0]);
    let is_repeat = (header >> 1) & 3 == 1;
    let size = if is_repeat { 1 } else { (header >> 3) as usize };
    let checksum = if header & 1 == 1 { 4 } else { 0 };
    input.len() >= 3 + size + checksum
}

fn drain(frame: &mut ruzstd::decoding::FrameDecoder, sink: &mut Sink) -> io::Result<()> {
    let mut buffer = [0_u8; 16 * 1024];
    loop {
        let read = frame.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(bytes) if read > 0 => sink.write_all(bytes)?,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
