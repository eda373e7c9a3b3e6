//! Runs the cases of the file `battery.bin`, read from the machine that runs the emulator, with every backend of the board.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::{hprintln, nr, syscall};
use ringfence_firmware::cases::{ARENA_BYTES, CLASSES, HEADER_BYTES, MODEL_BYTES, hash};
use ringfence_firmware::{Failure, exit};
use ringfence_runtime::format::Aligned;
use ringfence_runtime::{Backend, Model};

static NAME: &[u8] = b"battery.bin\0";

static mut FILE: Aligned<[u8; MODEL_BYTES]> = Aligned { bytes: [0; MODEL_BYTES] };
static mut ARENA: [u8; ARENA_BYTES] = [0; ARENA_BYTES];

#[entry]
fn main() -> ! {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let file = File::open(NAME)?;
    // SAFETY: the only references to them.
    let (bytes, arena) = unsafe { (&mut (*(&raw mut FILE)).bytes, &mut *(&raw mut ARENA)) };
    let mut cases = 0;
    let mut header = [0; HEADER_BYTES];
    while file.read(&mut header)? {
        let [length @ .., _, _, _, _, _, _, _, _] = header;
        let [_, _, _, _, expected @ ..] = header;
        let length = u32::from_le_bytes(length) as usize;
        let bytes = bytes.get_mut(..length).ok_or("a model is too large")?;
        if !file.read(bytes)? {
            return Err("the file ends within a model".into());
        }
        check(&Model::parse(bytes)?, u64::from_le_bytes(expected), arena)?;
        cases += 1;
    }
    hprintln!("cases {} with {}", cases, Backend::best().name());
    if cases == 0 { Err("no cases".into()) } else { Ok(()) }
}

fn check(model: &Model<'_>, expected: u64, arena: &mut [u8]) -> Result<(), Failure> {
    let mut logits = [0; CLASSES];
    let logits = logits.get_mut(..model.classes()).ok_or("too many classes")?;
    for backend in Backend::ALL {
        if hash(model, backend, arena, logits)?.is_some_and(|found| found != expected) {
            hprintln!("{}:", backend.name());
            for op in model.ops() {
                hprintln!("{:?}", op.output());
            }
            return Err("another result than the host's".into());
        }
    }
    Ok(())
}

/// An open file of the host.
struct File(usize);

impl File {
    /// Of a name that ends with a zero byte.
    fn open(name: &[u8]) -> Result<Self, Failure> {
        // SAFETY: the host reads the name.
        let handle = unsafe { syscall!(OPEN, name.as_ptr(), nr::open::R_BINARY, name.len() - 1) };
        if handle == usize::MAX { Err("battery.bin cannot be opened".into()) } else { Ok(Self(handle)) }
    }

    /// Fills the bytes; false at the end of the file.
    fn read(&self, bytes: &mut [u8]) -> Result<bool, Failure> {
        // SAFETY: the host writes no more than this.
        let missing = unsafe { syscall!(READ, self.0, bytes.as_mut_ptr(), bytes.len()) };
        match missing {
            0 => Ok(true),
            missing if missing == bytes.len() => Ok(false),
            _ => Err("the file ends too early".into()),
        }
    }
}
