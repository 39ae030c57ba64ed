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
import { say, sayNodes } from '../kit/say.js';

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
    h('summary', null, say('attempt.origins')),
    dataTable({
      caption: say('attempt.eventsReceived'),
      hideCaption: true,
      columns: [
        { key: 'seq', label: say('attempt.numberLabel'), numeric: true },
        { key: 'kind', label: say('attempt.event'), render: (one) => words.eventKind(one.kind) },
        {
          key: 'time',
          label: say('attempt.itsTime'),
          class: 'nowrap',
          render: (one) => dateTimeSeconds(one.time, zone),
        },
        {
          key: 'receivedAt',
          label: say('common.received'),
          class: 'nowrap',
          render: (one) => dateTimeSeconds(one.receivedAt, zone),
        },
        { key: 'source', label: say('attempt.source'), render: (one) => one.source && h('code', null, one.source) },
        { key: 'eventId', label: say('common.id'), render: (one) => one.eventId && h('code', null, one.eventId) },
        { key: 'reported', label: say('attempt.reportedAs'), render: (one) => one.reported },
      ],
      rows: attempt.events,
    }),
    h('h3', null, say('attempt.whatTheyReport')),
    senderTable(attempt.senders),
  );
}

function timeline(attempt, zone) {
  const items = [];
  attempt.events.forEach((event, index) => {
    const before = attempt.events[index - 1];
    const wait = before ? minutesBetween(before.time, event.time) : 0;
    if (wait >= WAIT) items.push(gap(say('attempt.withoutEvent', { time: minutes(wait) }), `gap-${event.seq}`));
    items.push(line(event, before, zone));
  });
  if (attempt.cause === 'timedOut') {
    items.push(
      gap(say('attempt.noActivity'), 'gap-end'),
      h(
        'li',
        { class: 'bad', 'data-key': 'end' },
        when(attempt.endedAt, attempt.lastActivityAt, zone),
        h('span', { class: 'mark', 'aria-hidden': 'true' }),
        h(
          'div',
          { class: 'what' },
          h('p', null, h('strong', null, say('attempt.countedAsAbandoned'))),
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
  const strong = (text) => h('strong', null, text);
  const line = (...what) => h('p', { class: 'headline' }, what);
  const needsPlace = attempt.outcome !== 'completed';
  if (!attempt.endedAt) {
    const shown = { ended: strong(ended), instant: dateTime(attempt.lastActivityAt, zone) };
    if (at) return line(sayNodes('attempt.openAt', { ...shown, place: strong(at) }));
    return needsPlace ? line(sayNodes('attempt.openNowhere', shown)) : line(sayNodes('attempt.open', shown));
  }
  if (attempt.minutes === null) {
    const shown = { ended: strong(ended) };
    if (at) return line(sayNodes('attempt.untimedAt', { ...shown, place: strong(at) }));
    return needsPlace ? line(sayNodes('attempt.untimedNowhere', shown)) : line(sayNodes('attempt.untimed', shown));
  }
  const shown = { ended: strong(ended), time: minutes(attempt.minutes) };
  if (at) return line(sayNodes('attempt.endedAt', { ...shown, place: strong(at) }));
  return needsPlace ? line(sayNodes('attempt.endedNowhere', shown)) : line(sayNodes('attempt.endedAfter', shown));
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
      pageHead(say('attempt.attemptOf', { device }), `${day(attempt.startedDay)}. `, asOf(attempt.asOf, zone)),
      summary(attempt, zone),
      attempt.clockSkew ? notice('warning', say('attempt.timesMayBeWrong')) : null,
      h(
        'section',
        { class: 'card' },
        h('h2', null, say('common.whatIsKnown')),
        h(
          'dl',
          { class: 'facts' },
          fact(say('common.outcome'), outcomeBadge(attempt.outcome)),
          fact(say('common.cause'), attempt.cause && words.cause(attempt.cause)),
          fact(words.term('catalogueRow'), attempt.catalogueRow),
          fact(say('attempt.failure'), failure),
          fact(
            say('attempt.failureCategory'),
            attempt.failureCategory && words.failureCategory(attempt.failureCategory),
          ),
          fact(say('common.waiting'), attempt.waitsFor && words.waitsFor(attempt.waitsFor)),
          fact(
            say('common.started'),
            attempt.startReported
              ? dateTime(attempt.startedAt, zone)
              : [
                  NOT_REPORTED,
                  h('small', null, say('attempt.firstActivity', { instant: dateTime(attempt.startedAt, zone) })),
                ],
          ),
          fact(say('common.ended'), attempt.endedAt && dateTime(attempt.endedAt, zone)),
          fact(say('attempt.release'), attempt.releaseNotReported && say('attempt.releaseNotReported')),
          fact(say('attempt.part'), attempt.technician && say('attempt.technician')),
          fact(say('common.user'), attempt.userPrincipalName ?? attempt.userId),
          fact(say('common.device'), [
            attempt.deviceName,
            attempt.deviceName ? h('small', null, attempt.enrollmentKey) : attempt.enrollmentKey,
          ]),
          fact(say('common.model'), [attempt.manufacturer, attempt.model].filter(Boolean).join(' ')),
          fact(say('common.platform'), [words.platform(attempt.platform), attempt.osVersion].filter(Boolean).join(' ')),
          fact(words.slice('enrollmentType'), attempt.enrollmentType && words.plain(attempt.enrollmentType)),
          // A file of an earlier version has none.
          (attempt.tags ?? []).map(({ tag, value }) => fact(words.slice(tag), value)),
          fact(say('attempt.whichOfDevice'), say('attempt.number', { number: attempt.number })),
        ),
        h(
          'p',
          { class: 'actions' },
          h(
            'a',
            { class: 'server-only', href: addressOf('diagnostics', { device: attempt.enrollmentKey }) },
            say('common.diagnoseDevice'),
          ),
          attempt.userPrincipalName
            ? h(
                'a',
                { class: 'server-only', href: addressOf('diagnostics', { user: attempt.userPrincipalName }) },
                say('attempt.diagnoseUser'),
              )
            : null,
          h('a', { href: others({ enrollmentKey: attempt.enrollmentKey }) }, say('common.attemptsOfDevice')),
          attempt.platform === 'windows'
            ? h(
                'a',
                { class: 'server-only', href: addressOf(`device/${segment(attempt.enrollmentKey)}`) },
                say('common.whatUserSeesNow'),
              )
            : null,
          attempt.sessionId
            ? h('a', { href: addressOf(`session/${segment(attempt.sessionId)}`) }, say('attempt.itsSession'))
            : null,
        ),
      ),
      meanings
        ? h('section', { class: 'card' }, h('h2', null, say('common.whatItCanMean')), adviceList(meanings))
        : null,
      h(
        'section',
        { class: 'card' },
        h(
          'div',
          { class: 'card-head' },
          h('h2', null, say('attempt.events')),
          h(
            'p',
            { class: 'quiet' },
            say('attempt.inAll', {
              count: attempt.eventCount,
              time: seconds(60 * minutesBetween(attempt.startedAt, attempt.lastActivityAt)),
            }),
          ),
        ),
        timeline(attempt, zone),
        origins(attempt, zone),
      ),
    );
  },
};
