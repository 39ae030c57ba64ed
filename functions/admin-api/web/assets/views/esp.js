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
import { addDays, count, dateTime, minutes, plural, rateWithN } from '../kit/format.js';
import { asOf, notice, pageHead } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { espPhase, espState, term } from '../kit/words.js';
import { annotations } from './annotations.js';
import { appAddress } from './app-parts.js';
import { deviceAndUser, espNavigation, profileLink, rangeWords, stateBadge } from './esp-parts.js';

/** Apps and sessions that are asked for. */
const MOST_LISTED = 20;

const APP_ORDERS = { slowest: 'Slowest first', failing: 'Most failures first' };

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
    ['Started', 'started', ''],
    [espState('success'), 'succeeded', null],
    [espState('failed'), 'failed', 'failed'],
    [espState('timedOut'), 'timedOut', 'timedOut'],
    [espState('inProgress'), 'inProgress', 'inProgress'],
  ];
  const states = all.filter(([, member]) => member !== 'inProgress' || days.some((one) => one.inProgress > 0));
  return lineChart({
    title: 'Sessions by the day they started',
    description:
      'Each session counts on the day it started, as it stands now. A session that timed out may still finish; ' +
      'then it counts as succeeded.',
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
    caption: 'Sessions by profile',
    hideCaption: true,
    columns: [
      { key: 'profile', label: 'Profile', class: 'wrap', render: (one) => profileLink(one.profileId, one.profile) },
      { key: 'sessions', label: 'Sessions', numeric: true, render: (one) => leads(one, one.sessions) },
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
        label: 'Over limit',
        numeric: true,
        render: (one) => [count(one.overLimit), h('small', null, `${count(one.recovered)} recovered`)],
      },
      { key: 'stuck', label: 'Stuck', numeric: true, render: (one) => count(one.stuck) },
    ],
    rows: answer.byProfile,
    empty: 'No session started in these days.',
    key: (one, index) => one.profileId ?? index,
  });
}

function byPhase(answer) {
  return dataTable({
    caption: 'Phases, by profile',
    hideCaption: true,
    columns: [
      { key: 'profile', label: 'Profile', class: 'wrap', render: (one) => profileLink(one.profileId, one.profile) },
      { key: 'phase', label: 'Phase', render: (one) => espPhase(one.phase) },
      { key: 'entered', label: term('entered'), numeric: true, render: (one) => count(one.entered) },
      { key: 'completed', label: 'Completed', numeric: true, render: (one) => count(one.completed) },
      { key: 'failed', label: 'Failed', numeric: true, render: (one) => count(one.failed) },
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
    empty: 'No session started in these days.',
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
      { class: 'actions', role: 'group', 'aria-label': 'Order of the apps' },
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
      caption: order === 'failing' ? 'Apps that failed in most sessions' : 'Apps that take longest to install',
      columns: [
        {
          key: 'app',
          label: 'App',
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
        { key: 'failed', label: 'Failed in', numeric: true, render: (one) => count(one.failed) },
        {
          key: 'failureRate',
          label: 'Failure rate',
          numeric: true,
          render: (one) => [meter(one.failureRate), rateWithN(one.failureRate, one.tried)],
        },
        { key: 'failing', label: 'Still failing in', numeric: true, render: (one) => count(one.failing) },
        { key: 'sessions', label: 'Sessions', numeric: true, render: (one) => count(one.sessions) },
        { key: 'blocking', label: 'Waited for in', numeric: true, render: (one) => count(one.blocking) },
      ],
      rows: list,
      empty: order === 'failing' ? 'No app failed in these days.' : 'No app was seen being installed in these days.',
      key: (one, index) => one.app ?? index,
    }),
  ];
}

function stuck(answer) {
  if (!answer.stuck.length) return h('p', { class: 'quiet' }, 'No device is stuck now.');
  return [
    notice('warning', answer.stuck[0].meaning),
    dataTable({
      caption: 'Devices that are stuck while identifying now',
      columns: [
        { key: 'device', label: 'Device and user', render: deviceAndUser },
        { key: 'phase', label: 'Phase', render: (one) => espPhase(one.phase) },
        {
          key: 'stuckSince',
          label: 'Since',
          class: 'nowrap',
          render: (one) => dateTime(one.stuckSince, answer.timeZone),
        },
        { key: 'profile', label: 'Profile', class: 'wrap' },
      ],
      rows: answer.stuck,
      key: (one) => one.sessionId,
    }),
  ];
}

function recovered(answer) {
  return dataTable({
    caption: 'Finished after their time limit, newest first',
    hideCaption: true,
    columns: [
      { key: 'device', label: 'Device and user', render: deviceAndUser },
      { key: 'minutesOver', label: 'Over the limit by', numeric: true, render: (one) => minutes(one.minutesOver) },
      { key: 'state', label: 'State', render: (one) => stateBadge(one.state) },
      { key: 'profile', label: 'Profile', class: 'wrap' },
      {
        key: 'startedAt',
        label: 'Started',
        class: 'nowrap',
        render: (one) => dateTime(one.startedAt, answer.timeZone),
      },
      { key: 'endedAt', label: 'Finished', class: 'nowrap', render: (one) => dateTime(one.endedAt, answer.timeZone) },
    ],
    rows: answer.recovered,
    empty: 'No session finished after its time limit in these days.',
    key: (one) => one.sessionId,
  });
}

/** A sentence about the most urgent problem. */
function headline(answer) {
  const [worst] = answer.failingApps;
  if (answer.stuck.length) return h('p', { class: 'headline' }, 'Devices are stuck while identifying what to install.');
  if (!answer.byProfile.length) return h('p', { class: 'headline' }, 'No session started in these days.');
  if (!worst) return h('p', { class: 'headline' }, 'No app failed in these days.');
  return h(
    'p',
    { class: 'headline' },
    'The app that fails most is ',
    h('strong', null, h('a', { href: appAddress(worst.app, { from: answer.from, to: answer.to }) }, worst.app)),
    `: in ${plural(worst.failed, 'session')}, ${rateWithN(worst.failureRate, worst.tried)}.`,
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
          'Enrollment Status Page',
          `Windows sessions started ${rangeWords(range)}. ${asOf(answer.asOf, answer.timeZone, answer)}`,
        ),
        espNavigation('esp'),
        filterForm({ path: 'esp', parameters, navigate, range, today }),
        coverageLine(coverage),
        headline(answer),
        section('By day', null, byDay(answer, noted.notes()), noted.panel(today)),
        section(
          'By profile',
          'Success rate counts n sessions: those that succeeded, failed or timed out. “Over limit” counts sessions that ' +
            'passed their time limit at any time, “recovered” those of them that finished later, and “stuck” those that ' +
            'waited long for a list of apps.',
          byProfile(answer),
        ),
        section('Stuck while identifying', null, stuck(answer)),
        section('By phase', null, byPhase(answer)),
        section(
          'Apps',
          'Times run from the start of an installation to its end. Failure rate counts n sessions: those that tried the ' +
            'app. “Waited for in” counts sessions whose profile made the device wait for the app.',
          apps(context, answer),
        ),
        section(
          'Recovered after a time-out',
          'These sessions took longer than their profile allows. If there are many, raise its limit, or wait for fewer apps.',
          recovered(answer),
        ),
      );
    draw();
    if (!isNew) announce(`Sessions started ${rangeWords(range)}.`);
  },
};
