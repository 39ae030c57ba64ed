//! What a record of the page's log reports: its name decides, its message names phase and subtask, its code is an
//! HRESULT.

use serde_json::Value;
use vestibule_domain::esp::{Category, EspAction, EspDetail, ItemName, ItemState, Phase, PhaseState};
use vestibule_domain::event::MAX_MESSAGE_CHARS;

/// The prefixes of the records' names: the page's, and that of Autopilot device preparation.
pub const PREFIXES: [&str; 2] = ["CommercialOOBE_", "DevicePrepPage_"];

/// The prefix of the messages.
const MESSAGE: &str = "BootstrapStatus: ";

/// What a record of a known name reports.
#[derive(Clone, Copy)]
enum Says {
    /// A phase has this state; the message names the phase.
    Phase(PhaseState),
    /// A subtask has begun, is done, or is not; the message names it and its state.
    Began,
    Done,
    NotDone,
    /// A subtask failed.
    Failed(Phase, Category, &'static str),
    /// Something failed that fails the session alone.
    SessionFailed,
    /// There are no apps to wait for.
    NoApps(Phase),
    /// The person chose this action.
    Chose(EspAction),
    /// The technician's part is over.
    Prepared,
    NotPrepared,
    /// The page closes because everything that it shows is done. Its account part may follow.
    Exits,
    /// Autopilot device preparation is over.
    Provisioned,
    /// The state of device preparation's agent.
    Agent(ItemState),
    /// Only the script needs this record.
    Noted,
}

const PREPARATION: Phase = Phase::DevicePreparation;
const DEVICE: Phase = Phase::DeviceSetup;
const ACCOUNT: Phase = Phase::AccountSetup;

const SECURE_HARDWARE: (Phase, Category, &str) = (PREPARATION, Category::SecureHardware, "secureHardware");
const MDM_ENROLLMENT: (Phase, Category, &str) = (PREPARATION, Category::RegisterDevice, "mdmEnrollment");
const PROVIDERS: (Phase, Category, &str) = (PREPARATION, Category::RegisterDevice, "espProviders");

const fn failed((phase, category, id): (Phase, Category, &'static str)) -> Says {
    Says::Failed(phase, category, id)
}

/// The names of records that report something, without `CommercialOOBE_`.
const RECORDS: &[(&str, Says)] = &[
    ("ESPProgress_Category_Started", Says::Phase(PhaseState::Started)),
    ("ESPProgress_Category_Success", Says::Phase(PhaseState::Completed)),
    ("ESPProgress_Category_Failed", Says::Phase(PhaseState::Failed)),
    ("BootstrapStatusCategory_SubcategoryProcessing_Started", Says::Began),
    ("BootstrapStatusCategory_SubcategoryProcessing_Success", Says::Done),
    ("BootstrapStatusCategory_SubcategoryProcessing_Failed", Says::NotDone),
    ("ESPDevicePreparation_TPMAttestation_Failed", failed(SECURE_HARDWARE)),
    ("ESPDevicePreparation_TPMAttestation_TimedOut", failed(SECURE_HARDWARE)),
    ("ESPDevicePreparation_DeviceEnrollment_Failed", failed(MDM_ENROLLMENT)),
    ("ESPDevicePreparation_PolicyProvidersInstallation_Failed", failed(PROVIDERS)),
    ("ESPDevicePreparation_PolicyProvidersInstallation_TimedOut", failed(PROVIDERS)),
    (
        "ESPDeviceSetup_PoliciesInstallation_Failed",
        Says::Failed(DEVICE, Category::SecurityPolicies, "securityPolicies"),
    ),
    ("ESPDeviceSetup_CertificatesInstallation_Failed", Says::Failed(DEVICE, Category::Certificates, "certificates")),
    (
        "ESPDeviceSetup_NetworkProfilesInstallation_Failed",
        Says::Failed(DEVICE, Category::NetworkConnections, "networkConnections"),
    ),
    ("ESPDeviceSetup_ApplicationsInstallation_Failed", Says::SessionFailed),
    ("ESPDeviceSetup_ApplicationsInstallation_Incomplete", Says::SessionFailed),
    ("ESPDeviceSetup_ApplicationsInstallation_Skipped", Says::NoApps(DEVICE)),
    (
        "ESPAccountSetup_PoliciesInstallation_Failed",
        Says::Failed(ACCOUNT, Category::SecurityPolicies, "securityPolicies"),
    ),
    ("ESPAccountSetup_CertificatesInstallation_Failed", Says::Failed(ACCOUNT, Category::Certificates, "certificates")),
    (
        "ESPAccountSetup_NetworkProfilesInstallation_Failed",
        Says::Failed(ACCOUNT, Category::NetworkConnections, "networkConnections"),
    ),
    ("ESPAccountSetup_ApplicationsInstallation_Failed", Says::SessionFailed),
    ("ESPAccountSetup_ApplicationsInstallation_Incomplete", Says::SessionFailed),
    ("ESPAccountSetup_ApplicationsInstallation_Skipped", Says::NoApps(ACCOUNT)),
    ("ESPProgress_TryAgain_Started", Says::Chose(EspAction::Retry)),
    ("ESPProgress_DeviceResetInitiation_Started", Says::Chose(EspAction::Reset)),
    ("ESPProgress_ContinueAnyway_Started", Says::Chose(EspAction::ContinueAnyway)),
    ("ESPProgress_SignOutAndWasContinuedAnyway_Started", Says::Chose(EspAction::ContinueAnyway)),
    ("ESPProgress_CollectLogs_Started", Says::Chose(EspAction::CollectLogs)),
    ("ESPProgress_ViewDiagnostics_Started", Says::Chose(EspAction::CollectLogs)),
    ("ESPProgress_WhiteGlove_Success", Says::Prepared),
    ("ESPProgress_WhiteGlove_Failed", Says::NotPrepared),
    ("ESPProgress_WhiteGloveMode_True", Says::Noted),
    ("ESPProgress_WhiteGloveMode_False", Says::Noted),
    ("ESPProgress_Page_Exiting", Says::Exits),
    ("DevicePrepPage_AgentDownloadAndInstall_Starting", Says::Agent(ItemState::InProgress)),
    ("DevicePrepPage_AgentDownloadAndInstall_Succeeded", Says::Agent(ItemState::Completed)),
    ("DevicePrepPage_AgentDownloadAndInstall_Failed", Says::Agent(ItemState::Error)),
    ("DevicePrepPage_AgentProvisioningProgress_ProvisioningComplete", Says::Provisioned),
    ("DevicePrepPage_AgentProvisioningProgress_Error", Says::SessionFailed),
    ("DevicePrepPage_AgentProvisioningProgress_ExitingAfterTimeout", Says::SessionFailed),
    ("DevicePrepPage_ProgressPercentage_ErrorTimedOut", Says::SessionFailed),
    ("DevicePrepPage_RunMainProcessing_FailedWithException", Says::SessionFailed),
    ("DevicePrepPage_SkipButtonClicked_Started", Says::Chose(EspAction::ContinueAnyway)),
    ("DevicePrepPage_ResetButtonClicked_Started", Says::Chose(EspAction::Reset)),
    ("DevicePrepPage_ExportLogs_Started", Says::Chose(EspAction::CollectLogs)),
];

/// The subtasks that a person sees, by the page's name. Apps have no subtask item, because facts report them one by
/// one. The page also works through subtasks that every session has, such as syncing and sending results.
const SUBTASKS: &[(&str, Phase, Category, &str)] = &[
    ("DevicePreparation.TpmAttestationSubcategory", PREPARATION, Category::SecureHardware, "secureHardware"),
    ("DevicePreparation.AadjSubcategory", PREPARATION, Category::JoinNetwork, "joinNetwork"),
    ("DevicePreparation.MdmEnrollmentSubcategory", PREPARATION, Category::RegisterDevice, "mdmEnrollment"),
    ("DevicePreparation.EspProviderInstallationSubcategory", PREPARATION, Category::RegisterDevice, "espProviders"),
    ("DeviceSetup.SecurityPoliciesSubcategory", DEVICE, Category::SecurityPolicies, "securityPolicies"),
    ("DeviceSetup.CertificatesSubcategory", DEVICE, Category::Certificates, "certificates"),
    ("DeviceSetup.NetworkConnectionsSubcategory", DEVICE, Category::NetworkConnections, "networkConnections"),
    ("AccountSetup.WaitingForAadRegistrationSubcategory", ACCOUNT, Category::JoinNetwork, "joinNetwork"),
    ("AccountSetup.SecurityPoliciesSubcategory", ACCOUNT, Category::SecurityPolicies, "securityPolicies"),
    ("AccountSetup.CertificatesSubcategory", ACCOUNT, Category::Certificates, "certificates"),
    ("AccountSetup.NetworkConnectionsSubcategory", ACCOUNT, Category::NetworkConnections, "networkConnections"),
];
const APPS: [&str; 2] = ["DeviceSetup.AppsSubcategory", "AccountSetup.AppsSubcategory"];

/// The page's words for phases.
const PHASES: [(&str, Phase); 3] =
    [("DevicePreparationCategory", PREPARATION), ("DeviceSetupCategory", DEVICE), ("AccountSetupCategory", ACCOUNT)];

/// The names of records that report something, without the page's prefix.
pub fn known() -> impl Iterator<Item = &'static str> {
    RECORDS.iter().map(|(name, _)| *name)
}

/// A name without the page's prefix; records of device preparation may have it or not.
fn bare(name: &str) -> &str {
    name.strip_prefix(PREFIXES[0]).unwrap_or(name)
}

fn says(bare: &str) -> Option<Says> {
    // There is one name for each way in which the technician's enrollment fails.
    if bare.starts_with("ESPDevicePreparation_DeviceEnrollment_WhiteGlove") && bare.ends_with("Error") {
        return Some(failed(MDM_ENROLLMENT));
    }
    RECORDS.iter().find(|(known, _)| *known == bare).map(|(_, says)| *says)
}

/// A record of the page.
pub(super) struct Line {
    /// Its name without the page's prefix.
    name: String,
    /// Its text, if readable; words for phases and subtasks are looked for here.
    text: String,
    /// The same, if it was complete.
    message: Option<String>,
    /// What failed, as `0x` and eight digits.
    code: Option<String>,
}

impl Line {
    /// Reads the values of a record's data, in any order, or the one text that holds them all.
    pub(super) fn read(data: &Value) -> Option<Self> {
        let values: Vec<&str> = match data {
            Value::String(whole) => vec![whole],
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            _ => return None,
        };
        let is_name = |value: &&str| PREFIXES.iter().any(|prefix| value.trim_start().starts_with(prefix));
        if let Some(name) = values.iter().find(|value| is_name(value)) {
            let others: Vec<&str> = values.iter().copied().filter(|value| value != name).collect();
            return Some(Self::of(name, &others));
        }
        values.into_iter().find_map(|whole| {
            let (_, rest) = whole.split_once("Name: '")?;
            let (name, rest) = rest.split_once('\'')?;
            // Windows writes the word before the value in its own language.
            let value =
                rest.split_once('\'').and_then(|(_, value)| value.rsplit_once('\'')).map_or("", |(value, _)| value);
            is_name(&name).then(|| Self::of(name, &[value]))
        })
    }

    fn of(name: &str, values: &[&str]) -> Self {
        let object =
            |value: &&str| serde_json::from_str::<Value>(value).ok().filter(|value| value.get("message").is_some());
        let value = values.iter().find_map(object);
        let message = value.as_ref().and_then(|value| value.get("message")).and_then(Value::as_str).map(str::to_owned);
        let code = value.as_ref().and_then(|value| value.get("errorCode")).and_then(hresult);
        let text = message.clone().unwrap_or_else(|| values.join("\n"));
        Self { name: bare(name.trim()).to_owned(), text, message, code }
    }

    /// Whether the page of Autopilot device preparation wrote it.
    pub(super) fn is_of_preparation(&self) -> bool {
        self.name.starts_with(PREFIXES[1])
    }

    /// Whether it ends the technician's part of pre-provisioning.
    pub(super) fn is_technicians(&self) -> bool {
        matches!(says(&self.name), Some(Says::Prepared))
    }

    /// What it reports, each with what distinguishes it from the others of this record. `ends_here`: no account setup
    /// follows on this device.
    pub(super) fn details(&self, ends_here: bool) -> Vec<(&'static str, EspDetail)> {
        let Some(says) = says(&self.name) else { return Vec::new() };
        match says {
            Says::Phase(state) => self.phase(state, ends_here),
            Says::Began => self.subtask(ItemState::InProgress).into_iter().collect(),
            Says::Done => self.subtask(ItemState::Completed).into_iter().collect(),
            Says::NotDone if !self.has_failed() => Vec::new(),
            Says::NotDone if APPS.contains(&self.subject()) => {
                vec![("failed", EspDetail::Failed(self.code.clone(), None))]
            }
            Says::NotDone => self.subtask(ItemState::Error).into_iter().collect(),
            Says::Failed(phase, category, id) => vec![("item", self.item(phase, category, id, ItemState::Error))],
            Says::SessionFailed | Says::NotPrepared => vec![("failed", self.failure())],
            Says::NoApps(phase) => vec![("tracked", EspDetail::Tracked(phase, Category::Apps, Vec::new()))],
            Says::Chose(action) => vec![("action", EspDetail::Action(action))],
            Says::Exits if !ends_here => Vec::new(),
            Says::Prepared | Says::Exits | Says::Provisioned => vec![("completed", EspDetail::Completed)],
            Says::Agent(state) => {
                let item = ("item", self.item(DEVICE, Category::Apps, "provisioningAgent", state));
                let failure = (state == ItemState::Error).then(|| ("failed", self.failure()));
                [item].into_iter().chain(failure).collect()
            }
            Says::Noted => Vec::new(),
        }
    }

    fn phase(&self, state: PhaseState, ends_here: bool) -> Vec<(&'static str, EspDetail)> {
        let Some((_, phase)) = PHASES.iter().find(|(word, _)| self.text.contains(word)) else { return Vec::new() };
        let is_last = *phase == ACCOUNT || (*phase == DEVICE && ends_here);
        let is_end = is_last && state == PhaseState::Completed;
        let phase = ("phase", EspDetail::Phase(*phase, state));
        [phase].into_iter().chain(is_end.then_some(("completed", EspDetail::Completed))).collect()
    }

    fn subtask(&self, state: ItemState) -> Option<(&'static str, EspDetail)> {
        let subject = self.subject();
        let (_, phase, category, id) = SUBTASKS.iter().find(|(name, ..)| *name == subject)?;
        Some(("item", self.item(*phase, *category, id, state)))
    }

    /// The subtask that the message names.
    fn subject(&self) -> &str {
        let words = self.text.split(|char: char| !char.is_ascii_alphanumeric() && char != '.');
        let names = words.map(|word| word.trim_matches('.'));
        names.into_iter().find(|word| word.contains('.') && word.ends_with("Subcategory")).unwrap_or_default()
    }

    /// Whether a subtask that is not done has failed. If the page ran out of time, it cancelled the subtask; if it
    /// restarts the device, it continues with it.
    fn has_failed(&self) -> bool {
        let state = self.text.split_once("state = ").map_or("", |(_, state)| state);
        let word: String = state.chars().take_while(char::is_ascii_alphanumeric).collect();
        word.eq_ignore_ascii_case("failed")
    }

    fn item(&self, phase: Phase, category: Category, id: &str, state: ItemState) -> EspDetail {
        let code = self.code.clone().filter(|_| state == ItemState::Error);
        EspDetail::Item(phase, category, ItemName { id: id.to_owned(), name: None }, state, code)
    }

    fn failure(&self) -> EspDetail {
        let message = self.message.as_deref().map(|message| message.strip_prefix(MESSAGE).unwrap_or(message).trim());
        let message = message.filter(|message| !message.is_empty());
        EspDetail::Failed(self.code.clone(), message.map(|message| message.chars().take(MAX_MESSAGE_CHARS).collect()))
    }
}

/// The start of the page of Autopilot device preparation, which has no phases.
pub(super) fn preparation_begins() -> EspDetail {
    EspDetail::Phase(DEVICE, PhaseState::Started)
}

/// An HRESULT, as a signed or unsigned number of 32 bits; 0 counts as missing.
pub(super) fn hresult(value: &Value) -> Option<String> {
    let number = value.as_i64().filter(|number| *number != 0)?;
    let bits = u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))?;
    Some(format!("0x{bits:08x}"))
}
