/*
 * The steps of the overview as a table that adds up, each opening into the ways in which people gave up there.
 *
 * What must stay true: of each step, those who went on, failed, gave up, are still there or were not reported add up to
 * those who reached it. The line without a step has the rest, so the column of those who gave up adds up to all of them. A
 * number links to its attempts only where the list has as many.
 */

import { h, svg } from '../kit/dom.js';
import { count, NONE, orNotReported, rate } from '../kit/format.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { say } from '../kit/say.js';

const REST = say('overview.atNoStep');

/** The words of a way: its screen, if it has one of its own, and how it was left. */
function wayWords(way) {
  const place = way.action ? words.action(way.action) : null;
  const screen = way.screen && words.screen(way.screen) !== place ? words.screen(way.screen) : null;
  const how = way.cause && words.how(way.cause, way.shortestLimitMinutes, way.longestLimitMinutes);
  return [screen, how].filter(Boolean).join(': ') || words.term('placeNotReported');
}

function wayLink(way, links) {
  if (way.catalogueRow) return links({ catalogueRow: way.catalogueRow, section: null, outcome: 'abandoned' });
  if (!way.action || !way.cause) return null;
  return links({ action: way.action, section: way.section, cause: way.cause, catalogueRow: 0, outcome: 'abandoned' });
}

function wayList(ways, links) {
  return h(
    'ul',
    { class: 'ways', role: 'list' },
    ways.map((way) => {
      const href = way.abandoned ? wayLink(way, links) : null;
      const number = count(way.abandoned);
      const text = `${wayWords(way)}${way.action && !words.choices('action').some(([name]) => name === way.action) ? `, ${words.action(way.action)}` : ''}`;
      return h(
        'li',
        null,
        href ? h('a', { href, 'aria-label': say('overview.gaveUpWay', { count: number, way: text }) }, number) : number,
        ` ${text}`,
        h('span', { class: 'quiet' }, ' ', say('overview.soManyBefore', { count: count(way.abandonedBefore) })),
      );
    }),
  );
}

/**
 * @param {Answer} overview
 * @param {(filter: object) => string} links to attempts
 * @returns {HTMLElement}
 */
export function stepsTable(overview, links) {
  const now = overview.steps.filter((one) => one.period === 'now');
  const before = new Map(overview.steps.filter((one) => one.period === 'before').map((one) => [one.action, one]));
  const isStep = new Set(now.map((one) => one.action).filter(Boolean));
  const waysOf = (step) =>
    overview.ways.filter((way) => (step.action ? way.action === step.action : !isStep.has(way.action)));
  const most = Math.max(1, ...now.map((one) => one.reached ?? 0));
  const share = (part) => `${(part / most) * 100}%`;
  const shown = (member) => (step) => (step.action || known(step[member]) ? orNotReported(step[member], count) : NONE);
  const known = (value) => value !== null && value !== undefined;
  const name = (step) => (step.action ? words.action(step.action) : REST);
  const isAll = (step) => waysOf(step).reduce((sum, way) => sum + way.abandoned, 0) === step.gaveUp;
  return dataTable({
    caption: say('overview.stepsTitle'),
    hideCaption: true,
    class: 'steps',
    key: (step) => step.action ?? 'rest',
    columns: [
      {
        key: 'action',
        label: say('common.step'),
        class: 'wrap',
        render: (step) => {
          const ways = waysOf(step);
          if (!ways.length) return name(step);
          return h(
            'details',
            { class: 'step-ways', 'data-key': step.action ?? 'rest' },
            h('summary', null, name(step)),
            wayList(ways, links),
            isAll(step) ? null : h('p', { class: 'quiet' }, say('overview.withoutScreens')),
          );
        },
      },
      { key: 'reached', label: words.term('reached'), numeric: true, render: shown('reached') },
      {
        key: 'bar',
        label: h('span', { class: 'visually-hidden' }, say('common.bar')),
        class: 'bar',
        render: (step) =>
          known(step.reached)
            ? svg(
                'svg',
                { class: 'bar-picture', height: '12', 'aria-hidden': 'true', focusable: 'false' },
                svg('rect', { class: 'bar-fill', height: '12', width: share(step.reached) }),
                svg('rect', {
                  class: 'bar-lost',
                  height: '12',
                  x: share(step.reached - step.gaveUp),
                  width: share(step.gaveUp),
                }),
              )
            : h('span'),
      },
      { key: 'wentOn', label: words.term('left_forward'), numeric: true, render: shown('wentOn') },
      { key: 'failed', label: words.term('failed'), numeric: true, render: shown('failed') },
      {
        key: 'gaveUp',
        label: words.term('gaveUp'),
        numeric: true,
        render: (step) =>
          step.gaveUp && step.action && isAll(step)
            ? h(
                'a',
                {
                  href: links({ action: step.action, section: null, outcome: 'abandoned' }),
                  'aria-label': say('common.gaveUpAt', { count: count(step.gaveUp), step: name(step) }),
                },
                count(step.gaveUp),
              )
            : shown('gaveUp')(step),
      },
      { key: 'stillThere', label: words.term('stillThere'), numeric: true, render: shown('stillThere') },
      { key: 'notReported', label: words.term('notReported'), numeric: true, render: shown('notReported') },
      {
        key: 'rate',
        label: say('overview.gaveUpOfReached'),
        numeric: true,
        render: (step) =>
          known(step.rate)
            ? [
                rate(step.rate),
                h('small', null, say('common.interval', { low: rate(step.low), high: rate(step.high) })),
              ]
            : NONE,
      },
      {
        key: 'before',
        label: say('overview.before'),
        numeric: true,
        render: (step) => {
          const was = step.action ? before.get(step.action) : null;
          return known(was?.rate)
            ? [rate(was.rate), h('small', null, say('overview.ofAttempts', { n: was.reached }))]
            : NONE;
        },
      },
    ],
    rows: now,
  });
}
