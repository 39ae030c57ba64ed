//! Object storage over a folder, accessed through the S3 protocol.
//!
//! For running the services on one machine: code talks to it with the same SDK as in the cloud, and whatever was
//! acknowledged stays stored.
//!
//! Must stay true:
//! - An object is one file, data and metadata together, and appears under its final name only when it is complete and
//!   synced. If the process is killed at any instant, only complete objects remain.
//! - Of any number of concurrent conditional writes of one key, exactly one succeeds.
//! - A key never becomes part of a path: file names are digests of keys, so no key can reach another object or leave
//!   the folder.
//! - One process owns the folder at a time.

mod endpoint;
mod format;
mod store;

pub(crate) use format::hex;
pub(crate) use store::{BUCKETS, DAMAGED, fan_out};
pub use store::{ObjectStore, S3Error};

use crate::Keys;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

/// The S3 protocol over a store. It answers only requests that are signed with these keys.
pub(crate) fn service(store: ObjectStore, keys: &Keys) -> S3Service {
    let mut builder = S3ServiceBuilder::new(endpoint::Endpoint { store });
    builder.set_auth(SimpleAuth::from_single(keys.id.as_str(), keys.secret.as_str()));
    builder.build()
}
