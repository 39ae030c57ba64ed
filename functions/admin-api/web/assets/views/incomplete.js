/*
 * The report of incomplete enrollments: how many were begun and not finished, when, where, and how.
 *
 * What must stay true: every number is the API's; the page only computes differences, sums over the days shown and
 * shares. A number that the API can list links to its attempts. A section filters abandoned attempts, never initiated
 * ones. Periods are only compared if the one before is still kept completely.
 */

import { funnel } from '../kit/chart.js';
import { lineChart } from '../kit/line-chart.js';
import { h, patch } from '../kit/dom.js';
import { calendar, filterChips, filterForm, lastDays, OS_CHOICE, rangeIn } from '../kit/filters.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { addDays, count, dateIn, day, daysBetween, decimal, orNotReported, plural, rate } from '../kit/format.js';
import { asOf, notice, pageHead, tile, tiles } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { summaryFirst } from '../file/summary-first.js';
import * as words from '../kit/words.js';
import { placesTable, topPlace } from './incomplete-places.js';
import { askSlices, slicesCard } from './incomplete-slices.js';
import { askedValue, isOfOne, VALUE_WORDS, valuePicker, valueWords } from './one-value.js';
import { annotations } from './annotations.js';
import { askWebEnrollment, webEnrollmentCard } from './web-enrollment.js';

const PARAMETERS = ['from', 'to', 'os', 'section', ...Object.keys(VALUE_WORDS)];

const NO_SECTION = 'No section reported';

/** Whether abandonment is unknown: no sender reports starts, and none reported an abandoned attempt. */
const UNMEASURED =
  'Not reported: no sender that was active in these days reports when people begin, so we cannot see who gave up.';
const isUnreported = (funnel) => funnel.length > 0 && funnel.every((step) => step.entered === null);
const incompleteRate = (report) => orNotReported(report.incompleteRate, rate, report.initiated);

const daysWords = (days) => (days === 1 ? 'the day before' : `the ${count(days)} days before`);

/** The difference of two counts in words. */
function countDifference(now, before, days) {
  if (before === null) return `Not reported in ${daysWords(days)}`;
  if (now === before) return `As many as in ${daysWords(days)}`;
  const difference = Math.abs(now - before);
  return `${count(difference)} ${now > before ? 'more' : 'fewer'} than in ${daysWords(days)} (${count(before)})`;
}

/** The difference of two rates in words: percentage points. */
function rateDifference(now, before, days) {
  const was = `${incompleteRate(before)}, n = ${count(before.measured)}`;
  if (now.incompleteRate === null || before.incompleteRate === null) return `In ${daysWords(days)}: ${was}`;
  const points = Math.round((now.incompleteRate - before.incompleteRate) * 1000) / 10;
  if (points === 0) return `The same as in ${daysWords(days)} (${was})`;
  const unit = Math.abs(points) === 1 ? 'point' : 'points';
  return `${decimal(Math.abs(points))} ${unit} ${points > 0 ? 'higher' : 'lower'} than in ${daysWords(days)} (${was})`;
}

function tileRow(report, before, links) {
  const days = daysBetween(report.from, report.to);
  const compare = (member) => (before ? [countDifference(report[member], before[member], days), h('br')] : null);
  const link = (text, filter) => h('a', { href: links(filter) }, text);
  const only = report.section ? ` in ${words.section(report.section).toLowerCase()}` : '';
  return tiles(
    tile({
      label: 'Initiated',
      value: count(report.initiated),
      href: links({ section: null }),
      note: [
        compare('initiated'),
        `${count(report.completed)} completed, ${count(report.open)} still open`,
        report.onlyEndReported
          ? [h('br'), `Of ${count(report.onlyEndReported)} no sender reports the start, so we cannot see who gave up`]
          : null,
      ],
    }),
    tile({
      label: `Incomplete${only}`,
      value: orNotReported(report.incomplete, count),
      href: report.incomplete === null ? null : links({ outcome: 'incomplete' }),
      note: [
        report.incomplete === null ? null : compare('incomplete'),
        report.abandoned === null
          ? 'Give-ups not reported'
          : link(`${count(report.abandoned)} abandoned`, { outcome: 'abandoned' }),
        ', ',
        report.failed === null
          ? 'failures not reported'
          : link(`${count(report.failed)} failed`, { outcome: 'failed' }),
      ],
    }),
    tile({
      label: `Incomplete rate${only}`,
      value: incompleteRate(report),
      href: report.incompleteRate === null ? null : links({ outcome: 'abandoned' }),
      note: [
        report.measured === report.initiated
          ? `n = ${count(report.measured)}: abandoned of initiated`
          : `n = ${count(report.measured)} measured of ${count(report.initiated)}`,
        report.measured && report.measured !== report.initiated
          ? `: ${count(report.abandonedMeasured)} abandoned`
          : null,
        before ? [h('br'), rateDifference(report, before, days)] : null,
      ],
    }),
  );
}

function dailyChart(report, links, notes) {
  const days = [...new Set(report.daily.map((one) => one.date))];
  const sections = [...new Set(report.daily.map((one) => one.section))];
  const at = new Map(report.daily.map((one) => [`${one.date} ${one.section}`, one.abandoned]));
  return lineChart({
    title: 'Abandoned attempts by section and day',
    description: 'An attempt counts on the day it started.',
    days,
    series: sections.map((section) => ({
      name: section ? words.section(section) : NO_SECTION,
      values: days.map((date) => at.get(`${date} ${section}`) ?? 0),
    })),
    notes,
    dayHref: (index) => links({ from: days[index], to: addDays(days[index], 1), outcome: 'abandoned' }),
    // The API has no filter for attempts without a section.
    href: (index, series) =>
      sections[series]
        ? links({ from: days[index], to: addDays(days[index], 1), section: sections[series], outcome: 'abandoned' })
        : null,
  });
}

function funnelCard(report, links) {
  return h(
    'section',
    { class: 'card', 'data-key': 'funnel' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, 'Steps of attempts'),
      h(
        'p',
        { class: 'quiet' },
        'Steps are in the order of time. Some steps exist only on some devices. ',
        report.withSteps < report.initiated
          ? `Steps are reported of ${count(report.withSteps)} of ${plural(report.initiated, 'attempt')}.`
          : null,
      ),
    ),
    report.funnel && isUnreported(report.funnel)
      ? h('p', { class: 'quiet' }, 'Not reported: no sender that was active in these days reports screens.')
      : null,
    report.funnel && !isUnreported(report.funnel)
      ? funnel({
          title: 'Steps: entered, went on, abandoned',
          hideTitle: true,
          steps: report.funnel.map((step) => ({
            label: words.action(step.action),
            note: words.section(step.section),
            entered: step.entered,
            left: step.left,
            abandoned: step.abandoned,
            medianSeconds: report.slice ? undefined : step.medianSeconds,
            href: step.abandoned ? links({ action: step.action, section: null, outcome: 'abandoned' }) : null,
          })),
        })
      : null,
    report.funnel ? null : h('p', { class: 'quiet pending' }, 'Loading…'),
    h(
      'p',
      { class: 'quiet' },
      'The end of a bar, in the other colour, shows attempts that were abandoned at the step. ',
      report.slice
        ? 'Median times are not kept for a part of the attempts.'
        : 'The median counts attempts that went on.',
    ),
  );
}

/** The period before, if it is still kept completely. */
async function previous(report, ofOne, { api, tenant, signal }) {
  const days = daysBetween(report.from, report.to);
  const from = addDays(report.from, -days);
  const oldest = addDays(dateIn(report.asOf, report.timeZone), -(tenant.settings?.retentionDays ?? 0));
  if (from < oldest) return null;
  const asked = { from, to: report.from, os: report.os, section: report.section, ...ofOne };
  return new Promise((resolve, reject) => {
    // Only its sums are shown, so the slow parts of the answer are not requested.
    const enough = new AbortController();
    const onPart = (part) => {
      resolve(part);
      enough.abort();
    };
    const either = AbortSignal.any([signal, enough.signal]);
    api.get('getIncompleteEnrollments', asked, { signal: either, onPart }).then(resolve, reject);
  });
}

function keptNotice(report, tenant) {
  const kept = tenant.settings?.retentionDays;
  if (!kept) return null;
  const oldest = addDays(dateIn(report.asOf, report.timeZone), -kept);
  if (report.from >= oldest) return null;
  return notice(
    'information',
    `Attempts are kept for ${count(kept)} days, so there are no numbers before ${day(oldest)}.`,
  );
}

function headline(report, links) {
  const say = (...what) => h('p', { class: 'headline' }, what);
  if (!report.initiated) {
    return say('No enrollment started in these days. ', h('a', { href: addressOf('steps') }, 'First steps'));
  }
  if (report.abandoned === null) return say('No sender reported whether anybody gave up in these days.');
  if (!report.abandoned && !report.measured) {
    return say('Nobody chose to stop. No sender reported whether anybody left without a word.');
  }
  if (!report.abandoned && report.onlyEndReported) {
    return say(`Nobody gave up in the ${plural(report.measured, 'enrollment')} whose senders report it.`);
  }
  if (!report.abandoned) return say('Nobody gave up in these days.');
  const top = topPlace(report, links);
  if (!top) return say('No sender reported where people stopped.');
  if (top.equals > 1) {
    const all = plural(report.abandoned, 'abandoned attempt');
    return say(`${count(top.equals)} places have the most: ${count(top.abandoned)} each, of ${all}.`);
  }
  return h(
    'p',
    { class: 'headline' },
    'People stop most often at ',
    h('strong', null, top.words),
    ': ',
    h('a', { href: top.href }, count(top.abandoned)),
    ` of ${plural(report.abandoned, 'abandoned attempt')}.`,
  );
}

/** The newest answer about slices, and what it was asked for. */
let shownSlices = { key: '', answer: null };

export default {
  keeps: true,

  async show(context) {
    const { root, parameters, api, signal, navigate, tenant, announce, isNew } = context;
    const { today } = calendar(tenant);
    const usual = lastDays(today, 14);
    const inAddress = rangeIn(parameters);
    /** @type {{from: any, to: any}} */
    const range = inAddress.from || inAddress.to ? inAddress : usual;
    const asked = Object.fromEntries(PARAMETERS.map((name) => [name, parameters.get(name)]));
    const ofOne = askedValue(parameters);
    const picker = valuePicker({
      context,
      path: 'incomplete',
      operation: 'getIncompleteEnrollments',
      parameters,
      redraw: () => newest && draw(newest, before),
    });
    const form = () =>
      filterForm({
        path: 'incomplete',
        parameters,
        navigate,
        range,
        today,
        choices: [OS_CHOICE, { name: 'section', label: 'Section', options: words.choices('section') }],
        more: picker.fields(),
      });
    if (isNew) patch(root, pageHead('Incomplete enrollments', 'Where people give up while enrolling a device'), form());

    let coverage = null;
    let web = null;
    // Who changes by what they are told apart keeps the card, and the focus in it, until the next one comes.
    const sliced = JSON.stringify([tenant.tenant, context.file?.name, { ...asked, section: null }]);
    let slices = shownSlices.key === sliced ? shownSlices.answer : null;
    const noted = annotations(context, () => newest && draw(newest, before));
    // `before` is undefined until it is known.
    const draw = (report, before) => {
      if (signal.aborted) return;
      const links = (filter) =>
        addressOf('attempts', {
          from: report.from,
          to: report.to,
          os: report.os,
          section: report.section,
          ...ofOne,
          ...filter,
        });
      patch(
        root,
        pageHead(
          'Incomplete enrollments',
          `${day(report.from)} to ${day(addDays(report.to, -1))}, ${words.platform(report.os ?? 'both')}. `,
          isOfOne(parameters) ? `Only ${valueWords(parameters)}. ` : null,
          asOf(report.asOf, report.timeZone, report),
        ),
        form(),
        filterChips('incomplete', parameters, VALUE_WORDS),
        keptNotice(report, tenant),
        coverageLine(coverage),
        headline(report, links),
        tileRow(report, before, links),
        before === null
          ? h('p', { class: 'quiet' }, 'The period before is only partly kept, so there is nothing to compare with.')
          : null,
        h(
          'section',
          { class: 'card', 'data-key': 'daily' },
          h('h2', { class: report.abandoned === null ? null : 'visually-hidden' }, 'By day'),
          report.abandoned === null ? h('p', { class: 'quiet' }, UNMEASURED) : dailyChart(report, links, noted.notes()),
          noted.panel(today),
        ),
        report.abandoned === null ? null : placesTable(report, links, parameters),
        funnelCard(report, links),
        slicesCard(slices, parameters, picker.takes),
        isOfOne(parameters)
          ? h(
              'p',
              { class: 'quiet', 'data-key': 'not-kept' },
              'Other models, versions, types, senders and tags, and web-based enrollment are not kept for a part of the attempts.',
            )
          : webEnrollmentCard(web),
      );
    };
    /** @type {Promise<void>|null} */
    let comparison = null;
    /** @type {Answer} */
    let newest = null;
    let before;
    /** @type {Promise<any>|null} */
    let standing = null;
    const askStanding = () => {
      const asked = { ...range, os: parameters.get('os') };
      standing ??= Promise.all([
        askCoverage({ ...asked, ...ofOne }, context).then((found) => {
          coverage = found;
          if (newest) draw(newest, before);
        }),
        askWebEnrollment(asked, context).then((found) => {
          web = found;
          if (newest) draw(newest, before);
        }),
        isOfOne(parameters)
          ? null
          : askSlices({ ...asked, by: parameters.get('by') }, context).then((found) => {
              slices = found;
              shownSlices = { key: sliced, answer: found };
              if (newest) draw(newest, before);
            }),
        picker.ask(range),
        noted.ask(range).then(() => {
          if (newest) draw(newest, before);
        }),
      ]);
      // Awaited below, where a problem is shown by the view.
      standing.catch(() => {});
    };
    // A server without recent requests is asked one question first, since each that is asked beside it starts another copy of
    // the function. Whoever changes a filter has waited for that already.
    if (!isNew) askStanding();
    const arrived = (report) => {
      newest = report;
      draw(report, before);
      askStanding();
      comparison ??= previous(report, ofOne, context).then((found) => {
        before = found;
        draw(newest, before);
      });
      comparison.catch(() => {});
    };
    const options = { signal, onPart: arrived, range: { from: range.from, to: range.to } };
    arrived(await summaryFirst(api, 'getIncompleteEnrollments', asked, options));
    await Promise.all([comparison, standing]);
    const abandoned = orNotReported(newest.abandoned, (n) => `${count(n)} abandoned`);
    if (!isNew) announce(`Of ${count(newest.initiated)} initiated: ${abandoned}.`);
  },
};
