/*
 * The members of a profile of the Enrollment Status Page as fields of a form: labels, limits and dependencies.
 *
 * What must stay true: names, limits and dependencies are the server's (docs/DOMAIN.md, S1), which decides. A field
 * that is off because of another is sent as off, since the server refuses contradictions; its value stays in the form
 * meanwhile. Values here are those of the form: texts (also for numbers and lists) and booleans.
 */

import { count } from '../kit/format.js';

const MOST_NAME = 256;
const MOST_DESCRIPTION = 1500;
const MOST_MESSAGE = 10_000;
const MOST_MINUTES = 1440;
const DEFAULT_MINUTES = '60';
const MOST_APPS = 100;
const MOST_TAGS = 50;

/** Groups of fields in the order of the form. */
export const GROUPS = [
  { id: 'general', title: 'Profile' },
  { id: 'page', title: 'The page' },
  { id: 'wait', title: 'What people wait for' },
  { id: 'failure', title: 'When it fails or takes too long' },
  {
    id: 'kept',
    title: 'Kept for Intune',
    about:
      'These settings are stored as they are, so that a profile from Graph stays complete. They change nothing that Vestibule reports.',
  },
  { id: 'rights', title: 'Who may see it' },
];

/**
 * @typedef {object} Field
 * @property {string} name the member, as in Graph
 * @property {'text'|'long'|'number'|'list'|'flag'} kind
 * @property {string} group
 * @property {string} label
 * @property {string} [hint]
 * @property {number} [most] characters of a text, entries of a list, the largest number
 * @property {boolean} [required]
 * @property {'page'|'block'|'apps'|'notDefault'} [needs] what it needs; see `offReason`
 * @property {boolean} [keeps] is sent as it is though it has no effect
 */

/** @type {Field[]} */
export const FIELDS = [
  { name: 'displayName', kind: 'text', group: 'general', label: 'Name', most: MOST_NAME, required: true },
  { name: 'description', kind: 'long', group: 'general', label: 'Description', most: MOST_DESCRIPTION },
  {
    name: 'enabled',
    kind: 'flag',
    group: 'general',
    label: 'Profile is active',
    needs: 'notDefault',
    keeps: true,
    hint: 'If this is off, the profile is kept and applies to nobody.',
  },
  {
    name: 'priority',
    kind: 'number',
    group: 'general',
    label: 'Priority',
    needs: 'notDefault',
    hint: '1 is the highest. The other profiles move. A number beyond the last puts the profile last.',
  },
  {
    name: 'showInstallationProgress',
    kind: 'flag',
    group: 'page',
    label: 'Show the page',
    hint: 'If this is off, nothing else here has an effect.',
  },
  {
    name: 'installProgressTimeoutInMinutes',
    kind: 'number',
    group: 'page',
    label: 'Time limit in minutes',
    most: MOST_MINUTES,
    needs: 'page',
    keeps: true,
    hint: `1 to ${count(MOST_MINUTES)}. Hybrid join gets 40 more.`,
  },
  {
    name: 'allowUserToSkipAccountSetup',
    kind: 'flag',
    group: 'page',
    label: 'People may skip account setup',
    needs: 'page',
  },
  {
    name: 'blockDeviceUse',
    kind: 'flag',
    group: 'wait',
    label: 'People must wait until the device is set up',
    needs: 'page',
    keeps: true,
    hint: 'If this is off, people can go on at any time.',
  },
  {
    name: 'selectedMobileAppIds',
    kind: 'list',
    group: 'wait',
    label: 'Selected apps',
    most: MOST_APPS,
    needs: 'block',
    hint: `Up to ${MOST_APPS}. If the list is empty, people wait for all targeted apps.`,
  },
  {
    name: 'allowNonBlockingAppInstallation',
    kind: 'flag',
    group: 'wait',
    needs: 'apps',
    label: 'Technician phase: only the selected apps can fail it',
    hint: 'The other required apps are tried there too. If this is off, they wait for the user’s sign-in.',
  },
  {
    name: 'customErrorMessage',
    kind: 'long',
    group: 'failure',
    label: 'Message',
    most: MOST_MESSAGE,
    needs: 'page',
    hint: 'People read this when setup fails. If it is empty, they are asked to try again or to get help.',
  },
  {
    name: 'blockDeviceSetupRetryByUser',
    kind: 'flag',
    group: 'failure',
    label: 'People may not try again',
    needs: 'page',
    keeps: true,
  },
  {
    name: 'allowDeviceResetOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: 'People may reset the device',
    needs: 'block',
  },
  {
    name: 'allowDeviceUseOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: 'People may use the device anyway',
    needs: 'block',
  },
  {
    name: 'allowLogCollectionOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: 'People may collect logs',
    needs: 'page',
  },
  {
    name: 'showErrorDetails',
    kind: 'flag',
    group: 'failure',
    label: 'People see error codes and names of apps',
    needs: 'page',
  },
  {
    name: 'trackInstallProgressForAutopilotOnly',
    kind: 'flag',
    group: 'kept',
    needs: 'page',
    label: 'Only for devices set up out of the box',
  },
  {
    name: 'disableUserStatusTrackingAfterFirstUser',
    kind: 'flag',
    group: 'kept',
    needs: 'page',
    label: 'Account setup for the first user of a device only',
  },
  { name: 'installQualityUpdates', kind: 'flag', group: 'kept', label: 'Install quality updates', needs: 'page' },
  {
    name: 'roleScopeTagIds',
    kind: 'list',
    group: 'rights',
    label: 'Scope tags',
    most: MOST_TAGS,
    hint: `Enter each tag on its own line, up to ${MOST_TAGS}. If the list is empty, the profile gets tag 0. A token with scope tags sees only profiles that have one of them.`,
  },
];

const fieldOf = (name) => FIELDS.find((field) => field.name === name);

const ON = ['showInstallationProgress', 'enabled', 'blockDeviceUse'];

/** What a new profile has. @returns {Object<string, any>} */
export function newValues() {
  const values = {};
  for (const { name, kind } of FIELDS) values[name] = kind === 'flag' ? ON.includes(name) : '';
  return { ...values, installProgressTimeoutInMinutes: DEFAULT_MINUTES, roleScopeTagIds: '0' };
}

/** @param {Answer} profile as the API writes it @returns {Object<string, any>} */
export function valuesOf(profile) {
  const values = {};
  for (const { name, kind } of FIELDS) {
    const value = profile[name];
    if (kind === 'flag') values[name] = value === true;
    else if (kind === 'list') values[name] = (value ?? []).join('\n');
    else values[name] = value === null || value === undefined ? '' : String(value);
  }
  return values;
}

/** The entries of a list, one a line, each once. @param {string} text @returns {string[]} */
export const entries = (text) => [
  ...new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
  ),
];

/**
 * Why a field has no effect, or null where it has one.
 * @param {Field} field
 * @param {Object<string, any>} values
 * @param {boolean} isDefault whether it is the default profile
 * @returns {string|null}
 */
export function offReason(field, values, isDefault) {
  const needs = (name) => `Needs “${fieldOf(name)?.label}”.`;
  if (field.needs === 'notDefault') return isDefault ? 'The default profile is always active, after all others.' : null;
  if (!field.needs) return null;
  if (!values.showInstallationProgress) return needs('showInstallationProgress');
  if (field.needs === 'page') return null;
  if (!values.blockDeviceUse) return needs('blockDeviceUse');
  if (field.needs === 'apps' && !entries(values.selectedMobileAppIds).length) return 'Needs at least one selected app.';
  return null;
}

/** Whether a field that is off holds something that is not saved. @returns {boolean} */
export const willDrop = (field, values) =>
  !field.keeps && (field.kind === 'flag' ? values[field.name] : values[field.name].trim() !== '');

/**
 * The body that is posted.
 * @param {Object<string, any>} values
 * @param {boolean} isDefault
 * @returns {object}
 */
export function bodyOf(values, isDefault) {
  const body = {};
  for (const field of FIELDS) {
    const { name, kind, keeps } = field;
    const isOff = offReason(field, values, isDefault) !== null;
    const value = values[name];
    if (kind === 'flag') body[name] = isOff && !keeps ? false : value;
    else if (kind === 'list') body[name] = isOff ? [] : entries(value);
    else if (kind === 'number') {
      // The value of a field that is off is only sent if it is valid, since the person can't correct it.
      const isSound = /^\d+$/.test(value.trim()) && Number(value) <= (field.most ?? Infinity);
      if (isOff && !isSound && keeps) body[name] = Number(DEFAULT_MINUTES);
      else if (value.trim() !== '' && (keeps || !isOff)) body[name] = Number(value);
    } else body[name] = isOff || !value.trim() ? null : value;
  }
  return body;
}

const letters = (text) => [...text].length;

/** How full a text or list is. @param {Field} field @param {string} value @returns {string|null} */
export function fullness(field, value) {
  if (field.kind === 'list') return `${count(entries(value).length)} of ${count(field.most ?? null)}`;
  if (field.kind === 'long' || field.kind === 'text')
    return `${count(letters(value))} of ${count(field.most ?? null)} characters`;
  return null;
}

/**
 * The errors of values beyond a limit, in the words of the server, before anything is posted.
 * @param {Object<string, any>} values
 * @param {boolean} isDefault
 * @returns {{field: string, problem: string}[]}
 */
export function problemsOf(values, isDefault) {
  const wrong = [];
  for (const field of FIELDS) {
    const { name, kind, most = Infinity } = field;
    if (kind === 'flag' || offReason(field, values, isDefault)) continue;
    const value = values[name].trim();
    const refuse = (problem) => wrong.push({ field: name, problem });
    if (field.required && !value) refuse('is required');
    if (kind === 'list') {
      const list = entries(value);
      if (list.length > most) refuse(`must have at most ${most} entries`);
      else if (list.some((one) => letters(one) > MOST_NAME)) refuse('must hold texts of 1 to 256 characters');
    } else if (kind === 'number') {
      const isWhole = /^\d+$/.test(value) && Number(value) >= 1;
      if (name === 'priority') {
        if (value && !isWhole) refuse('must be a whole number from 1');
      } else if (!isWhole || Number(value) > most) refuse(`must be between 1 and ${most}`);
    } else if (letters(value) > most) refuse(`must have at most ${most} characters`);
  }
  return wrong;
}

/** A problem as a sentence, with the fields’ labels for the members’ names. */
export function sentence({ field, problem }) {
  const words = FIELDS.reduce(
    (text, { name, label }) => text.replace(new RegExp(`\\b${name}\\b`), `“${label}”`),
    problem,
  );
  return `${fieldOf(field.replace(/[[.].*$/, ''))?.label ?? field} ${words}.`;
}

/** A value as a table shows it. @param {Field} field @param {any} value @returns {string} */
export function shown(field, value) {
  if (field.kind === 'flag') return value ? 'On' : 'Off';
  if (field.kind === 'list') return entries(value).join(', ') || 'none';
  return value || 'empty';
}

/**
 * The id that a typed text means: that of the only app of this name, or the text itself.
 * @param {string} typed
 * @param {{id: string, name: string|null}[]} apps
 * @returns {{id: string|null, problem: string|null}}
 */
export function idOf(typed, apps) {
  const text = typed.trim();
  if (!text) return { id: null, problem: 'Type the name of an app.' };
  const named = apps.filter((one) => one.name?.toLowerCase() === text.toLowerCase());
  if (named.length > 1) return { id: null, problem: `${named.length} apps have this name: enter the id of one.` };
  return { id: named[0]?.id ?? text, problem: null };
}
