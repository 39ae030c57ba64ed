//! Web-based enrollment through the program: sign-ins that a forwarder posts become counts in the API and in the
//! published file.

use rusqlite::Connection;
use serde_json::{Value, json};
use vestibule_domain::Millis;
use vestibule_program_tests::{Client, Folder, now};

const PORTAL: &str = "74bcdadc-2fdc-4bb3-8459-76d06952a0e9";

/// A record as Entra's diagnostic settings stream it.
fn record(user: &str, code: i64, app: &str) -> Value {
    let time = (now() - Millis::from_minutes(5)).to_string();
    json!({
        "time": time, "operationName": "Sign-in activity", "category": "SignInLogs", "resultType": code.to_string(),
        "callerIpAddress": "203.0.113.7", "identity": "Ada Hush",
        "properties": {
            "id": format!("{user}-{code}"), "createdDateTime": time, "userId": user,
            "userPrincipalName": "hush@contoso.example", "appId": app, "isInteractive": true, "ipAddress": "203.0.113.7",
            "status": {"errorCode": code}, "deviceDetail": {"operatingSystem": "Ios 26.1", "isManaged": false},
        },
    })
}

#[tokio::test]
async fn sign_ins_become_counts_of_people_and_nothing_else() {
    const ADA: &str = "0a4f63b1-7c2d-4e55-9a10-6d1f0b7c9e11";
    const BEN: &str = "1b4f63b1-7c2d-4e55-9a10-6d1f0b7c9e22";
    let folder = Folder::new();
    let contoso = folder.add_tenant("contoso");
    let other = folder.add_tenant("fabrikam");
    let secret =
        folder.json(&["source", "add", "contoso", "intune-operational-logs"])["secret"].as_str().unwrap().to_owned();
    let serve = folder.serve();
    let url = format!("{}/hooks/contoso/intune-operational-logs/{secret}", serve.url);
    let api = Client::new(&serve.url, &contoso.admin);
    let asked = "/api/reports/web-enrollment";
    assert_eq!((&api.json(asked).await["people"], &api.json(asked).await["daysHeard"]), (&Value::Null, &json!(0)));

    let records = [
        record(ADA, 53000, "mail"),
        record(ADA, 0, PORTAL),
        record(ADA, 50079, "mail"),
        record(BEN, 53000, "mail"),
        record(BEN, 0, "mail"),
    ];
    let mut answers = Vec::new();
    for _ in 0..4 {
        let body = json!({"records": records}).to_string();
        let answer = reqwest::Client::new().post(&url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answers.push(["accepted", "duplicates", "ignored", "rejected"].map(|member| answer[member].as_u64().unwrap()));
    }
    assert_eq!(answers, [[4, 0, 1, 0], [0, 4, 1, 0], [0, 4, 1, 0], [0, 4, 1, 0]]);

    let reply = api.json(asked).await;
    let counts = ["people", "metTheWall", "wentOn", "reachedPortal", "reachedEnrollment", "daysHeard"];
    // Around midnight a person may be counted on two days.
    assert_eq!(counts.map(|member| reply[member].as_u64().unwrap()), [2, 1, 1, 1, 0, 1], "{reply}");
    let steps = reply["steps"].as_array().unwrap().iter().map(|step| step["people"].as_u64().unwrap());
    assert_eq!(steps.collect::<Vec<_>>(), [2, 1, 0, 1, 0, 0, 0, 0]);
    assert!(!reply.to_string().to_lowercase().contains("hush"));
    assert_eq!(Client::new(&serve.url, &other.admin).json(asked).await["people"], Value::Null, "another's");
    // It makes no device and no attempt.
    assert_eq!(api.json("/api/devices/enrollment-status").await["devices"], 0);

    let exported = folder.json(&["export", "contoso"]);
    let path = exported["path"].as_str().unwrap();
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT sum(people), sum(met_the_wall) FROM web_enrollment_by_day";
    let sums: (i64, i64) = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(sums, (2, 1));
    let bytes = std::fs::read(path).unwrap();
    for secret in [ADA, BEN, "hush@contoso", "203.0.113", PORTAL] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is in the file");
    }
}
