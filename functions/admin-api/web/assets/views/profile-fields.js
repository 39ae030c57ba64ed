/*
 * The members of a profile of the Enrollment Status Page as fields of a form: labels, limits and dependencies.
 *
 * What must stay true: names, limits and dependencies are the server's (docs/DOMAIN.md, S1), which decides. A field
 * that is off because of another is sent as off, since the server refuses contradictions; its value stays in the form
 * meanwhile. Values here are those of the form: texts (also for numbers and lists) and booleans.
 */

import { count } from '../kit/format.js';
import { say } from '../kit/say.js';

const MOST_NAME = 256;
const MOST_DESCRIPTION = 1500;
const MOST_MESSAGE = 10_000;
const MOST_MINUTES = 1440;
const DEFAULT_MINUTES = '60';
const MOST_APPS = 100;
const MOST_TAGS = 50;

/** Groups of fields in the order of the form. */
export const GROUPS = [
  { id: 'general', title: say('common.profile') },
  { id: 'page', title: say('profile.thePage') },
  { id: 'wait', title: say('profile.whatToWaitFor') },
  { id: 'failure', title: say('profile.whenItFails') },
  {
    id: 'kept',
    title: say('profile.keptForIntune'),
    about: say('profile.keptAbout'),
  },
  { id: 'rights', title: say('profile.whoMaySee') },
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
  { name: 'displayName', kind: 'text', group: 'general', label: say('common.name'), most: MOST_NAME, required: true },
  { name: 'description', kind: 'long', group: 'general', label: say('profile.description'), most: MOST_DESCRIPTION },
  {
    name: 'enabled',
    kind: 'flag',
    group: 'general',
    label: say('profile.active'),
    needs: 'notDefault',
    keeps: true,
    hint: say('profile.activeHint'),
  },
  {
    name: 'priority',
    kind: 'number',
    group: 'general',
    label: say('common.priority'),
    needs: 'notDefault',
    hint: say('profile.priorityHint'),
  },
  {
    name: 'showInstallationProgress',
    kind: 'flag',
    group: 'page',
    label: say('profile.showPage'),
    hint: say('profile.showPageHint'),
  },
  {
    name: 'installProgressTimeoutInMinutes',
    kind: 'number',
    group: 'page',
    label: say('profile.timeLimitInMinutes'),
    most: MOST_MINUTES,
    needs: 'page',
    keeps: true,
    hint: say('profile.limitHint', { most: count(MOST_MINUTES) }),
  },
  {
    name: 'allowUserToSkipAccountSetup',
    kind: 'flag',
    group: 'page',
    label: say('profile.maySkip'),
    needs: 'page',
  },
  {
    name: 'blockDeviceUse',
    kind: 'flag',
    group: 'wait',
    label: say('profile.mustWait'),
    needs: 'page',
    keeps: true,
    hint: say('profile.mustWaitHint'),
  },
  {
    name: 'selectedMobileAppIds',
    kind: 'list',
    group: 'wait',
    label: say('profile.selectedApps'),
    most: MOST_APPS,
    needs: 'block',
    hint: say('profile.appsHint', { most: MOST_APPS }),
  },
  {
    name: 'allowNonBlockingAppInstallation',
    kind: 'flag',
    group: 'wait',
    needs: 'apps',
    label: say('profile.technician'),
    hint: say('profile.technicianHint'),
  },
  {
    name: 'customErrorMessage',
    kind: 'long',
    group: 'failure',
    label: say('profile.message'),
    most: MOST_MESSAGE,
    needs: 'page',
    hint: say('profile.messageHint'),
  },
  {
    name: 'blockDeviceSetupRetryByUser',
    kind: 'flag',
    group: 'failure',
    label: say('profile.mayNotRetry'),
    needs: 'page',
    keeps: true,
  },
  {
    name: 'allowDeviceResetOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: say('profile.mayReset'),
    needs: 'block',
  },
  {
    name: 'allowDeviceUseOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: say('profile.mayUse'),
    needs: 'block',
  },
  {
    name: 'allowLogCollectionOnInstallFailure',
    kind: 'flag',
    group: 'failure',
    label: say('profile.mayCollectLogs'),
    needs: 'page',
  },
  {
    name: 'showErrorDetails',
    kind: 'flag',
    group: 'failure',
    label: say('profile.seeCodes'),
    needs: 'page',
  },
  {
    name: 'trackInstallProgressForAutopilotOnly',
    kind: 'flag',
    group: 'kept',
    needs: 'page',
    label: say('profile.onlyAutopilot'),
  },
  {
    name: 'disableUserStatusTrackingAfterFirstUser',
    kind: 'flag',
    group: 'kept',
    needs: 'page',
    label: say('profile.onlyFirstUser'),
  },
  {
    name: 'installQualityUpdates',
    kind: 'flag',
    group: 'kept',
    label: say('profile.installQualityUpdates'),
    needs: 'page',
  },
  {
    name: 'roleScopeTagIds',
    kind: 'list',
    group: 'rights',
    label: say('common.scopeTags'),
    most: MOST_TAGS,
    hint: say('profile.tagsHint', { most: MOST_TAGS }),
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
  const needs = (name) => say('profile.needs', { label: fieldOf(name)?.label ?? name });
  if (field.needs === 'notDefault') return isDefault ? say('profile.isDefault') : null;
  if (!field.needs) return null;
  if (!values.showInstallationProgress) return needs('showInstallationProgress');
  if (field.needs === 'page') return null;
  if (!values.blockDeviceUse) return needs('blockDeviceUse');
  if (field.needs === 'apps' && !entries(values.selectedMobileAppIds).length) return say('profile.needsApp');
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
  if (field.kind === 'list')
    return say('profile.soManyOf', { count: count(entries(value).length), most: count(field.most ?? null) });
  if (field.kind === 'long' || field.kind === 'text')
    return say('profile.charactersOf', { count: count(letters(value)), most: count(field.most ?? null) });
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
    if (field.required && !value) refuse(say('common.isRequired'));
    if (kind === 'list') {
      const list = entries(value);
      if (list.length > most) refuse(say('profile.mostEntries', { most }));
      else if (list.some((one) => letters(one) > MOST_NAME)) refuse(say('profile.textsOf'));
    } else if (kind === 'number') {
      const isWhole = /^\d+$/.test(value) && Number(value) >= 1;
      if (name === 'priority') {
        if (value && !isWhole) refuse(say('profile.wholeNumber'));
      } else if (!isWhole || Number(value) > most) refuse(say('profile.mustBeBetween', { most }));
    } else if (letters(value) > most) refuse(say('common.mostCharacters', { most }));
  }
  return wrong;
}

/** A problem as a sentence, with the fields’ labels for the members’ names. */
export function sentence({ field, problem }) {
  const words = FIELDS.reduce(
    (text, { name, label }) => text.replace(new RegExp(`\\b${name}\\b`), say('settings.quoted', { label })),
    problem,
  );
  return say('profile.labelProblem', {
    label: fieldOf(field.replace(/[[.].*$/, ''))?.label ?? field,
    problem: words,
  });
}

/** A value as a table shows it. @param {Field} field @param {any} value @returns {string} */
export function shown(field, value) {
  if (field.kind === 'flag') return value ? say('common.on') : say('profile.off');
  if (field.kind === 'list') return entries(value).join(', ') || say('common.none');
  return value || say('common.empty');
}

/**
 * The id that a typed text means: that of the only app of this name, or the text itself.
 * @param {string} typed
 * @param {{id: string, name: string|null}[]} apps
 * @returns {{id: string|null, problem: string|null}}
 */
export function idOf(typed, apps) {
  const text = typed.trim();
  if (!text) return { id: null, problem: say('profile.typeName') };
  const named = apps.filter((one) => one.name?.toLowerCase() === text.toLowerCase());
  if (named.length > 1) return { id: null, problem: say('profile.severalApps', { count: named.length }) };
  return { id: named[0]?.id ?? text, problem: null };
}
