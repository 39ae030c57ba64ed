//! `doctor`: each thing that is wrong is found, named, and comes with what to do.

use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use vestibule_program_tests::{Folder, enrollment, now};

/// What it says, with these variables in its environment; and whether it exits with 0.
fn asked(folder: &Folder, environment: &[(&str, &str)]) -> (bool, Value) {
    let mut command = folder.command(&["doctor"]);
    let output = command.envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(said["ok"], output.status.success());
    for finding in said["findings"].as_array().unwrap() {
        assert_eq!(finding["do"].is_string(), finding["grade"] != "ok", "{finding}");
    }
    (output.status.success(), said)
}

/// The findings of a check that are not fine.
fn wrong<'s>(said: &'s Value, check: &str) -> Vec<&'s Value> {
    let all = said["findings"].as_array().unwrap().iter();
    all.filter(|finding| finding["check"] == check && finding["grade"] != "ok").collect()
}

/// Checks that exactly this is to be mended, and that the text names it.
fn only(said: &Value, check: &str, named: &str) {
    let failed = said["findings"].as_array().unwrap().iter().filter(|finding| finding["grade"] == "failed");
    let failed: Vec<_> = failed.collect();
    assert!(!failed.is_empty() && failed.iter().all(|finding| finding["check"] == check), "{said}");
    assert!(failed.iter().any(|finding| finding["says"].as_str().unwrap().contains(named)), "{named}: {said}");
}

#[tokio::test]
async fn a_sound_folder_has_nothing_to_mend() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let event = enrollment("e1", "enrollment.started", now(), "SERIAL0001");
    assert_eq!(serve.sender(&contoso).post(&event).await.ok(202)["accepted"], 1);
    folder.json(&["export", "contoso"]);
    let (fine, said) = asked(&folder, &[]);
    let all = said["findings"].as_array().unwrap();
    assert!(fine && all.iter().all(|finding| finding["grade"] == "ok"), "{said}");
    for check in
        ["owner", "modes", "space", "clock", "versions", "serve", "table", "files", "erasures", "senders", "issuer"]
    {
        assert!(all.iter().any(|finding| finding["check"] == check), "{check}: {said}");
    }
    assert_eq!(serve.terminate().code(), Some(0));
    let (fine, said) = asked(&folder, &[]);
    assert!(fine, "{said}");
    assert_eq!(wrong(&said, "serve")[0]["grade"], "look", "{said}");
}

#[test]
fn no_folder_is_named() {
    let folder = Folder::new();
    let (fine, said) = asked(&folder, &[]);
    assert!(!fine && !folder.data().exists());
    only(&said, "folder", folder.data().to_str().unwrap());
}

#[test]
fn what_others_can_read_and_what_another_owns_is_named() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let stream = folder.data().join("stream.json");
    std::fs::set_permissions(&stream, std::fs::Permissions::from_mode(0o644)).unwrap();
    only(&asked(&folder, &[]).1, "modes", stream.to_str().unwrap());
    std::fs::set_permissions(&stream, std::fs::Permissions::from_mode(0o600)).unwrap();
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: that a file of another account is named was not tried");
        return;
    }
    std::os::unix::fs::chown(&stream, Some(12_345), None).unwrap();
    only(&asked(&folder, &[]).1, "owner", stream.to_str().unwrap());
    std::os::unix::fs::chown(&stream, Some(0), None).unwrap();
    // Of another account as a whole: nothing in it is opened, since that would make files of ours there.
    std::os::unix::fs::chown(folder.data(), Some(12_345), None).unwrap();
    let (_, said) = asked(&folder, &[]);
    assert!(wrong(&said, "owner")[0]["do"].as_str().unwrap().contains("12345"), "{said}");
    assert!(wrong(&said, "table")[0]["says"].as_str().unwrap().contains("not looked at"), "{said}");
}

#[test]
fn files_of_a_time_to_come_and_a_later_release_are_named() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let bus = folder.data().join("bus/events.ndjson");
    let file = std::fs::File::options().append(true).open(&bus).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(7_200)).unwrap();
    only(&asked(&folder, &[]).1, "clock", bus.to_str().unwrap());
    file.set_modified(SystemTime::now()).unwrap();

    let format = folder.data().join("format.json");
    let ours: Value = serde_json::from_slice(&std::fs::read(&format).unwrap()).unwrap();
    std::fs::write(&format, json!({"format": ours["format"], "release": "0.0.9"}).to_string()).unwrap();
    let (fine, said) = asked(&folder, &[]);
    assert!(fine && wrong(&said, "versions")[0]["says"].as_str().unwrap().contains("0.0.9"), "{said}");
    std::fs::write(&format, json!({"format": 99, "release": "9.9.9"}).to_string()).unwrap();
    let (_, said) = asked(&folder, &[]);
    let found = wrong(&said, "versions")[0];
    assert!(found["grade"] == "failed" && found["do"].as_str().unwrap().contains("9.9.9"), "{said}");
    assert!(wrong(&said, "table")[0]["says"].as_str().unwrap().contains("not looked at"), "{said}");
}

#[test]
fn a_damaged_table_a_lost_file_and_what_was_set_aside_are_named() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    folder.json(&["export", "contoso"]);
    let buckets = folder.data().join("files/buckets/vestibule-reports");
    let objects =
        std::fs::read_dir(buckets).unwrap().flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    for object in objects {
        std::fs::remove_file(object.unwrap().path()).unwrap();
    }
    let letters = folder.data().join("bus/dead-letters.ndjson");
    std::fs::write(&letters, "{}\n").unwrap();
    std::fs::set_permissions(letters, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (_, said) = asked(&folder, &[]);
    only(&said, "files", "contoso");
    assert!(wrong(&said, "files")[0]["do"].as_str().unwrap().contains("vestibule rebuild contoso"), "{said}");
    assert_eq!(wrong(&said, "bus").len(), 1, "{said}");
    folder.json(&["rebuild", "contoso"]);

    // A page in the middle is overwritten.
    let table = folder.data().join("table.sqlite");
    let mut bytes = std::fs::read(&table).unwrap();
    let middle = bytes.len() / 4_096 / 2 * 4_096;
    bytes[middle..middle + 4_096].fill(0x5a);
    std::fs::write(&table, bytes).unwrap();
    let (fine, said) = asked(&folder, &[]);
    assert!(!fine && !wrong(&said, "table").is_empty(), "{said}");
}

#[test]
fn an_issuer_that_does_not_answer_is_named_in_time() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    // It accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", silent.local_addr().unwrap());
    let began = std::time::Instant::now();
    let (fine, said) = asked(&folder, &[("OIDC_ISSUER", &issuer), ("OIDC_CLIENT_ID", "vestibule")]);
    assert!(!fine && began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    only(&said, "issuer", &issuer);
    let (_, said) = asked(&folder, &[("OIDC_ISSUER", "http://127.0.0.1:1"), ("OIDC_CLIENT_ID", "vestibule")]);
    only(&said, "issuer", "http://127.0.0.1:1");
    // Nothing starts in an environment that is wrong.
    let (_, said) = asked(&folder, &[("OIDC_ISSUER", &issuer)]);
    assert!(wrong(&said, "issuer")[0]["says"].as_str().unwrap().contains("OIDC_CLIENT_ID"), "{said}");
    assert!(wrong(&said, "table")[0]["says"].as_str().unwrap().contains("not looked at"), "{said}");
}
