//! Macs being set up: the printed script as it runs, and what is advised where Jamf Pro is there too.

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use vestibule_program_tests::{Client, Folder};

fn settings(added: &Value) -> &str {
    added["settings"].as_str().unwrap()
}

/// The script by bash, curl and openssl. Only `ioreg` is made up: no other system has it.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_script_reports_a_set_up() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let added = folder.json(&["source", "add", "contoso", "script", "--url", &serve.url]);
    let (script, tools) = (folder.beside("vestibule.sh"), folder.beside("tools"));
    std::fs::write(&script, settings(&added)).unwrap();
    std::fs::create_dir(&tools).unwrap();
    let ioreg = tools.join("ioreg");
    std::fs::write(&ioreg, "#!/bin/sh\necho '    \"IOPlatformSerialNumber\" = \"C02SCRIPT01\"'\n").unwrap();
    std::fs::set_permissions(&ioreg, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let runs =
        |kind: &str| Command::new("bash").arg(&script).arg(kind).env("PATH", &path).output().unwrap().status.success();
    assert!(runs("started"));
    let api = Client::new(&serve.url, &contoso.admin);
    let status = api.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["devices"], &status["inProgress"]), (&json!(1), &json!(1)), "{status}");
    assert!(runs("enrolled"));
    let status = api.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["devices"], &status["enrolled"]), (&json!(1), &json!(1)), "{status}");
    // Without its secret it says that it was refused.
    let wrong = settings(&added).replace(added["secret"].as_str().unwrap(), "wrong");
    std::fs::write(&script, wrong).unwrap();
    assert!(!runs("started"));
}

#[test]
fn a_compliance_source_may_be_called_as_people_call_it() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let named = |called: &str| {
        let set = folder.json(&["tenant", "set", "contoso", &format!("complianceSource={called}")]);
        set["settings"]["complianceSource"].clone()
    };
    for (called, source) in [
        ("setup-manager", "jamf:setupManager"),
        ("Jamf:Webhooks", "jamf:webhooks"),
        ("https://mdm.contoso.example/", "https://mdm.contoso.example/"),
    ] {
        assert_eq!(named(called), source);
    }
    let problem = folder.fails(&["tenant", "set", "contoso", "complianceSource=enrollment-events"]);
    assert!(problem.contains("complianceSource: must be the source that this sender's events bring"), "{problem}");
}

#[test]
fn beside_jamf_pro_the_sender_that_ends_later_is_to_be_named() {
    for (sender, source) in [("setup-manager", "jamf:setupManager"), ("script", "setup-script")] {
        let folder = Folder::new();
        folder.add_tenant("contoso");
        let command = format!("vestibule tenant set contoso complianceSource.macos={source}");
        assert_eq!(folder.json(&["source", "add", "contoso", sender]).get("advice"), None);
        assert_eq!(folder.json(&["source", "add", "contoso", "jamf"])["advice"], json!([command]));
        assert_eq!(folder.json(&["source", "add", "contoso", sender])["advice"], json!([command]));
        // The command as it is printed.
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let set = folder.json(&words);
        assert_eq!(set["settings"]["complianceSource"], json!({"macos": source}));
        assert_eq!(folder.json(&["source", "add", "contoso", sender]).get("advice"), None);
        let taken = folder.json(&["tenant", "set", "contoso", "complianceSource.macos="]);
        assert!(taken["settings"]["complianceSource"].is_null(), "{taken}");
        assert!(folder.fails(&["tenant", "set", "contoso", "complianceSource.beos=x"]).contains("beos is no platform"));
    }
}
