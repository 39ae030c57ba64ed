/*
 * Parts of a diagnosis in words, the same in the view and in the text for a ticket.
 *
 * What must stay true: every statement and number comes from the answer.
 */

import { count, dateTime, plural } from '../kit/format.js';
import * as words from '../kit/words.js';

/**
 * The subject of a text: an address is a person, anything else a device.
 * @param {string} text
 * @returns {{user?: string, device?: string}}
 */
export const subjectOf = (text) => (text.includes('@') ? { user: text } : { device: text });

/** @param {Answer} attempt @returns {string} */
export const attemptId = (attempt) => attempt.attemptId ?? attempt.id;

/** Code and reason of a failure, or nothing. @param {Answer} attempt @returns {string|null} */
export const codes = (attempt) =>
  [attempt.failureCode ?? attempt.code, attempt.failureReason ?? attempt.reason].filter(Boolean).join(', ') || null;

/** @param {Answer} one a device or an attempt @returns {string} */
export const platformWords = (one) => one.platformWords ?? one.platformLabel ?? words.platform(one.platform);

/** @param {number} n @param {string} what @returns {string} no finding, 1 finding, 2 findings */
export const listed = (n, what) => (n ? plural(n, what) : `No ${what}`);

/** Whether it ever worked, and for how many devices. @param {Answer} answer @returns {string} */
export function everWorkedWords({ everWorked, timeZone, devices }) {
  const { completedAttempts, lastCompletedAt, enrolledDevices } = everWorked;
  const enrolled = devices.length
    ? ` ${count(enrolledDevices)} of ${plural(devices.length, 'device')} enrolled now.`
    : '';
  if (!completedAttempts) return `No kept attempt has completed.${enrolled}`;
  return `It has worked before: ${plural(completedAttempts, 'attempt')} completed, the last on ${dateTime(
    lastCompletedAt,
    timeZone,
  )}.${enrolled}`;
}

/** What a device is called. @param {Answer} one a device or a finding @returns {string} */
export const deviceName = (one) => one.deviceName ?? one.enrollmentKey;

/** The device that a finding is about, where there are several. @param {Answer} one @param {Answer} answer */
export const findingDevice = (one, answer) => (answer.devices.length > 1 && one.enrollmentKey ? deviceName(one) : null);

/** Whom else it hits. @param {Answer|null} others @param {string} zone @returns {string} */
export function othersWords(others, zone) {
  if (!others || (!others.devices && !others.users)) return 'No other device or person is known to be affected.';
  const who = others.sameUserOnly
    ? `Only other devices of the same person: ${plural(others.devices, 'device')}`
    : [others.users ? plural(others.users, 'other person', 'other people') : null, plural(others.devices, 'device')]
        .filter(Boolean)
        .join(' on ');
  const on = others.platforms?.length ? ` (${others.platforms.map(words.platform).join(', ')})` : '';
  const until = others.until ? `, the last on ${dateTime(others.until, zone)}` : '';
  return `${who}${on}, since ${dateTime(others.since, zone)}${until}.`;
}

const named = (one) => [deviceName(one), one.serialNumber, platformWords(one), one.model].filter(Boolean);

/**
 * A diagnosis as plain text for a ticket.
 * @param {Answer} answer
 * @param {string} subject as asked
 * @returns {string}
 */
export function asText(answer, subject) {
  const zone = answer.timeZone;
  const lines = [];
  const put = (...more) => lines.push(...more);
  const bullets = (items) => items.forEach((one) => put(`  - ${one}`));
  put(`Enrollment diagnostics: ${subject}`);
  put(`As of ${dateTime(answer.asOf, zone)} (${zone})`, '');
  put(`${words.verdict(answer.verdict)}: ${answer.summary}`);
  if (answer.choices.length) {
    bullets(answer.choices.map((one) => named(one).join(', ')));
    return `${lines.join('\n')}\n`;
  }
  put(everWorkedWords(answer));
  for (const one of answer.findings) {
    const device = findingDevice(one, answer);
    put('', `${one.rank}. ${device ? `${device}: ` : ''}${one.title} (${words.severity(one.severity).toLowerCase()})`);
    if (one.evidence.length) put('  Evidence:');
    bullets(one.evidence);
    if (one.cause) put(`  Likely cause: ${one.cause}`);
    if (one.steps.length) put('  What to do:');
    one.steps.forEach((step, at) => put(`  ${at + 1}. ${step}`));
    if (one.who.length) put(`  Who can do it: ${one.who.map(words.who).join(', ')}`);
    if (one.others || one.severity !== 'information') put(`  Others: ${othersWords(one.others, zone)}`);
  }
  if (answer.devices.length) put('', 'Devices:');
  for (const one of answer.devices) {
    put(
      `  - ${[
        ...named(one),
        one.enrolled ? 'enrolled' : 'not enrolled',
        one.compliant ? 'compliant' : 'not compliant',
      ].join(', ')}: ${words.verdict(one.verdict)}. ${one.summary}`,
    );
  }
  if (answer.attempts.length) put('', `Attempts (newest first${answer.attempts.length > 10 ? ', the first 10' : ''}):`);
  for (const one of answer.attempts.slice(0, 10)) {
    put(
      `  - ${[
        dateTime(one.startedAt, zone),
        words.outcome(one.outcome),
        one.cause ? words.cause(one.cause) : codes(one),
        one.action ? words.action(one.action) : null,
        one.deviceName,
      ]
        .filter(Boolean)
        .join(', ')}`,
    );
  }
  if (answer.collect.length) put('', 'What else to check:');
  bullets(
    answer.collect.map((one) => `${one.what}${one.platform ? ` (${words.platform(one.platform)})` : ''}: ${one.how}`),
  );
  return `${lines.join('\n')}\n`;
}
