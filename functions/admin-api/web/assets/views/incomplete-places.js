/*
 * The places where people stop: the nineteen rows, and the closings that have none.
 * What must stay true: all lines together are what was abandoned; no line is left out, a zero neither.
 */

import { h, svg } from '../lib/dom.js';
import { count, rate } from '../lib/format.js';
import { addressOf } from '../lib/route.js';
import { dataTable } from '../lib/table.js';
import * as words from '../lib/words.js';

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
    how: words.how(row.how),
    abandoned: row.abandoned,
    // A row belongs to one section; naming it as well would lose nothing and say no more.
    href: links({ catalogueRow: row.catalogueRow, section: null, outcome: 'abandoned' }),
  }));
  const closings = report.otherCauses.map((one) => ({
    key: `${one.cause} ${one.section} ${one.action}`,
    row: null,
    section: one.section,
    where: words.action(one.action),
    screen: null,
    platform: null,
    how: words.cause(one.cause),
    abandoned: one.abandoned,
    href:
      one.section || one.action
        ? links({ cause: one.cause, section: one.section, action: one.action, outcome: 'abandoned' })
        : null,
  }));
  const others = {
    key: 'other',
    row: null,
    section: null,
    where: 'Elsewhere',
    screen: 'Another place, or left in another way',
    platform: null,
    how: null,
    abandoned: report.other,
    href: null,
  };
  return [...rows, ...closings, others];
}

const mostFirst = (list) => [...list].sort((one, other) => other.abandoned - one.abandoned);

/**
 * The line with the most, in words.
 * @param {object} report
 * @param {(filter: object) => string} links
 * @returns {{words: string, abandoned: number, href: string}}
 */
export function topPlace(report, links) {
  const top = mostFirst(lines(report, links))[0];
  return {
    words: [top.where, top.screen === top.where ? null : top.screen, top.how?.toLowerCase()].filter(Boolean).join(', '),
    abandoned: top.abandoned,
    href: top.href ?? links({ outcome: 'abandoned' }),
  };
}

/**
 * @param {object} report
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
      h('p', { class: 'quiet' }, 'Lines without a number are closings that have no row in the catalogue.'),
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
            one.abandoned && one.href ? h('a', { href: one.href }, count(one.abandoned)) : count(one.abandoned),
        },
        { key: 'bar', label: h('span', { class: 'visually-hidden' }, 'Bar'), class: 'bar', render: bar },
        {
          key: 'share',
          label: 'Share',
          numeric: true,
          render: (one) => rate(report.abandoned ? one.abandoned / report.abandoned : null),
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
      `Together: ${count(report.abandoned)} abandoned. `,
      h('a', { href: links({ outcome: 'abandoned' }) }, 'Show all of them'),
    ),
  );
}
