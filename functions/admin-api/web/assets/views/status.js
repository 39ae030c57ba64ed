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
import { adviceList, asOf, badge, marks, notice, tile, tiles } from '../kit/parts.js';
import { addressOf, isFile, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { limboCard } from './limbo.js';

const EVERY = 15_000;
const FAILURES = 12;
const ACTIVE = 50;
const LIMBO = 50;

/** The states of devices; each device is in one. */
const STATES = [
  ['enrolled', 'under management'],
  ['inProgress', 'being enrolled now'],
  ['waitingForCompliance', 'or for its release'],
  ['prepared', 'by a technician, for its user'],
  ['failed', 'unresolved: the last attempt failed'],
  ['gaveUp', 'the last attempt was abandoned'],
  ['pending', 'registered, never started'],
  ['notEnrolled', 'none of the others'],
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
    tile({ label: 'Devices', value: count(status.devices), note: 'each device is in one of these states' }),
    tile({
      label: words.term('firstTimeRight'),
      value: orNotReported(first.rate, rate, status.devices - status.pending),
      note: `n = ${count(first.n)} devices whose first attempt can be judged`,
    }),
  );
  return h('div', { class: 'stack', 'data-key': 'summary' }, states, whole);
}

function activeTable({ active, status }) {
  return dataTable({
    caption: 'Devices being enrolled, newest first',
    hideCaption: true,
    key: (one) => one.enrollmentKey,
    columns: [
      {
        key: 'device',
        label: 'Device and user',
        class: 'wrap',
        render: (one) => {
          const name = one.deviceName ?? one.enrollmentKey;
          const path = one.attemptId ? `attempt/${segment(one.attemptId)}` : `session/${segment(one.sessionId)}`;
          return [h('a', { href: addressOf(path) }, name), h('small', null, one.userPrincipalName)];
        },
      },
      {
        key: 'progress',
        label: 'Progress',
        render: (one) => progressBar(one.progress, `Progress of ${one.deviceName ?? one.enrollmentKey}`),
      },
      {
        key: 'stage',
        label: 'Stage',
        class: 'wrap',
        render: (one) => [
          one.stage ?? NOT_REPORTED,
          one.waitsFor ? h('small', null, words.waitsFor(one.waitsFor)) : null,
        ],
      },
      {
        key: 'platformLabel',
        label: 'Platform',
        class: 'nowrap',
        render: (one) => one.platformLabel ?? one.platformWords,
      },
      {
        key: 'startedAt',
        label: 'Started',
        class: 'nowrap',
        render: (one) => ago(Math.max(0, (Date.parse(status.asOf) - Date.parse(one.startedAt)) / 1000)),
      },
    ],
    rows: active.active,
    empty: 'Nobody is enrolling a device now.',
  });
}

function platformTable({ status }) {
  return dataTable({
    caption: 'By platform',
    hideCaption: true,
    key: (one) => one.platform ?? 'none',
    columns: [
      { key: 'platform', label: 'Platform', render: (one) => one.platform ?? 'Not reported' },
      { key: 'total', label: 'Devices, now', numeric: true, render: (one) => count(one.total) },
      { key: 'last7Days', label: 'Attempts, last 7 days', numeric: true, render: (one) => count(one.last7Days) },
      {
        key: 'initiated',
        label: 'Attempts, all days',
        numeric: true,
        render: (one) => [
          count(one.initiated),
          one.onlyEndReported ? h('small', null, `${count(one.onlyEndReported)} with only their end reported`) : null,
        ],
      },
      { key: 'completed', label: 'Completed, all days', numeric: true, render: (one) => count(one.completed) },
      { key: 'failed', label: 'Failed, all days', numeric: true, render: (one) => orNotReported(one.failed, count) },
      {
        key: 'abandoned',
        label: 'Abandoned, all days',
        numeric: true,
        render: (one) => orNotReported(one.abandoned, count),
      },
      {
        key: 'successRate',
        label: 'Success rate, all days',
        numeric: true,
        render: (one) => {
          const closed = one.completed + (one.failed ?? 0) + (one.abandoned ?? 0);
          return [
            orNotReported(one.successRate, rate, closed),
            h(
              'small',
              null,
              one.n === closed ? `n = ${count(one.n)}` : `n = ${count(one.n)} judged of ${count(closed)}`,
            ),
          ];
        },
      },
      {
        key: 'averageMinutes',
        label: 'Average time, all days',
        numeric: true,
        render: (one) => [
          orNotReported(one.averageMinutes, minutes, one.completed),
          one.timed === one.completed ? null : h('small', null, `of ${count(one.timed)} of ${count(one.completed)}`),
        ],
      },
    ],
    rows: status.byPlatform,
    empty: 'No device yet.',
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
      one.abandoned ? badge('warn', 'Cancelled') : badge('bad', 'Failed'),
      h('strong', null, one.reason ?? (one.category ? words.failureCategory(one.category) : 'No reason reported')),
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
        one.resolved ? 'resolved later' : null,
      ]
        .filter(Boolean)
        .join(' · '),
    ),
    one.abandoned && !one.code
      ? null
      : h(
          'details',
          null,
          h('summary', null, 'What to do'),
          one.message ? h('p', { class: 'quiet' }, 'The message: ', one.message) : null,
          adviceList(one.advice ?? []),
        ),
  );
}

function reasonsList({ failures }) {
  return barList({
    title: 'Commonest reasons of failures',
    hideTitle: true,
    labelHeading: 'Reason',
    valueHeading: 'Failed',
    noteHeading: 'Category',
    rows: failures.reasons.map((one) => ({
      label: [one.reason ?? 'No reason reported', one.code ? [' ', h('code', null, one.code)] : null],
      value: one.count,
      note: one.category ? words.failureCategory(one.category) : null,
    })),
    empty: 'No failure was reported in these days.',
  });
}

function profilesTable({ status }) {
  return dataTable({
    caption: 'Enrollment Status Page profiles',
    hideCaption: true,
    key: (one) => one.profileId,
    columns: [
      {
        key: 'displayName',
        label: 'Profile',
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
        label: 'Blocking apps',
        numeric: true,
        render: (one) => (one.blockingApps === null ? 'All' : count(one.blockingApps)),
      },
      { key: 'limitMinutes', label: 'Limit', numeric: true, render: (one) => minutes(one.limitMinutes) },
      { key: 'assignedGroups', label: 'Assigned to', class: 'wrap' },
    ],
    rows: status.espProfiles,
    empty: 'You may see no profile.',
  });
}

/** The notice for a summary, which only has sums. */
const notInSummary = (what) => h('p', { class: 'quiet' }, `A summary has no single ${what}. Open its report file.`);

/** The reason why an answer about single devices is missing. */
function notThere(file) {
  if (file?.kind === 'summary') return 'A summary has no single devices. Open its report file.';
  return file
    ? 'This file was made by a version without these numbers.'
    : 'These numbers are not available yet: the report file is being rebuilt.';
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
      const range = `From ${day(failures.from)} to ${day(addDays(failures.to, -1))}`;
      patch(
        root,
        h(
          'div',
          { class: 'page-head', 'data-key': 'head' },
          h('h1', { tabindex: '-1' }, 'Enrollment status'),
          h(
            'p',
            { class: 'quiet' },
            file
              ? asOf(status.asOf, zone, status)
              : `Refreshed ${dateTimeSeconds(status.asOf, zone)} (${zone}), ${
                  shown.paused ? 'paused' : 'again every 15 seconds'
                }${marks(status)}`,
          ),
          file
            ? null
            : h(
                'div',
                { class: 'actions' },
                h('button', { type: 'button', class: 'small', onclick: () => refresh(true) }, 'Refresh now'),
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
                  'Pause',
                ),
              ),
        ),
        h(
          'div',
          { 'data-key': 'problem' },
          shown.problem
            ? notice(
                'warning',
                `The numbers could not be refreshed: ${shown.problem.title ?? shown.problem.message}. `,
                `They are as of ${dateTime(status.asOf, zone)}.`,
              )
            : null,
        ),
        coverageLine(data.coverage),
        summary(data),
        card(
          'active',
          'Enrolling now',
          [
            active?.next ? `The newest ${count(active.active.length)}. ` : null,
            h('a', { class: 'server-only', href: addressOf('live') }, 'Nearest to their limit first'),
          ],
          active ? activeTable(data) : notInSummary('devices'),
        ),
        card(
          'platforms',
          'By platform',
          '“All days” are the days that are kept. Success rate counts completed of n closed attempts whose senders report both ends',
          platformTable(data),
        ),
        limboCard(data.limbo, notThere(file)),
        h(
          'div',
          { class: 'columns', 'data-key': 'failures' },
          card(
            'recent',
            'Recent failures',
            range,
            !failures.failures
              ? notInSummary('failures')
              : failures.failures.length
                ? h(
                    'ul',
                    { class: 'item-list', role: 'list' },
                    failures.failures.map((one) => failureItem(one)),
                  )
                : h('p', { class: 'quiet' }, 'No failure was reported in these days.'),
          ),
          h(
            'div',
            { class: 'stack wide-gap' },
            card('reasons', 'Commonest reasons', range, reasonsList(data)),
            card('profiles', 'ESP profiles', null, profilesTable(data)),
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
      if (isAsked) announce(shown.problem ? 'The numbers could not be refreshed.' : 'Refreshed.');
      plan();
    };

    await ask();
    draw();
    plan();
    document.addEventListener('visibilitychange', plan, { signal });
    signal.addEventListener('abort', () => clearTimeout(shown.timer));
  },
};
