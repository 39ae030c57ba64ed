//! Data folders of earlier releases start in this one, and one of a later release is refused by name.
//!
//! `tests/program/folders/format-N.tar.gz` has a small folder of format N, as the last release with that format left it,
//! with what one must know of it (`about.json`). A new format adds its folder:
//!
//! ```sh
//! cargo test --workspace --test program -- --ignored folders::keep_a_folder_of_this_format
//! ```

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use vestibule_program_tests::{Client, Folder, Tenant, enrollment, event, now};

/// The largest that a kept folder may be, in bytes.
const MOST_BYTES: u64 = 250_000;
/// Enrollments in a kept folder.
const ENROLLMENTS: u64 = 6;

fn kept(format: u64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("folders/format-{format}.tar.gz"))
}

fn tar(arguments: &[&str], at: &Path) {
    let done = Command::new("tar").args(arguments).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The format of this release.
fn ours(folder: &Folder) -> u64 {
    let said = folder.run(&["doctor"]).stdout;
    serde_json::from_str::<Value>(&said).unwrap()["format"].as_u64().unwrap()
}

#[tokio::test]
async fn folders_of_all_releases_start() {
    let newest = ours(&Folder::new());
    assert!(newest >= 1);
    for format in 1..=newest {
        let archive = kept(format);
        let size = std::fs::metadata(&archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display())).len();
        assert!(size < MOST_BYTES, "{}: {size} bytes", archive.display());
        let folder = Folder::new();
        tar(&["-xzf", archive.to_str().unwrap()], &folder.beside(""));
        let about: Value = serde_json::from_slice(&std::fs::read(folder.beside("about.json")).unwrap()).unwrap();
        let text = |member: &str| about[member].as_str().unwrap().to_owned();
        let contoso = Tenant { name: "contoso".to_owned(), secret: text("secret"), admin: text("admin") };
        let file = text("file");

        // The settings, every stored enrollment that has not expired since, and the published file.
        let settings = folder.json(&["tenant", "set", "contoso"])["settings"].clone();
        assert_eq!((&settings["timeZone"], &settings["retentionDays"]), (&json!("Europe/Berlin"), &json!(400)));
        let verified = folder.json(&["verify"]);
        assert_eq!((&verified["ok"], &verified["tenants"][0]["files"]), (&json!(true), &json!(1)), "{verified}");
        // Its enrollments expire some day, a while after their retention.
        let may_be_gone = now().to_string() >= text("expires");
        let enrollments = verified["tenants"][0]["enrollments"].as_u64().unwrap();
        assert!(enrollments == ENROLLMENTS || may_be_gone, "{verified}");
        let serve = folder.serve();
        let api = Client::new(&serve.url, &contoso.admin);
        let link = api.json(&format!("/api/reports/files/{file}/link")).await["url"].as_str().unwrap().to_owned();
        let published = reqwest::get(format!("{}{link}", serve.url)).await.unwrap().bytes().await.unwrap();
        assert_eq!(published.len() as u64, about["bytes"].as_u64().unwrap());

        // Senders and people go on, and the next file is of this release.
        let event = enrollment("later", "enrollment.started", now(), "LATER0001");
        assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
        let exported = folder.json(&["export", "contoso"]);
        let attempts = exported["rows"]["attempts"].as_u64().unwrap();
        assert!(attempts == about["attempts"].as_u64().unwrap() + 1 || may_be_gone, "{exported}");
        let mark =
            || -> Value { serde_json::from_slice(&std::fs::read(folder.data().join("format.json")).unwrap()).unwrap() };
        assert_eq!(mark()["format"], format, "the release before can still be run again");
        assert_eq!(folder.json(&["format", "show"])["format"], format);

        // The move to the next format, beside a `serve`.
        let moved = folder.json(&["format", "set", &newest.to_string()]);
        assert_eq!((&moved["format"], &moved["behind"]), (&json!(newest), &json!([])), "{moved}");
        assert_eq!(mark()["format"], newest);
        let rebuilt = folder.json(&["rebuild", "contoso"]);
        assert_eq!(rebuilt["rows"]["attempts"], attempts, "{rebuilt}");
        assert!(format == newest || folder.fails(&["format", "set", &format.to_string()]).contains("restore a backup"));
        assert_eq!(serve.terminate().code(), Some(0));
        assert_eq!(folder.serve().terminate().code(), Some(0));
        assert_eq!(mark()["format"], newest);
    }
}

#[tokio::test]
async fn a_folder_of_a_later_release_is_refused_by_name_and_stays_as_it_is() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let mark = folder.data().join("format.json");
    let later = json!({"format": ours(&folder) + 1, "release": "9.8.7"}).to_string();
    std::fs::write(&mark, &later).unwrap();
    let table = std::fs::read(folder.data().join("table.sqlite")).unwrap();
    let backup = folder.beside("backup");
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["tenant", "list"],
        &["tenant", "add", "fabrikam"],
        &["verify"],
        &["backup", backup.to_str().unwrap()],
    ] {
        let problem = folder.fails(arguments);
        assert!(problem.contains("made by vestibule 9.8.7") && problem.contains("upgrade"), "{problem}");
    }
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), later);
    assert_eq!(std::fs::read(folder.data().join("table.sqlite")).unwrap(), table);
    // Also for a command beside a newer `serve` that has replaced the folder's mark.
    std::fs::remove_file(&mark).unwrap();
    let serve = folder.serve();
    std::fs::write(&mark, later).unwrap();
    assert!(folder.fails(&["tenant", "list"]).contains("9.8.7"));
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn a_folder_is_of_this_release_once_a_command_that_may_change_it_has_opened_it() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let mark = folder.data().join("format.json");
    let ours = std::fs::read_to_string(&mark).unwrap();
    let release: Value = serde_json::from_str(&ours).unwrap();
    let earlier = json!({"format": 1, "release": "0.0.1"}).to_string();
    // The format is the operator's to raise.
    let ours = json!({"format": 1, "release": release["release"]}).to_string();
    std::fs::write(&mark, &earlier).unwrap();
    let is_earlier = |what: &str| assert_eq!(std::fs::read_to_string(&mark).unwrap(), earlier, "{what}");
    // Who only looks leaves the folder to the release that it is of.
    for arguments in [
        &["tenant", "list"][..],
        &["token", "list", "contoso"],
        &["token", "sessions", "contoso"],
        &["source", "list", "contoso"],
        &["graph", "list", "contoso"],
        &["format", "show"],
        &["verify"],
        &["doctor"],
        &["backup", folder.beside("backup").to_str().unwrap()],
    ] {
        folder.run(arguments);
        is_earlier(&arguments.join(" "));
    }
    // So does who cannot open it, or cannot serve it.
    let table = folder.data().join("table.sqlite");
    let kept = std::fs::read(&table).unwrap();
    std::fs::write(&table, [b'x'; 8_192]).unwrap();
    folder.fails(&["tenant", "set", "contoso", "retentionDays=30"]);
    is_earlier("a table that is damaged");
    std::fs::write(&table, kept).unwrap();
    let advice = folder.data().join("advice.json");
    std::fs::write(&advice, "no advice").unwrap();
    folder.fails(&["tenant", "set", "contoso", "retentionDays=30"]);
    folder.fails(&["serve", "--listen", "127.0.0.1:0"]);
    is_earlier("advice that cannot be read");
    std::fs::remove_file(advice).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    folder.fails(&["serve", "--listen", &taken.local_addr().unwrap().to_string()]);
    is_earlier("an address that is in use");

    folder.json(&["tenant", "set", "contoso", "retentionDays=30"]);
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), ours);
    std::fs::write(&mark, &earlier).unwrap();
    assert_eq!(folder.serve().terminate().code(), Some(0));
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), ours);
}

/// Makes the folder that the first test opens, once for each format, before a release with that format is published.
#[tokio::test]
#[ignore = "it makes a file of the repository"]
async fn keep_a_folder_of_this_format() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    folder.json(&["tenant", "set", "contoso", "timeZone=Europe/Berlin", "retentionDays=400"]);
    folder.json(&["source", "add", "contoso", "jamf"]);
    folder.json(&["token", "add", "contoso", "--label", "reader"]);
    let serve = folder.serve();
    let kinds = ["started", "enrolled", "failed", "step.entered", "registered", "unenrolled"];
    for (number, kind) in kinds.iter().enumerate() {
        let platform = ["ios", "macos", "windows"][number % 3];
        let data = json!({"device": {"serialNumber": format!("KEPT{number:04}"), "name": format!("Device {number}")},
            "user": {"principalName": "ada@contoso.example"}, "platform": platform,
            "action": "iOSProfileLaunch", "screen": "installProfile", "tags": {"department": "Sales"},
            "failure": {"reason": "It is not allowed", "code": "0x80180014"}});
        let event = event(&format!("k{number}"), &format!("enrollment.{kind}"), now(), &data);
        assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1, "{kind}");
    }
    let exported = folder.json(&["export", "contoso"]);
    assert_eq!(serve.terminate().code(), Some(0));
    std::fs::remove_dir_all(folder.data().join("reports")).unwrap();
    // As a backup has it: without free pages.
    let backup = folder.beside("backup");
    folder.json(&["backup", backup.to_str().unwrap()]);
    std::fs::remove_dir_all(folder.data()).unwrap();
    folder.json(&["restore", backup.to_str().unwrap()]);
    let retention = vestibule_domain::Millis::from_days(400);
    let about = json!({
        "secret": contoso.secret, "admin": contoso.admin, "file": exported["sha256"], "bytes": exported["sizeBytes"],
        "attempts": exported["rows"]["attempts"],
        // Before the first of its enrollments leaves the files and the table.
        "expires": (now() + retention).to_string(),
    });
    std::fs::write(folder.beside("about.json"), about.to_string()).unwrap();
    let archive = kept(ours(&folder));
    std::fs::create_dir_all(archive.parent().unwrap()).unwrap();
    let owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
    let archive = archive.to_str().unwrap().to_owned();
    tar(&[&owner[..], &["-I", "gzip -9", "-cf", &archive, "about.json", "data"]].concat(), &folder.beside(""));
}
