/*
 * One attempt: its facts, and its events in order.
 * What must stay true: events are shown as the API gives them, in its order; waits between them are computed from
 * their times and only shown if they are long.
 */

import { senderTable } from '../kit/coverage.js';
import { h, patch } from '../kit/dom.js';
import { dateTime, dateTimeSeconds, day, minutes, NOT_REPORTED, seconds } from '../kit/format.js';
import { adviceList, asOf, notice, outcomeBadge, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';

/** Waits from this many minutes are shown. */
const WAIT = 5;

const MARKS = {
  'enrollment.failed': 'bad',
  'enrollment.stopped': 'bad',
  'enrollment.portalClosed': 'bad',
  'enrollment.unenrolled': 'bad',
  'enrollment.enrolled': 'good',
  'enrollment.compliant': 'good',
};

const fact = (label, value) =>
  value === null || value === undefined || value === '' || value === false
    ? null
    : h('div', null, h('dt', null, label), h('dd', null, value));

const minutesBetween = (from, to) => (Date.parse(to) - Date.parse(from)) / 60_000;

function place(one) {
  if (!one.action && !one.section) return null;
  const parts = [
    one.section && words.section(one.section),
    one.action && words.action(one.action),
    one.screen && words.screen(one.screen),
  ].filter(Boolean);
  return [...new Set(parts)].join(' › ');
}

/** The time of day; the date as well where it is another than before. */
function when(iso, before, zone) {
  const [date, time] = dateTimeSeconds(iso, zone).split(', ');
  const isNew = !before || dateTimeSeconds(before, zone).split(', ')[0] !== date;
  return h('span', { class: 'when' }, h('time', { datetime: iso }, isNew ? h('small', null, date) : null, time));
}

function line(event, before, zone) {
  return h(
    'li',
    { class: MARKS[event.kind] ?? null, 'data-key': `event-${event.seq}` },
    when(event.time, before?.time, zone),
    h('span', { class: 'mark', 'aria-hidden': 'true' }),
    h(
      'div',
      { class: 'what' },
      h(
        'p',
        null,
        h('strong', null, words.eventKind(event.kind)),
        event.userAction ? `: ${words.cause(event.userAction).toLowerCase()}` : null,
      ),
      place(event) ? h('p', null, place(event)) : null,
      event.failureReason || event.failureCode
        ? h('p', null, event.failureReason, ' ', event.failureCode ? h('code', null, event.failureCode) : null)
        : null,
      event.clockSkew ? h('p', { class: 'quiet' }, `${words.clockSkew(event.clockSkew)}.`) : null,
    ),
  );
}

/** The sources of the events, for people who check a sender. */
function origins(attempt, zone) {
  return h(
    'details',
    null,
    h('summary', null, 'Where the events came from'),
    dataTable({
      caption: 'Events as they were received',
      hideCaption: true,
      columns: [
        { key: 'seq', label: 'No.', numeric: true },
        { key: 'kind', label: 'Event', render: (one) => words.eventKind(one.kind) },
        { key: 'time', label: 'Its time', class: 'nowrap', render: (one) => dateTimeSeconds(one.time, zone) },
        {
          key: 'receivedAt',
          label: 'Received',
          class: 'nowrap',
          render: (one) => dateTimeSeconds(one.receivedAt, zone),
        },
        { key: 'source', label: 'Source', render: (one) => one.source && h('code', null, one.source) },
        { key: 'eventId', label: 'Id', render: (one) => one.eventId && h('code', null, one.eventId) },
        { key: 'reported', label: 'Reported as', render: (one) => one.reported },
      ],
      rows: attempt.events,
    }),
    h('h3', null, 'What these senders report'),
    senderTable(attempt.senders),
  );
}

function timeline(attempt, zone) {
  const items = [];
  attempt.events.forEach((event, index) => {
    const before = attempt.events[index - 1];
    const wait = before ? minutesBetween(before.time, event.time) : 0;
    if (wait >= WAIT) items.push(gap(`${minutes(wait)} without an event`, `gap-${event.seq}`));
    items.push(line(event, before, zone));
  });
  if (attempt.cause === 'timedOut') {
    items.push(
      gap('No activity until the time limit', 'gap-end'),
      h(
        'li',
        { class: 'bad', 'data-key': 'end' },
        when(attempt.endedAt, attempt.lastActivityAt, zone),
        h('span', { class: 'mark', 'aria-hidden': 'true' }),
        h(
          'div',
          { class: 'what' },
          h('p', null, h('strong', null, 'Counted as abandoned')),
          place(attempt) ? h('p', null, place(attempt)) : null,
        ),
      ),
    );
  }
  return h('ol', { class: 'timeline' }, items);
}

const gap = (text, key) =>
  h(
    'li',
    { class: 'gap', 'data-key': key },
    h('span', { class: 'when' }),
    h('span', { class: 'mark', 'aria-hidden': 'true' }),
    h('div', { class: 'what quiet' }, text),
  );

function summary(attempt, zone) {
  const outcome = words.outcome(attempt.outcome);
  const ended =
    attempt.outcome === 'abandoned'
      ? `${outcome}: ${words.cause(attempt.cause).toLowerCase()}`
      : attempt.waitsFor
        ? words.waitsFor(attempt.waitsFor)
        : outcome;
  const at = place(attempt);
  const lasted =
    attempt.minutes === null ? ', how long it took was not reported' : ` after ${minutes(attempt.minutes)}`;
  return h(
    'p',
    { class: 'headline' },
    h('strong', null, ended),
    attempt.endedAt ? lasted : `, last activity ${dateTime(attempt.lastActivityAt, zone)}`,
    at ? [', at ', h('strong', null, at)] : null,
    at || attempt.outcome === 'completed' ? null : ', place not reported',
    '.',
  );
}

export default {
  async show({ root, rest, api, signal, tenant }) {
    const attempt = await api.get('getAttempt', { id: rest[0] ?? '' }, { signal });
    const zone = tenant.settings?.timeZone ?? 'UTC';
    const meanings = attempt.outcome === 'failed' ? attempt.advice : null;
    const device = attempt.deviceName ?? attempt.enrollmentKey;
    const others = (filter) => addressOf('attempts', { ...filter, os: attempt.platform });
    const failure = [attempt.failureReason, attempt.failureCode, attempt.failureMessage].filter(Boolean).join(', ');
    patch(
      root,
      pageHead(`Attempt of ${device}`, `${day(attempt.startedDay)}. `, asOf(attempt.asOf, zone)),
      summary(attempt, zone),
      attempt.clockSkew
        ? notice('warning', 'Some times of this attempt may be wrong: a clock was off, or events arrived very late.')
        : null,
      h(
        'section',
        { class: 'card' },
        h('h2', null, 'What is known'),
        h(
          'dl',
          { class: 'facts' },
          fact('Outcome', outcomeBadge(attempt.outcome)),
          fact('Cause', attempt.cause && words.cause(attempt.cause)),
          fact(words.term('catalogueRow'), attempt.catalogueRow),
          fact('Failure', failure),
          fact('Category of the failure', attempt.failureCategory && words.failureCategory(attempt.failureCategory)),
          fact('Waiting', attempt.waitsFor && words.waitsFor(attempt.waitsFor)),
          fact(
            'Started',
            attempt.startReported
              ? dateTime(attempt.startedAt, zone)
              : [NOT_REPORTED, h('small', null, `first activity ${dateTime(attempt.startedAt, zone)}`)],
          ),
          fact('Ended', attempt.endedAt && dateTime(attempt.endedAt, zone)),
          fact(
            'Release',
            attempt.releaseNotReported &&
              'not reported: the device was held in Setup Assistant, and counts as released',
          ),
          fact('Part', attempt.technician && 'The technician’s part of pre-provisioning'),
          fact('User', attempt.userPrincipalName ?? attempt.userId),
          fact('Device', [
            attempt.deviceName,
            attempt.deviceName ? h('small', null, attempt.enrollmentKey) : attempt.enrollmentKey,
          ]),
          fact('Model', [attempt.manufacturer, attempt.model].filter(Boolean).join(' ')),
          fact('Platform', [words.platform(attempt.platform), attempt.osVersion].filter(Boolean).join(' ')),
          fact(words.slice('enrollmentType'), attempt.enrollmentType && words.plain(attempt.enrollmentType)),
          // A file of an earlier version has none.
          (attempt.tags ?? []).map(({ tag, value }) => fact(words.slice(tag), value)),
          fact('Attempt of this device', `No. ${attempt.number}`),
        ),
        h(
          'p',
          { class: 'actions' },
          h(
            'a',
            { class: 'server-only', href: addressOf('diagnostics', { device: attempt.enrollmentKey }) },
            'Diagnose this device',
          ),
          attempt.userPrincipalName
            ? h(
                'a',
                { class: 'server-only', href: addressOf('diagnostics', { user: attempt.userPrincipalName }) },
                'Diagnose this user',
              )
            : null,
          h('a', { href: others({ enrollmentKey: attempt.enrollmentKey }) }, 'All attempts of this device'),
          attempt.platform === 'windows'
            ? h(
                'a',
                { class: 'server-only', href: addressOf(`device/${segment(attempt.enrollmentKey)}`) },
                'What its user sees now',
              )
            : null,
          attempt.sessionId
            ? h('a', { href: addressOf(`session/${segment(attempt.sessionId)}`) }, 'Its Enrollment Status Page session')
            : null,
        ),
      ),
      meanings
        ? h('section', { class: 'card' }, h('h2', null, 'What it can mean and what to do'), adviceList(meanings))
        : null,
      h(
        'section',
        { class: 'card' },
        h(
          'div',
          { class: 'card-head' },
          h('h2', null, 'Events'),
          h(
            'p',
            { class: 'quiet' },
            `${attempt.eventCount} in all, from first to last `,
            `(${seconds(60 * minutesBetween(attempt.startedAt, attempt.lastActivityAt))})`,
          ),
        ),
        timeline(attempt, zone),
        origins(attempt, zone),
      ),
    );
  },
};
