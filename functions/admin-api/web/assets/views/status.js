/*
 * The present state of enrollment: devices, who is enrolling, platforms, failures and their reasons, ESP profiles.
 *
 * What must stay true: it refreshes every fifteen seconds, but only while it is visible, and can be paused. An opened
 * file is asked once. A refresh moves no focus, closes nothing that was opened, and when it fails the numbers stay,
 * with the instant they are true for.
 */

import { barList, progressBar } from '../kit/chart.js';
import { h, patch } from '../kit/dom.js';
import { askCoverage, coverageLine } from '../kit/coverage.js';
import { keptRange } from '../kit/filters.js';
import {
  addDays,
  ago,
  count,
  dateTime,
  dateTimeSeconds,
  day,
  minutes,
  NOT_REPORTED,
  orNotReported,
  rate,
} from '../kit/format.js';
import { adviceList, asOf, badge, notice, tile, tiles, withMarks } from '../kit/parts.js';
import { addressOf, isFile, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { limboCard } from './limbo.js';
import { say } from '../kit/say.js';

const EVERY = 15_000;
const FAILURES = 12;
const ACTIVE = 50;
const LIMBO = 50;

/** The states of devices; each device is in one. */
const STATES = [
  ['enrolled', say('status.isEnrolled')],
  ['inProgress', say('status.isInProgress')],
  ['waitingForCompliance', say('status.isWaiting')],
  ['prepared', say('status.isPrepared')],
  ['failed', say('status.isFailed')],
  ['gaveUp', say('status.isGivenUp')],
  ['pending', say('status.isPending')],
  ['notEnrolled', say('status.isNotEnrolled')],
];

const card = (key, title, note, ...children) =>
  h(
    'section',
    { class: 'card', 'data-key': key },
    h('div', { class: 'card-head' }, h('h2', null, title), note ? h('p', { class: 'quiet' }, note) : null),
    children,
  );

function summary({ status }) {
  const first = status.firstTimeRight;
  const states = tiles(
    STATES.map(([member, note]) =>
      tile({ label: words.deviceState(member), value: orNotReported(status[member], count), note }),
    ),
  );
  states.classList.add('states');
  const whole = tiles(
    tile({ label: say('common.devices'), value: count(status.devices), note: say('status.devicesNote') }),
    tile({
      label: words.term('firstTimeRight'),
      value: orNotReported(first.rate, rate, status.devices - status.pending),
      note: say('status.judged', { of: count(first.n) }),
    }),
  );
  return h('div', { class: 'stack', 'data-key': 'summary' }, states, whole);
}

function activeTable({ active, status }) {
  return dataTable({
    caption: say('status.activeTitle'),
    hideCaption: true,
    key: (one) => one.enrollmentKey,
    columns: [
      {
        key: 'device',
        label: say('common.deviceAndUser'),
        class: 'wrap',
        render: (one) => {
          const name = one.deviceName ?? one.enrollmentKey;
          const path = one.attemptId ? `attempt/${segment(one.attemptId)}` : `session/${segment(one.sessionId)}`;
          return [h('a', { href: addressOf(path) }, name), h('small', null, one.userPrincipalName)];
        },
      },
      {
        key: 'progress',
        label: say('common.progress'),
        render: (one) =>
          progressBar(one.progress, say('common.progressOf', { device: one.deviceName ?? one.enrollmentKey })),
      },
      {
        key: 'stage',
        label: say('common.stage'),
        class: 'wrap',
        render: (one) => [
          one.stage ?? NOT_REPORTED,
          one.waitsFor ? h('small', null, words.waitsFor(one.waitsFor)) : null,
        ],
      },
      {
        key: 'platformLabel',
        label: say('common.platform'),
        class: 'nowrap',
        render: (one) => one.platformLabel ?? one.platformWords,
      },
      {
        key: 'startedAt',
        label: say('common.started'),
        class: 'nowrap',
        render: (one) => ago(Math.max(0, (Date.parse(status.asOf) - Date.parse(one.startedAt)) / 1000)),
      },
    ],
    rows: active.active,
    empty: say('common.nobodyEnrolling'),
  });
}

function platformTable({ status }) {
  return dataTable({
    caption: say('status.byPlatform'),
    hideCaption: true,
    key: (one) => one.platform ?? 'none',
    columns: [
      { key: 'platform', label: say('common.platform'), render: (one) => one.platform ?? say('common.notReported') },
      { key: 'total', label: say('status.devicesNow'), numeric: true, render: (one) => count(one.total) },
      {
        key: 'last7Days',
        label: say('status.attemptsLast7Days'),
        numeric: true,
        render: (one) => count(one.last7Days),
      },
      {
        key: 'initiated',
        label: say('status.attemptsAllDays'),
        numeric: true,
        render: (one) => [
          count(one.initiated),
          one.onlyEndReported ? h('small', null, say('status.onlyEnd', { count: count(one.onlyEndReported) })) : null,
        ],
      },
      { key: 'completed', label: say('status.completedAllDays'), numeric: true, render: (one) => count(one.completed) },
      {
        key: 'failed',
        label: say('status.failedAllDays'),
        numeric: true,
        render: (one) => orNotReported(one.failed, count),
      },
      {
        key: 'abandoned',
        label: say('status.abandonedAllDays'),
        numeric: true,
        render: (one) => orNotReported(one.abandoned, count),
      },
      {
        key: 'successRate',
        label: say('status.successRateAllDays'),
        numeric: true,
        render: (one) => {
          const closed = one.completed + (one.failed ?? 0) + (one.abandoned ?? 0);
          return [
            orNotReported(one.successRate, rate, closed),
            h(
              'small',
              null,
              one.n === closed
                ? say('status.n', { of: count(one.n) })
                : say('status.nJudged', { judged: count(one.n), all: count(closed) }),
            ),
          ];
        },
      },
      {
        key: 'averageMinutes',
        label: say('status.averageTimeAllDays'),
        numeric: true,
        render: (one) => [
          orNotReported(one.averageMinutes, minutes, one.completed),
          one.timed === one.completed
            ? null
            : h('small', null, say('status.timed', { timed: count(one.timed), completed: count(one.completed) })),
        ],
      },
    ],
    rows: status.byPlatform,
    empty: say('status.noDeviceYet'),
  });
}

/** The address of a failure's details: its attempt, its session, or else the device's attempts. */
function failedAddress(one) {
  if (one.attemptId) return addressOf(`attempt/${segment(one.attemptId)}`);
  if (one.sessionId) return addressOf(`session/${segment(one.sessionId)}`);
  return addressOf('attempts', { enrollmentKey: one.enrollmentKey, os: 'all' });
}

function failureItem(one) {
  const at = [one.section && words.section(one.section), one.action && words.action(one.action)].filter(Boolean);
  return h(
    'li',
    { 'data-key': `${one.attemptId ?? one.sessionId ?? one.enrollmentKey} ${one.failedAt}` },
    h(
      'div',
      { class: 'item-head' },
      one.abandoned ? badge('warn', say('status.cancelled')) : badge('bad', say('common.failed')),
      h(
        'strong',
        null,
        one.reason ?? (one.category ? words.failureCategory(one.category) : say('common.noReasonReported')),
      ),
      one.code ? h('code', null, one.code) : null,
      h('a', { href: failedAddress(one), title: one.failedAt }, ago(one.ageSeconds)),
    ),
    h(
      'p',
      { class: 'quiet' },
      [
        one.deviceName ?? one.enrollmentKey,
        one.userPrincipalName,
        one.platformWords,
        [...new Set(at)].join(' › '),
        one.subject === 'attempt' ? null : words.failureSubject(one.subject).toLowerCase(),
        one.resolved ? say('status.resolvedLater') : null,
      ]
        .filter(Boolean)
        .join(' · '),
    ),
    one.abandoned && !one.code
      ? null
      : h(
          'details',
          null,
          h('summary', null, say('common.whatToDo')),
          one.message ? h('p', { class: 'quiet' }, say('status.message', { message: one.message })) : null,
          adviceList(one.advice ?? []),
        ),
  );
}

function reasonsList({ failures }) {
  return barList({
    title: say('status.reasonsTitle'),
    hideTitle: true,
    labelHeading: say('status.reason'),
    valueHeading: say('common.failed'),
    noteHeading: say('status.category'),
    rows: failures.reasons.map((one) => ({
      label: [one.reason ?? say('common.noReasonReported'), one.code ? [' ', h('code', null, one.code)] : null],
      value: one.count,
      note: one.category ? words.failureCategory(one.category) : null,
    })),
    empty: say('status.noFailure'),
  });
}

function profilesTable({ status }) {
  return dataTable({
    caption: say('common.espProfiles'),
    hideCaption: true,
    key: (one) => one.profileId,
    columns: [
      {
        key: 'displayName',
        label: say('common.profile'),
        class: 'wrap',
        render: (one) => [
          isFile()
            ? one.displayName
            : h('a', { href: addressOf(`profile/${segment(one.profileId)}`) }, one.displayName),
          h('small', null, badge(one.status === 'active' ? 'good' : 'quiet', words.profileStatus(one.status))),
        ],
      },
      {
        key: 'blockingApps',
        label: say('status.blockingApps'),
        numeric: true,
        render: (one) => (one.blockingApps === null ? say('common.all') : count(one.blockingApps)),
      },
      { key: 'limitMinutes', label: say('status.limit'), numeric: true, render: (one) => minutes(one.limitMinutes) },
      { key: 'assignedGroups', label: say('common.assignedTo'), class: 'wrap' },
    ],
    rows: status.espProfiles,
    empty: say('status.noProfile'),
  });
}

/** The notice for a summary, which only has sums. */
const notInSummary = (said) => h('p', { class: 'quiet' }, said);

/** The reason why an answer about single devices is missing. */
function notThere(file) {
  if (file?.kind === 'summary') return say('status.noDevices');
  return file ? say('status.olderFile') : say('status.beingRebuilt');
}

export default {
  async show({ root, api, signal, announce, file, tenant }) {
    /** @type {{data: Answer, at: number, problem: any, paused: boolean, timer: any, asking: boolean}} */
    const shown = { data: null, at: 0, problem: null, paused: false, timer: null, asking: false };

    const ask = async () => {
      const [status, active, failures, coverage, limbo] = await Promise.all([
        api.get('getStatus', null, { signal }),
        api.get('getActive', { limit: ACTIVE }, { signal }).catch((error) => {
          if (file?.kind === 'summary' && error.status === 404) return null;
          throw error;
        }),
        api.get('getFailures', { limit: FAILURES }, { signal }),
        askCoverage({ ...keptRange(tenant), os: 'all' }, { api, signal }),
        // A file made by an earlier version has no such question; the server makes another.
        api.get('getLimbo', { limit: LIMBO }, { signal }).catch((error) => {
          if (error.status === (file ? 404 : 503)) return null;
          throw error;
        }),
      ]);
      shown.data = { status, active, failures, coverage, limbo };
      shown.at = Date.now();
      shown.problem = null;
    };

    const draw = () => {
      const { data } = shown;
      const { status, active, failures } = data;
      const zone = status.timeZone;
      const refreshed = () => {
        const values = { instant: dateTimeSeconds(status.asOf, zone), zone };
        const text = shown.paused ? say('status.refreshedNowPaused', values) : say('status.refreshedNowAgain', values);
        return withMarks(text, status);
      };
      const range = say('status.fromTo', {
        first: day(failures.from),
        last: day(addDays(failures.to, -1)),
      });
      patch(
        root,
        h(
          'div',
          { class: 'page-head', 'data-key': 'head' },
          h('h1', { tabindex: '-1' }, say('view.enrollmentStatus')),
          h('p', { class: 'quiet' }, file ? asOf(status.asOf, zone, status) : refreshed()),
          file
            ? null
            : h(
                'div',
                { class: 'actions' },
                h('button', { type: 'button', class: 'small', onclick: () => refresh(true) }, say('status.refreshNow')),
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'small',
                    'aria-pressed': shown.paused ? 'true' : 'false',
                    onclick: () => {
                      shown.paused = !shown.paused;
                      draw();
                      plan();
                    },
                  },
                  say('status.pause'),
                ),
              ),
        ),
        h(
          'div',
          { 'data-key': 'problem' },
          shown.problem
            ? notice(
                'warning',
                say('status.notRefreshedSince', {
                  problem: shown.problem.title ?? shown.problem.message,
                  instant: dateTime(status.asOf, zone),
                }),
              )
            : null,
        ),
        coverageLine(data.coverage),
        summary(data),
        card(
          'active',
          say('view.enrollingNow'),
          [
            active?.next ? [say('status.newest', { count: count(active.active.length) }), ' '] : null,
            h('a', { class: 'server-only', href: addressOf('live') }, say('status.nearestToTheirLimit')),
          ],
          active ? activeTable(data) : notInSummary(say('status.noDevices')),
        ),
        card('platforms', say('status.byPlatform'), say('status.byPlatformAbout'), platformTable(data)),
        limboCard(data.limbo, notThere(file)),
        h(
          'div',
          { class: 'columns', 'data-key': 'failures' },
          card(
            'recent',
            say('status.recentFailures'),
            range,
            !failures.failures
              ? notInSummary(say('status.noFailures'))
              : failures.failures.length
                ? h(
                    'ul',
                    { class: 'item-list', role: 'list' },
                    failures.failures.map((one) => failureItem(one)),
                  )
                : h('p', { class: 'quiet' }, say('status.noFailure')),
          ),
          h(
            'div',
            { class: 'stack wide-gap' },
            card('reasons', say('status.commonestReasons'), range, reasonsList(data)),
            card('profiles', say('view.espProfiles'), null, profilesTable(data)),
          ),
        ),
      );
    };

    const plan = () => {
      clearTimeout(shown.timer);
      if (file || signal.aborted || shown.paused || document.hidden) return;
      shown.timer = setTimeout(() => refresh(false), Math.max(500, shown.at + EVERY - Date.now()));
    };

    const refresh = async (isAsked) => {
      if (shown.asking) return;
      shown.asking = true;
      try {
        await ask();
      } catch (error) {
        if (signal.aborted || error.name === 'AbortError' || error.status === 401) return;
        shown.problem = error;
        shown.at = Date.now();
      } finally {
        shown.asking = false;
      }
      if (signal.aborted) return;
      draw();
      if (isAsked) announce(shown.problem ? say('status.notRefreshed') : say('status.refreshed'));
      plan();
    };

    await ask();
    draw();
    plan();
    document.addEventListener('visibilitychange', plan, { signal });
    signal.addEventListener('abort', () => clearTimeout(shown.timer));
  },
};
