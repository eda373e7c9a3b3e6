//! Seeds: from the operating system, or derived from one given for a replay or a test.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use ringfence_runtime::smooth::Seed;

use super::CliError;
use crate::report::SeedSource;

/// Where the seed of each image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeedPlan {
    /// A fresh one from the operating system.
    Os,
    /// `ChaCha8` keyed by the given seed, with the image index as stream number: rows do not depend on where a run
    /// starts or stops.
    Given([u8; 32]),
}

impl SeedPlan {
    /// The plan that an optional `--seed` asks for.
    pub fn from_flag(hex: Option<&str>) -> Result<Self, CliError> {
        match hex {
            None => Ok(Self::Os),
            Some(hex) => parse_seed(hex).map(Self::Given).ok_or_else(|| {
                CliError::Usage(format!("--seed: expected 1 to 64 hexadecimal digits, found `{hex}`"))
            }),
        }
    }

    /// The seed of image `index`.
    pub fn seed(self, index: usize) -> Result<Seed, CliError> {
        let mut seed = [0; 32];
        match self {
            Self::Os => getrandom::fill(&mut seed)
                .map_err(|error| CliError::failed("seed from the operating system", error))?,
            Self::Given(key) => {
                let mut rng = ChaCha8Rng::from_seed(key);
                rng.set_stream(index as u64);
                rng.fill_bytes(&mut seed);
            }
        }
        Ok(Seed(seed))
    }

    /// As it is written into records.
    pub fn source(self) -> SeedSource {
        match self {
            Self::Os => SeedSource::Os,
            Self::Given(_) => SeedSource::Given,
        }
    }

    /// The given seed as 64 hexadecimal digits.
    pub fn given_hex(self) -> Option<String> {
        match self {
            Self::Os => None,
            Self::Given(key) => Some(to_hex(&key)),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// 32 bytes from 1 to 64 hexadecimal digits; missing digits on the left are zeros.
pub(super) fn parse_seed(hex: &str) -> Option<[u8; 32]> {
    if hex.is_empty() || hex.len() > 64 {
        return None;
    }
    let mut seed = [0; 32];
    for (i, digit) in hex.chars().rev().enumerate() {
        seed[31 - i / 2] |= (digit.to_digit(16)? as u8) << (4 * (i % 2));
    }
    Some(seed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn short_seeds_are_padded_on_the_left() {
        let seed = parse_seed("1aF").unwrap();
        assert_eq!(to_hex(&seed), format!("{}1af", "0".repeat(61)));
        assert_eq!(parse_seed(&to_hex(&seed)), Some(seed));
        assert_eq!(parse_seed(&"f".repeat(64)), Some([255; 32]));
        for wrong in ["", "0x1", "g", &"0".repeat(65), "é"] {
            assert_eq!(parse_seed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn images_get_seeds_of_their_own() {
        let plan = SeedPlan::from_flag(Some("7")).unwrap();
        let seeds = [plan.seed(0).unwrap().0, plan.seed(1).unwrap().0, plan.seed(0).unwrap().0];
        assert_eq!(seeds[0], seeds[2]);
        assert_ne!(seeds[0], seeds[1]);
        let os = [SeedPlan::Os.seed(0).unwrap().0, SeedPlan::Os.seed(0).unwrap().0];
        assert_ne!(os[0], os[1]);
    }
}
