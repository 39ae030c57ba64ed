/*
 * Messages to people in words: what rules watch, where channels go, and what a form's values ask of the API.
 *
 * What must stay true: it asks nothing and draws nothing. What is empty in a form is left out of what is sent, so that
 * the server's own default counts.
 */

import { action } from '../kit/words.js';
import { say } from '../kit/say.js';

/** What a channel can be. @type {[string, string][]} */
export const CHANNELS = [
  ['email', say('messages.eMail')],
  ['teams', say('messages.microsoftTeams')],
  ['slack', say('messages.slack')],
  ['webhook', say('messages.signedWebhook')],
];

/** What a rule can watch. @type {[string, string][]} */
export const WATCHED = [
  ['stepRate', say('messages.watchSteps')],
  ['appRate', say('messages.watchApps')],
  ['outcomes', say('messages.watchOutcomes')],
  ['stuck', say('messages.watchStuck')],
  ['silent', say('messages.watchSilent')],
  ['fileMade', say('messages.watchFiles')],
  ['weekly', say('messages.watchWeek')],
];

/** How something ends badly. @type {[string, string][]} */
export const ENDS = [
  ['failed', say('messages.endFailed')],
  ['timedOut', say('messages.endTimedOut')],
  ['stopped', say('messages.endStopped')],
  ['sessionFailed', say('messages.endSessionFailed')],
  ['sessionTimedOut', say('messages.endSessionTimedOut')],
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
  names.length < 2
    ? names.join('')
    : say('messages.or', { names: names.slice(0, -1).join(', '), last: names[names.length - 1] });

/**
 * What a rule watches, as a sentence without its point.
 * @param {Answer} watch as the API has it
 * @param {{profile?: (id: string) => string, sender?: (source: string) => string}} [names] of ids
 * @returns {string}
 */
export function watched(watch, { profile = (id) => id, sender = (source) => source } = {}) {
  switch (watch.kind) {
    case 'stepRate':
      return watch.step ? say('messages.stepRate', { step: action(watch.step) }) : say('messages.anyStepRate');
    case 'appRate':
      return watch.app ? say('messages.appRate', { app: watch.app }) : say('messages.anyAppRate');
    case 'outcomes': {
      const words = new Map(ENDS);
      const ends = watch.of.map((end) => words.get(end) ?? end).join('; ');
      const profiles = watch.profiles?.length ? joined(watch.profiles.map(profile)) : null;
      const groups = watch.groups?.length ? joined(watch.groups) : null;
      if (profiles && groups) return say('messages.onlyOfBoth', { ends, profiles, groups });
      if (profiles) return say('messages.onlyOfProfile', { ends, profiles });
      return groups ? say('messages.onlyOfGroup', { ends, groups }) : ends;
    }
    case 'stuck':
      return say('messages.stuck', { n: watch.minutes });
    case 'silent':
      return watch.source ? say('messages.isSilent', { sender: sender(watch.source) }) : say('messages.anySilent');
    case 'fileMade':
      return say('messages.watchFiles');
    case 'weekly':
      return say('messages.watchWeek');
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
  one.failedTries ? say('messages.triesFailed', { n: one.failedTries }) : say('messages.waitsToBeSent');
