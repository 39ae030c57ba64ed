//! Erasing a person: nothing in the data folder names them afterwards, the counts are those of a store that never heard of
//! them, and they do not come back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use vestibule_domain::{Millis, TenantId};
use vestibule_host::{Host, Names};
use vestibule_program_tests::{Answer, Client, Folder, Serve, Tenant, event, eventually, now};
use vestibule_store::{Begun, LookBudget, OlderFiles, Store, Subject};

/// What must not be anywhere: in any spelling of letters.
const ADELE: [&str; 4] = ["adele", "vance", "zq9adele01", "zq9-udid-adele"];
const ADDRESS: &str = "adele.vance@contoso.example";

/// The events of one person on a device of their own, with a long message so that some are sealed.
fn adeles() -> Vec<Value> {
    let data = |more: Value| {
        let mut data = json!({
            "device": {"serialNumber": "ZQ9ADELE01", "udid": "zq9-udid-adele", "name": "Adele Vance's iPhone"},
            "user": {"principalName": ADDRESS}, "platform": "ios",
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let mut events = vec![event("a-start", "enrollment.started", ago(50), &data(json!({})))];
    for number in 0..40 {
        let message = format!("{number} {} of Adele Vance", "0123456789abcdef".repeat(8));
        let failure = json!({"failure": {"code": format!("0x{number:08x}"), "message": message}});
        events.push(event(&format!("a-{number}"), "enrollment.failed", ago(49), &data(failure)));
    }
    events
}

fn ago(minutes: i64) -> vestibule_domain::Timestamp {
    now() - Millis::from_minutes(minutes)
}

/// What others did: Ben on his own device, and before Adele on another.
fn others() -> Vec<Value> {
    let of = |id: &str, kind: &str, minutes: i64, serial: &str, user: &str| {
        let data = json!({"device": {"serialNumber": serial}, "user": {"principalName": user}, "platform": "ios"});
        event(id, kind, ago(minutes), &data)
    };
    vec![
        of("b-1", "enrollment.started", 48, "ZQ9BEN0001", "ben@contoso.example"),
        of("b-2", "enrollment.enrolled", 44, "ZQ9BEN0001", "ben@contoso.example"),
        of("s-1", "enrollment.started", 47, "ZQ9SHARED1", "ben@contoso.example"),
    ]
}

fn on_shared() -> Value {
    let data = json!({"device": {"serialNumber": "ZQ9SHARED1", "name": "Adele's loan"},
        "user": {"principalName": ADDRESS}, "platform": "ios"});
    event("s-2", "enrollment.started", ago(40), &data)
}

async fn post(serve: &Serve, tenant: &Tenant, events: &[Value]) -> Vec<String> {
    let answer = serve.sender(tenant).post_to("enrollment-events?backfill=true", &json!(events)).await;
    let answer = answer.ok(202);
    let status = |result: &Value| result["status"].as_str().unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(status).collect()
}

/// All files below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

/// Whether some bytes name somebody, in any spelling of letters.
fn names(bytes: &[u8]) -> bool {
    let small = bytes.to_ascii_lowercase();
    ADELE.iter().any(|name| memchr::memmem::find(&small, name.as_bytes()).is_some())
}

/// The same for what inflates from one of the first `places` places on.
fn names_deflated(bytes: &[u8], places: usize) -> bool {
    (0..bytes.len().min(places)).any(|at| {
        let inflated = miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes[at..], 1 << 20);
        names(&inflated.unwrap_or_else(|error| error.output))
    })
}

/// The same for a file: in clear, or deflated, or deflated and written as Base64 as the table does it.
fn file_names(bytes: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let runs = bytes.split(|byte| !is_base64(byte)).filter(|run| run.len() >= 16);
    let mut decoded = runs.filter_map(|run| STANDARD.decode(&run[..run.len() / 4 * 4]).ok());
    // What is deflated as a whole begins at the beginning of its file, after a few bytes of a header.
    names(bytes) || decoded.any(|run| names(&run) || names_deflated(&run, 16)) || names_deflated(bytes, 64)
}

/// The files that name somebody.
fn named_in(folder: &Folder) -> Vec<String> {
    let mut all = Vec::new();
    files(&folder.data(), &mut all);
    all.push(folder.beside("serve.log"));
    let named = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| file_names(&bytes));
    all.into_iter().filter(named).map(|path| path.display().to_string()).collect()
}

/// The numbers that people look at.
async fn counts(serve: &Serve, tenant: &Tenant) -> Value {
    let api = Client::new(&serve.url, &tenant.admin);
    let without_time = |mut answer: Value| {
        answer.as_object_mut().unwrap().remove("asOf");
        answer
    };
    let mut incomplete = without_time(api.json("/api/reports/incomplete-enrollments").await);
    incomplete.as_object_mut().unwrap().remove("corrections");
    json!([without_time(api.json("/api/devices/enrollment-status").await), incomplete])
}

#[tokio::test]
async fn nothing_in_the_folder_names_who_was_erased_beside_a_serve() {
    let folder = Folder::new();
    let (contoso, never) = (folder.add_tenant("contoso"), folder.add_tenant("never"));
    let serve = folder.serve();
    let (all, theirs) = (others(), adeles());
    // A file from before anything of them, or of a device that they used.
    post(&serve, &contoso, &all[..2]).await;
    let without = folder.json(&["export", "contoso"]);
    assert!(post(&serve, &contoso, &theirs).await.iter().all(|status| status == "accepted"));
    post(&serve, &contoso, &all[2..]).await;
    post(&serve, &contoso, &[on_shared()]).await;
    post(&serve, &never, &all).await;
    // Two files that name them, a copy of each, and the copy that answers.
    let first = folder.json(&["export", "contoso"]);
    let second = folder.json(&["export", "contoso"]);
    counts(&serve, &contoso).await;
    let before = named_in(&folder);
    for place in ["table.sqlite", "files/buckets", "events.ndjson", "reports/contoso", "scratch"] {
        assert!(before.iter().any(|named| named.contains(place)), "{place}: {before:?}");
    }
    let kept = folder.json(&["export-person", "contoso", "--user", ADDRESS]);
    let devices = kept["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2, "{kept}");
    assert_eq!(devices.iter().map(|one| one["events"].as_array().unwrap().len()).sum::<usize>(), theirs.len() + 1);

    let erased = folder.json(&["erase", "contoso", "--user", "Adele.Vance@Contoso.example"]);
    assert_eq!((&erased["enrollments"], &erased["shared"]), (&json!(1), &json!(1)), "{erased}");
    assert_eq!(erased["events"], json!(theirs.len() + 1));
    assert_eq!(named_in(&folder), Vec::<String>::new());

    // The counts are those of a store that never heard of them, now and in the next file.
    assert_eq!(counts(&serve, &contoso).await, counts(&serve, &never).await);
    let (file, of_never) = (folder.json(&["export", "contoso"]), folder.json(&["export", "never"]));
    for table in ["attempts", "enrollments", "attempt_events", "failures"] {
        assert_eq!(file["rows"][table], of_never["rows"][table], "{table}");
    }
    // Older files are there, as of the same instants, and are others.
    let api = Client::new(&serve.url, &contoso.admin);
    let listed = api.json("/api/reports/files").await["files"].as_array().unwrap().clone();
    for old in [&first, &second] {
        let again = listed.iter().find(|file| file["asOf"] == old["asOf"]).unwrap_or_else(|| panic!("{listed:?}"));
        assert_ne!(again["id"], old["sha256"]);
        assert_eq!(again["rows"]["attempts"], of_never["rows"]["attempts"]);
    }
    assert!(
        listed.iter().any(|file| file["id"] == without["sha256"]),
        "a file that never named them stays: {listed:?}"
    );
    let corrected = listed.iter().find(|file| file["id"] == erased["file"]).unwrap();
    // Ben's first attempt on the shared device ends otherwise without Adele's, and that is a correction with a name.
    let ends: Vec<&Value> = corrected["corrected"].as_array().unwrap().iter().map(|one| &one["to"]).collect();
    assert!(ends.iter().any(|end| **end == "erased") && !ends.iter().any(|end| **end == "gone"), "{corrected}");
    assert_eq!(folder.json(&["verify"])["ok"], true);

    // Nobody brings them back; what happens later is new.
    assert!(post(&serve, &contoso, &theirs).await.iter().all(|status| status == "erased"));
    assert_eq!(post(&serve, &contoso, &[on_shared()]).await, ["erased"]);
    assert_eq!(post(&serve, &contoso, &all).await, ["duplicate"; 3]);
    assert_eq!(counts(&serve, &contoso).await, counts(&serve, &never).await);
    assert_eq!(named_in(&folder), Vec::<String>::new());
    let mut later = theirs[0].clone();
    (later["time"], later["id"]) = (json!(now().to_string()), json!("later"));
    assert_eq!(post(&serve, &contoso, &[later]).await, ["accepted"]);
    assert_eq!(serve.terminate().code(), Some(0));
}

#[tokio::test]
async fn nothing_in_the_folder_names_who_was_erased_without_a_serve() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    post(&serve, &contoso, &adeles()).await;
    post(&serve, &contoso, &others()).await;
    assert_eq!(serve.terminate().code(), Some(0));
    let old = folder.json(&["export", "contoso"]);
    assert!(!named_in(&folder).is_empty());
    let erased = folder.json(&["erase", "contoso", "--device", "zq9adele01", "--older-files", "remove"]);
    assert_eq!((&erased["enrollments"], &erased["subject"]), (&json!(1), &json!("device")), "{erased}");
    assert_eq!(named_in(&folder), Vec::<String>::new());
    let serve = folder.serve();
    let listed = Client::new(&serve.url, &contoso.admin).json("/api/reports/files").await;
    let files = listed["files"].as_array().unwrap();
    assert!(files.len() == 1 && files[0]["id"] == erased["file"] && files[0]["asOf"] != old["asOf"], "{listed}");
    assert!(post(&serve, &contoso, &adeles()[..1]).await == ["erased"]);
    assert!(folder.fails(&["erase", "nobody", "--user", "x@y.example"]).contains("no tenant nobody"));
    folder.fails(&["erase", "contoso"]);
}

#[tokio::test]
async fn administrators_erase_over_the_api_and_others_may_not() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    post(&serve, &contoso, &adeles()).await;
    folder.json(&["export", "contoso"]);
    let token = |arguments: &[&str]| {
        let added = folder.json(&[&["token", "add", "contoso"], arguments].concat());
        Client::new(&serve.url, added["token"].as_str().unwrap())
    };
    let erase = async |client: &Client| {
        let request = client.request(Method::POST, "/api/erasures").json(&json!({"user": ADDRESS}));
        Answer::of(request.send().await.unwrap()).await
    };
    for client in [token(&[]), token(&["--role", "admin", "--scope-tag", "US"])] {
        erase(&client).await.problem(403);
        client.get(&format!("/api/person?user={ADDRESS}")).await.problem(403);
        client.get("/api/erasures").await.problem(403);
    }
    let admin = Client::new(&serve.url, &contoso.admin);
    let kept = admin.json(&format!("/api/person?user={ADDRESS}")).await;
    assert_eq!(kept["devices"].as_array().unwrap().len(), 1);
    let erased = erase(&admin).await.ok(202);
    assert_eq!(erased["erasure"]["enrollments"], 1, "{erased}");
    let record = eventually("the erasure has ended", async || {
        let listed = admin.json("/api/erasures").await["erasures"][0].clone();
        (listed["ended"] == true).then_some(listed)
    })
    .await;
    assert_eq!(record["erasure"], erased["erasure"]);
    assert_eq!(named_in(&folder), Vec::<String>::new());
    assert_eq!(admin.json(&format!("/api/person?user={ADDRESS}")).await["devices"], json!([]));
}

/// A request had no time to find them, and the process that was to go on has ended.
#[tokio::test]
async fn who_is_searched_for_is_found_by_the_next_serve() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    post(&serve, &contoso, &adeles()).await;
    post(&serve, &contoso, &others()).await;
    post(&serve, &contoso, &[on_shared()]).await;
    folder.json(&["export", "contoso"]);
    assert_eq!(serve.terminate().code(), Some(0));
    let names =
        Names { table: "vestibule".to_owned(), bucket: "vestibule-reports".to_owned(), bus: "vestibule".to_owned() };
    let mut host = Host::start(&folder.data(), &names).await.unwrap();
    let store = Store::new(host.clients.dynamodb.clone(), "vestibule");
    let tenant = store.tenant(&TenantId::parse("contoso").unwrap()).await.unwrap().unwrap();
    let (subject, of) = (Subject::User(ADDRESS.to_owned()), ("x", "operator"));
    let mut budget = LookBudget::new(1, &|| true);
    let begun = store.erase_within(&tenant, &subject, OlderFiles::Rebuild, of, &mut budget, now()).await.unwrap();
    assert!(matches!(begun, Begun::Searching(_)), "{begun:?}");
    host.stop().await.unwrap();
    let said = folder.json(&["doctor"]);
    let open = said["findings"].as_array().unwrap().iter().find(|one| one["check"] == "erasures").unwrap();
    assert!(open["says"].as_str().unwrap().contains("which searches for whom it is about"), "{open}");

    let serve = folder.serve();
    let listed = async |serve: &Serve| {
        Client::new(&serve.url, &contoso.admin).json("/api/erasures").await["erasures"][0].clone()
    };
    eventually("they are found", async || {
        let found = listed(&serve).await;
        (found["erasure"]["events"] == json!(adeles().len() + 1)).then_some(())
    })
    .await;
    // The tick requests that file within a quarter of an hour.
    folder.json(&["export", "contoso"]);
    eventually("the erasure has ended", async || (listed(&serve).await["ended"] == true).then_some(())).await;
    assert_eq!(named_in(&folder), Vec::<String>::new());
}

#[tokio::test]
async fn a_removed_tenant_is_gone_and_the_others_stay() {
    let folder = Folder::new();
    let (contoso, fabrikam) = (folder.add_tenant("contoso"), folder.add_tenant("fabrikam"));
    let serve = folder.serve();
    post(&serve, &contoso, &adeles()).await;
    post(&serve, &fabrikam, &others()).await;
    folder.json(&["export", "contoso"]);
    folder.json(&["export", "fabrikam"]);
    assert!(folder.fails(&["tenant", "remove", "contoso"]).contains("nothing was removed"));
    assert!(folder.fails(&["tenant", "remove", "nobody", "--yes"]).contains("no tenant nobody"));
    let before = counts(&serve, &fabrikam).await;
    let removed = folder.json(&["tenant", "remove", "contoso", "--yes"]);
    assert!(removed["items"].as_u64().unwrap() > 3 && removed["objects"] == 4, "{removed}");
    assert_eq!(named_in(&folder), Vec::<String>::new());
    assert_eq!(serve.sender(&contoso).post(&others()[0]).await.status, 401);
    assert_eq!(Client::new(&serve.url, &contoso.admin).get("/api/tenant").await.status, 401);
    assert_eq!(counts(&serve, &fabrikam).await, before);
    assert_eq!(folder.json(&["verify"])["ok"], true);
    let listed = folder.json(&["tenant", "list"]);
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 1);
    // The name is free again, and begins with nothing.
    let again = folder.add_tenant("contoso");
    assert_eq!(post(&serve, &again, &others()).await, ["accepted"; 3]);
}

/// The erasure of one cannot remove the copies that `export` made; that of the other ends all the same.
#[tokio::test]
async fn a_tenant_whose_erasure_fails_does_not_keep_the_others_from_ending() {
    let folder = Folder::new();
    let (alpha, beta) = (folder.add_tenant("alpha"), folder.add_tenant("beta"));
    let serve = folder.serve();
    for tenant in [&alpha, &beta] {
        assert!(post(&serve, tenant, &adeles()).await.iter().all(|status| status == "accepted"));
        folder.json(&["export", &tenant.name]);
    }
    let copies = folder.data().join("reports/alpha");
    std::fs::remove_dir_all(&copies).unwrap();
    std::fs::write(&copies, "not a folder").unwrap();
    std::fs::set_permissions(&copies, std::fs::Permissions::from_mode(0o600)).unwrap();
    let admin = Client::new(&serve.url, &alpha.admin);
    let request = admin.request(Method::POST, "/api/erasures").json(&json!({"user": ADDRESS}));
    Answer::of(request.send().await.unwrap()).await.ok(202);
    folder.json(&["erase", "beta", "--user", ADDRESS]);
    let ended = async || admin.json("/api/erasures").await["erasures"][0]["ended"].clone();
    assert_eq!(ended().await, false);
    eventually("the log names it", async || {
        let log = std::fs::read_to_string(folder.beside("serve.log")).unwrap();
        log.lines().any(|line| line.contains("could not be ended") && line.contains("alpha")).then_some(())
    })
    .await;

    // Until then a backup waits, and `doctor` shows it.
    let backup = folder.beside("backup");
    let backup = backup.to_str().unwrap();
    let mut command = folder.command(&["backup", backup]);
    let mut waiting = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let said = folder.json(&["doctor"]);
    let open: Vec<&Value> =
        said["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "erasures").collect();
    assert_eq!((open.len(), &open[0]["grade"]), (1, &json!("look")), "{said}");
    assert!(open[0]["says"].as_str().unwrap().contains("alpha"), "{said}");
    assert!(waiting.try_wait().unwrap().is_none(), "a backup was taken beside an erasure");
    std::fs::remove_file(&copies).unwrap();
    eventually("it has ended", async || (ended().await == true).then_some(())).await;
    assert_eq!(named_in(&folder), Vec::<String>::new());
    let taken = waiting.wait_with_output().unwrap();
    let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
    assert_eq!(taken["erasuresUnderWay"], 0, "{taken}");
    let elsewhere = Folder::new();
    elsewhere.json(&["restore", backup]);
    assert_eq!(named_in(&elsewhere), Vec::<String>::new());
    assert_eq!(elsewhere.json(&["verify"])["ok"], true);
    assert_eq!(folder.json(&["doctor"])["ok"], true);
}

/// Two enrollments of one device were merged since an older file was made: what others did stays in it.
#[tokio::test]
async fn an_older_file_keeps_the_others_of_a_device_that_was_merged_since() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let of = |id: &str, kind: &str, minutes: i64, device: Value, user: &str| {
        event(id, kind, ago(minutes), &json!({"device": device, "user": {"principalName": user}, "platform": "ios"}))
    };
    let [udid, serial] = [json!({"udid": "zq9-udid-shared"}), json!({"serialNumber": "ZQ9SHARED1"})];
    let both = json!({"udid": "zq9-udid-shared", "serialNumber": "ZQ9SHARED1"});
    let ben = "ben@contoso.example";
    let apart = [
        of("1", "enrollment.started", 50, udid.clone(), ben),
        of("2", "enrollment.enrolled", 48, udid.clone(), ben),
        of("3", "enrollment.started", 40, udid, ADDRESS),
    ];
    assert_eq!(post(&serve, &contoso, &apart).await, ["accepted"; 3]);
    let old = folder.json(&["export", "contoso"]);
    assert_eq!((&old["rows"]["enrollments"], &old["rows"]["attempts"]), (&json!(1), &json!(2)), "{old}");
    // The serial number is the better key, so what the older file has lies at another one now.
    for (id, device) in [("4", serial), ("5", both)] {
        assert_eq!(post(&serve, &contoso, &[of(id, "enrollment.started", 0, device, ben)]).await, ["accepted"]);
    }
    let newer = folder.json(&["export", "contoso"]);
    assert_eq!(newer["rows"]["enrollments"], 1, "{newer}");
    let erased = folder.json(&["erase", "contoso", "--user", ADDRESS]);
    assert_eq!((&erased["shared"], &erased["events"]), (&json!(1), &json!(1)), "{erased}");
    let listed = Client::new(&serve.url, &contoso.admin).json("/api/reports/files").await["files"].clone();
    let again = |file: &Value| listed.as_array().unwrap().iter().find(|one| one["asOf"] == file["asOf"]).cloned();
    let (old, newer) = (again(&old).unwrap(), again(&newer).unwrap());
    assert_eq!((&old["rows"]["enrollments"], &old["rows"]["attempts"]), (&json!(1), &json!(1)), "{old}");
    assert_eq!(newer["rows"]["enrollments"], 1, "{newer}");
    let named = named_in(&folder);
    assert!(named.is_empty(), "{named:?}");
}
