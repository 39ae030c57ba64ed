/*
 * The attempts behind a number, newest first, a page at a time.
 * What must stay true: the filters are those of the link that led here, each shown and removable. A cursor belongs to
 * its filters and goes when they change; "back" goes to the page before.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterChips, filterForm, keptRange, OS_CHOICE, rangeIn } from '../kit/filters.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { addDays, dateTime, day, minutes, NOT_REPORTED, orNotReported } from '../kit/format.js';
import { asOf, outcomeBadge, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { askedValue, VALUE_WORDS } from './one-value.js';
import { say } from '../kit/say.js';

const FILTERS = [
  'from',
  'to',
  'os',
  'section',
  'action',
  'screen',
  'cause',
  'outcome',
  'catalogueRow',
  ...Object.keys(VALUE_WORDS),
  'failureCode',
  'user',
  'enrollmentKey',
];
/** Filters by which a part of the days' attempts is listed; the coverage is of all of them. */
const OF_PART = ['section', 'action', 'screen', 'cause', 'outcome', 'catalogueRow', 'failureCode'];
/** Filters by which one person's or one device's attempts are listed: what is reported of everybody says nothing of these. */
const OF_ONE = ['user', 'enrollmentKey'];
const PAGE = 50;

/** @type {import('../kit/filters.js').Choice[]} */
const CHOICES = [
  OS_CHOICE,
  { name: 'outcome', label: say('common.outcome'), options: words.choices('outcome') },
  { name: 'section', label: say('common.section'), options: words.choices('section') },
  { name: 'cause', label: say('common.cause'), options: words.choices('cause') },
  { name: 'user', label: say('common.userWholeAddress') },
];

/** Filters that the form has no field for. */
const CHIPS = {
  action: (value) => say('attempts.chipAction', { action: words.action(value) }),
  screen: (value) => say('attempts.chipScreen', { screen: words.screen(value) }),
  catalogueRow: (value) => (value === '0' ? say('attempts.chipNoRow') : say('attempts.chipRow', { row: value })),
  ...VALUE_WORDS,
  failureCode: (value) => say('attempts.chipCode', { code: value }),
  enrollmentKey: (value) => say('common.deviceNamed', { device: value }),
};

const where = (one) => {
  if (!one.action && !one.section) return one.outcome === 'completed' ? null : NOT_REPORTED;
  return one.action
    ? [
        words.action(one.action),
        one.screen && words.screen(one.screen) !== words.action(one.action)
          ? h('small', null, words.screen(one.screen))
          : null,
      ]
    : words.section(one.section);
};

function why(one) {
  if (one.cause) return words.cause(one.cause);
  if (one.outcome !== 'failed') return null;
  const said = one.failureReason ?? (one.failureCategory ? words.failureCategory(one.failureCategory) : null);
  return [
    said ?? (one.failureCode ? null : say('common.noReasonReported')),
    one.failureCode ? h('small', null, h('code', null, one.failureCode)) : null,
  ];
}

function table(answer, range) {
  const zone = answer.timeZone;
  return dataTable({
    caption:
      range.from && range.to
        ? say('attempts.captionStarted', {
            first: day(range.from),
            last: day(addDays(range.to, -1)),
          })
        : say('attempts.caption'),
    hideCaption: true,
    key: (one) => one.attemptId,
    columns: [
      {
        key: 'startedAt',
        label: say('common.started'),
        class: 'nowrap',
        render: (one) =>
          h('a', { href: addressOf(`attempt/${segment(one.attemptId)}`) }, dateTime(one.startedAt, zone)),
      },
      {
        key: 'device',
        label: say('common.deviceAndUser'),
        class: 'wrap',
        render: (one) => [one.deviceName ?? one.enrollmentKey, h('small', null, one.userPrincipalName ?? one.userId)],
      },
      {
        key: 'platform',
        label: say('common.platform'),
        class: 'nowrap',
        render: (one) => [`${words.platform(one.platform)} ${one.osVersion ?? ''}`, h('small', null, one.model)],
      },
      {
        key: 'outcome',
        label: say('common.outcome'),
        class: 'wrap',
        render: (one) => [
          outcomeBadge(one.outcome),
          one.waitsFor ? h('small', null, words.waitsFor(one.waitsFor)) : null,
          one.technician ? h('small', null, say('attempts.technician')) : null,
        ],
      },
      { key: 'where', label: say('common.where'), class: 'wrap', render: where },
      { key: 'why', label: say('common.why'), class: 'wrap', render: why },
      {
        key: 'took',
        label: say('common.took'),
        numeric: true,
        render: (one) => orNotReported(one.minutes, minutes, one.endedAt ? 1 : 0),
      },
    ],
    rows: answer.attempts,
    empty: say('attempts.none'),
  });
}

export default {
  keeps: true,

  async show({ root, parameters, api, signal, navigate, tenant, announce, isNew }) {
    const { today } = calendar(tenant);
    const range = rangeIn(parameters);
    const asked = Object.fromEntries(FILTERS.map((name) => [name, parameters.get(name)]));
    const [answer, coverage] = await Promise.all([
      api.get('getAttempts', { ...asked, cursor: parameters.get('cursor'), limit: PAGE }, { signal }),
      OF_ONE.some((name) => asked[name])
        ? null
        : askCoverage({ ...keptRange(tenant, range), os: asked.os, ...askedValue(parameters) }, { api, signal }),
    ]);

    const here = Object.fromEntries(parameters);
    const { cursor, ...first } = here;
    const backFilter = { from: range.from, to: range.to, os: here.os };
    const n = answer.attempts.length;
    const shown = answer.next ? say('attempts.shownAndMore', { n }) : say('attempts.shown', { n });
    patch(
      root,
      pageHead(
        say('view.attempts'),
        cursor ? say('attempts.laterPage', { shown }) : shown,
        ' ',
        asOf(answer.asOf, answer.timeZone, answer),
      ),
      h('p', null, h('a', { href: addressOf('incomplete', backFilter) }, say('attempts.back'))),
      filterForm({ path: 'attempts', parameters, navigate, range, today, usual: 0, choices: CHOICES }),
      filterChips('attempts', parameters, CHIPS),
      coverageLine(
        coverage,
        OF_PART.some((name) => asked[name]),
      ),
      h(
        'section',
        { class: 'card', 'data-key': 'list' },
        h('h2', { class: 'visually-hidden' }, say('common.list')),
        table(answer, range),
      ),
      h(
        'nav',
        { class: 'actions', 'aria-label': say('attempts.pages') },
        cursor
          ? h(
              'a',
              { class: 'button', href: addressOf('attempts', first), 'data-key': 'first' },
              say('attempts.firstPage'),
            )
          : null,
        answer.next
          ? h(
              'a',
              { class: 'button', href: addressOf('attempts', { ...first, cursor: answer.next }), 'data-key': 'next' },
              say('attempts.nextPage'),
            )
          : null,
      ),
    );
    if (!isNew) {
      if (cursor) window.scrollTo(0, 0);
      announce(shown);
    }
  },
};
