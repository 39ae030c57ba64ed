/*
 * Messages to people in words: what rules watch, where channels go, and what a form's values ask of the API.
 *
 * What must stay true: it asks nothing and draws nothing. What is empty in a form is left out of what is sent, so that
 * the server's own default counts.
 */

import { plural } from '../kit/format.js';
import { action } from '../kit/words.js';

/** What a channel can be. @type {[string, string][]} */
export const CHANNELS = [
  ['email', 'E-mail'],
  ['teams', 'Microsoft Teams'],
  ['slack', 'Slack'],
  ['webhook', 'Signed webhook'],
];

/** What a rule can watch. @type {[string, string][]} */
export const WATCHED = [
  ['stepRate', 'More people give up at a step'],
  ['appRate', 'An app fails more often'],
  ['outcomes', 'Enrollments or sessions end badly'],
  ['stuck', 'A device stays on one screen'],
  ['silent', 'A sender is silent'],
  ['fileMade', 'A report file is ready'],
  ['weekly', 'The week in one sentence, on Mondays'],
];

/** How something ends badly. @type {[string, string][]} */
export const ENDS = [
  ['failed', 'An enrollment failed'],
  ['timedOut', 'Nothing was received of an enrollment for longer than its limit'],
  ['stopped', 'A person stopped an enrollment'],
  ['sessionFailed', 'The Enrollment Status Page failed'],
  ['sessionTimedOut', 'The Enrollment Status Page passed its limit'],
];

/** A name for a rule or a channel that has none yet. */
export const FIRST_NAMES = {
  email: 'mail',
  teams: 'teams',
  slack: 'slack',
  webhook: 'webhook',
  stepRate: 'steps',
  appRate: 'apps',
  outcomes: 'failures',
  stuck: 'waiting',
  silent: 'senders',
  fileMade: 'files',
  weekly: 'weekly',
};

/** Names in a sentence. @param {string[]} names */
const joined = (names) =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;

/**
 * What a rule watches, as a sentence without its point.
 * @param {Answer} watch as the API has it
 * @param {{profile?: (id: string) => string, sender?: (source: string) => string}} [names] of ids
 * @returns {string}
 */
export function watched(watch, { profile = (id) => id, sender = (source) => source } = {}) {
  switch (watch.kind) {
    case 'stepRate':
      return `More people than in the four weeks before give up at ${watch.step ? action(watch.step) : 'any step'}`;
    case 'appRate':
      return `${watch.app ?? 'Any app'} fails more often than in the four weeks before`;
    case 'outcomes': {
      const words = new Map(ENDS);
      const ends = watch.of.map((end) => words.get(end) ?? end).join('; ');
      const only = [
        watch.profiles?.length ? `of the profile ${joined(watch.profiles.map(profile))}` : null,
        watch.groups?.length ? `through the group ${joined(watch.groups)}` : null,
      ].filter(Boolean);
      return only.length ? `${ends}: only ${only.join(', ')}` : ends;
    }
    case 'stuck':
      return `A device is on one screen for more than ${plural(watch.minutes, 'minute')}`;
    case 'silent':
      return watch.source
        ? `${sender(watch.source)} is silent for longer than it usually is`
        : 'A sender is silent for longer than it usually is';
    case 'fileMade':
      return 'A report file is ready';
    case 'weekly':
      return 'The week in one sentence, on Mondays';
    default:
      return watch.kind;
  }
}

/** Where a channel goes, without what is secret. @param {Answer} channel */
export const place = (channel) => (channel.kind === 'email' ? channel.to.join(', ') : channel.host);

const listOf = (text) =>
  text
    .split(/[\s,;]+/)
    .map((one) => one.trim())
    .filter(Boolean);

/** A number if it is one; else the text, of which the server says what is wrong. @param {string} text */
const numberOf = (text) => (/^\d+$/.test(text.trim()) ? Number(text.trim()) : text.trim());

/** What the form of a channel asks for. @param {Record<string, any>} values @returns {Record<string, any>} */
export function channelOf(values) {
  if (values.kind !== 'email') return { kind: values.kind, url: values.url.trim() || undefined };
  return {
    kind: 'email',
    server: values.server.trim() || undefined,
    port: values.port.trim() ? numberOf(values.port) : undefined,
    tls: values.tls,
    user: values.user.trim() || undefined,
    password: values.password || undefined,
    from: values.from.trim() || undefined,
    to: listOf(values.to),
  };
}

/** What the form of a rule asks for. @param {Record<string, any>} values @returns {Record<string, any>} */
export function ruleOf(values) {
  const { kind } = values;
  const of = values.of;
  const isOfSessions = isOnlyOfSessions(of);
  const watch = {
    stepRate: () => ({ kind, step: values.step || undefined }),
    appRate: () => ({ kind, app: values.app.trim() || undefined }),
    outcomes: () => ({
      kind,
      of,
      profiles: isOfSessions && values.profiles.length ? values.profiles : undefined,
      groups: isOfSessions && values.groups.length ? values.groups : undefined,
    }),
    stuck: () => ({ kind, minutes: numberOf(values.minutes) }),
    silent: () => ({ kind, source: values.source || undefined }),
  }[kind];
  return { watch: watch ? watch() : { kind }, channels: values.channels };
}

/** Whether these are ends of sessions alone, which have a profile. @param {string[]} of */
export const isOnlyOfSessions = (of) => of.length > 0 && of.every((end) => end.startsWith('session'));

/** A rule as the values of its form. @param {Answer} rule */
export const valuesOfRule = ({ name, watch, channels }) => ({
  name,
  kind: watch.kind,
  step: watch.step ?? '',
  app: watch.app ?? '',
  of: watch.of ?? ['failed', 'timedOut'],
  profiles: watch.profiles ?? [],
  groups: watch.groups ?? [],
  source: watch.source ?? '',
  minutes: String(watch.minutes ?? 20),
  channels,
});

/** A channel as the values of its form, without what is secret of it. @param {Answer} channel */
export const valuesOfChannel = (channel) => ({
  name: channel.name,
  kind: channel.kind,
  url: '',
  server: channel.server ?? '',
  port: String(channel.port ?? 465),
  tls: channel.tls ?? true,
  user: channel.user ?? '',
  password: '',
  from: channel.from ?? '',
  to: (channel.to ?? []).join('\n'),
});

/** What the form of the choices for all messages asks for. @param {Record<string, any>} values */
export function policyOf(values) {
  const { quietFrom, quietTo } = values;
  return {
    digestMinutes: numberOf(values.digestMinutes),
    limitAnHour: numberOf(values.limitAnHour),
    quiet: quietFrom || quietTo ? `${quietFrom}-${quietTo}` : null,
    names: values.names,
    address: values.address.trim() || null,
  };
}

/** The choices for all messages as the values of their form. @param {Answer} policy */
export function valuesOfPolicy(policy) {
  const [quietFrom, quietTo] = (policy.quiet ?? '-').split('-');
  return {
    digestMinutes: String(policy.digestMinutes),
    limitAnHour: String(policy.limitAnHour),
    quietFrom,
    quietTo,
    names: policy.names,
    address: policy.address ?? '',
  };
}

/**
 * What was sent and what was given up, newest first.
 * @param {Answer} history
 * @returns {Answer[]}
 */
export const newestFirst = ({ sent, givenUp }) =>
  [...sent, ...givenUp].sort((one, other) => (one.at < other.at ? 1 : -1));

/** How a try goes on. @param {Answer} one that is on its way */
export const tries = (one) =>
  one.failedTries ? `${plural(one.failedTries, 'try', 'tries')} failed` : 'waits to be sent';
