/*
 * One app: how it stands, its weeks, the models it is on, its error codes with advice, and the sessions in which it failed.
 *
 * What must stay true: the app is in the hash, by its whole name or its id. Counts that lead to sessions lead to as many.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { count, dateTime, day, orNotReported, plural, rate } from '../kit/format.js';
import { adviceList, asOf, notice, pageHead, tile, tiles } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { weekChart } from '../kit/week-chart.js';
import { espPhase } from '../kit/words.js';
import { failedOf, worseMark, worseOf } from './app-parts.js';
import { deviceAndUser, espNavigation, rangeWords, stateBadge } from './esp-parts.js';
import { askGotWorseApps } from './overview-worse.js';

/** Models, codes and sessions that are listed. */
const LISTED = { models: 200, codes: 20, sessions: 10 };

const card = (title, ...content) => h('section', { class: 'card', 'data-key': title }, h('h2', null, title), content);

/** What got worse of it: on all models, and on which. */
function worseNotice(worse, app) {
  const lines = (worse?.worse ?? []).filter((one) => one.name === app);
  if (!lines.length) return null;
  const words = (one) =>
    `${one.model ? `On ${one.model}` : 'On all models'}: ${rate(one.rate)} of ${count(one.n)} fail, ` +
    `before ${rate(one.rateBefore)} of ${count(one.nBefore)}${one.since ? `, since ${day(one.since)}` : ''}.`;
  return notice(
    'problem',
    h('strong', null, 'It got worse in the last seven days that are over'),
    h(
      'ul',
      null,
      lines.map((one) => h('li', null, words(one))),
    ),
  );
}

/** In how many sessions it failed, with the rate where these are enough. */
function headline(line, least) {
  if (!line.tried) return 'Nobody reported how it went in the sessions that had it.';
  const of = `Failed in ${count(line.failed)} of the ${plural(line.tried, 'session')} that tried it`;
  if (line.tried < least) return `${of}, too few for a rate.`;
  return [`${of}: `, h('strong', null, rate(line.failureRate)), `, between ${rate(line.low)} and ${rate(line.high)}.`];
}

function numbers(line, links) {
  const of = (member) => orNotReported(line[member], count);
  return tiles(
    tile({ label: 'Sessions', value: count(line.sessions), href: links({}) }),
    tile({
      label: 'Failed',
      value: of('failed'),
      note: line.failed ? 'ever in error' : null,
      href: line.failed ? links({ appFailed: 'true' }) : undefined,
    }),
    tile({ label: 'Installed', value: of('installed') }),
    tile({ label: 'Failing', value: of('failing'), note: 'in error now' }),
    tile({ label: 'Not needed', value: count(line.notNeeded) }),
    tile({ label: 'Still open', value: count(line.open) }),
    tile({ label: 'Not reported', value: count(line.notReported), note: 'over, and nobody reported how it went' }),
  );
}

function weeks(answer) {
  return weekChart({
    title: 'Share of sessions in which it failed',
    description:
      'The upright line is the 95% interval: the rate lies within it but for one time in twenty. Below: all sessions that had it. Hatched weeks are not whole.',
    weeks: answer.weeks.map((one) => ({
      ...one,
      rate: one.failureRate,
      measured: one.tried,
      initiated: one.sessions,
      completed: one.installed,
      failed: one.failing,
      abandoned: one.notReported,
    })),
    rateName: 'Failed',
    parts: [
      { key: 'completed', name: 'Installed' },
      { key: 'failed', name: 'Failing' },
      { key: 'abandoned', name: 'Not reported' },
      { key: 'open', name: 'Still open' },
    ],
    href: () => null,
  });
}

function models(answer, worse, links) {
  const since = worseOf(worse);
  const app = answer.app;
  const leads = (one, number, more) =>
    number && one.model
      ? h('a', { href: links({ model: one.model, ...more }) }, count(number))
      : orNotReported(number, count);
  const name = (one) => (one.otherModels ? plural(one.otherModels, 'other model') : (one.model ?? 'Not reported'));
  const worst = (one, other) => (other.failed ?? 0) - (one.failed ?? 0) || other.tried - one.tried;
  return dataTable({
    caption: 'Its models, those on which it failed in the most sessions first',
    hideCaption: true,
    key: name,
    columns: [
      { key: 'model', label: 'Model', class: 'wrap', render: name },
      { key: 'sessions', label: 'Sessions', numeric: true, render: (one) => leads(one, one.sessions, {}) },
      {
        key: 'failed',
        label: 'Failed',
        numeric: true,
        render: (one) => leads(one, one.failed, { appFailed: 'true' }),
      },
      { key: 'rate', label: 'Failed, of tried', numeric: true, render: (one) => failedOf(one, answer.least) },
      {
        key: 'interval',
        label: '95% interval',
        numeric: true,
        render: (one) => (one.tried < answer.least ? null : `${rate(one.low)} to ${rate(one.high)}`),
      },
      {
        key: 'since',
        label: 'Since when worse',
        render: (one) => (one.model ? worseMark(since(app, one.model)) : null),
      },
    ],
    rows: [...answer.cells].sort(worst),
  });
}

function codes(answer) {
  if (!answer.codes.length) return h('p', { class: 'quiet' }, 'In no session of these days it is failing.');
  return answer.codes.map((one) =>
    h(
      'details',
      { class: 'code', 'data-key': one.code ?? 'none', open: answer.codes.length === 1 },
      h(
        'summary',
        null,
        one.code ? h('code', null, one.code) : 'Code not reported',
        ` in ${plural(one.failing, 'session')}`,
      ),
      one.code ? adviceList(one.advice) : h('p', { class: 'quiet' }, 'Its failures were reported without a code.'),
    ),
  );
}

function sessions(answer, zone, links) {
  return [
    dataTable({
      caption: 'Sessions in which it failed, newest first',
      hideCaption: true,
      columns: [
        { key: 'device', label: 'Device and user', render: deviceAndUser },
        { key: 'state', label: 'State', render: (one) => stateBadge(one.state) },
        { key: 'startedAt', label: 'Started', class: 'nowrap', render: (one) => dateTime(one.startedAt, zone) },
        { key: 'phase', label: 'Failed phase', render: (one) => (one.failedPhase ? espPhase(one.failedPhase) : null) },
      ],
      rows: answer.sessions,
      empty: 'It failed in no session of these days.',
      key: (one) => one.sessionId,
    }),
    answer.next
      ? h('p', null, h('a', { href: links({ appFailed: 'true' }) }, 'All sessions in which it failed'))
      : null,
  ];
}

/** Its line where it was in no session. */
const NOWHERE = {
  sessions: 0,
  tried: 0,
  installed: null,
  failed: null,
  failing: null,
  notNeeded: 0,
  open: 0,
  notReported: 0,
};

export default {
  keeps: true,

  async show(context) {
    const { root, rest, api, signal, parameters, navigate, tenant, announce, isNew } = context;
    const asked = { app: rest[0] ?? '', ...rangeIn(parameters) };
    const [answer, worse, failed] = await Promise.all([
      api.get('getAppReport', { ...asked, limit: LISTED.codes, models: LISTED.models }, { signal }),
      askGotWorseApps(context),
      api.get('getEspSessions', { ...asked, appFailed: 'true', limit: LISTED.sessions }, { signal }),
    ]);
    const { from, to, app, timeZone } = answer;
    const links = (more) => addressOf('sessions', { from, to, app, ...more });
    const [line] = answer.apps;
    patch(
      root,
      pageHead(
        app ?? 'An app',
        `Windows sessions started ${rangeWords({ from, to })}. ${asOf(answer.asOf, timeZone, answer)}`,
      ),
      espNavigation('apps'),
      filterForm({
        path: `app/${segment(asked.app)}`,
        parameters,
        navigate,
        range: { from, to },
        today: calendar(tenant).today,
      }),
      h('p', { class: 'headline' }, line ? headline(line, answer.least) : 'No session of these days had it.'),
      worseNotice(worse, app),
      numbers(line ?? NOWHERE, links),
      answer.weeks.length ? card('By week', weeks(answer)) : null,
      card('Models', models(answer, worse, links)),
      card('Error codes and what to do', codes(answer)),
      card('Its sessions', sessions(failed, timeZone, links)),
    );
    if (!isNew) announce(`Sessions started ${rangeWords({ from, to })}.`);
  },
};
