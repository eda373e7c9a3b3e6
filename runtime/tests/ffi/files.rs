//! Model files, good and bad, and statuses in words.

use crate::caller::{Caller, file, get};
use crate::support::{Rng, reseal};
use ringfence_runtime::ffi::*;
use ringfence_runtime::format::layout::{HEADER_BYTES, SECTION_RECORD_BYTES, Section, header, section};
use ringfence_runtime::{FormatError, Model};
use std::collections::HashSet;
use std::ffi::CStr;

/// Where a section starts.
fn start(file: &[u8], kind: Section) -> usize {
    let field = |record: &[u8], at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
    let records = file[HEADER_BYTES..].chunks(SECTION_RECORD_BYTES);
    let record = records.into_iter().find(|record| field(record, section::KIND) == kind as u32).unwrap();
    field(record, section::OFFSET) as usize
}

/// The status of a file that is parsed after a good one: only a good one leaves a model.
fn parse(caller: &mut Caller, good: &[u8], file: &[u8]) -> Status {
    caller.file = good.into();
    assert_eq!(caller.parse(), Status::Ok);
    caller.file = file.into();
    let status = caller.parse();
    let info = get(|info| unsafe { ringfence_model_info(caller.model(), info) });
    match status {
        Status::Ok => assert!(info.is_ok()),
        _ => assert_eq!(info, Err(Status::NotParsed)),
    }
    status
}

#[test]
fn files_are_refused_by_name() {
    let good = file();
    let mut caller = Caller::new(&good, 1);
    let mut parse = |file: &[u8]| parse(&mut caller, &good, file);
    assert_eq!(parse(&good), Status::Ok);
    for length in [0, 1, HEADER_BYTES - 1, HEADER_BYTES, good.len() - 1] {
        assert_eq!(parse(&good[..length]), Status::Truncated);
    }
    assert_eq!(parse(&[&good[..], &[0]].concat()), Status::TrailingBytes);
    let changed = |at: usize| {
        let mut file = good.clone();
        file[at] ^= 1;
        file
    };
    assert_eq!(parse(&changed(header::MAGIC)), Status::Magic);
    assert_eq!(parse(&changed(header::VERSION)), Status::Version);
    assert_eq!(parse(&changed(good.len() - 1)), Status::Checksum);
    for classes in [0, 1, 129, u16::MAX] {
        let (mut file, at) = (good.clone(), start(&good, Section::Classes));
        file[at..at + 2].copy_from_slice(&classes.to_le_bytes());
        reseal(&mut file);
        assert_eq!(parse(&file), Status::Malformed, "{classes} classes");
    }
}

#[test]
fn damaged_files_give_the_status_of_their_error() {
    let (good, mut rng) = (file(), Rng(6));
    let mut caller = Caller::new(&good, 1);
    for _ in 0..if cfg!(miri) { 10 } else { 1_000 } {
        let mut damaged = good.clone();
        let at = rng.size(0, damaged.len().min(1_500) - 1);
        damaged[at] = rng.size(0, 255) as u8;
        if rng.chance(80) {
            reseal(&mut damaged);
        }
        let expected = match Model::parse(&damaged) {
            Ok(_) => Status::Ok,
            Err(FormatError::Truncated { .. }) => Status::Truncated,
            Err(FormatError::TrailingBytes { .. }) => Status::TrailingBytes,
            Err(FormatError::BadMagic) => Status::Magic,
            Err(FormatError::UnsupportedVersion { .. }) => Status::Version,
            Err(FormatError::Checksum { .. }) => Status::Checksum,
            Err(_) => Status::Malformed,
        };
        assert_eq!(parse(&mut caller, &good, &damaged), expected);
    }
}

#[test]
fn every_status_has_words() {
    let words = |status: u32| unsafe { CStr::from_ptr(ringfence_status_message(status)) };
    let unknown = words(Status::Adaptive as u32 + 1);
    assert_eq!(unknown, c"unknown status");
    assert_eq!(words(u32::MAX), unknown);
    let known: HashSet<_> = (0..=Status::Adaptive as u32).map(words).collect();
    assert_eq!(known.len(), Status::Adaptive as usize + 1);
    assert!(!known.contains(unknown) && known.iter().all(|words| !words.is_empty()));
    assert_eq!(words(0), c"done");
    assert_eq!(words(Status::ArenaTooSmall as u32), c"the arena does not hold a single sample");
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = unsafe { CStr::from_ptr(ringfence_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
