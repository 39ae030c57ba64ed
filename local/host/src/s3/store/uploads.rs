//! Uploads in parts: `uploads/<id>/` has the file `upload`, with the header of the object to come, and one file a part.
//!
//! Must stay true: nobody finds half an upload after a crash, and an id is valid only for its own object.

use super::{Began, Condition, Failure, ObjectStore, UPLOADS, sync_dir};
use crate::s3::format::{Finished, Header, Named, open_file};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

impl ObjectStore {
    pub(in super::super) fn create_upload(&self, bucket: &str, header: Header) -> Result<String, Failure> {
        self.head_bucket(bucket)?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let staged = self.stage(Header { bucket: bucket.to_owned(), ..header }, Named::ByDigest)?.finish(None)?;
        let dir = self.temp_path();
        fs::create_dir(&dir)?;
        fs::rename(&staged.temp.path, dir.join("upload"))?;
        sync_dir(&dir)?;
        fs::rename(&dir, self.upload_path(&id)?)?;
        sync_dir(&self.inner.root.join(UPLOADS))?;
        let mut removals = self.removals();
        let began = removals.count;
        removals.uploads.insert(id.clone(), began);
        drop(removals);
        Ok(id)
    }

    /// The header that the object of this upload will have.
    pub(in super::super) fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<Header, Failure> {
        let (header, _) = open_file(&self.upload_path(id)?.join("upload"))?.ok_or(Failure::NoSuchUpload)?;
        // An id is valid only for its own object.
        if header.bucket != bucket || header.key != key {
            return Err(Failure::NoSuchUpload);
        }
        Ok(Header { bucket: String::new(), ..header })
    }

    pub(in super::super) fn commit_part(&self, id: &str, number: i32, done: Finished) -> Result<Header, Failure> {
        let dir = self.upload_path(id)?;
        match fs::rename(&done.temp.path, dir.join(part_name(number))) {
            // Completed or aborted since this part began.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Failure::NoSuchUpload),
            other => other?,
        }
        match sync_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Failure::NoSuchUpload),
            other => other?,
        }
        Ok(done.header)
    }

    /// Joins the parts, given as numbers and entity tags, into the object.
    pub(in super::super) fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: &[(i32, Option<String>)],
        condition: &Condition,
    ) -> Result<Header, Failure> {
        let mut staged = self.stage(self.upload(bucket, key, id)?, Named::ByDigest)?;
        let dir = self.upload_path(id)?;
        let mut buffer = vec![0; 256 * 1024];
        for (at, (number, etag)) in parts.iter().enumerate() {
            let (header, mut opened) = open_file(&dir.join(part_name(*number)))?.ok_or(Failure::InvalidPart)?;
            if etag.as_ref().is_some_and(|etag| *etag != header.etag) {
                return Err(Failure::InvalidPart);
            }
            if at + 1 < parts.len() && header.size < 5 * 1024 * 1024 {
                return Err(Failure::PartTooSmall);
            }
            loop {
                let n = opened.file.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                staged.write(buffer.get(..n).unwrap_or_default())?;
            }
        }
        // An upload from before a restart is not known any more; as far as anyone can know, nothing was removed
        // meanwhile.
        let removals = self.removals();
        let began = Began(removals.uploads.get(id).copied().unwrap_or(removals.count));
        drop(removals);
        let header = self.commit(bucket, staged.finish(Some(parts.len()))?, condition, began)?;
        // The object exists whatever happens to the parts, so this is not an error.
        if let Err(error) = self.remove_upload(&dir) {
            tracing::warn!(%error, "the parts of a completed upload were not removed");
        }
        Ok(header)
    }

    pub(in super::super) fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> Result<(), Failure> {
        self.upload(bucket, key, id)?;
        self.remove_upload(&self.upload_path(id)?)
    }

    fn remove_upload(&self, dir: &Path) -> Result<(), Failure> {
        // Moved first, because nobody may find half an upload after a crash.
        let gone = self.temp_path();
        match fs::rename(dir, &gone) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        sync_dir(&self.inner.root.join(UPLOADS))?;
        if let Some(id) = dir.file_name().and_then(|name| name.to_str()) {
            self.removals().uploads.remove(id);
        }
        fs::remove_dir_all(&gone)?;
        Ok(())
    }
}

fn part_name(number: i32) -> String {
    format!("{number:05}")
}
