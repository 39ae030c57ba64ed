/*
 * What the card of a device says: how it stands, the last screen, how the latest attempt ended, and what to do next. The
 * same in the view and in the text for a ticket.
 *
 * What must stay true: every statement is reported, or the server's; what nobody reported says so. A device whose newest
 * attempt is another person's does not show that person's state.
 */

import { dateTime, NOT_REPORTED } from '../kit/format.js';
import * as words from '../kit/words.js';
import { attemptId, codes, deviceName, platformWords } from './diagnostics-words.js';
import { say } from '../kit/say.js';

/** How verdicts of the server, states of a file and outcomes of attempts look. */
const KINDS = {
  working: 'good',
  prepared: 'good',
  enrolled: 'good',
  completed: 'good',
  enrolling: 'busy',
  inProgress: 'busy',
  waitingForCompliance: 'busy',
  ambiguous: 'busy',
  heldForConfiguration: 'warn',
  notCompliant: 'warn',
  gaveUp: 'warn',
  abandoned: 'warn',
  failing: 'bad',
  failed: 'bad',
};

/** States of a file, the worst first. */
const WORST = [
  'failed',
  'gaveUp',
  'waitingForCompliance',
  'inProgress',
  'pending',
  'notEnrolled',
  'prepared',
  'enrolled',
];

/** @param {string} name of a verdict, a state or an outcome @returns {string} */
export const kindOf = (name) => KINDS[name] ?? 'quiet';

/**
 * @typedef {object} Card
 * @property {string} key
 * @property {string} name
 * @property {string|null} user
 * @property {string|null} serial
 * @property {string} about platform, version and model, as far as they were reported
 * @property {string} kind of its badge
 * @property {string} state
 * @property {string|null} summary the server's sentence
 * @property {string|null} screen null of an attempt that completed
 * @property {string} ended how the latest attempt stands
 * @property {string|null} code
 * @property {string|null} activeAt
 * @property {string|null} next
 * @property {string[]} who can do it
 * @property {string|null} attempt
 * @property {boolean} isWindows
 * @property {boolean} isDone nothing is left to do
 */

const screenWords = (attempt) => {
  // It stopped nowhere.
  if (attempt?.outcome === 'completed') return null;
  const parts = [
    attempt?.action ? words.action(attempt.action) : null,
    attempt?.screen ? words.screen(attempt.screen) : null,
  ].filter(Boolean);
  return [...new Set(parts)].join(': ') || NOT_REPORTED;
};

const endedWords = (attempt) => {
  if (!attempt) return NOT_REPORTED;
  const more = attempt.cause ? words.cause(attempt.cause) : attempt.waitsFor ? words.waitsFor(attempt.waitsFor) : null;
  return [words.outcome(attempt.outcome), more].filter(Boolean).join(': ');
};

/**
 * @param {Answer} device
 * @param {Answer|undefined} attempt the newest of this person
 * @param {{kind: string, state: string, summary?: string|null, next?: string|null, who?: string[]}} more
 * @returns {Card}
 */
const cardOf = (device, attempt, { kind, state, summary = null, next = null, who = [] }) => ({
  key: device.enrollmentKey,
  name: deviceName(device),
  user: device.userPrincipalName ?? null,
  serial: device.serialNumber,
  about: [device.platform ? platformWords(device) : null, device.osVersion, device.model].filter(Boolean).join(', '),
  kind,
  state,
  summary,
  screen: screenWords(attempt),
  ended: endedWords(attempt),
  code: attempt ? codes(attempt) : null,
  activeAt: device.lastActivityAt ?? attempt?.lastActivityAt ?? null,
  next,
  who,
  attempt: attempt ? attemptId(attempt) : null,
  isWindows: device.platform === 'windows',
  isDone: kind === 'good' && (!attempt || attempt.outcome === 'completed'),
});

const newestOf = (answer, key) => answer.attempts.find((one) => one.enrollmentKey === key);

/**
 * The cards of a diagnosis of the server, in its order: the worst first.
 * @param {Answer} answer
 * @returns {Card[]}
 */
export const cardsOfDiagnosis = (answer) =>
  answer.devices.map((device) => {
    const isIts = (one) => one.enrollmentKey === device.enrollmentKey || answer.devices.length === 1;
    const finding = answer.findings.find((one) => isIts(one) && one.steps.length);
    return cardOf(device, newestOf(answer, device.enrollmentKey), {
      kind: kindOf(device.verdict),
      state: words.verdict(device.verdict),
      summary: device.summary,
      next: finding?.steps[0] ?? null,
      who: (finding?.who ?? []).map(words.who),
    });
  });

/**
 * The cards of what a file says of a person's devices, the worst first.
 * @param {Answer} answer of the file's question
 * @param {Map<string, Answer>} details attempts with their advice, by id
 * @returns {Card[]}
 */
export function cardsOfFile(answer, details) {
  const ranked = answer.devices.map((device) => {
    const attempt = newestOf(answer, device.enrollmentKey);
    // A device's state follows its latest attempt, which may be another person's.
    const isOwn = !device.lastAttemptId || answer.attempts.some((one) => attemptId(one) === device.lastAttemptId);
    const name = isOwn ? device.state : (attempt?.outcome ?? null);
    const failure = answer.failures.find((one) => one.enrollmentKey === device.enrollmentKey);
    const [advice] = details.get(attempt ? attemptId(attempt) : '')?.advice ?? failure?.advice ?? [];
    const said = isOwn ? words.deviceState(name) : say('cards.somebodyElse', { outcome: words.outcome(name) });
    const card = cardOf(device, attempt, {
      kind: kindOf(name),
      state: name ? said : NOT_REPORTED,
      next: advice?.steps[0] ?? null,
      who: (advice?.who ?? []).map(words.who),
    });
    const rank = WORST.indexOf({ abandoned: 'gaveUp', completed: 'enrolled' }[name] ?? name);
    return { card, rank: (rank < 0 ? WORST.length : rank) + (card.isDone ? 0.5 : 0) };
  });
  return ranked.sort((one, other) => one.rank - other.rank).map(({ card }) => card);
}

/**
 * A card as plain text for a ticket.
 * @param {Card} card
 * @param {string} asOf
 * @param {string} zone
 * @returns {string}
 */
export function ticketText(card, asOf, zone) {
  const said = (value) => value || NOT_REPORTED;
  const instant = (iso) => `${dateTime(iso, zone)} (${zone})`;
  return [
    say('cards.ticketDevice', { name: card.name }),
    say('cards.ticketUser', { user: said(card.user) }),
    say('cards.ticketSerial', { serial: said(card.serial) }),
    say('cards.ticketAbout', { about: said(card.about) }),
    say('cards.ticketState', { state: [card.state, card.summary].filter(Boolean).join('. ') }),
    card.screen ? say('cards.ticketScreen', { screen: card.screen }) : null,
    say('cards.ticketAttempt', { attempt: card.ended }),
    say('cards.ticketError', { code: said(card.code) }),
    say('cards.ticketActivity', { instant: card.activeAt ? instant(card.activeAt) : NOT_REPORTED }),
    card.next
      ? say('cards.ticketNext', { next: card.who.length ? `${card.next} (${card.who.join(', ')})` : card.next })
      : null,
    card.attempt ? say('cards.ticketAttemptId', { id: card.attempt }) : null,
    say('cards.ticketAsOf', { instant: instant(asOf) }),
    '',
  ]
    .filter((line) => line !== null)
    .join('\n');
}
