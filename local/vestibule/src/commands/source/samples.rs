//! A sample of each source, as its product posts it: the fixtures that the adapters are tested with.

/// The sample of a source.
pub(super) fn of(source: &str) -> Option<&'static [u8]> {
    macro_rules! sample {
        ($file:literal) => {
            include_bytes!(concat!("../../../../../shared/webhook/src/sources/samples/", $file)).as_slice()
        };
    }
    Some(match source {
        "enrollment-events" | "github-style" => sample!("cloudevents-enrollment.json"),
        "esp-status" => sample!("cloudevents-esp.json"),
        "micromdm" => sample!("micromdm-authenticate.json"),
        "nanomdm" => sample!("nanomdm-authenticate.json"),
        "fleet" => sample!("fleet-mdm-enrolled.json"),
        "jamf" => sample!("jamf-mobile-device-enrolled.json"),
        "workspace-one" => sample!("workspace-one-mdm-enrollment-complete.json"),
        "android-management" => sample!("android-management-enrollment.json"),
        "intune-operational-logs" => sample!("intune-operational-logs-records.json"),
        "graph-troubleshooting-events" => sample!("graph-troubleshooting-events-list.json"),
        "graph-autopilot-events" => sample!("autopilot-events.json"),
        _ => return None,
    })
}
