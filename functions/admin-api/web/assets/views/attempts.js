/*
 * The attempts behind a number, newest first, a page at a time.
 * What must stay true: the filters are those of the link that led here, each shown and removable. A cursor belongs to
 * its filters and goes when they change; "back" goes to the page before.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterChips, filterForm, keptRange, OS_CHOICE, rangeIn } from '../kit/filters.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { addDays, dateTime, day, minutes, NOT_REPORTED, orNotReported, plural } from '../kit/format.js';
import { asOf, outcomeBadge, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { askedValue, VALUE_WORDS } from './one-value.js';

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
  { name: 'outcome', label: 'Outcome', options: words.choices('outcome') },
  { name: 'section', label: 'Section', options: words.choices('section') },
  { name: 'cause', label: 'Cause', options: words.choices('cause') },
  { name: 'user', label: 'User (whole address)' },
];

/** Filters that the form has no field for. */
const CHIPS = {
  action: (value) => `At: ${words.action(value)}`,
  screen: (value) => `Screen: ${words.screen(value)}`,
  catalogueRow: (value) => (value === '0' ? 'Without a row' : `Row ${value} of the catalogue`),
  ...VALUE_WORDS,
  failureCode: (value) => `Error code: ${value}`,
  enrollmentKey: (value) => `Device: ${value}`,
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
    said ?? (one.failureCode ? null : 'No reason reported'),
    one.failureCode ? h('small', null, h('code', null, one.failureCode)) : null,
  ];
}

function table(answer, rangeText) {
  const zone = answer.timeZone;
  return dataTable({
    caption: `Attempts, newest first${rangeText}`,
    hideCaption: true,
    key: (one) => one.attemptId,
    columns: [
      {
        key: 'startedAt',
        label: 'Started',
        class: 'nowrap',
        render: (one) =>
          h('a', { href: addressOf(`attempt/${segment(one.attemptId)}`) }, dateTime(one.startedAt, zone)),
      },
      {
        key: 'device',
        label: 'Device and user',
        class: 'wrap',
        render: (one) => [one.deviceName ?? one.enrollmentKey, h('small', null, one.userPrincipalName ?? one.userId)],
      },
      {
        key: 'platform',
        label: 'Platform',
        class: 'nowrap',
        render: (one) => [`${words.platform(one.platform)} ${one.osVersion ?? ''}`, h('small', null, one.model)],
      },
      {
        key: 'outcome',
        label: 'Outcome',
        class: 'wrap',
        render: (one) => [
          outcomeBadge(one.outcome),
          one.waitsFor ? h('small', null, words.waitsFor(one.waitsFor)) : null,
          one.technician ? h('small', null, 'Technician’s part') : null,
        ],
      },
      { key: 'where', label: 'Where', class: 'wrap', render: where },
      { key: 'why', label: 'Why', class: 'wrap', render: why },
      {
        key: 'took',
        label: 'Took',
        numeric: true,
        render: (one) => orNotReported(one.minutes, minutes, one.endedAt ? 1 : 0),
      },
    ],
    rows: answer.attempts,
    empty: 'No attempt is like that.',
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
    const rangeText = range.from && range.to ? `, started ${day(range.from)} to ${day(addDays(range.to, -1))}` : '';
    const shown = plural(answer.attempts.length, 'attempt');
    patch(
      root,
      pageHead(
        'Attempts',
        `${cursor ? 'A later page: ' : ''}${shown}${answer.next ? ', and more on the next page' : ''}. `,
        asOf(answer.asOf, answer.timeZone, answer),
      ),
      h('p', null, h('a', { href: addressOf('incomplete', backFilter) }, '← Incomplete enrollments')),
      filterForm({ path: 'attempts', parameters, navigate, range, today, usual: 0, choices: CHOICES }),
      filterChips('attempts', parameters, CHIPS),
      coverageLine(
        coverage,
        OF_PART.some((name) => asked[name]),
      ),
      h(
        'section',
        { class: 'card', 'data-key': 'list' },
        h('h2', { class: 'visually-hidden' }, 'List'),
        table(answer, rangeText),
      ),
      h(
        'nav',
        { class: 'actions', 'aria-label': 'Pages' },
        cursor
          ? h('a', { class: 'button', href: addressOf('attempts', first), 'data-key': 'first' }, 'First page')
          : null,
        answer.next
          ? h(
              'a',
              { class: 'button', href: addressOf('attempts', { ...first, cursor: answer.next }), 'data-key': 'next' },
              'Next page',
            )
          : null,
      ),
    );
    if (!isNew) {
      if (cursor) window.scrollTo(0, 0);
      announce(`${shown}${answer.next ? ', and more on the next page' : ''}.`);
    }
  },
};
