//! Closed lists of names: read without regard to case, written in one canonical form. They are stored by position, so a
//! variant may be added at the end but never moved.

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)+ }

        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The canonical name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The variant with this name, read without regard to case.
            pub fn read(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name().eq_ignore_ascii_case(text))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use names;

#[cfg(test)]
mod tests {
    use crate::about::Platform;
    use crate::catalogue::{KnownAction, KnownScreen, Section, UserAction};
    use crate::esp::event::{Category, DeploymentMode, EspAction, ItemState, Phase, PhaseState};
    use crate::esp::filter::Property;
    use crate::failure::FailureCategory;
    use crate::web_enrollment::WebStep;

    /// The lists whose entries stored items have, without the types of events, which docs/DOMAIN.md, E5 lists. An entry
    /// that is added comes last here too.
    #[test]
    fn stored_names_keep_their_positions() {
        macro_rules! positions {
            ($($type:ident: $names:literal,)+) => {$(
                let now: Vec<&str> = $type::ALL.iter().map(|one| one.name()).collect();
                let stored: Vec<&str> = $names.split_whitespace().collect();
                assert_eq!(now, stored, "{}", stringify!($type));
            )+};
        }
        positions! {
            Platform: "windows macos ios android",
            Section: "setupChecklist platformScreens termsOfUse complianceActivation enrollmentStatusPage",
            KnownAction: "PreEnrollmentWizard TermsofUse iOSProfileLaunch AndroidPermissions KnoxActivation
                EnrollmentWrapUp DeviceCategory Compliance Activation",
            KnownScreen: "openPagePrompt enrollingDevice deviceCategory setUpAccessReturned setUpAccess
                showProfilePrompt installingProfile trustProfilePrompt installProfile deviceAdminActivation
                phoneCallsPrompt klmsAgentActivation termsOfUse deviceCompliance enrollmentActivation",
            UserAction: "cancel postpone ignore declineAll",
            FailureCategory: "unknown authentication authorization accountValidation userValidation
                deviceNotSupported inMaintenance badRequest featureNotSupported enrollmentRestrictionsEnforced
                clientDisconnected userAbandonment",
            WebStep: "accessBlocked portalSignIn enrollmentSignIn mfaSetup brokerInstall deviceRegistration
                complianceWait policyBlocked",
            Phase: "devicePreparation deviceSetup accountSetup",
            PhaseState: "started completed failed",
            Category: "secureHardware joinNetwork registerDevice securityPolicies certificates networkConnections apps",
            ItemState: "notInstalled inProgress completed error notRequired skipped notApplicable",
            EspAction: "retry reset continueAnyway collectLogs",
            DeploymentMode: "userDriven selfDeploying preProvisioningTechnician preProvisioningUser",
            Property: "model manufacturer osVersion operatingSystemSKU deviceOwnership enrollmentProfileName",
        }
    }
}
