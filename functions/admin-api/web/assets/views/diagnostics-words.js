/*
 * Parts of a diagnosis in words, the same in the view and in the text for a ticket.
 *
 * What must stay true: every statement and number comes from the answer.
 */

import { count, dateTime } from '../kit/format.js';
import * as words from '../kit/words.js';
import { say } from '../kit/say.js';

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

/** @param {number} n @returns {string} no finding, 1 finding, 2 findings */
export const findingsWords = (n) => (n ? say('diagnostics.findings', { n }) : say('diagnostics.noFinding'));

/** Whether it ever worked, and for how many devices. @param {Answer} answer @returns {string} */
export function everWorkedWords({ everWorked, timeZone, devices }) {
  const { completedAttempts, lastCompletedAt, enrolledDevices } = everWorked;
  const worked = completedAttempts
    ? say('diagnostics.hasWorked', { n: completedAttempts, last: dateTime(lastCompletedAt, timeZone) })
    : say('diagnostics.neverWorked');
  if (!devices.length) return worked;
  return `${worked} ${say('diagnostics.enrolledNow', { n: devices.length, enrolled: count(enrolledDevices) })}`;
}

/** What a device is called. @param {Answer} one a device or a finding @returns {string} */
export const deviceName = (one) => one.deviceName ?? one.enrollmentKey;

/** The device that a finding is about, where there are several. @param {Answer} one @param {Answer} answer */
export const findingDevice = (one, answer) => (answer.devices.length > 1 && one.enrollmentKey ? deviceName(one) : null);

/** Whom else it hits. @param {Answer|null} others @param {string} zone @returns {string} */
export function othersWords(others, zone) {
  if (!others || (!others.devices && !others.users)) return say('diagnostics.nobodyElse');
  const devices = say('count.devices', { n: others.devices });
  const some = others.sameUserOnly
    ? say('diagnostics.samePerson', { devices })
    : others.users
      ? say('diagnostics.otherPeople', { n: others.users, devices })
      : devices;
  const who = others.platforms?.length ? `${some} (${others.platforms.map(words.platform).join(', ')})` : some;
  const since = dateTime(others.since, zone);
  return others.until
    ? say('diagnostics.sinceUntil', { who, since, until: dateTime(others.until, zone) })
    : say('diagnostics.since', { who, since });
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
  put(say('diagnostics.textTitle', { subject }));
  put(say('common.as', { instant: dateTime(answer.asOf, zone), zone }), '');
  put(`${words.verdict(answer.verdict)}: ${answer.summary}`);
  if (answer.choices.length) {
    bullets(answer.choices.map((one) => named(one).join(', ')));
    return `${lines.join('\n')}\n`;
  }
  put(everWorkedWords(answer));
  for (const one of answer.findings) {
    const device = findingDevice(one, answer);
    put('', `${one.rank}. ${device ? `${device}: ` : ''}${one.title} (${words.severity(one.severity).toLowerCase()})`);
    const more = (text) => put(`  ${text}`);
    if (one.evidence.length) more(say('diagnostics.textEvidence'));
    bullets(one.evidence);
    if (one.cause) more(say('diagnostics.textCause', { cause: one.cause }));
    if (one.steps.length) more(say('diagnostics.textSteps'));
    one.steps.forEach((step, at) => more(`${at + 1}. ${step}`));
    if (one.who.length) more(say('common.whoCanDoIt', { who: one.who.map(words.who).join(', ') }));
    if (one.others || one.severity !== 'information')
      more(say('diagnostics.textOthers', { others: othersWords(one.others, zone) }));
  }
  if (answer.devices.length) put('', say('diagnostics.textDevices'));
  for (const one of answer.devices) {
    put(
      `  - ${[
        ...named(one),
        one.enrolled ? say('diagnostics.isEnrolled') : say('diagnostics.notEnrolled'),
        one.compliant ? say('diagnostics.isCompliant') : say('diagnostics.notCompliant'),
      ].join(', ')}: ${words.verdict(one.verdict)}. ${one.summary}`,
    );
  }
  if (answer.attempts.length)
    put('', answer.attempts.length > 10 ? say('diagnostics.textAttempts10') : say('diagnostics.textAttempts'));
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
  if (answer.collect.length) put('', say('diagnostics.textCollect'));
  bullets(
    answer.collect.map((one) => `${one.what}${one.platform ? ` (${words.platform(one.platform)})` : ''}: ${one.how}`),
  );
  return `${lines.join('\n')}\n`;
}
