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
import { addDays, count, dateIn, day, daysBetween, orNotReported, rate } from '../kit/format.js';
import { asOf, notice, pageHead, tile, tiles } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { summaryFirst } from '../file/summary-first.js';
import * as words from '../kit/words.js';
import { placesTable, topPlace } from './incomplete-places.js';
import { askSlices, slicesCard } from './incomplete-slices.js';
import { askedValue, isOfOne, VALUE_WORDS, valuePicker, valueWords } from './one-value.js';
import { annotations } from './annotations.js';
import { askWebEnrollment, webEnrollmentCard } from './web-enrollment.js';
import { say, sayNodes } from '../kit/say.js';

const PARAMETERS = ['from', 'to', 'os', 'section', ...Object.keys(VALUE_WORDS)];

const NO_SECTION = say('incomplete.noSection');

/** Whether abandonment is unknown: no sender reports starts, and none reported an abandoned attempt. */
const UNMEASURED = say('incomplete.noStarts');
const isUnreported = (funnel) => funnel.length > 0 && funnel.every((step) => step.entered === null);
const incompleteRate = (report) => orNotReported(report.incompleteRate, rate, report.initiated);

/** The difference of two counts in words. */
function countDifference(now, before, days) {
  if (before === null) return say('incomplete.notReportedBefore', { n: days });
  if (now === before) return say('incomplete.asMany', { n: days });
  const shown = { n: days, difference: count(Math.abs(now - before)), before: count(before) };
  return now > before ? say('incomplete.more', shown) : say('incomplete.fewer', shown);
}

/** The difference of two rates in words: percentage points. */
function rateDifference(now, before, days) {
  const was = say('incomplete.rateOfN', { rate: incompleteRate(before), of: count(before.measured) });
  if (now.incompleteRate === null || before.incompleteRate === null)
    return say('incomplete.rateBefore', { n: days, was });
  const difference = Math.round((now.incompleteRate - before.incompleteRate) * 1000) / 10;
  if (difference === 0) return say('incomplete.sameRate', { n: days, was });
  const points = say('count.points', { n: Math.abs(difference) });
  return difference > 0
    ? say('incomplete.higher', { n: days, points, was })
    : say('incomplete.lower', { n: days, points, was });
}

/** What the rate is of. */
function rateNote({ measured, initiated, abandonedMeasured }) {
  if (measured === initiated) return say('incomplete.ofInitiated', { of: count(measured) });
  const shown = { measured: count(measured), all: count(initiated) };
  if (!measured) return say('incomplete.noneMeasured', shown);
  return say('incomplete.ofMeasured', { ...shown, abandoned: count(abandonedMeasured) });
}

function tileRow(report, before, links) {
  const days = daysBetween(report.from, report.to);
  const compare = (member) => (before ? [countDifference(report[member], before[member], days), h('br')] : null);
  const link = (text, filter) => h('a', { href: links(filter) }, text);
  const section = report.section ? words.section(report.section).toLowerCase() : null;
  return tiles(
    tile({
      label: say('common.initiated'),
      value: count(report.initiated),
      href: links({ section: null }),
      note: [
        compare('initiated'),
        say('incomplete.completedAndOpen', {
          completed: count(report.completed),
          open: count(report.open),
        }),
        report.onlyEndReported
          ? [
              h('br'),
              say('incomplete.onlyEnd', {
                count: count(report.onlyEndReported),
              }),
            ]
          : null,
      ],
    }),
    tile({
      label: section ? say('incomplete.incompleteIn', { section }) : say('incomplete.incomplete'),
      value: orNotReported(report.incomplete, count),
      href: report.incomplete === null ? null : links({ outcome: 'incomplete' }),
      note: [
        report.incomplete === null ? null : compare('incomplete'),
        report.abandoned === null
          ? say('incomplete.giveUpsNotReported')
          : link(say('incomplete.soManyAbandoned', { count: count(report.abandoned) }), { outcome: 'abandoned' }),
        ', ',
        report.failed === null
          ? say('incomplete.failuresNotReported')
          : link(say('incomplete.soManyFailed', { count: count(report.failed) }), { outcome: 'failed' }),
      ],
    }),
    tile({
      label: section ? say('incomplete.rateIn', { section }) : say('incomplete.rate'),
      value: incompleteRate(report),
      href: report.incompleteRate === null ? null : links({ outcome: 'abandoned' }),
      note: [rateNote(report), before ? [h('br'), rateDifference(report, before, days)] : null],
    }),
  );
}

function dailyChart(report, links, notes) {
  const days = [...new Set(report.daily.map((one) => one.date))];
  const sections = [...new Set(report.daily.map((one) => one.section))];
  const at = new Map(report.daily.map((one) => [`${one.date} ${one.section}`, one.abandoned]));
  return lineChart({
    title: say('incomplete.dailyTitle'),
    description: say('incomplete.dailyAbout'),
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
      h('h2', null, say('incomplete.stepsOfAttempts')),
      h(
        'p',
        { class: 'quiet' },
        say('incomplete.stepsInOrder'),
        ' ',
        report.withSteps < report.initiated
          ? say('incomplete.stepsReported', { n: report.initiated, some: count(report.withSteps) })
          : null,
      ),
    ),
    report.funnel && isUnreported(report.funnel) ? h('p', { class: 'quiet' }, say('incomplete.noScreens')) : null,
    report.funnel && !isUnreported(report.funnel)
      ? funnel({
          title: say('incomplete.stepsTitle'),
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
    report.funnel ? null : h('p', { class: 'quiet pending' }, say('common.loading')),
    h(
      'p',
      { class: 'quiet' },
      say('incomplete.endOfBar'),
      ' ',
      report.slice ? say('incomplete.noMedian') : say('incomplete.medianAbout'),
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
  return notice('information', say('incomplete.kept', { days: count(kept), day: day(oldest) }));
}

function headline(report, links) {
  const line = (...what) => h('p', { class: 'headline' }, what);
  if (!report.initiated) {
    return line(say('incomplete.noneStarted'), ' ', h('a', { href: addressOf('steps') }, say('view.firstSteps')));
  }
  if (report.abandoned === null) return line(say('incomplete.noGiveUps'));
  if (!report.abandoned && !report.measured) {
    return line(say('incomplete.nobodyChose'));
  }
  if (!report.abandoned && report.onlyEndReported) {
    return line(say('incomplete.nobodyOfMeasured', { n: report.measured }));
  }
  if (!report.abandoned) return line(say('incomplete.nobody'));
  const top = topPlace(report, links);
  if (!top) return line(say('incomplete.noPlaces'));
  if (top.equals > 1) {
    return line(
      say('incomplete.placesEqual', {
        n: report.abandoned,
        places: count(top.equals),
        each: count(top.abandoned),
      }),
    );
  }
  return line(
    sayNodes('incomplete.mostAt', {
      n: report.abandoned,
      place: h('strong', null, top.words),
      count: h('a', { href: top.href }, count(top.abandoned)),
    }),
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
        choices: [OS_CHOICE, { name: 'section', label: say('common.section'), options: words.choices('section') }],
        more: picker.fields(),
      });
    if (isNew) patch(root, pageHead(say('view.incompleteEnrollments'), say('incomplete.purpose')), form());

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
          say('view.incompleteEnrollments'),
          say('incomplete.about', {
            first: day(report.from),
            last: day(addDays(report.to, -1)),
            platform: words.platform(report.os ?? 'both'),
          }),
          ' ',
          isOfOne(parameters) ? [say('common.only', { value: valueWords(parameters) }), ' '] : null,
          asOf(report.asOf, report.timeZone, report),
        ),
        form(),
        filterChips('incomplete', parameters, VALUE_WORDS),
        keptNotice(report, tenant),
        coverageLine(coverage),
        headline(report, links),
        tileRow(report, before, links),
        before === null ? h('p', { class: 'quiet' }, say('incomplete.beforePartlyKept')) : null,
        h(
          'section',
          { class: 'card', 'data-key': 'daily' },
          h('h2', { class: report.abandoned === null ? null : 'visually-hidden' }, say('common.byDay')),
          report.abandoned === null ? h('p', { class: 'quiet' }, UNMEASURED) : dailyChart(report, links, noted.notes()),
          noted.panel(today),
        ),
        report.abandoned === null ? null : placesTable(report, links, parameters),
        funnelCard(report, links),
        slicesCard(slices, parameters, picker.takes),
        isOfOne(parameters)
          ? h('p', { class: 'quiet', 'data-key': 'not-kept' }, say('incomplete.notKeptForPart'))
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
    const initiated = count(newest.initiated);
    if (!isNew)
      announce(
        newest.abandoned === null
          ? say('incomplete.saidNotReported', { initiated })
          : say('incomplete.said', { initiated, abandoned: count(newest.abandoned) }),
      );
  },
};
