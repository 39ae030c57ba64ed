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
import { say } from '../kit/say.js';

const NO_PLACE = say('incomplete.placeNotReported');

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
    where: one.action ? words.action(one.action) : say('incomplete.anotherPlace'),
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
    screen: say('incomplete.whereNotReported'),
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
      h('h2', null, say('incomplete.whereAndHow')),
      h('p', { class: 'quiet' }, say('incomplete.placesAbout')),
      h(
        'div',
        { class: 'actions' },
        order(null, say('incomplete.mostFirst'), !byNumber),
        order('catalogue', say('incomplete.byNumber'), byNumber),
      ),
    ),
    dataTable({
      caption: say('incomplete.placesTitle'),
      hideCaption: true,
      class: 'places',
      key: (one) => one.key,
      columns: [
        {
          key: 'where',
          label: say('common.where'),
          class: 'wrap',
          render: (one) => [one.where, one.screen && one.screen !== one.where ? h('small', null, one.screen) : null],
        },
        {
          key: 'abandoned',
          label: say('incomplete.abandoned'),
          numeric: true,
          render: (one) =>
            one.abandoned && one.href
              ? h(
                  'a',
                  {
                    href: one.href,
                    'aria-label': say('common.gaveUpAt', { count: count(one.abandoned), step: named(one) }),
                  },
                  count(one.abandoned),
                )
              : orNotReported(one.abandoned, count),
        },
        { key: 'bar', label: h('span', { class: 'visually-hidden' }, say('common.bar')), class: 'bar', render: bar },
        {
          key: 'share',
          label: say('incomplete.share'),
          numeric: true,
          render: (one) => rate(report.abandoned && one.abandoned !== null ? one.abandoned / report.abandoned : null),
        },
        { key: 'how', label: say('incomplete.how') },
        {
          key: 'section',
          label: say('common.section'),
          render: (one) => (one.section ? words.section(one.section) : null),
        },
        {
          key: 'platform',
          label: say('common.platform'),
          render: (one) =>
            one.platform === 'both' ? say('incomplete.both') : one.platform && words.platform(one.platform),
        },
        { key: 'row', label: say('incomplete.row'), numeric: true },
      ],
      rows: list,
    }),
    h(
      'p',
      { class: 'quiet' },
      report.abandoned === null
        ? say('incomplete.noGiveUpsReported')
        : [
            say('incomplete.inTotal', { count: count(report.abandoned) }),
            ' ',
            h('a', { href: links({ outcome: 'abandoned' }) }, say('incomplete.showAll')),
          ],
    ),
  );
}
