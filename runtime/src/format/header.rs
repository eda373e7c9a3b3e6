//! Header and section table.

use super::bytes::{Record, record, slice};
use super::error::FormatError;
use super::layout::{self, ALIGN, HEADER_BYTES, MAX_SECTIONS, SECTION_RECORD_BYTES, Section};

/// What the header says, and the bytes of each section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    pub sample_arena: u32,
    pub source_sha256: [u8; 32],
    found: [Option<&'a [u8]>; Section::ALL.len()],
}

impl<'a> Sections<'a> {
    /// Checks header and section table, not the content of any section.
    pub fn parse(file: &'a [u8]) -> Result<Self, FormatError> {
        use layout::header::{RESERVED, SAMPLE_ARENA, SECTION_COUNT, SOURCE_SHA256};
        let header = check_header(file)?;
        let count = header.u32::<SECTION_COUNT>();
        if !(1..=MAX_SECTIONS as u32).contains(&count) {
            return Err(FormatError::SectionCount { found: count });
        }
        if header.u32::<RESERVED>() != 0 {
            return Err(FormatError::Reserved { section: None });
        }
        let mut sections = Self {
            sample_arena: header.u32::<SAMPLE_ARENA>(),
            source_sha256: header.array::<SOURCE_SHA256, 32>(),
            found: [None; _],
        };
        let content = HEADER_BYTES + count as usize * SECTION_RECORD_BYTES;
        let table = file.get(HEADER_BYTES..content);
        let table = table.ok_or(FormatError::Truncated { expected: content, found: file.len() })?;
        let mut spans = [(0, 0); MAX_SECTIONS];
        for (index, entry) in table.as_chunks().0.iter().enumerate() {
            let (section, start, end) = sections.add(file, Record(entry), content)?;
            if spans[..index].iter().any(|&(from, to)| start < to && from < end) {
                return Err(FormatError::SectionOverlap { section });
            }
            spans[index] = (start, end);
        }
        Ok(sections)
    }

    /// The bytes of a section.
    pub fn get(&self, section: Section) -> Option<&'a [u8]> {
        self.found[section as usize - 1]
    }

    /// The bytes of a mandatory section.
    pub fn require(&self, section: Section) -> Result<&'a [u8], FormatError> {
        self.get(section).ok_or(FormatError::MissingSection { section })
    }

    /// The records of a table section: at least one, at most `limit`.
    pub fn records<const N: usize>(
        &self,
        section: Section,
        limit: usize,
    ) -> Result<&'a [[u8; N]], FormatError> {
        let bytes = self.require(section)?;
        let (records, rest) = bytes.as_chunks();
        if records.is_empty() || records.len() > limit || !rest.is_empty() {
            return Err(FormatError::SectionLength { section, expected: N, found: bytes.len() });
        }
        Ok(records)
    }

    fn add(
        &mut self,
        file: &'a [u8],
        entry: Record<'_, SECTION_RECORD_BYTES>,
        content: usize,
    ) -> Result<(Section, usize, usize), FormatError> {
        use layout::section::{KIND, LENGTH, OFFSET, RESERVED};
        let kind = entry.u32::<KIND>();
        let section = Section::from_kind(kind).ok_or(FormatError::UnknownSection { kind })?;
        if entry.u32::<RESERVED>() != 0 {
            return Err(FormatError::Reserved { section: None });
        }
        let (offset, length) = (entry.u32::<OFFSET>() as usize, entry.u32::<LENGTH>() as usize);
        let bytes = slice(file, offset, length).filter(|_| offset >= content && offset % ALIGN == 0);
        let bytes = bytes.ok_or(FormatError::SectionRange { section })?;
        match self.found[section as usize - 1].replace(bytes) {
            Some(_) => Err(FormatError::DuplicateSection { section }),
            None => Ok((section, offset, offset + length)),
        }
    }
}

/// Checks magic, version, length and checksum, in this order.
fn check_header(file: &[u8]) -> Result<Record<'_, HEADER_BYTES>, FormatError> {
    use layout::header::{CHECKSUM, LENGTH, MAGIC, VERSION};
    let magic = file.get(..layout::MAGIC.len());
    if magic.is_some_and(|found| found != layout::MAGIC) {
        return Err(FormatError::BadMagic);
    }
    let truncated = FormatError::Truncated { expected: HEADER_BYTES, found: file.len() };
    let header: Record<'_, HEADER_BYTES> = record(file, MAGIC).ok_or(truncated)?;
    let version = header.u32::<VERSION>();
    if version != layout::VERSION {
        return Err(FormatError::UnsupportedVersion { found: version });
    }
    let (expected, found) = (header.u32::<LENGTH>() as usize, file.len());
    if found < expected {
        return Err(FormatError::Truncated { expected, found });
    }
    if found > expected {
        return Err(FormatError::TrailingBytes { expected, found });
    }
    let (expected, found) = (layout::checksum(file), header.u32::<CHECKSUM>());
    if expected != found {
        return Err(FormatError::Checksum { expected, found });
    }
    Ok(header)
}
