//! Devices being set up: the printed script for Macs, the folder for Windows devices, and the advice when Jamf Pro
//! reports as well.

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use vestibule_program_tests::{Client, Folder};

fn settings(added: &Value) -> &str {
    added["settings"].as_str().unwrap()
}

/// Runs the script with bash, curl and openssl. Only `ioreg` is simulated, since no other system has it.
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
    // With a wrong secret, it reports that it was refused.
    let wrong = settings(&added).replace(added["secret"].as_str().unwrap(), "wrong");
    std::fs::write(&script, wrong).unwrap();
    assert!(!runs("started"));
}

#[test]
fn a_compliance_source_may_have_its_usual_name() {
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
fn with_jamf_pro_the_advice_is_to_name_the_sender_that_ends_later() {
    for (sender, source) in [("setup-manager", "jamf:setupManager"), ("script", "setup-script")] {
        let folder = Folder::new();
        folder.add_tenant("contoso");
        let command = format!("vestibule tenant set contoso complianceSource.macos={source}");
        assert_eq!(folder.json(&["source", "add", "contoso", sender]).get("advice"), None);
        assert_eq!(folder.json(&["source", "add", "contoso", "jamf"])["advice"], json!([command]));
        assert_eq!(folder.json(&["source", "add", "contoso", sender])["advice"], json!([command]));
        // The printed command works.
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let set = folder.json(&words);
        assert_eq!(set["settings"]["complianceSource"], json!({"macos": source}));
        assert_eq!(folder.json(&["source", "add", "contoso", sender]).get("advice"), None);
        let taken = folder.json(&["tenant", "set", "contoso", "complianceSource.macos="]);
        assert!(taken["settings"]["complianceSource"].is_null(), "{taken}");
        assert!(
            folder.fails(&["tenant", "set", "contoso", "complianceSource.beos=x"]).contains("beos is not a platform")
        );
    }
}

/// The reporter itself needs Windows and cannot run here. Its deployed files are checked, and its configuration is
/// used.
#[tokio::test(flavor = "multi_thread")]
async fn the_reporter_for_windows_devices_is_ready_to_deploy() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let serve = folder.serve();
    let wrong = folder.fails(&["source", "add", "contoso", "windows-esp", "--url", "https://hooks.example/'"]);
    assert!(wrong.contains("is not an address that windows-esp can use"), "{wrong}");
    let added = folder.json(&["source", "add", "contoso", "windows-esp", "--url", "https://hooks.example"]);
    let (url, secret) = (added["url"].as_str().unwrap(), added["secret"].as_str().unwrap());
    assert_eq!(url, "https://hooks.example/hooks/contoso/windows-esp", "the secret is in no address");
    let place = std::path::Path::new(added["folder"].as_str().unwrap());
    assert_eq!(std::fs::metadata(place).unwrap().permissions().mode() & 0o777, 0o700);
    let text = |path: &str| std::fs::read_to_string(place.join(path)).unwrap();
    let (script, published) =
        (text("platform-script/Vestibule-Reporter.ps1"), text("win32-app/Vestibule-Reporter.ps1"));
    assert!(script.contains(&format!("$Url = '{url}'\n$Secret = '{secret}'\n")));
    assert!(!published.contains(secret) && published.contains("$Secret = '{secret}'"));
    assert!(text("README.txt").contains("-Uninstall") && text("README.txt").contains("Detection rule"));
    let config: Value = serde_json::from_str(&text("win32-app/config.json")).unwrap();
    assert_eq!(config, json!({"url": url, "secret": secret}));
    // A device can post with what is in the configuration, and not without.
    let at =
        |minutes: i64| (vestibule_program_tests::now() - vestibule_domain::Millis::from_minutes(minutes)).to_string();
    let record = |id: u64, minutes: i64, end: &str, message: &str| {
        let value = json!({"message": message, "errorCode": 0}).to_string();
        json!({"id": id, "part": 1, "at": at(minutes), "event": 62407,
            "data": [format!("CommercialOOBE_ESPProgress_Category_{end}"), value]})
    };
    let body = json!({"schema": 1, "session": "0d6a3c52-7a35-4c0f-9a6e-2f8f5f1d7b10",
        "device": {"serialNumber": "PF3ABCDE"}, "parts": [{"n": 1, "startedAt": at(9), "whiteGlove": false}],
        "records": [record(1, 8, "Started", "BootstrapStatus: Starting category DeviceSetupCategory..."),
            record(2, 2, "Success", "BootstrapStatus: Category AccountSetupCategory succeeded.")]});
    let post = |secret: &str| {
        let url = format!("{}/hooks/contoso/windows-esp", serve.url);
        reqwest::Client::new().post(url).header("X-Vestibule-Secret", secret).body(body.to_string()).send()
    };
    assert_eq!(post("wrong").await.unwrap().status(), 401);
    assert_eq!(post(secret).await.unwrap().status(), 202);
    let api = Client::new(&serve.url, &contoso.admin);
    let page = api.json("/api/devices/PF3ABCDE/esp").await;
    assert_eq!((&page["state"], &page["deploymentMode"]), (&json!("success"), &json!("userDriven")), "{page}");
    let status = api.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["devices"], &status["enrolled"]), (&json!(1), &json!(1)), "{status}");
}
