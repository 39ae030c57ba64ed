/*
 * One app: how it stands, its weeks, the models it is on, its error codes with advice, and the sessions in which it failed.
 *
 * What must stay true: the app is in the hash, by its whole name or its id. Counts that lead to sessions lead to as many.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { count, dateTime, day, orNotReported, rate } from '../kit/format.js';
import { adviceList, asOf, notice, pageHead, tile, tiles } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { weekChart } from '../kit/week-chart.js';
import { espPhase } from '../kit/words.js';
import { failedOf, worseMark, worseOf } from './app-parts.js';
import { deviceAndUser, espNavigation, rangeWords, stateBadge } from './esp-parts.js';
import { askGotWorseApps } from './overview-worse.js';
import { say, sayNodes } from '../kit/say.js';

/** Models, codes and sessions that are listed. */
const LISTED = { models: 200, codes: 20, sessions: 10 };

const card = (title, ...content) => h('section', { class: 'card', 'data-key': title }, h('h2', null, title), content);

/** What got worse of it: on all models, and on which. */
function worseNotice(worse, app) {
  const lines = (worse?.worse ?? []).filter((one) => one.name === app);
  if (!lines.length) return null;
  const words = (one) => {
    const where = one.model ? say('app.onModel', { model: one.model }) : say('app.onAllModels');
    const shown = {
      where,
      rate: rate(one.rate),
      all: count(one.n),
      rateBefore: rate(one.rateBefore),
      allBefore: count(one.nBefore),
    };
    return one.since ? say('app.worseSinceThen', { ...shown, day: day(one.since) }) : say('app.worse', shown);
  };
  return notice(
    'problem',
    h('strong', null, say('app.gotWorse')),
    h(
      'ul',
      null,
      lines.map((one) => h('li', null, words(one))),
    ),
  );
}

/** In how many sessions it failed, with the rate where these are enough. */
function headline(line, least) {
  if (!line.tried) return say('app.howNotReported');
  const shown = { n: line.tried, failed: count(line.failed) };
  if (line.tried < least) return say('app.failedTooFew', shown);
  return sayNodes('app.failedRate', {
    ...shown,
    rate: h('strong', null, rate(line.failureRate)),
    low: rate(line.low),
    high: rate(line.high),
  });
}

function numbers(line, links) {
  const of = (member) => orNotReported(line[member], count);
  return tiles(
    tile({ label: say('common.sessions'), value: count(line.sessions), href: links({}) }),
    tile({
      label: say('common.failed'),
      value: of('failed'),
      note: line.failed ? say('app.everInError') : null,
      href: line.failed ? links({ appFailed: 'true' }) : undefined,
    }),
    tile({ label: say('app.installed'), value: of('installed') }),
    tile({ label: say('app.failing'), value: of('failing'), note: say('app.inErrorNow') }),
    tile({ label: say('app.notNeeded'), value: count(line.notNeeded) }),
    tile({ label: say('app.stillOpen'), value: count(line.open) }),
    tile({ label: say('common.notReported'), value: count(line.notReported), note: say('app.notReportedNote') }),
  );
}

function weeks(answer) {
  return weekChart({
    title: say('app.weeksTitle'),
    description: say('app.weeksAbout'),
    weeks: answer.weeks.map((one) => ({
      ...one,
      rate: one.failureRate,
      measured: one.tried,
      initiated: one.sessions,
      completed: one.installed,
      failed: one.failing,
      abandoned: one.notReported,
    })),
    rateName: say('common.failed'),
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
  const name = (one) =>
    one.otherModels ? say('count.otherModels', { n: one.otherModels }) : (one.model ?? say('common.notReported'));
  const worst = (one, other) => (other.failed ?? 0) - (one.failed ?? 0) || other.tried - one.tried;
  return dataTable({
    caption: say('app.modelsTitle'),
    hideCaption: true,
    key: name,
    columns: [
      { key: 'model', label: say('common.model'), class: 'wrap', render: name },
      { key: 'sessions', label: say('common.sessions'), numeric: true, render: (one) => leads(one, one.sessions, {}) },
      {
        key: 'failed',
        label: say('common.failed'),
        numeric: true,
        render: (one) => leads(one, one.failed, { appFailed: 'true' }),
      },
      { key: 'rate', label: say('app.failedOfTried'), numeric: true, render: (one) => failedOf(one, answer.least) },
      {
        key: 'interval',
        label: say('chart.interval95'),
        numeric: true,
        render: (one) =>
          one.tried < answer.least ? null : say('common.interval', { low: rate(one.low), high: rate(one.high) }),
      },
      {
        key: 'since',
        label: say('app.sinceWhenWorse'),
        render: (one) => (one.model ? worseMark(since(app, one.model)) : null),
      },
    ],
    rows: [...answer.cells].sort(worst),
  });
}

function codes(answer) {
  if (!answer.codes.length) return h('p', { class: 'quiet' }, say('app.failingNowhere'));
  return answer.codes.map((one) =>
    h(
      'details',
      { class: 'code', 'data-key': one.code ?? 'none', open: answer.codes.length === 1 },
      h(
        'summary',
        null,
        sayNodes('app.codeIn', {
          n: one.failing,
          code: one.code ? h('code', null, one.code) : say('app.codeNotReported'),
        }),
      ),
      one.code ? adviceList(one.advice) : h('p', { class: 'quiet' }, say('app.withoutCode')),
    ),
  );
}

function sessions(answer, zone, links) {
  return [
    dataTable({
      caption: say('app.failedSessions'),
      hideCaption: true,
      columns: [
        { key: 'device', label: say('common.deviceAndUser'), render: deviceAndUser },
        { key: 'state', label: say('common.state'), render: (one) => stateBadge(one.state) },
        {
          key: 'startedAt',
          label: say('common.started'),
          class: 'nowrap',
          render: (one) => dateTime(one.startedAt, zone),
        },
        {
          key: 'phase',
          label: say('app.failedPhase'),
          render: (one) => (one.failedPhase ? espPhase(one.failedPhase) : null),
        },
      ],
      rows: answer.sessions,
      empty: say('app.failedInNoSession'),
      key: (one) => one.sessionId,
    }),
    answer.next ? h('p', null, h('a', { href: links({ appFailed: 'true' }) }, say('app.allFailedSessions'))) : null,
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
        app ?? say('app.anApp'),
        say('esp.sessionsStarted', { days: rangeWords({ from, to }) }),
        ' ',
        asOf(answer.asOf, timeZone, answer),
      ),
      espNavigation('apps'),
      filterForm({
        path: `app/${segment(asked.app)}`,
        parameters,
        navigate,
        range: { from, to },
        today: calendar(tenant).today,
      }),
      h('p', { class: 'headline' }, line ? headline(line, answer.least) : say('app.inNoSession')),
      worseNotice(worse, app),
      numbers(line ?? NOWHERE, links),
      answer.weeks.length ? card(say('app.byWeek'), weeks(answer)) : null,
      card(say('app.models'), models(answer, worse, links)),
      card(say('app.codes'), codes(answer)),
      card(say('app.itsSessions'), sessions(failed, timeZone, links)),
    );
    if (!isNew) announce(say('esp.saidStarted', { days: rangeWords({ from, to }) }));
  },
};
