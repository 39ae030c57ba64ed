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
import { say, sayNodes } from '../kit/say.js';

const PARAMETERS = ['from', 'to', 'os', 'section', 'compareFrom', 'compareTo', ...Object.keys(VALUE_WORDS)];

const span = (from, to) => say('common.span', { first: day(from), last: day(addDays(to, -1)) });

/** How many give up, and how that compares with before. */
function comparison({ comparison: name, least, periods: [now, before] }, links) {
  const shown = {
    rate: h('strong', { class: 'headline-number' }, rate(now.abandonedRate)),
    gaveUp: h('a', { href: links({ outcome: 'abandoned' }) }, count(now.abandonedMeasured)),
    all: count(now.measured),
    comparison: words.comparison(name),
  };
  const was = rate(before.abandonedRate);
  if (name === 'better' || name === 'worse') return sayNodes('overview.giveUp', { ...shown, before: was });
  if (name === 'same') return sayNodes('overview.giveUpSame', { ...shown, before: was });
  if (name === 'tooFew') return sayNodes('overview.giveUpTooFew', { ...shown, least: count(least) });
  return sayNodes('overview.giveUpNotCompared', shown);
}

function worst(overview, links) {
  const step = overview.steps.find((one) => one.period === 'now' && one.action && one.action === overview.worstStep);
  if (!step) return say('overview.noWorstStep');
  return sayNodes('overview.worstStep', {
    step: h('strong', null, words.action(step.action)),
    share: h(
      'a',
      { href: links({ action: step.action, section: null, outcome: 'abandoned' }) },
      say('overview.worstShare', { gaveUp: count(step.gaveUp), reached: count(step.reached) }),
    ),
  });
}

function headline(overview, links, isFile) {
  const [now] = overview.periods;
  const line = (...what) => h('p', { class: 'headline' }, what);
  if (!now.initiated) {
    const steps = isFile ? null : h('a', { href: addressOf('steps') }, say('view.firstSteps'));
    return line(say('overview.noneStarted'), ' ', steps);
  }
  if (now.abandonedRate === null) return line(say('overview.noStarts'));
  return line(comparison(overview, links), ' ', worst(overview, links));
}

function tileRow(overview, links) {
  const [now, before] = overview.periods;
  const was = (text) => [h('br'), say('overview.was', { was: text })];
  const part = (label, name, filter) =>
    tile({
      label,
      value: orNotReported(now[name], count, now.initiated),
      href: now[name] ? links(filter) : null,
      note: [
        now[`${name}Rate`] === null
          ? null
          : say('overview.rateBetween', {
              rate: rate(now[`${name}Rate`]),
              low: rate(now[`${name}Low`]),
              high: rate(now[`${name}High`]),
            }),
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
      label: say('common.initiated'),
      value: count(now.initiated),
      href: links({ section: null }),
      note: [
        say('overview.endedAndOpen', { ended: count(now.ended), open: count(now.open) }),
        was(count(before.initiated)),
      ],
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
    h('h2', null, say('overview.weekByWeek')),
    weekChart({
      title: say('overview.weeksTitle'),
      description: say('overview.weeksAbout'),
      weeks: overview.weeks,
      rateName: say('common.givenUp'),
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
      h('h2', null, say('overview.stepByStep')),
      h(
        'p',
        { class: 'quiet' },
        say('overview.addUp'),
        ' ',
        now.withSteps < now.initiated
          ? say('overview.stepsReported', {
              some: count(now.withSteps),
              all: count(now.initiated),
            })
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
        choices: [OS_CHOICE, { name: 'section', label: say('common.section'), options: words.choices('section') }],
        more: picker.fields(),
      });
    if (isNew) patch(root, pageHead(say('view.overview'), say('overview.purpose')), form(null));

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
          say('view.overview'),
          say('overview.about', {
            days: span(newest.from, newest.to),
            platform: words.platform(newest.os ?? 'both'),
            before: span(newest.compareFrom, newest.compareTo),
          }),
          ' ',
          isOfOne(parameters) ? [say('common.only', { value: valueWords(parameters) }), ' '] : null,
          newest.leftOut ? [say('overview.leftOut', { day: day(newest.leftOut) }), ' '] : null,
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
