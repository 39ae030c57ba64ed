//! What to set in each sender, with the address and the secret filled in. `docs/SOURCES.md` says more of each.

/// The settings by source; `{url}` and `{secret}` stand for what `source add` made.
const SETTINGS: [(&str, &str); 12] = [
    ("enrollment-events", "Sign requests to {url} as https://www.standardwebhooks.com says."),
    ("esp-status", "Sign requests to {url} as https://www.standardwebhooks.com says."),
    ("github-style", "Payload URL: {url}\nContent type: application/json (CloudEvents)\nSecret: {secret}"),
    ("micromdm", "micromdm serve -command-webhook-url '{url}' …"),
    ("nanomdm", "nanomdm -webhook-url '{url}' -webhook-hmac-key '{secret}' …"),
    ("fleet", "In Fleet, as global administrator: Dashboard > Activity > Manage automations\nDestination URL: {url}"),
    (
        "jamf",
        "In Jamf Pro: Settings > Global > Webhooks > New, one for each of MobileDeviceEnrolled, MobileDeviceUnEnrolled,\n\
         ComputerAdded and DeviceAddedToDEP\n\
         Webhook URL: {url}\nAuthentication type: Basic Authentication, username vestibule, password {secret}\n\
         Content type: JSON",
    ),
    (
        "workspace-one",
        "In Workspace ONE UEM: Groups & Settings > All Settings > System > Advanced > API > Event Notifications > Add Rule\n\
         Target URL: {url}\nUser name: vestibule\nPassword: {secret}\nFormat: JSON\n\
         Events: enrollment, unenrollment, compliance status",
    ),
    (
        "android-management",
        "gcloud pubsub subscriptions create vestibule --topic=TOPIC --push-endpoint='{url}'\n\
         Enterprise: notifications ENROLLMENT and STATUS_REPORT to TOPIC",
    ),
    (
        "intune-operational-logs",
        "Intune: Reports > Diagnostics settings > OperationalLogs to an event hub; a forwarder posts its records to\n{url}",
    ),
    ("graph-troubleshooting-events", "Post Graph's deviceManagement/troubleshootingEvents list, as it is, to\n{url}"),
    ("graph-autopilot-events", "Post Graph's deviceManagement/autopilotEvents list (beta), as it is, to\n{url}"),
];

/// What to set in a source.
pub(super) fn of(source: &str, url: &str, secret: &str) -> String {
    let found = SETTINGS.iter().find(|(name, _)| *name == source);
    let text = found.map_or("Post to {url}", |(_, text)| text);
    text.replace("{url}", url).replace("{secret}", secret)
}
