//! What a request announces about its body, and the check of it.
//!
//! Must stay true: a body that differs from any announced checksum is refused, whether the checksum came before the
//! body or after it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1};
use s3s::dto::Checksum;
use s3s::{S3Result, TrailingHeaders, s3_error};

/// What a request announces about its body.
#[derive(Default)]
pub(super) struct Announced {
    pub(super) length: Option<i64>,
    md5: Option<String>,
    /// Names of checksum headers with their values; those without a value come after the body.
    sums: Vec<(&'static str, Option<String>)>,
    trailing: Option<TrailingHeaders>,
}

const CRC32: &str = "x-amz-checksum-crc32";
const CRC32C: &str = "x-amz-checksum-crc32c";
const CRC64NVME: &str = "x-amz-checksum-crc64nvme";
const SHA1: &str = "x-amz-checksum-sha1";
const SHA256: &str = "x-amz-checksum-sha256";

impl Announced {
    pub(super) fn new(
        headers: &HeaderMap,
        trailing: Option<TrailingHeaders>,
        length: Option<i64>,
        md5: Option<String>,
    ) -> Self {
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let later: Vec<String> = headers
            .get_all("x-amz-trailer")
            .iter()
            .filter_map(text)
            .flat_map(|names| names.split(',').map(|n| n.trim().to_ascii_lowercase()).collect::<Vec<_>>())
            .collect();
        let sums = [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]
            .into_iter()
            .filter_map(|name| match headers.get(name) {
                Some(value) => Some((name, text(value))),
                None => later.iter().any(|l| l == name).then_some((name, None)),
            })
            .collect();
        Self { length, md5, sums, trailing }
    }

    pub(super) fn hashers(&self) -> (ChecksumHasher, Option<Md5>) {
        let wanted = |name| self.sums.iter().any(|(n, _)| *n == name);
        let sums = ChecksumHasher {
            crc32: wanted(CRC32).then(Crc32::new),
            crc32c: wanted(CRC32C).then(Crc32c::new),
            crc64nvme: wanted(CRC64NVME).then(Crc64Nvme::new),
            sha1: wanted(SHA1).then(Sha1::new),
            sha256: wanted(SHA256).then(s3s::crypto::Sha256::new),
        };
        (sums, self.md5.is_some().then(Md5::new))
    }

    pub(super) fn verify(&self, (sums, md5): (ChecksumHasher, Option<Md5>)) -> S3Result<Checksum> {
        if let (Some(md5), Some(want)) = (md5, &self.md5)
            && STANDARD.encode(md5.finalize()) != *want
        {
            return Err(s3_error!(BadDigest));
        }
        let got = sums.finalize();
        for (name, value) in &self.sums {
            let got = match *name {
                CRC32 => &got.checksum_crc32,
                CRC32C => &got.checksum_crc32c,
                CRC64NVME => &got.checksum_crc64nvme,
                SHA1 => &got.checksum_sha1,
                _ => &got.checksum_sha256,
            };
            let late = || {
                let trailing = self.trailing.as_ref()?;
                trailing.read(|h| h.get(*name).and_then(|v| v.to_str().ok()).map(str::to_owned))?
            };
            if value.clone().or_else(late) != *got {
                return Err(s3_error!(BadDigest, "the bytes do not have the checksum {name}"));
            }
        }
        Ok(got)
    }
}
