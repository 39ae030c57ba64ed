/*
 * The places where people stop: the catalogue's rows, places and closings without a row, and attempts without a
 * reported place. What must stay true: the lines add up to the abandoned attempts; no line is left out, not even a
 * zero. A row in which no attempt could be counted says so.
 */

import { h, svg } from '../kit/dom.js';
import { count, orNotReported, rate } from '../kit/format.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';

const NO_PLACE = 'Place not reported';

/** All lines: rows first, in the catalogue's order. */
function lines(report, links) {
  const shown = report.section ? report.actions.filter((row) => row.section === report.section) : report.actions;
  const rows = shown.map((row) => ({
    key: `row-${row.catalogueRow}`,
    row: row.catalogueRow,
    section: row.section,
    where: words.action(row.action),
    screen: words.screen(row.screen),
    platform: row.platform,
    how: words.how(row.how, row.shortestLimitMinutes, row.longestLimitMinutes),
    abandoned: row.abandoned,
    // A row belongs to one section, so the section would be redundant.
    href: links({ catalogueRow: row.catalogueRow, section: null, outcome: 'abandoned' }),
  }));
  const closings = report.otherCauses.map((one) => ({
    key: `${one.cause} ${one.section} ${one.action}`,
    row: null,
    section: one.section,
    where: one.action ? words.action(one.action) : NO_PLACE,
    screen: null,
    platform: null,
    how: words.cause(one.cause),
    abandoned: one.abandoned,
    href:
      one.section || one.action
        ? links({ cause: one.cause, section: one.section, action: one.action, outcome: 'abandoned' })
        : null,
  }));
  const places = report.otherPlaces.map((one) => ({
    key: `other ${one.cause} ${one.section} ${one.action}`,
    row: null,
    section: one.section,
    where: one.action ? words.action(one.action) : 'Another place',
    screen: null,
    platform: null,
    how: words.how(one.cause, one.shortestLimitMinutes, one.longestLimitMinutes),
    abandoned: one.abandoned,
    href: one.action
      ? links({ cause: one.cause, section: one.section, action: one.action, catalogueRow: 0, outcome: 'abandoned' })
      : null,
  }));
  const nowhere = {
    key: 'nowhere',
    row: null,
    section: null,
    where: NO_PLACE,
    screen: 'No sender reported where',
    platform: null,
    how: null,
    abandoned: report.placeNotReported,
    href: null,
  };
  return [...rows, ...closings, ...places, nowhere];
}

/** A line's place and how it was left, in words. */
const named = (one) =>
  [one.where, one.screen === one.where ? null : one.screen, one.how?.toLowerCase()].filter(Boolean).join(', ');

const mostFirst = (list) => [...list].sort((one, other) => other.abandoned - one.abandoned);

/**
 * The line with the most that has a place, in words, and how many lines have as many; null where no place was reported.
 * @param {Answer} report
 * @param {(filter: object) => string} links
 * @returns {{words: string, abandoned: number, href: string, equals: number}|null}
 */
export function topPlace(report, links) {
  const places = mostFirst(lines(report, links)).filter((one) => one.where !== NO_PLACE);
  const [top] = places;
  if (!top?.abandoned) return null;
  return {
    words: named(top),
    abandoned: top.abandoned,
    href: top.href ?? links({ outcome: 'abandoned' }),
    equals: places.filter((one) => one.abandoned === top.abandoned).length,
  };
}

/**
 * @param {Answer} report
 * @param {(filter: object) => string} links
 * @param {URLSearchParams} parameters of the view
 * @returns {HTMLElement}
 */
export function placesTable(report, links, parameters) {
  const byNumber = parameters.get('order') === 'catalogue';
  const all = lines(report, links);
  const list = byNumber ? all : mostFirst(all);
  const most = Math.max(1, ...all.map((one) => one.abandoned));
  const order = (name, label, isShown) => {
    const wanted = Object.fromEntries(parameters);
    return h(
      'a',
      {
        class: 'button small preset',
        'data-key': label,
        'aria-current': isShown ? 'true' : null,
        href: addressOf('incomplete', { ...wanted, order: name }),
      },
      label,
    );
  };
  const bar = (one) =>
    svg(
      'svg',
      { class: 'bar-picture', height: '10', 'aria-hidden': 'true', focusable: 'false' },
      svg('rect', { class: 'bar-lost', height: '10', width: `${(one.abandoned / most) * 100}%` }),
    );
  return h(
    'section',
    { class: 'card', 'data-key': 'places' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, 'Where and how people stop'),
      h('p', { class: 'quiet' }, 'Lines without a row number are ways to end that the catalogue does not list.'),
      h('div', { class: 'actions' }, order(null, 'Most first', !byNumber), order('catalogue', 'By number', byNumber)),
    ),
    dataTable({
      caption: 'Abandoned attempts by place and how it was left',
      hideCaption: true,
      class: 'places',
      key: (one) => one.key,
      columns: [
        {
          key: 'where',
          label: 'Where',
          class: 'wrap',
          render: (one) => [one.where, one.screen && one.screen !== one.where ? h('small', null, one.screen) : null],
        },
        {
          key: 'abandoned',
          label: 'Abandoned',
          numeric: true,
          render: (one) =>
            one.abandoned && one.href
              ? h(
                  'a',
                  { href: one.href, 'aria-label': `${count(one.abandoned)} gave up at ${named(one)}` },
                  count(one.abandoned),
                )
              : orNotReported(one.abandoned, count),
        },
        { key: 'bar', label: h('span', { class: 'visually-hidden' }, 'Bar'), class: 'bar', render: bar },
        {
          key: 'share',
          label: 'Share',
          numeric: true,
          render: (one) => rate(report.abandoned && one.abandoned !== null ? one.abandoned / report.abandoned : null),
        },
        { key: 'how', label: 'How' },
        { key: 'section', label: 'Section', render: (one) => (one.section ? words.section(one.section) : null) },
        {
          key: 'platform',
          label: 'Platform',
          render: (one) => (one.platform === 'both' ? 'Both' : one.platform && words.platform(one.platform)),
        },
        { key: 'row', label: 'Row', numeric: true },
      ],
      rows: list,
    }),
    h(
      'p',
      { class: 'quiet' },
      report.abandoned === null
        ? 'No sender that was active in these days reports when people give up.'
        : [
            `In total: ${count(report.abandoned)} abandoned. `,
            h('a', { href: links({ outcome: 'abandoned' }) }, 'Show all'),
          ],
    ),
  );
}
