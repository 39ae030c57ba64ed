//! Help for the places where people stop: why they usually stop there, and what to do.
//!
//! Must stay true: every abandoned attempt has help; if no place was reported, it says what to ask on that platform.

use crate::ask::reader::Attempt;
use vestibule_domain::Platform;
use vestibule_domain::attempt::Cause;
use vestibule_domain::catalogue::{AWAIT_CONFIGURATION, Action, KnownAction, KnownScreen};
use vestibule_domain::esp::Phase;

/// Why people stop, and what to do, in order.
pub(super) type Help = (&'static str, &'static [&'static str]);

/// The help for the place where an attempt was abandoned.
pub(super) fn past(attempt: &Attempt) -> Help {
    let cause = attempt.cause.as_deref().and_then(Cause::read);
    if cause == Some(Cause::Unenrolled) {
        return REMOVED;
    }
    let Some(action) = attempt.action.as_deref() else {
        return not_reported(attempt.platform.as_deref().and_then(Platform::read));
    };
    if action == AWAIT_CONFIGURATION {
        return HELD;
    }
    if let Some(phase) = Phase::read(action) {
        return status_page(phase);
    }
    let Action::Known(action) = Action::read(action) else { return OF_THE_SENDER };
    let screen = attempt.screen.as_deref().and_then(KnownScreen::read);
    match (action, screen) {
        (KnownAction::IosProfileLaunch, Some(KnownScreen::ShowProfilePrompt)) => DOWNLOAD,
        (KnownAction::IosProfileLaunch, Some(KnownScreen::TrustProfilePrompt)) => TRUST,
        (KnownAction::AndroidPermissions, Some(KnownScreen::PhoneCallsPrompt)) => CALLS,
        (KnownAction::Compliance, _) if cause == Some(Cause::TimedOut) => COMPLIANCE,
        _ => at(action),
    }
}

/// The device was removed from management meanwhile.
const REMOVED: Help = (
    "Somebody or something removed the device from management before the enrollment was complete: an administrator, a rule that cleans up double entries, or the person.",
    &["Look up in the MDM's audit log who or what removed it.", "Once that is cleared up, begin the enrollment anew."],
);

/// Enrolled, but not reported compliant in time.
pub(super) const COMPLIANCE: Help = (
    "The device doesn't meet a policy yet, an old system version or a missing passcode for instance, or nobody reports compliance to this service.",
    &[
        "Look up in the MDM whether the device is compliant there, and if not which setting isn't met.",
        "Let the person correct it and choose to check again in the Company Portal.",
        "If the MDM says that it is compliant: check that its compliance reports reach this service, and that the tenant's complianceSource names the right source.",
    ],
);

/// The Setup Assistant waits for the MDM's release.
pub(super) const HELD: Help = (
    "Usually the MDM never released the device: a command before the release is stuck or failed, the device doesn't fetch its commands, or the server isn't set up to send DeviceConfigured at all. The device may also have been released without a report.",
    &[
        "Ask the person whether the device still says that it waits for its configuration; if not, only the report of it is missing.",
        "Look up in the MDM which commands for the device are queued or failed, and clear the first of them.",
        "Check that push messages reach the device: try another network, and check that the push certificate has not expired.",
        "Send DeviceConfigured to the device by hand.",
        "If the server never releases devices, set the source up with --ignore-awaiting-configuration true.",
    ],
);

/// The attempt counts as completed, but no sender reported that the Setup Assistant was released.
pub(super) const NOT_RELEASED: Help = (
    "Usually the device was released and is in use: Apple does not document when a device reports again after that, and some servers don't pass the report on. Otherwise the person still sees a Setup Assistant that waits.",
    &[
        "Ask the person whether the device still says that it waits for its configuration.",
        "If it does: look up in the MDM which commands for the device are queued or failed, and send DeviceConfigured by hand.",
        "If the server never releases devices, set the source up with --ignore-awaiting-configuration true.",
    ],
);

/// A place outside the catalogue.
const OF_THE_SENDER: Help = (
    "The person didn't go on at a place of the sender's own; the events don't say more.",
    &[
        "Look up in the sender's documentation what the device shows there.",
        "Ask the person what the screen said and why they stopped.",
        "Let them begin again while somebody looks on.",
    ],
);

const DOWNLOAD: Help = (
    "The browser asks whether it may show a configuration profile, which sounds like a warning; a person who chooses Ignore gets no profile.",
    &[
        "Let the person begin again in the Company Portal and choose Allow.",
        "Make sure that Safari is used, with cookies on, and that it isn't in private browsing.",
    ],
);

const TRUST: Help = (
    "iOS asks whether the person trusts the source of remote management, just before the end; it reads as if the organisation took the phone over.",
    &[
        "Explain what the organisation can and can't see on the device.",
        "Let the person open Settings, Profile Downloaded, once more, and choose Trust.",
    ],
);

const CALLS: Help = (
    "Android calls the permission to read the device's identity “make and manage phone calls”, so people leave it unanswered.",
    &[
        "Explain that the app makes no calls: it needs the permission to identify the device.",
        "Begin again in the Company Portal and allow it; after two refusals it can only be allowed in the system's settings of the app.",
    ],
);

/// A phase of the Enrollment Status Page.
fn status_page(phase: Phase) -> Help {
    match phase {
        Phase::DevicePreparation => (
            "Windows waits for the TPM's attestation, for joining the directory or for the MDM's registration; without the network or the time service, none of them completes.",
            &[
                "Check that the network lets the device reach Microsoft's services, including the time service, without a proxy that asks for a sign-in.",
                "Update firmware and TPM where attestation is needed (self-deploying, pre-provisioning).",
                "Reset the device and begin anew.",
            ],
        ),
        Phase::DeviceSetup => (
            "Apps and policies for the device take longer than the person waits, or one of them never ends.",
            &[
                "Look at the session's items to see which of them was still waiting, and install it on a device that is set up already.",
                "Track fewer apps in the profile, or raise its limit.",
                "Begin again from the page, where the profile allows it, or reset the device.",
            ],
        ),
        Phase::AccountSetup => (
            "Apps and policies for the person take longer than they wait, or the person was never asked to sign in again, as with a hybrid join.",
            &[
                "Look at the session's items to see which of them was still waiting.",
                "Let the person sign in once more; if the device is joined to both directories, check that both already know it.",
                "Assign to the device what need not wait for the person, or skip this phase for them.",
            ],
        ),
    }
}

/// No sender reported where it stopped: what to ask on that platform.
fn not_reported(platform: Option<Platform>) -> Help {
    match platform {
        Some(Platform::Windows) => (
            "No sender reported where it stopped: the sign-in, the wait on the Enrollment Status Page, or a restart that nobody sat through.",
            &[
                "Ask the person whether the last screen was the sign-in, a list of things being set up, or the desktop.",
                "Ask for a photograph of it; codes like 0x801c0003 are in small print.",
                "Check in the MDM whether the device is there; if it is, only compliance or the report of it is missing.",
                "Add a source that reports the Enrollment Status Page, so that the next attempt has a place.",
            ],
        ),
        Some(Platform::MacOs) => (
            "No sender reported where it stopped: the Setup Assistant, the approval of the management profile in System Settings, or the installations after it.",
            &[
                "Ask the person whether the Setup Assistant, System Settings or an app showed the last message.",
                "Check in System Settings, General, Device Management, whether a profile waits to be installed.",
                "If the Mac spends most of the time installing, raise macosIdleLimitMinutes, so that waiting isn't taken for giving up.",
            ],
        ),
        Some(Platform::Ios) => (
            "No sender reported the screen where it stopped; on iPhone and iPad it is most often the profile that must be found and installed in Settings.",
            &[
                "Ask the person whether they saw the Company Portal, the browser, Settings or the Setup Assistant last.",
                "Check in Settings whether “Profile Downloaded” is shown; install it, or begin again in the Company Portal.",
                "Add a source that reports the screens, so that the next attempt has a place.",
            ],
        ),
        Some(Platform::Android) => (
            "No sender reported the screen where it stopped; on Android it is most often a permission, or the set-up of the work profile.",
            &[
                "Ask the person whether they saw the Company Portal, a permission or the work profile's set-up last.",
                "Check whether there are apps with a briefcase: then the work profile exists, and only the last steps are missing.",
                "Add a source that reports the screens, so that the next attempt has a place.",
            ],
        ),
        None => (
            "The person didn't go on; no sender reported where, or on which platform.",
            &[
                "Ask the person what device it is, what the screen said and why they stopped.",
                "Let them begin again while somebody looks on.",
            ],
        ),
    }
}

/// A place of the catalogue.
fn at(action: KnownAction) -> Help {
    match action {
        KnownAction::PreEnrollmentWizard => (
            "The first screens say what the organisation will see and manage; people who don't expect them put them off.",
            &[
                "Explain to people before they begin what enrolling does and what the organisation can't see.",
                "Let the person go on in the Company Portal: the enrollment can be taken up again.",
            ],
        ),
        KnownAction::IosProfileLaunch => (
            "Apple's management profile is downloaded in the browser and installed in Settings, where the person must find it unaided.",
            &[
                "Let the person allow the download, then open Settings, Profile Downloaded, and choose Install.",
                "If it can't be found any more, begin again in the Company Portal: the download is offered anew.",
                "Make sure that Safari is used, with cookies on, and that no other management profile is installed.",
            ],
        ),
        KnownAction::AndroidPermissions => (
            "The permissions sound as if the organisation could phone or wipe at will, so people refuse them.",
            &[
                "Explain why the permission is asked for: the app needs it to identify the device, not to make calls.",
                "Begin again in the Company Portal and activate or allow what is asked.",
            ],
        ),
        KnownAction::KnoxActivation => (
            "Samsung shows its own privacy notice for Knox; it takes a while and needs Samsung's servers.",
            &[
                "Let the person agree to Samsung's notice and wait with the app in the foreground.",
                "Try over another network where Samsung's licence servers are not blocked.",
            ],
        ),
        KnownAction::TermsofUse => (
            "The organisation's own terms stand between the person and the end; people decline or ignore long or alarming ones.",
            &[
                "Read the terms with the eyes of the person, and shorten what isn't needed.",
                "Ask the person what they object to; begin again once it's cleared up.",
            ],
        ),
        KnownAction::EnrollmentWrapUp => (
            "The Company Portal has to be open to finish; people leave it while it loads, or skip the page it wants to open.",
            &[
                "Let the person open the Company Portal again and stay until it says that everything is set up.",
                "If it hangs each time, update the app, and try another network.",
            ],
        ),
        KnownAction::DeviceCategory => (
            "The choice of a category means nothing to most people, and nothing goes on without it.",
            &[
                "Name the categories so that a person knows which one is theirs, or say which to choose.",
                "Open the Company Portal again and choose one.",
            ],
        ),
        KnownAction::Compliance => (
            "The device doesn't meet a policy yet, an old system version or a missing passcode for instance, and the person put it off.",
            &[
                "Look up in the MDM which setting isn't met.",
                "Let the person correct it and choose to check again in the Company Portal.",
            ],
        ),
        KnownAction::Activation => (
            "The enrollment was never activated after the device was added.",
            &[
                "Let the person open the Company Portal and choose to activate.",
                "If a message with a link is sent, find out whether it arrived.",
            ],
        ),
    }
}
