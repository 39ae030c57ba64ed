/*
 * The overview: how many give up, whether that is better than before, at which step, and what got worse.
 *
 * What must stay true: every number, and what is said of it (better, worse, the worst step), is the API's; nothing is judged
 * here. Days that are not over are not counted, and the page says so. The sentence comes before everything else, so that a
 * small screen shows it first.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterChips, filterForm, lastDays, OS_CHOICE, rangeIn } from '../kit/filters.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { addDays, count, day, orNotReported, rate } from '../kit/format.js';
import { asOf, pageHead, tile, tiles } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { summaryFirst } from '../file/summary-first.js';
import { weekChart } from '../kit/week-chart.js';
import * as words from '../kit/words.js';
import { stepsTable } from './overview-steps.js';
import { annotations } from './annotations.js';
import { askGotWorse, worseCard } from './overview-worse.js';
import { askedValue, isOfOne, VALUE_WORDS, valuePicker, valueWords } from './one-value.js';

const PARAMETERS = ['from', 'to', 'os', 'section', 'compareFrom', 'compareTo', ...Object.keys(VALUE_WORDS)];

const span = (from, to) => `${day(from)} to ${day(addDays(to, -1))}`;

/** The comparison in words, after the rate. */
function comparison({ comparison: name, least }, before) {
  const said = words.comparison(name);
  if (name === 'better' || name === 'worse') return `, ${said}: ${rate(before.abandonedRate)}.`;
  if (name === 'same') return `, ${said}: ${rate(before.abandonedRate)}, a difference within chance.`;
  if (name === 'tooFew') return `. Compared with before: ${said}, since that takes ${count(least)} on both sides.`;
  return `. Not compared with before: ${said}.`;
}

function worst(overview, links) {
  const step = overview.steps.find((one) => one.period === 'now' && one.action && one.action === overview.worstStep);
  if (!step) return 'No step is clearly the worst.';
  return [
    'Worst step: ',
    h('strong', null, words.action(step.action)),
    ', ',
    h(
      'a',
      { href: links({ action: step.action, section: null, outcome: 'abandoned' }) },
      `${count(step.gaveUp)} of the ${count(step.reached)}`,
    ),
    ' who reach it.',
  ];
}

function headline(overview, links, isFile) {
  const [now, before] = overview.periods;
  const say = (...what) => h('p', { class: 'headline' }, what);
  if (!now.initiated) {
    const steps = isFile ? null : h('a', { href: addressOf('steps') }, 'First steps');
    return say('No enrollment started on the days that are over. ', steps);
  }
  if (now.abandonedRate === null) return say('No sender reports when people begin, so we cannot see how many give up.');
  return say(
    h('strong', { class: 'headline-number' }, rate(now.abandonedRate)),
    ' give up (',
    h('a', { href: links({ outcome: 'abandoned' }) }, count(now.abandonedMeasured)),
    ` of ${count(now.measured)})`,
    comparison(overview, before),
    ' ',
    worst(overview, links),
  );
}

const between = (low, high) => (low === null ? null : `between ${rate(low)} and ${rate(high)}`);

function tileRow(overview, links) {
  const [now, before] = overview.periods;
  const was = (text) => [h('br'), `Before: ${text}`];
  const part = (label, name, filter) =>
    tile({
      label,
      value: orNotReported(now[name], count, now.initiated),
      href: now[name] ? links(filter) : null,
      note: [
        now[`${name}Rate`] === null
          ? null
          : `${rate(now[`${name}Rate`])}, ${between(now[`${name}Low`], now[`${name}High`])}`,
        was(
          [
            orNotReported(before[name], count, before.initiated),
            before[`${name}Rate`] === null ? null : rate(before[`${name}Rate`]),
          ]
            .filter(Boolean)
            .join(', '),
        ),
      ],
    });
  return tiles(
    tile({
      label: 'Initiated',
      value: count(now.initiated),
      href: links({ section: null }),
      note: [`${count(now.ended)} ended, ${count(now.open)} still open`, was(count(before.initiated))],
    }),
    part(words.term('gaveUp'), 'abandoned', { outcome: 'abandoned' }),
    part(words.outcome('failed'), 'failed', { outcome: 'failed' }),
    part(words.outcome('completed'), 'completed', { outcome: 'completed', section: null }),
  );
}

/** @param {Answer} overview @param {any} links @param {any[]} notes annotations @param {any} panel to write them */
function weeksCard(overview, links, notes, panel) {
  return h(
    'section',
    { class: 'card', 'data-key': 'weeks' },
    h('h2', null, 'Week by week'),
    weekChart({
      title: 'Share of attempts that were given up',
      description:
        'The upright line is the 95% interval: the rate lies within it but for one time in twenty. Below: all attempts. Hatched weeks are not whole.',
      weeks: overview.weeks,
      rateName: 'Given up',
      parts: [
        { key: 'completed', name: words.outcome('completed') },
        { key: 'abandoned', name: words.outcome('abandoned') },
        { key: 'failed', name: words.outcome('failed') },
        { key: 'open', name: words.outcome('inProgress') },
      ],
      href: (week) => (week.abandoned ? links({ from: week.from, to: week.to, outcome: 'abandoned' }) : null),
      notes,
    }),
    panel,
  );
}

function stepsCard(overview, links) {
  const [now] = overview.periods;
  return h(
    'section',
    { class: 'card', 'data-key': 'steps' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, 'Step by step'),
      h(
        'p',
        { class: 'quiet' },
        'In the order of time. Of those who reached a step, the counts after it add up. ',
        now.withSteps < now.initiated
          ? `Steps are reported of ${count(now.withSteps)} of ${count(now.initiated)} attempts.`
          : null,
      ),
    ),
    stepsTable(overview, links),
  );
}

export default {
  keeps: true,

  async show(context) {
    const { root, parameters, api, signal, navigate, tenant, announce, isNew } = context;
    const { today } = calendar(tenant);
    const yesterday = addDays(today, -1);
    const inAddress = rangeIn(parameters);
    const usual = lastDays(yesterday, 14);
    /** @type {{from: any, to: any}} */
    const range = inAddress.from || inAddress.to ? inAddress : usual;
    const asked = Object.fromEntries(PARAMETERS.map((name) => [name, parameters.get(name)]));
    const ofOne = askedValue(parameters);
    const picker = valuePicker({
      context,
      path: 'overview',
      operation: 'getOverview',
      parameters,
      redraw: () => draw(),
    });
    const form = (overview) =>
      filterForm({
        path: 'overview',
        parameters,
        navigate,
        range,
        today: yesterday,
        compare: overview ? { from: overview.compareFrom, to: overview.compareTo } : { from: null, to: null },
        choices: [OS_CHOICE, { name: 'section', label: 'Section', options: words.choices('section') }],
        more: picker.fields(),
      });
    if (isNew) patch(root, pageHead('Overview', 'How many give up while enrolling a device'), form(null));

    /** @type {Answer} */
    let newest = null;
    let coverage = null;
    /** @type {Awaited<ReturnType<typeof askGotWorse>>|null} */
    let worse = null;
    const noted = annotations(context, () => draw());
    const draw = () => {
      if (signal.aborted || !newest) return;
      const links = (filter) =>
        addressOf('attempts', {
          from: newest.from,
          to: newest.to,
          os: newest.os,
          section: newest.section,
          ...ofOne,
          ...filter,
        });
      patch(
        root,
        pageHead(
          'Overview',
          `${span(newest.from, newest.to)}, ${words.platform(newest.os ?? 'both')}, compared with ${span(newest.compareFrom, newest.compareTo)}. `,
          isOfOne(parameters) ? `Only ${valueWords(parameters)}. ` : null,
          newest.leftOut ? `${day(newest.leftOut)} is left out, since it is not over. ` : null,
          asOf(newest.asOf, newest.timeZone, newest),
        ),
        filterChips('overview', parameters, VALUE_WORDS),
        headline(newest, links, Boolean(context.file)),
        tileRow(newest, links),
        coverageLine(coverage),
        form(newest),
        weeksCard(newest, links, noted.notes(), noted.panel(today)),
        stepsCard(newest, links),
        worseCard(worse),
      );
    };
    /** @type {Promise<any>|null} */
    let others = null;
    const arrived = (overview) => {
      newest = overview;
      draw();
      // A server without recent requests is asked one question first.
      others ??= Promise.all([
        askCoverage({ from: overview.from, to: overview.to, os: parameters.get('os'), ...ofOne }, context).then(
          (found) => {
            coverage = found;
            draw();
          },
        ),
        noted.ask({ from: overview.weeks[0]?.from ?? overview.from, to: null }).then(draw),
        picker.ask({ from: overview.from, to: overview.to }),
        askGotWorse(context, ofOne).then((found) => {
          worse = found;
          draw();
        }),
      ]);
      // Awaited below, where a problem is shown by the view.
      others.catch(() => {});
    };
    const options = { signal, onPart: arrived, range: { from: range.from, to: range.to } };
    arrived(await summaryFirst(api, 'getOverview', asked, options));
    await others;
    if (!isNew) announce(root.querySelector('.headline')?.textContent ?? '');
  },
};
