//! A backup is a whole although senders post meanwhile; a restored folder gives the file that the original gives; what is
//! damaged or of a later release is refused.

use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use vestibule_domain::Timestamp;
use vestibule_program_tests::{Client, Folder, Tenant, enrollment, event, eventually, now};

const SENDERS: usize = 3;

/// Has the tenant's file built as of an instant, as the nightly request does, and returns its entry in the list.
async fn file_as_of(folder: &Folder, tenant: &Tenant, as_of: Timestamp) -> Value {
    let detail = json!({"tenant": tenant.name, "asOf": as_of.to_string(), "reason": "operator"});
    let request = json!({"id": "1", "source": "vestibule", "detail-type": "ReportExportRequested", "detail": detail});
    let mut log = std::fs::File::options().append(true).open(folder.data().join("bus/events.ndjson")).unwrap();
    writeln!(log, "{request}").unwrap();
    // What was published and not delivered is delivered before a command ends.
    folder.json(&["sweep"]);
    let serve = folder.serve();
    let files = Client::new(&serve.url, &tenant.admin).json("/api/reports/files").await;
    assert_eq!(serve.terminate().code(), Some(0));
    let newest = files["files"][0].clone();
    assert_eq!(newest["asOf"], as_of.to_string(), "{files}");
    newest
}

/// A new folder with what a backup has.
fn restored(backup: &str) -> Folder {
    let elsewhere = Folder::new();
    elsewhere.json(&["restore", backup]);
    elsewhere
}

/// The attempts of a tenant's file as it is now, by enrollment.
fn attempts(folder: &Folder, tenant: &str) -> BTreeMap<String, Vec<String>> {
    let exported = folder.json(&["export", tenant]);
    let file = Connection::open(exported["path"].as_str().unwrap()).unwrap();
    let mut select = file.prepare("SELECT enrollment_key, * FROM enrollment_attempts").unwrap();
    let columns = select.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let cells = (1..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).map(|cell| format!("{cell:?}")));
        Ok((row.get(0)?, cells.collect::<Result<_, _>>()?))
    };
    select.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

/// All files under a folder.
fn files(of: &Path) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    inside.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The same of a folder from which some go meanwhile.
fn served(of: &Path) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(of).into_iter().flatten().flatten().map(|entry| entry.path());
    inside.flat_map(|path| if path.is_dir() { served(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn taken_under_load_and_restored_elsewhere_it_gives_the_same_file() {
    let folder = Folder::new();
    let (quiet, busy) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let serve = folder.serve();
    for number in 0..40 {
        let data = json!({"device": {"serialNumber": format!("QUIET{number:04}"), "name": "Ada's iPhone"},
            "user": {"principalName": "ada@contoso.example"}, "platform": "ios"});
        let kind = ["enrollment.started", "enrollment.enrolled", "enrollment.failed"][number % 3];
        let event = event(&format!("q{number}"), kind, now(), &data);
        assert_eq!(serve.sender(&quiet).post(&event).await.status, 202);
    }
    let (stop, posted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|task| {
            let (sender, stop, posted) = (serve.sender(&busy), Arc::clone(&stop), Arc::clone(&posted));
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    let serial = format!("busy-{task}-{number:05}");
                    let event = enrollment(&serial, "enrollment.started", now(), &serial);
                    assert_eq!(sender.try_post(&event).await, Some(202));
                    number += 1;
                    posted.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let reaches = async |number: usize| {
        eventually("events are posted", async || (posted.load(Ordering::SeqCst) >= number).then_some(())).await;
    };
    reaches(60).await;
    let backup = folder.beside("backup");
    let backup = backup.to_str().unwrap();
    let before = posted.load(Ordering::SeqCst);
    let taken = tokio::task::block_in_place(|| folder.json(&["backup", backup]));
    let after = posted.load(Ordering::SeqCst);
    assert!(after > before, "nothing was posted while the backup was taken");
    reaches(after + 20).await;
    stop.store(true, Ordering::SeqCst);
    for sender in senders {
        sender.await.unwrap();
    }
    assert_eq!(serve.terminate().code(), Some(0));

    // Each table is one of an instant: what a sender had acknowledged before its last event there is there as well.
    let elsewhere = restored(backup);
    assert_eq!(elsewhere.json(&["verify"])["ok"], true);
    let (here, there) = (attempts(&folder, "fabrikam"), attempts(&elsewhere, "fabrikam"));
    assert!((before..=after).contains(&there.len()), "{before} <= {} <= {after}", there.len());
    for task in 0..SENDERS {
        let own: Vec<&String> = there.keys().filter(|key| key.starts_with(&format!("busy-{task}-"))).collect();
        let without_a_gap: Vec<String> = (0..own.len()).map(|number| format!("busy-{task}-{number:05}")).collect();
        assert_eq!(own, without_a_gap.iter().collect::<Vec<_>>());
    }
    assert!(there.iter().all(|(key, row)| here.get(key) == Some(row)), "each attempt is what it is here");

    // The same instant, and what was stored by then: the same file, to the byte.
    let at = now();
    let (ours, theirs) = (file_as_of(&folder, &quiet, at).await, file_as_of(&elsewhere, &quiet, at).await);
    assert_eq!((&ours["id"], &ours["rows"]), (&theirs["id"], &theirs["rows"]));
    assert_eq!(ours["rows"]["attempts"], 40);
    let again = folder.json(&["backup", backup]);
    assert!(again["newBytes"].as_u64() < again["bytes"].as_u64(), "{again}, after {taken}");
    let elsewhere = restored(backup);
    let at = now();
    let (ours, theirs) = (file_as_of(&folder, &busy, at).await, file_as_of(&elsewhere, &busy, at).await);
    assert_eq!((&ours["id"], &ours["rows"]), (&theirs["id"], &theirs["rows"]));

    // Senders and people go on there.
    let serve = elsewhere.serve();
    let event = enrollment("later", "enrollment.started", now(), "LATER0001");
    assert_eq!(serve.sender(&quiet).post(&event).await.ok(202)["accepted"], 1);
    assert_eq!(Client::new(&serve.url, &quiet.admin).get("/api/tenant").await.status, 200);

    // Nobody else can read it, and its manifest names no person and no device.
    let is_private = |path: &Path, found: &Metadata| {
        let mode = found.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    };
    let kept = files(Path::new(backup));
    assert!(kept.len() > 5, "{kept:?}");
    for path in kept {
        is_private(&path, &std::fs::metadata(&path).unwrap());
    }
    // A program serves there, and its scratch files come and go.
    for path in served(&elsewhere.data()) {
        if let Ok(found) = std::fs::metadata(&path) {
            is_private(&path, &found);
        }
    }
    let manifest = std::fs::read_to_string(Path::new(backup).join("manifest.json")).unwrap();
    for name in ["ada@", "Ada", "quiet0", "QUIET0", "busy-", "whsec_", quiet.admin.as_str()] {
        assert!(!manifest.contains(name), "{name}");
    }
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for member in ["format", "release", "sqlite", "reportSchema", "takenAt"] {
        assert!(!manifest[member].is_null(), "{member}");
    }
}

#[test]
fn what_differs_from_the_manifest_is_not_restored() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.json(&["export", "contoso"]);
    let backup = folder.beside("backup");
    let shown = backup.to_str().unwrap();
    folder.json(&["backup", shown]);
    let manifest = backup.join("manifest.json");
    let kept = std::fs::read(&manifest).unwrap();
    let elsewhere = Folder::new();

    // Any content, cut by a byte, flipped by a bit, or gone.
    for (turn, path) in files(&backup.join("content")).into_iter().enumerate() {
        let whole = std::fs::read(&path).unwrap();
        match turn % 3 {
            0 => std::fs::write(&path, &whole[..whole.len().saturating_sub(1)]).unwrap(),
            1 => std::fs::write(&path, [&whole[..], b" "].concat()).unwrap(),
            _ => std::fs::remove_file(&path).unwrap(),
        }
        let problem = elsewhere.fails(&["restore", shown]);
        assert!(problem.contains("damaged, and nothing was restored"), "{problem}");
        assert!(!elsewhere.data().exists(), "{}", path.display());
        std::fs::write(&path, whole).unwrap();
    }
    // A manifest that leads elsewhere, one of a later release, and none.
    let changed = |member: &str, value: Value| {
        let mut changed: Value = serde_json::from_slice(&kept).unwrap();
        changed[member] = value;
        std::fs::write(&manifest, changed.to_string()).unwrap();
        elsewhere.fails(&["restore", shown])
    };
    let mut list: Value = serde_json::from_slice::<Value>(&kept).unwrap()["files"].clone();
    list[0]["path"] = json!("../outside");
    assert!(changed("files", list).contains("../outside"));
    let later = changed("format", json!(99));
    assert!(later.contains("format 99") && later.contains("made by vestibule"), "{later}");
    std::fs::write(&manifest, "{").unwrap();
    assert!(elsewhere.fails(&["restore", shown]).contains("manifest.json"));
    std::fs::remove_file(&manifest).unwrap();
    assert!(elsewhere.fails(&["restore", shown]).contains("no finished backup"));
    assert!(!elsewhere.data().exists() && !elsewhere.beside("outside").exists());

    std::fs::write(&manifest, kept).unwrap();
    elsewhere.json(&["restore", shown]);
    assert!(elsewhere.fails(&["restore", shown]).contains("is not empty"));
    assert_eq!(elsewhere.json(&["tenant", "list"])["tenants"][0]["tenant"], "contoso");
    assert!(folder.fails(&["backup", folder.data().join("inside").to_str().unwrap()]).contains("inside"));
}
