/*
 * The Enrollment Status Page over a range of days: do devices get through, with which profile, where does it take
 * long or fail, and what hangs now.
 *
 * What must stay true: every number is the API's own; the page computes none. A number links to its sessions if the API
 * has a filter that gives exactly these.
 */

import { h, patch, svg } from '../kit/dom.js';
import { lineChart } from '../kit/line-chart.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { addDays, count, dateTime, minutes, rateWithN } from '../kit/format.js';
import { asOf, notice, pageHead } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { espPhase, espState, term } from '../kit/words.js';
import { annotations } from './annotations.js';
import { appAddress } from './app-parts.js';
import { deviceAndUser, espNavigation, profileLink, rangeWords, stateBadge } from './esp-parts.js';
import { say, sayNodes } from '../kit/say.js';

/** Apps and sessions that are asked for. */
const MOST_LISTED = 20;

const APP_ORDERS = { slowest: say('esp.slowestFirst'), failing: say('esp.mostFailuresFirst') };

/** A share as a picture beside its number. */
const meter = (fraction) =>
  fraction === null || fraction === undefined
    ? null
    : svg(
        'svg',
        { class: 'esp-meter', 'aria-hidden': 'true', focusable: 'false' },
        svg('rect', { class: 'track', width: '100%', height: '100%' }),
        svg('rect', { width: `${fraction * 100}%`, height: '100%' }),
      );

const linked = (href, number) => (number ? h('a', { href }, count(number)) : count(number));

function byDay(answer, notes) {
  const days = answer.byDay;
  /** @type {[string, string, string|null][]} */
  const all = [
    [say('common.started'), 'started', ''],
    [espState('success'), 'succeeded', null],
    [espState('failed'), 'failed', 'failed'],
    [espState('timedOut'), 'timedOut', 'timedOut'],
    [espState('inProgress'), 'inProgress', 'inProgress'],
  ];
  const states = all.filter(([, member]) => member !== 'inProgress' || days.some((one) => one.inProgress > 0));
  return lineChart({
    title: say('esp.byDayTitle'),
    description: say('esp.byDayAbout'),
    days: days.map((one) => one.date),
    series: states.map(([name, member]) => ({ name, values: days.map((one) => one[member]) })),
    notes,
    dayHref: (at) => addressOf('sessions', { from: days[at].date, to: addDays(days[at].date, 1) }),
    href: (at, series) => {
      const [, member, state] = states[series];
      if (state === null || !days[at][member]) return null;
      return addressOf('sessions', { from: days[at].date, to: addDays(days[at].date, 1), state });
    },
  });
}

function byProfile(answer) {
  const { from, to } = answer;
  const sessionsOf = (one, state) => addressOf('sessions', { from, to, profileId: one.profileId, state });
  const leads = (one, number, state) => (one.profileId ? linked(sessionsOf(one, state), number) : count(number));
  return dataTable({
    caption: say('esp.sessionsByProfile'),
    hideCaption: true,
    columns: [
      {
        key: 'profile',
        label: say('common.profile'),
        class: 'wrap',
        render: (one) => profileLink(one.profileId, one.profile),
      },
      { key: 'sessions', label: say('common.sessions'), numeric: true, render: (one) => leads(one, one.sessions) },
      {
        key: 'successRate',
        label: term('successRate'),
        numeric: true,
        render: (one) => [meter(one.successRate), rateWithN(one.successRate, one.n)],
      },
      { key: 'failed', label: espState('failed'), numeric: true, render: (one) => leads(one, one.failed, 'failed') },
      {
        key: 'timedOut',
        label: espState('timedOut'),
        numeric: true,
        render: (one) => leads(one, one.timedOut, 'timedOut'),
      },
      {
        key: 'inProgress',
        label: espState('inProgress'),
        numeric: true,
        render: (one) => leads(one, one.inProgress, 'inProgress'),
      },
      {
        key: 'medianMinutes',
        label: term('medianMinutes'),
        numeric: true,
        render: (one) => minutes(one.medianMinutes),
      },
      { key: 'p90Minutes', label: term('p90Minutes'), numeric: true, render: (one) => minutes(one.p90Minutes) },
      {
        key: 'overLimit',
        label: say('esp.overLimit'),
        numeric: true,
        render: (one) => [
          count(one.overLimit),
          h('small', null, say('esp.soManyRecovered', { count: count(one.recovered) })),
        ],
      },
      { key: 'stuck', label: say('common.stuck'), numeric: true, render: (one) => count(one.stuck) },
    ],
    rows: answer.byProfile,
    empty: say('esp.noneStarted'),
    key: (one, index) => one.profileId ?? index,
  });
}

function byPhase(answer) {
  return dataTable({
    caption: say('esp.phasesByProfile'),
    hideCaption: true,
    columns: [
      {
        key: 'profile',
        label: say('common.profile'),
        class: 'wrap',
        render: (one) => profileLink(one.profileId, one.profile),
      },
      { key: 'phase', label: say('esp.phase'), render: (one) => espPhase(one.phase) },
      { key: 'entered', label: term('entered'), numeric: true, render: (one) => count(one.entered) },
      { key: 'completed', label: say('esp.completed'), numeric: true, render: (one) => count(one.completed) },
      { key: 'failed', label: say('common.failed'), numeric: true, render: (one) => count(one.failed) },
      {
        key: 'successRate',
        label: term('successRate'),
        numeric: true,
        render: (one) => [meter(one.successRate), rateWithN(one.successRate, one.n)],
      },
      {
        key: 'medianMinutes',
        label: term('medianMinutes'),
        numeric: true,
        render: (one) => minutes(one.medianMinutes),
      },
      { key: 'p90Minutes', label: term('p90Minutes'), numeric: true, render: (one) => minutes(one.p90Minutes) },
    ],
    rows: answer.byPhase,
    empty: say('esp.noneStarted'),
    key: (one) => `${one.profileId} ${one.phase}`,
  });
}

function apps(context, answer) {
  const order = context.parameters.get('apps') === 'failing' ? 'failing' : 'slowest';
  const others = Object.fromEntries([...context.parameters].filter(([name]) => name !== 'apps'));
  const list = order === 'failing' ? answer.failingApps : answer.slowestApps;
  return [
    h(
      'div',
      { class: 'actions', role: 'group', 'aria-label': say('esp.orderOfApps') },
      Object.entries(APP_ORDERS).map(([name, words]) =>
        h(
          'button',
          {
            type: 'button',
            class: 'small',
            'aria-pressed': String(name === order),
            'data-key': name,
            onclick: () =>
              context.navigate('esp', { ...others, apps: name === 'slowest' ? null : name }, { replace: true }),
          },
          words,
        ),
      ),
    ),
    dataTable({
      caption: order === 'failing' ? say('esp.failingApps') : say('esp.slowestApps'),
      columns: [
        {
          key: 'app',
          label: say('view.app'),
          class: 'wrap',
          render: (one) =>
            one.app ? h('a', { href: appAddress(one.app, { from: answer.from, to: answer.to }) }, one.app) : null,
        },
        { key: 'p90Minutes', label: term('p90Minutes'), numeric: true, render: (one) => minutes(one.p90Minutes) },
        {
          key: 'medianMinutes',
          label: term('medianMinutes'),
          numeric: true,
          render: (one) => minutes(one.medianMinutes),
        },
        { key: 'failed', label: say('esp.failedIn'), numeric: true, render: (one) => count(one.failed) },
        {
          key: 'failureRate',
          label: say('esp.failureRate'),
          numeric: true,
          render: (one) => [meter(one.failureRate), rateWithN(one.failureRate, one.tried)],
        },
        { key: 'failing', label: say('esp.stillFailingIn'), numeric: true, render: (one) => count(one.failing) },
        { key: 'sessions', label: say('common.sessions'), numeric: true, render: (one) => count(one.sessions) },
        { key: 'blocking', label: say('esp.waitedForIn'), numeric: true, render: (one) => count(one.blocking) },
      ],
      rows: list,
      empty: order === 'failing' ? say('common.noAppFailed') : say('esp.noAppSeen'),
      key: (one, index) => one.app ?? index,
    }),
  ];
}

function stuck(answer) {
  if (!answer.stuck.length) return h('p', { class: 'quiet' }, say('esp.noneStuck'));
  return [
    notice('warning', answer.stuck[0].meaning),
    dataTable({
      caption: say('esp.stuckNow'),
      columns: [
        { key: 'device', label: say('common.deviceAndUser'), render: deviceAndUser },
        { key: 'phase', label: say('esp.phase'), render: (one) => espPhase(one.phase) },
        {
          key: 'stuckSince',
          label: say('common.since'),
          class: 'nowrap',
          render: (one) => dateTime(one.stuckSince, answer.timeZone),
        },
        { key: 'profile', label: say('common.profile'), class: 'wrap' },
      ],
      rows: answer.stuck,
      key: (one) => one.sessionId,
    }),
  ];
}

function recovered(answer) {
  return dataTable({
    caption: say('esp.recoveredTitle'),
    hideCaption: true,
    columns: [
      { key: 'device', label: say('common.deviceAndUser'), render: deviceAndUser },
      {
        key: 'minutesOver',
        label: say('esp.overTheLimitBy'),
        numeric: true,
        render: (one) => minutes(one.minutesOver),
      },
      { key: 'state', label: say('common.state'), render: (one) => stateBadge(one.state) },
      { key: 'profile', label: say('common.profile'), class: 'wrap' },
      {
        key: 'startedAt',
        label: say('common.started'),
        class: 'nowrap',
        render: (one) => dateTime(one.startedAt, answer.timeZone),
      },
      {
        key: 'endedAt',
        label: say('esp.finished'),
        class: 'nowrap',
        render: (one) => dateTime(one.endedAt, answer.timeZone),
      },
    ],
    rows: answer.recovered,
    empty: say('esp.noneRecovered'),
    key: (one) => one.sessionId,
  });
}

/** A sentence about the most urgent problem. */
function headline(answer) {
  const [worst] = answer.failingApps;
  if (answer.stuck.length) return h('p', { class: 'headline' }, say('esp.devicesAreStuck'));
  if (!answer.byProfile.length) return h('p', { class: 'headline' }, say('esp.noneStarted'));
  if (!worst) return h('p', { class: 'headline' }, say('common.noAppFailed'));
  return h(
    'p',
    { class: 'headline' },
    sayNodes('esp.worstApp', {
      n: worst.failed,
      app: h('strong', null, h('a', { href: appAddress(worst.app, { from: answer.from, to: answer.to }) }, worst.app)),
      rate: rateWithN(worst.failureRate, worst.tried),
    }),
  );
}

const section = (title, about, ...content) =>
  h(
    'section',
    { class: 'card', 'data-key': title },
    h('h2', null, title),
    about ? h('p', { class: 'quiet esp-lead' }, about) : null,
    content,
  );

export default {
  keeps: true,

  async show(context) {
    const { root, api, signal, parameters, navigate, tenant, announce, isNew } = context;
    const answer = await api.get('getEspReport', { ...rangeIn(parameters), limit: MOST_LISTED }, { signal });
    const range = { from: answer.from, to: answer.to };
    const noted = annotations(context, () => draw());
    const [coverage] = await Promise.all([askCoverage({ ...range, os: 'windows' }, { api, signal }), noted.ask(range)]);
    const { today } = calendar(tenant);
    const draw = () =>
      patch(
        root,
        pageHead(
          say('common.esp'),
          say('esp.sessionsStarted', { days: rangeWords(range) }),
          ' ',
          asOf(answer.asOf, answer.timeZone, answer),
        ),
        espNavigation('esp'),
        filterForm({ path: 'esp', parameters, navigate, range, today }),
        coverageLine(coverage),
        headline(answer),
        section(say('common.byDay'), null, byDay(answer, noted.notes()), noted.panel(today)),
        section(say('esp.byProfile'), say('esp.byProfileAbout'), byProfile(answer)),
        section(say('common.stuckWhileIdentifying'), null, stuck(answer)),
        section(say('esp.byPhase'), null, byPhase(answer)),
        section(say('view.apps'), say('esp.appsAbout'), apps(context, answer)),
        section(say('esp.recovered'), say('esp.recoveredAbout'), recovered(answer)),
      );
    draw();
    if (!isNew) announce(say('esp.saidStarted', { days: rangeWords(range) }));
  },
};
