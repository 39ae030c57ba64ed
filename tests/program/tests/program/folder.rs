//! The data folder: who can read it, and what happens when a part of it is missing, broken or full.

use serde_json::json;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use vestibule_program_tests::{Client, Folder, enrollment, now};

/// A path and everything under it. What a program that runs removes meanwhile is left out.
fn all(path: &Path) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    std::iter::once(path.to_owned()).chain(inside.flat_map(|path| all(&path))).collect()
}

/// What was read, unless the file is gone.
fn there<T>(read: std::io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.unwrap()),
    }
}

/// Checks that only the owner can use what is there, and that all of `wanted` is.
fn is_private(folder: &Folder, wanted: &[&str]) {
    let found = all(&folder.data());
    for name in wanted {
        assert!(found.contains(&folder.data().join(name)), "{name} is not there: {found:?}");
    }
    for path in found {
        // The program that runs removes files that it needs for a moment.
        let Some(found) = there(std::fs::metadata(&path)) else { continue };
        let mode = found.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[tokio::test]
async fn only_its_owner_can_read_it() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
    Client::new(&serve.url, &contoso.admin).json("/api/reports/incomplete-enrollments").await;
    folder.json(&["export", "contoso"]);
    folder.json(&["source", "add", "contoso", "windows-esp", "--url", "https://hooks.example"]);
    let files = ["table.sqlite", "table.sqlite-wal", "table.sqlite-shm", "endpoint.json", "lock", "scratch"];
    is_private(&folder, &files);
    is_private(&folder, &["files/lock", "files/buckets/vestibule-reports", "reports/contoso", "senders"]);
    assert_eq!(serve.terminate().code(), Some(0));
    is_private(&folder, &["table.sqlite", "stream.json", "bus/events.ndjson", "bus/delivered"]);
}

#[test]
fn one_that_others_can_read_is_named_in_a_warning() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let warning = "others on this machine can read the data folder";
    assert!(!folder.run(&["tenant", "list"]).stderr.contains(warning));
    std::fs::set_permissions(folder.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = folder.run(&["tenant", "list"]).stderr;
    assert!(said.contains(warning) && said.contains(folder.data().to_str().unwrap()) && said.contains("755"), "{said}");
}

#[test]
fn a_mistyped_folder_is_an_error_and_is_not_made() {
    let folder = Folder::new();
    std::fs::write(folder.beside("body"), "{}").unwrap();
    let file = folder.beside("body");
    for arguments in [
        &["tenant", "list"][..],
        &["tenant", "set", "contoso"],
        &["token", "list", "contoso"],
        &["token", "link", "contoso"],
        &["token", "sessions", "contoso"],
        &["token", "end-sessions", "contoso", "--all"],
        &["secret", "rotate", "contoso"],
        &["source", "list", "contoso"],
        &["graph", "list", "contoso"],
        &["export", "contoso"],
        &["diagnose", "contoso", "--device", "x"],
        &["import", "contoso", file.to_str().unwrap()],
        &["sweep"],
        &["verify"],
        &["rebuild", "contoso"],
        &["backup", folder.beside("backup").to_str().unwrap()],
    ] {
        let problem = folder.fails(arguments);
        assert!(problem.contains(folder.data().to_str().unwrap()) && problem.contains("VESTIBULE_DATA"), "{problem}");
        assert!(!folder.data().exists(), "{arguments:?}");
    }
    // A folder of something else is none of ours either.
    std::fs::create_dir(folder.data()).unwrap();
    folder.fails(&["tenant", "list"]);
    assert_eq!(std::fs::read_dir(folder.data()).unwrap().count(), 0);
}

#[test]
fn the_environment_names_it() {
    let folder = Folder::new();
    let added = folder.run_by_environment(&["tenant", "add", "contoso"]);
    assert!(added.success, "{}", added.stderr);
    assert_eq!(folder.json(&["tenant", "list"])["tenants"][0]["tenant"], "contoso");
    let listed = folder.run_by_environment(&["tenant", "list"]);
    assert!(listed.success && listed.stdout.contains("contoso"), "{}", listed.stderr);
}

#[test]
fn a_lost_table_is_an_error() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.json(&["export", "contoso"]);
    let table = folder.data().join("table.sqlite");
    let backup = std::fs::read(&table).unwrap();
    let lose = |content: Option<&[u8]>| {
        for file in [table.clone(), table.with_extension("sqlite-wal"), table.with_extension("sqlite-shm")] {
            let _not_there = std::fs::remove_file(file);
        }
        if let Some(content) = content {
            std::fs::write(&table, content).unwrap();
        }
    };
    let other = folder.beside("other.sqlite");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (c)").unwrap();
    let other = std::fs::read(other).unwrap();
    for (what, content) in [("gone", None), ("empty", Some(&b""[..])), ("another database", Some(&other))] {
        lose(content);
        for arguments in
            [&["serve", "--listen", "127.0.0.1:0"][..], &["tenant", "list"], &["tenant", "add", "fabrikam"]]
        {
            let problem = folder.fails(arguments);
            assert!(problem.contains(table.to_str().unwrap()) && problem.contains("backup"), "{what}: {problem}");
        }
    }
    lose(Some(&[b'x'; 8192]));
    let problem = folder.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(problem.contains(table.to_str().unwrap()), "{problem}");
    lose(Some(&backup));
    assert_eq!(folder.json(&["tenant", "list"])["tenants"][0]["tenant"], "contoso");
}

#[test]
fn a_broken_part_is_named() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let stream = folder.data().join("stream.json");
    let kept = std::fs::read(&stream).unwrap();
    std::fs::write(&stream, "junk").unwrap();
    let problem = folder.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(problem.contains(stream.to_str().unwrap()), "{problem}");
    std::fs::write(&stream, kept).unwrap();

    let files = folder.data().join("files");
    std::fs::remove_dir_all(files.join("tmp")).unwrap();
    std::fs::write(files.join("tmp"), "in the way").unwrap();
    let problem = folder.fails(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(problem.contains(files.join("tmp").to_str().unwrap()), "{problem}");
}

#[tokio::test]
async fn a_full_disk_is_a_503_until_there_is_room() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    // The table has room; the copy of the report, which every question about reports needs, has not.
    let serve = folder.serve_with_files_up_to(800);
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
    let api = Client::new(&serve.url, &contoso.admin);
    for path in ["/api/reports/incomplete-enrollments", "/api/devices/enrollment-status", "/api/reports/coverage"] {
        let refused = api.get(path).await;
        refused.problem(503);
        assert!(refused.headers.contains_key("retry-after"), "{path}");
    }
    assert!(serve.log().contains("the disk is full, or fails"), "{}", serve.log());
    assert_eq!(serve.terminate().code(), Some(0));
    let serve = folder.serve();
    let report = Client::new(&serve.url, &contoso.admin).json("/api/reports/incomplete-enrollments").await;
    assert_eq!(report["initiated"], json!(1));
}
