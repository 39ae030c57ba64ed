use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// A data folder with a table of one row, an object, a log, and what no backup has.
fn data(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    for (path, text) in [
        ("lock", ""),
        ("endpoint.json", "keys"),
        ("stream.json", "{}"),
        ("bus/delivered", "4"),
        ("bus/events.ndjson", "{}\n{}\n"),
        ("scratch/7/copy", "copy"),
        ("reports/contoso/file.sqlite", "copy"),
        ("files/tmp/half", "half"),
        ("files/buckets/b/0a/0a12", "object"),
        ("tenant-changes.new", "half"),
    ] {
        let path = data.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let table = rusqlite::Connection::open(data.join(TABLE)).unwrap();
    table.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (c); INSERT INTO t VALUES ('row')").unwrap();
    data
}

fn taken(data: &Path, to: &Path) -> Taken {
    take(data, to, "2026-01-31T00:00:00.000Z".to_owned(), 5).unwrap()
}

fn paths(manifest: &Manifest) -> Vec<&str> {
    manifest.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn it_has_what_cannot_be_made_again_and_a_second_one_writes_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (data(folder.path()), folder.path().join("backup"));
    let first = taken(&data, &to);
    let kept = ["bus/delivered", "bus/events.ndjson", "files/buckets/b/0a/0a12", "stream.json", "table.sqlite"];
    assert_eq!(paths(&first.manifest), kept);
    assert_eq!(first.new_bytes, first.manifest.bytes());

    // What an interrupted one leaves behind.
    std::fs::write(to.join("content/unfinished"), "half").unwrap();
    std::fs::create_dir_all(to.join("content/ab")).unwrap();
    std::fs::write(to.join("content/ab/ab00"), "of no file").unwrap();
    std::fs::write(data.join("files/buckets/b/0a/0a13"), "another").unwrap();
    std::fs::write(data.join("bus/delivered"), "6").unwrap();
    let second = taken(&data, &to);
    assert_eq!(second.new_bytes, 7 + 1, "the table did not change either");
    let contents: usize = std::fs::read_dir(to.join(content::FOLDER))
        .unwrap()
        .map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum();
    assert_eq!(contents, 6, "what nobody has any more is removed");

    let back = folder.path().join("back");
    assert_eq!(restore(&to, &back).unwrap(), second.manifest);
    for file in &second.manifest.files {
        let path = back.join(&file.path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path);
        if file.path != TABLE {
            assert_eq!(std::fs::read(path).unwrap(), std::fs::read(data.join(&file.path)).unwrap());
        }
    }
    let table = rusqlite::Connection::open(back.join(TABLE)).unwrap();
    assert_eq!(table.query_row("SELECT c FROM t", [], |row| row.get::<_, String>(0)).unwrap(), "row");
    assert!(back.join("files/buckets/b/ff").is_dir(), "a bucket has all its folders");
    assert!(!back.join("endpoint.json").exists());
}

#[test]
fn a_rotten_content_is_replaced_by_the_next_backup_and_refused_by_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (data(folder.path()), folder.path().join("backup"));
    let first = taken(&data, &to);
    let object = first.manifest.files.iter().find(|file| file.path.ends_with("0a12")).unwrap();
    let content = content::path_of(&to.join(content::FOLDER), &object.sha256);
    std::fs::write(&content, "objecT").unwrap();
    let back = folder.path().join("back");
    match restore(&to, &back) {
        Err(BackupError::Damaged { problems, .. }) => {
            assert_eq!(problems, ["files/buckets/b/0a/0a12 is not what was copied"]);
        }
        other => panic!("{other:?}"),
    }
    assert!(!back.exists(), "nothing is written");
    taken(&data, &to);
    restore(&to, &back).unwrap();
    assert!(matches!(restore(&to, &back), Err(BackupError::NotEmpty(_))));
}

#[test]
fn a_backup_of_a_later_release_is_refused_by_name_whatever_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (data(folder.path()), folder.path().join("backup"));
    taken(&data, &to);
    for (backup, format) in [(BACKUP + 1, 1), (BACKUP, release::FORMAT + 1)] {
        let newer = if backup > BACKUP { backup } else { format };
        let later = format!(r#"{{"backup": {backup}, "format": {format}, "release": "9.8.7", "parts": {{"a": []}}}}"#);
        std::fs::write(to.join(MANIFEST), &later).unwrap();
        let back = folder.path().join("back");
        let refused = [restore(&to, &back).err(), take(&data, &to, String::new(), 5).err()];
        for error in refused {
            let named = matches!(&error, Some(BackupError::Host(HostError::Newer { release, format: found, .. }))
                if release == "9.8.7" && *found == newer);
            assert!(named, "{error:?}");
        }
        assert!(!back.exists());
        assert_eq!(std::fs::read_to_string(to.join(MANIFEST)).unwrap(), later, "it stays as it is");
    }
}

#[test]
fn a_damaged_table_leaves_the_backup_before() {
    let folder = tempfile::tempdir().unwrap();
    let (data, to) = (data(folder.path()), folder.path().join("backup"));
    let first = taken(&data, &to);
    std::fs::write(data.join(TABLE), [b'x'; 8_192]).unwrap();
    std::fs::remove_file(data.join("table.sqlite-wal")).ok();
    let to_table = take(&data, &to, String::new(), 5);
    assert!(matches!(to_table, Err(BackupError::Table { .. })), "{to_table:?}");
    assert_eq!(restore(&to, &folder.path().join("back")).unwrap(), first.manifest);
}

#[test]
fn a_manifest_leads_out_of_no_folder() {
    for path in ["table.sqlite", "files/buckets/b/0a/0a12", "advice.json"] {
        assert!(is_inside(path), "{path}");
    }
    for path in ["", "/etc/passwd", "../x", "bus/../../x", "lock", "endpoint.json", "scratch/1/x", "table.sqlite-wal"] {
        assert!(!is_inside(path), "{path}");
    }
}

#[test]
fn neither_folder_is_inside_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    for to in [data.join("backup"), data.clone(), folder.path().to_owned()] {
        assert!(matches!(take(&data, &to, String::new(), 5), Err(BackupError::Inside(..))), "{}", to.display());
    }
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "mine").unwrap();
    assert!(matches!(take(&data, &other, String::new(), 5), Err(BackupError::NotABackup(_))));
    assert!(matches!(restore(&other, &folder.path().join("back")), Err(BackupError::NoBackup(_))));
    assert!(matches!(take(&other, &folder.path().join("b"), String::new(), 5), Err(BackupError::NoFolder(_))));
}
