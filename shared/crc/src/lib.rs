//! The three sums by which S3 checks what passes: CRC-32, CRC-32C and CRC-64/NVME.
//!
//! It stands in the place of the registry's `crc-fast`, which the SDK's client of S3 and the local bucket ask for
//! (`[patch.crates-io]` of the workspace), with as much of it as they use. The other has the tables of fifty sums, 660 KB that
//! can't be compressed, in every program that speaks to S3. CRC-32, which is what the SDK sends, is `crc32fast`'s, by the
//! processor's own instructions; the two others are only met in answers about what other programs put there, and are `crc`'s.
//!
//! Must stay true: a sum does not depend on how what it is of was cut into parts.

use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc};

/// A sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// CRC-32, as of zip and gzip.
    Crc32IsoHdlc,
    /// CRC-32C, as of iSCSI.
    Crc32Iscsi,
    /// CRC-64/NVME.
    Crc64Nvme,
}

static ISCSI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
static NVME: Crc<u64> = Crc::<u64>::new(&CRC_64_NVME);

/// A sum of what came so far.
#[derive(Clone)]
pub struct Digest(Kind);

#[derive(Clone)]
enum Kind {
    Hdlc(crc32fast::Hasher),
    Iscsi(crc::Digest<'static, u32>),
    Nvme(crc::Digest<'static, u64>),
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

impl Digest {
    /// The sum of nothing yet.
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => Kind::Hdlc(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => Kind::Iscsi(ISCSI.digest()),
            CrcAlgorithm::Crc64Nvme => Kind::Nvme(NVME.digest()),
        })
    }

    /// Adds what comes next.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Kind::Hdlc(sum) => sum.update(bytes),
            Kind::Iscsi(sum) => sum.update(bytes),
            Kind::Nvme(sum) => sum.update(bytes),
        }
    }

    /// The sum of all that came.
    pub fn finalize(&self) -> u64 {
        match self.0.clone() {
            Kind::Hdlc(sum) => sum.finalize().into(),
            Kind::Iscsi(sum) => sum.finalize().into(),
            Kind::Nvme(sum) => sum.finalize(),
        }
    }
}

/// The sum of these bytes.
pub fn checksum(algorithm: CrcAlgorithm, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(algorithm);
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL_32: u64 = u32::MAX as u64;
    const ALL: [(CrcAlgorithm, u64, u64); 3] = [
        (CrcAlgorithm::Crc32IsoHdlc, 0xEDB8_8320, ALL_32),
        (CrcAlgorithm::Crc32Iscsi, 0x82F6_3B78, ALL_32),
        (CrcAlgorithm::Crc64Nvme, 0x9A6C_9329_AC4B_C9B5, u64::MAX),
    ];

    /// Those of the catalogue of parametrised CRC algorithms.
    #[test]
    fn check_values() {
        let of = |algorithm| checksum(algorithm, b"123456789");
        assert_eq!(of(CrcAlgorithm::Crc32IsoHdlc), 0xCBF4_3926);
        assert_eq!(of(CrcAlgorithm::Crc32Iscsi), 0xE306_9283);
        assert_eq!(of(CrcAlgorithm::Crc64Nvme), 0xAE8B_1486_0A79_9888);
    }

    /// Bit by bit, as the definition says.
    fn slow(polynomial: u64, all: u64, bytes: &[u8]) -> u64 {
        let mut sum = all;
        for byte in bytes {
            sum ^= u64::from(*byte);
            for _ in 0..8 {
                sum = (sum >> 1) ^ (polynomial * (sum & 1));
            }
        }
        sum ^ all
    }

    proptest! {
        #[test]
        fn a_sum_is_by_definition_however_it_is_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            cuts in prop::collection::vec(0_usize..300, 0..5),
        ) {
            for (algorithm, polynomial, all) in ALL {
                let mut cuts: Vec<usize> = cuts.iter().map(|cut| *cut.min(&bytes.len())).collect();
                cuts.extend([0, bytes.len()]);
                cuts.sort_unstable();
                let mut digest = Digest::new(algorithm);
                for pair in cuts.windows(2) {
                    digest.update(&bytes[pair[0]..pair[1]]);
                }
                prop_assert_eq!(digest.finalize(), slow(polynomial, all, &bytes));
                prop_assert_eq!(checksum(algorithm, &bytes), digest.finalize());
            }
        }
    }
}
