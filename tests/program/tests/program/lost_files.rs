//! One lost, cut or flipped object of the newest report file: answers and the next file come from the table, by
//! themselves.

use serde_json::{Value, json};
use vestibule_program_tests::{Client, Folder, Serve, Tenant, enrollment, now};

async fn post(serve: &Serve, tenant: &Tenant, number: usize) {
    let event = enrollment(&format!("e{number}"), "enrollment.started", now(), &format!("SERIAL{number:04}"));
    assert_eq!(serve.sender(tenant).post(&event).await.ok(202)["accepted"], 1);
}

async fn initiated(serve: &Serve, tenant: &Tenant) -> Value {
    Client::new(&serve.url, &tenant.admin).json("/api/reports/incomplete-enrollments").await["initiated"].clone()
}

#[tokio::test]
async fn one_lost_object_ends_nothing() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("flipped in its middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
        ("flipped at its beginning", |bytes| bytes[3] ^= 1),
        ("flipped in its header", |bytes| bytes[14] ^= 0x40),
    ];
    let mut newest = folder.json(&["export", "contoso"])["sha256"].clone();
    let mut posted = 0;
    for (what, damage) in damages.into_iter().map(|(what, damage)| (what, Some(damage))).chain([("lost", None)]) {
        let path = folder.object("contoso", newest.as_str().unwrap(), "sqlite");
        match damage {
            Some(damage) => {
                let mut bytes = std::fs::read(&path).unwrap();
                damage(&mut bytes);
                std::fs::write(&path, bytes).unwrap();
            }
            None => std::fs::remove_file(&path).unwrap(),
        }
        let verified = folder.run(&["verify"]);
        assert!(!verified.success && !verified.stdout.is_empty(), "{what}: {}{}", verified.stdout, verified.stderr);
        let found: Value = serde_json::from_str(&verified.stdout).unwrap();
        let lost = &found["tenants"][0]["lost"];
        assert_eq!((&lost[0]["id"], &lost[0]["object"]), (&newest, &json!("file")), "{what}: {found}");

        // A new process has no copy of its own.
        let serve = folder.serve();
        posted += 1;
        post(&serve, &contoso, posted).await;
        assert_eq!(initiated(&serve, &contoso).await, posted, "{what}");
        let file = Client::new(&serve.url, &contoso.admin).next_file(&newest).await;
        assert_eq!(file["rows"]["attempts"], posted, "{what}: {file}");
        assert_eq!(initiated(&serve, &contoso).await, posted, "{what}");
        newest = file["id"].clone();
        assert_eq!(serve.terminate().code(), Some(0));
    }
    // The next one is whole; the lost ones are taken off the list by one command.
    let rebuilt = folder.json(&["rebuild", "contoso"]);
    assert_eq!((&rebuilt["filesForgotten"], &rebuilt["rows"]["attempts"]), (&json!(5), &json!(posted)), "{rebuilt}");
    let verified = folder.json(&["verify"]);
    assert_eq!((&verified["ok"], &verified["tenants"][0]["files"]), (&json!(true), &json!(2)), "{verified}");
    assert_eq!(verified["tenants"][0]["enrollments"], posted);
}

#[tokio::test]
async fn a_file_rebuilt_from_the_table_is_the_file() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    for number in 1..=5 {
        post(&serve, &contoso, number).await;
    }
    let exported = folder.json(&["export", "contoso"]);
    // What lies beside a file may be lost as well.
    let id = exported["sha256"].as_str().unwrap();
    let listed = Client::new(&serve.url, &contoso.admin).json("/api/reports/files").await["files"][0].clone();
    std::fs::remove_file(folder.object("contoso", id, "json")).unwrap();
    for (part, ending) in [("summary", "summary.sqlite"), ("reportHtml", "html")] {
        let path = folder.object("contoso", listed[part]["sha256"].as_str().unwrap(), ending);
        std::fs::write(path, "no object").unwrap();
    }
    let verified = folder.run(&["verify"]);
    let found: Value = serde_json::from_str(&verified.stdout).unwrap();
    let lost = found["tenants"][0]["lost"].as_array().unwrap();
    let objects: Vec<_> = lost.iter().map(|lost| lost["object"].as_str().unwrap()).collect();
    assert_eq!((verified.success, objects.as_slice()), (false, &["summary", "page", "manifest"][..]), "{found}");

    let rebuilt = folder.json(&["rebuild", "contoso"]);
    assert_eq!(rebuilt["rows"]["attempts"], exported["rows"]["attempts"]);
    assert_eq!(rebuilt["rows"]["events"], exported["rows"]["events"]);
    assert_eq!(folder.json(&["verify"])["ok"], true);
    let listed = Client::new(&serve.url, &contoso.admin).json("/api/reports/files").await;
    assert_eq!(listed["files"][0]["id"], rebuilt["sha256"]);
    assert_eq!((&listed["files"][1]["id"], listed["files"][1].get("summary")), (&json!(id), Some(&Value::Null)));
    assert!(folder.fails(&["rebuild", "nobody"]).contains("no tenant nobody"));
    assert_eq!(serve.terminate().code(), Some(0));
}
