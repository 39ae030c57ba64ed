//! Puts the page's files into the binary: what the page begins with joined (see `bundle`), scripts without their comments (see
//! `lean`), each compressed by brotli. A file's other forms are made of that when somebody asks for one.
//!
//! All files but the page itself have a version in their address, a digest of all of them. So a browser may keep each for
//! good, and the modules of one page are of one version. They name each other by relative addresses, which the version
//! does not change; only `index.html` has it written in.

use crate::Result;
use crate::bundle::{Files, join};
use crate::lean::lean;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// The page itself.
const INDEX: &str = "index.html";

/// Writes the files to `out`, and a table of them. `made` are files that are made by this build, by their paths.
pub fn write(web: &Path, made: &[(&str, String)], out: &Path) -> Result<()> {
    let mut files = Files::new();
    collect(web, "", &mut files)?;
    for (path, text) in made {
        if files.insert((*path).to_owned(), text.clone().into_bytes()).is_some() {
            return Err(format!("{path} is made from other files, so it must not be there").into());
        }
    }
    join(INDEX, &mut files)?;
    for (path, content) in &mut files {
        if path.ends_with(".js") || path.ends_with(".mjs") {
            *content = lean(std::str::from_utf8(content)?).into_bytes();
        }
    }
    let version = version_of(&files);
    let index = files.get_mut(INDEX).ok_or("there is no index.html")?;
    *index = String::from_utf8(index.clone())?.replace("\"assets/", &format!("\"assets/{version}/")).into_bytes();
    let compressed = compress_all(&files)?;
    let folder = out.join("page");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir(&folder)?;
    let mut table = format!(
        "/// A digest of all files, which is part of their addresses.\npub const PAGE_VERSION: &str = {version:?};\n\n\
         static FILES: [File; {}] = [\n",
        files.len()
    );
    for (number, (path, brotli)) in files.keys().zip(compressed).enumerate() {
        std::fs::write(folder.join(format!("{number}.br")), brotli)?;
        let brotli = format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/page/{number}.br\"))");
        writeln!(table, "    File::new({path:?}, {:?}, {brotli}),", digest(&files[path]))?;
    }
    table.push_str("];\n");
    std::fs::write(out.join("page.rs"), table)?;
    Ok(())
}

/// The files of a folder, by their paths from the first one.
fn collect(folder: &Path, prefix: &str, files: &mut Files) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| format!("{name:?} is not UTF-8"))?;
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.insert(path, std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

fn version_of(files: &Files) -> String {
    let mut all = Sha256::new();
    for (path, content) in files {
        // The length separates a file from the next.
        all.update(format!("{path}\n{}\n", content.len()));
        all.update(content);
    }
    hex(&all.finalize()[..8])
}

fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content)[..16])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Each file compressed, in their order; on two threads, since the largest takes half of the time.
fn compress_all(files: &Files) -> Result<Vec<Vec<u8>>> {
    let contents: Vec<&Vec<u8>> = files.values().collect();
    let part = |which: usize| -> std::io::Result<Vec<(usize, Vec<u8>)>> {
        let mut by_size: Vec<usize> = (0..contents.len()).collect();
        by_size.sort_by_key(|at| std::cmp::Reverse(contents[*at].len()));
        by_size.into_iter().skip(which).step_by(2).map(|at| Ok((at, brotli(contents[at])?))).collect()
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| part(0));
        let other = part(1);
        (one.join(), other)
    });
    let mut compressed = one.map_err(|_| "compressing died")??;
    compressed.extend(other?);
    compressed.sort_by_key(|(at, _)| *at);
    Ok(compressed.into_iter().map(|(_, one)| one).collect())
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let settings = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: content.len(),
        ..brotli::enc::BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut out, &settings)?;
    Ok(out)
}
