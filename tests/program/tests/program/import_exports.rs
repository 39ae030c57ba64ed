//! `import` of Intune's exports: as the portal saves them, repeated, overlapping, and with a list of what they can't
//! report.

use crate::import::note;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::Stdio;
use vestibule_program_tests::{Client, Folder, eventually};

const ACTIVITY: &str = "\u{feff}AadDeviceId,DeviceId,DeviceName,EnrollmentActivityId,EnrollmentDateTime,EnrollmentMethod,\
EnrollmentMethod_loc,Failure,FailureDetails,FailureReason,FailureReason_loc,OS,OS_loc,OSVersion,SerialNumber,UPN,UserId\r\n\
3c2b9f10-52d8-4b7e-a0f3-8d5e6c7b1a24,0d4e1a52-77b3-4a52-9c2c-58a3d7e1f6b2,\"Ada's \"\"new\"\", laptop\",a-1,\
2026-11-24 08:58:03.3022384,7,Windows Azure AD Join,False,,0,,1,Windows,10.0.26100.1742,PF3ABCDE,ada@contoso.example,u-1\r\n\
,,iPhone 15 \"Grace\",a-2,2026-11-24 09:12:40.1,3,Benutzerregistrierung,True,\"Not allowed,\r\nnot here.\",9,\
Registrierungsbeschränkungen,2,iOS,26.1,F4X9Q2LMN7,grace@contoso.example,u-2\r\n";

fn save(folder: &Folder, name: &str, text: &str) -> String {
    let path = folder.beside(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn counted(answer: &Value) -> [u64; 5] {
    ["lines", "accepted", "duplicates", "ignored", "rejected"].map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test]
async fn an_export_is_stored_once_however_often_and_in_whichever_form() {
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let first = folder.json(&["import", "contoso", &save(&folder, "EnrollmentActivity.csv", ACTIVITY)]);
    assert_eq!(counted(&first), [2, 3, 0, 0, 0], "{first}");
    assert_eq!(first["report"]["name"], "EnrollmentActivity");
    assert_eq!(first["report"]["source"], "intune-enrollment-activity");
    assert_eq!(first["report"]["reports"], json!(["stops", "failures", "ends"]));
    assert_eq!(first["report"]["notReported"], json!(["starts", "steps", "compliance", "removals"]));

    // The same again, as saved by a spreadsheet, as JSON, and an export that overlaps with the first.
    let lines: Vec<&str> = ACTIVITY.split_inclusive("\r\n").collect();
    let semicolons = format!("{}{}", lines[0], lines[1]).replace(',', ";").replace("\"\"\"new\"\";", "\"\"\"new\"\",");
    let row = json!({"EnrollmentActivityId": "a-1", "EnrollmentDateTime": "2026-11-24 08:58:03.3022384", "Failure": false,
        "SerialNumber": "PF3ABCDE"});
    let overlapping = format!(
        "{}{}",
        ACTIVITY,
        lines[1]
            .replace("a-1", "a-3")
            .replace("PF3ABCDE", "PF3FGHIJ")
            .replace("3c2b9f10", "4d3ca021")
            .replace("0d4e1a52", "1e5f2b63")
    );
    for (text, expected) in [
        (ACTIVITY.to_owned(), [2, 0, 3, 0, 0]),
        (semicolons, [1, 0, 2, 0, 0]),
        (json!({"values": [row]}).to_string(), [1, 0, 2, 0, 0]),
        (format!("{:#}", json!([row])), [1, 0, 2, 0, 0]),
        (overlapping, [3, 2, 3, 0, 0]),
    ] {
        let answer = folder.json(&["import", "contoso", &save(&folder, "again", &text)]);
        assert_eq!(counted(&answer), expected, "{text}\n{answer}");
    }

    let serve = folder.serve();
    let admin = Client::new(&serve.url, &contoso.admin);
    let status = admin.json("/api/devices/enrollment-status").await;
    assert_eq!((&status["devices"], &status["enrolled"]), (&json!(3), &json!(2)), "{status}");
    let found = admin.json("/api/diagnostics?device=PF3ABCDE").await;
    assert_eq!(found["devices"][0]["deviceName"], "Ada's \"new\", laptop", "{found}");
    let failures = admin.json("/api/devices/enrollment-status/failures").await;
    assert_eq!(failures["failures"].as_array().unwrap().len(), 1, "{failures}");
    assert!(failures.to_string().contains("Registrierungsbeschränkungen"), "{failures}");
    // The coverage names the source of the numbers.
    let coverage = admin.json("/api/reports/coverage?os=all&from=2026-11-01&to=2026-11-30").await;
    assert!(coverage.to_string().contains("intune:reports/EnrollmentActivity"), "{coverage}");
}

#[tokio::test]
async fn a_killed_import_of_an_export_goes_on_where_it_was() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let mut text = "EnrollmentActivityId,EnrollmentDateTime,Failure,SerialNumber,OS\n".to_owned();
    for row in 0..4_000 {
        writeln!(text, "c-{row},2026-11-24 08:00:00,False,PF3K{row:05},Windows").unwrap();
    }
    let path = save(&folder, "many.csv", &text);
    let arguments = ["import", "contoso", path.as_str()];
    let mut child = folder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the import has begun", async || note(&folder)).await;
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it finished before it could be killed");
    let answer = folder.json(&arguments);
    let resumed = answer["resumedAtLine"].as_u64().unwrap();
    assert!(resumed > 0 && resumed < 4_000, "{answer}");
    let [rows, accepted, known, ignored, refused] = counted(&answer);
    assert_eq!((rows, accepted + known, ignored, refused), (4_000, 8_000, 0, 0), "{answer}");
    assert_eq!(counted(&folder.json(&arguments)), [4_000, 0, 8_000, 0, 0]);
}

#[test]
fn invalid_rows_are_named_by_their_line() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let text = "EnrollmentActivityId,EnrollmentDateTime,Failure,SerialNumber,OS\n\
        b-1,2026-11-24 08:00:00,False,PF3AAAAA,Windows\n\
        b-2,24.11.2026 08:00,False,PF3BBBBB,Windows\n\
        b-3,2026-11-24 08:00:00,False,PF3CCCCC,Windows,too,many\n\
        b-4,2026-11-24 08:00:00,False,PF3DDDDD\n\
        b-5,2026-11-24 08:00:00,maybe,PF3EEEEE,Windows\n\
        b-6,2026-11-24 08:00:00,False,Default string,Windows\n";
    let ran = folder.run(&["import", "contoso", &save(&folder, "wrong.csv", text)]);
    assert!(!ran.success && ran.stderr.contains("4 lines were refused"), "{}", ran.stderr);
    for said in [
        "line 3: EnrollmentDateTime must be a time",
        "line 4: the row has more cells than there are columns",
        "line 6: Failure must be true or false",
        "line 7: SerialNumber \"Default string\" is a placeholder",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert_eq!(counted(&serde_json::from_str(&ran.stdout).unwrap()), [6, 4, 0, 0, 4]);
}

#[test]
fn each_report_is_recognised_by_its_columns_and_says_what_it_cannot_report() {
    let folder = Folder::new();
    folder.add_tenant("contoso");
    let data = folder.data();
    let failures = "EnrollmentFailureDateTime,EnrollmentMethod,FailureReason,OS,OSVersion,UPN\n\
        2026-11-25 10:11:12,User enrollment,DeviceCap,iOS,26.0,ada@contoso.example\n";
    let autopilot = "DeviceSerialNumber,DeploymentState,DeploymentStartDateTime,DeploymentEndDateTime,EnrollmentDateTime,\
        EnrollmentStatus\nPF3ABCDE,1,2026-11-24 08:55:00,2026-11-24 09:36:07,2026-11-24 08:55:00,1\n";
    for (text, name, cannot) in [
        (failures, "DeviceEnrollmentFailures", "It does not report starts, steps, ends, compliance, removals."),
        (autopilot, "AutopilotV1DeploymentStatus", "It does not report steps, stops, compliance, removals."),
    ] {
        let path = save(&folder, "export.csv", text);
        let ran = vestibule_program_tests::run_alone(&["import", "contoso", &path, "--data", data.to_str().unwrap()]);
        assert!(ran.success, "{}", ran.stderr);
        assert!(ran.stdout.contains(&format!("Intune's report {name}")), "{}", ran.stdout);
        assert!(ran.stdout.contains(cannot), "{}", ran.stdout);
        assert!(ran.stdout.contains("0 refused"), "{}", ran.stdout);
    }
    // Another report is refused, and nothing of it is stored.
    let other = "DeviceId,DeviceName,ComplianceState\nd-1,PC1,1\n";
    let said = folder.fails(&["import", "contoso", &save(&folder, "other.csv", other)]);
    assert!(said.contains("EnrollmentActivity") && said.contains("a CSV export of something else"), "{said}");
}
