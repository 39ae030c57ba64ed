/*
 * The names of the API's closed lists, in English.
 *
 * What must stay true: a name that isn't listed (a sender's own action, a newer server's state) is shown as it is,
 * only with its words apart; none is an em dash. A name has the same words on every view.
 */

import { minutes, NONE } from './format.js';

/** `setUpAccess` -> `Set up access`. */
function apart(name) {
  const spaced = String(name).replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

const say = (list) => (name) => {
  if (name === null || name === undefined || name === '') return NONE;
  return Object.hasOwn(list, name) ? list[name] : apart(name);
};

export const SECTIONS = {
  setupChecklist: 'Setup checklist',
  platformScreens: 'Platform screens',
  termsOfUse: 'Terms of use',
  complianceActivation: 'Compliance and activation',
  enrollmentStatusPage: 'Enrollment Status Page',
};

export const ACTIONS = {
  PreEnrollmentWizard: 'Preparing to enroll',
  TermsofUse: 'Terms of use',
  iOSProfileLaunch: 'iOS management profile',
  AndroidPermissions: 'Android permissions',
  KnoxActivation: 'Samsung Knox activation',
  EnrollmentWrapUp: 'Finishing enrollment',
  DeviceCategory: 'Device category',
  Compliance: 'Compliance',
  Activation: 'Activation',
  AwaitConfiguration: 'Waiting to be released from Setup Assistant',
  devicePreparation: 'Device preparation',
  deviceSetup: 'Device setup',
  accountSetup: 'Account setup',
  OutOfBoxExperience: 'Windows setup (OOBE)',
};

export const SCREENS = {
  openPagePrompt: 'Prompt to open a page in Company Portal',
  enrollingDevice: 'Enrolling device',
  deviceCategory: 'Choice of device category',
  setUpAccessReturned: 'Set up access, returned to',
  setUpAccess: 'Set up access',
  showProfilePrompt: 'Prompt to show the profile',
  installingProfile: 'Installing the profile',
  trustProfilePrompt: 'Prompt to trust the profile',
  installProfile: 'Profile waits to be installed',
  deviceAdminActivation: 'Device administrator activation',
  phoneCallsPrompt: 'Prompt to allow phone calls',
  klmsAgentActivation: 'Knox licence agent activation',
  termsOfUse: 'Terms of use',
  deviceCompliance: 'Device compliance',
  enrollmentActivation: 'Enrollment activation',
};

export const CAUSES = {
  cancel: 'Cancelled',
  postpone: 'Postponed',
  ignore: 'Ignored',
  declineAll: 'Declined all',
  portalClosed: 'Company Portal closed',
  timedOut: 'Timed out',
  restarted: 'Restarted',
  unenrolled: 'Unenrolled meanwhile',
};

export const OUTCOMES = {
  inProgress: 'In progress',
  completed: 'Completed',
  abandoned: 'Abandoned',
  failed: 'Failed',
  pending: 'Pending',
};

export const PLATFORMS = {
  windows: 'Windows',
  macos: 'macOS',
  ios: 'iOS/iPadOS',
  android: 'Android',
  both: 'iOS/iPadOS and Android',
  all: 'All platforms',
};

const WAITS = {
  compliance: 'Waits for compliance',
  configuration: 'Held in Setup Assistant until it is released',
};

const KINDS = {
  'enrollment.registered': 'Registered',
  'enrollment.started': 'Enrollment started',
  'enrollment.step.entered': 'Screen shown',
  'enrollment.step.completed': 'Screen completed',
  'enrollment.stopped': 'Stopped by the person',
  'enrollment.portalClosed': 'Company Portal closed',
  'enrollment.failed': 'Enrollment failed',
  'enrollment.enrolled': 'Enrolled',
  'enrollment.compliant': 'Compliant',
  'enrollment.unenrolled': 'Unenrolled',
};

const CATEGORIES = {
  unknown: 'Unknown',
  authentication: 'Authentication',
  authorization: 'Authorization',
  accountValidation: 'Account validation',
  userValidation: 'User validation',
  deviceNotSupported: 'Device not supported',
  inMaintenance: 'In maintenance',
  badRequest: 'Bad request',
  featureNotSupported: 'Feature not supported',
  enrollmentRestrictionsEnforced: 'Enrollment restrictions',
  clientDisconnected: 'Client disconnected',
  userAbandonment: 'Abandoned by the user',
};

const ESP_STATES = {
  inProgress: 'In progress',
  timedOut: 'Timed out',
  failed: 'Failed',
  success: 'Succeeded',
  successWithTimeout: 'Succeeded after the time limit',
  ended: 'Ended by removal from management',
  successOnRetry: 'Succeeded on retry',
};

export const ESP_PHASES = {
  devicePreparation: 'Device preparation',
  deviceSetup: 'Device setup',
  accountSetup: 'Account setup',
};

const ESP_CATEGORIES = {
  secureHardware: 'Securing hardware',
  joinNetwork: 'Joining the organisation’s network',
  registerDevice: 'Registering for management',
  securityPolicies: 'Security policies',
  certificates: 'Certificates',
  networkConnections: 'Network connections',
  apps: 'Apps',
};

const PROGRESS = {
  notStarted: 'Not started',
  started: 'Started',
  identifying: 'Identifying',
  inProgress: 'In progress',
  notInstalled: 'Not installed',
  completed: 'Completed',
  failed: 'Failed',
  error: 'Error',
  notRequired: 'Not required',
};

const DEPLOYMENT_MODES = {
  userDriven: 'User-driven',
  selfDeploying: 'Self-deploying',
  preProvisioningTechnician: 'Pre-provisioning, technician',
  preProvisioningUser: 'Pre-provisioning, user',
};

const ESP_ACTIONS = {
  retry: 'Try again',
  reset: 'Reset device',
  continueAnyway: 'Continue anyway',
  collectLogs: 'Collect logs',
};

const RULES = {
  deviceGroup: 'Group of the device',
  allDevices: 'All devices',
  userGroup: 'Group of the user',
  allLicensedUsers: 'All licensed users',
  default: 'Default profile',
  reported: 'Named by the sender',
};

const VERDICTS = {
  ambiguous: 'Which device?',
  notSeen: 'Not seen',
  noAttempt: 'No attempt',
  working: 'Working',
  notEnrolled: 'Not enrolled',
  enrolling: 'Enrolling',
  waitingForCompliance: 'Waiting for compliance',
  heldForConfiguration: 'Held for configuration',
  notCompliant: 'Enrolled, not compliant',
  prepared: 'Prepared',
  gaveUp: 'Gave up',
  failing: 'Failing',
};

const SEVERITIES = { problem: 'Problem', warning: 'Warning', information: 'Information' };

const WHO = { user: 'User', admin: 'Administrator', microsoft: 'Microsoft' };

/** Each takes a name and gives its words. */
export const section = say(SECTIONS);
export const action = say(ACTIONS);
export const screen = say(SCREENS);
export const cause = say(CAUSES);
export const outcome = say(OUTCOMES);
export const platform = say(PLATFORMS);
/** What an open attempt waits for. */
export const waitsFor = say(WAITS);
export const eventKind = say(KINDS);
export const failureCategory = say(CATEGORIES);
export const espState = say(ESP_STATES);
export const espPhase = say(ESP_PHASES);
export const espCategory = say(ESP_CATEGORIES);
export const espAction = say(ESP_ACTIONS);
/** Of a phase, a subtask or an item. */
export const progressState = say(PROGRESS);
export const deploymentMode = say(DEPLOYMENT_MODES);
export const espRule = say(RULES);
export const verdict = say(VERDICTS);
export const severity = say(SEVERITIES);
export const who = say(WHO);

/**
 * How a place is left, as the nineteen rows say it; of a time-out the limits that ran out there.
 * @param {string} name
 * @param {number|null} [shortest] minutes
 * @param {number|null} [longest]
 * @returns {string}
 */
export function how(name, shortest, longest) {
  if (name !== 'timedOut') return cause(name);
  const [least, most] = [shortest ?? 30, longest ?? 30];
  return least === most ? `Over ${minutes(least)}` : `Over ${minutes(least)} to ${minutes(most)}`;
}

/** Any other name, its words apart. @param {string|null} name @returns {string} */
export const plain = say({});
