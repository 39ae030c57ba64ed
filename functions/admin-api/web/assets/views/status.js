/*
 * How enrollment stands now: devices, who is enrolling, platforms, failures and their reasons, ESP profiles.
 *
 * What must stay true: it is asked again every fifteen seconds while it can be seen, and only then; the person can
 * pause that. Of an opened file it is asked once. A refresh moves no focus, closes nothing that was opened, and when
 * it fails the numbers stay, with the instant they are true for.
 */

import { barList, progressBar } from '../lib/chart.js';
import { h, patch } from '../lib/dom.js';
import { addDays, ago, count, dateTime, dateTimeSeconds, day, minutes, rate } from '../lib/format.js';
import { adviceList, asOf, badge, marks, notice, tile, tiles } from '../lib/parts.js';
import { addressOf, isFile, segment } from '../lib/route.js';
import { dataTable } from '../lib/table.js';
import * as words from '../lib/words.js';

const EVERY = 15_000;
const FAILURES = 12;
const ACTIVE = 50;

const card = (key, title, note, ...children) =>
  h(
    'section',
    { class: 'card', 'data-key': key },
    h('div', { class: 'card-head' }, h('h2', null, title), note ? h('p', { class: 'quiet' }, note) : null),
    children,
  );

function summary({ status }) {
  const first = status.firstTimeRight;
  return tiles(
    tile({ label: 'Enrolled', value: count(status.enrolled), note: `of ${count(status.devices)} devices` }),
    tile({ label: 'In progress', value: count(status.inProgress), note: 'being enrolled now' }),
    tile({ label: 'Pending', value: count(status.pending), note: 'registered, never begun' }),
    tile({ label: 'Failed', value: count(status.failed), note: 'unresolved: the last attempt failed' }),
    tile({
      label: 'First time right',
      value: rate(first.rate),
      note: `n = ${count(first.n)}: devices whose first attempt completed`,
    }),
  );
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
          const path = one.attemptId ? `attempt/${segment(one.attemptId)}` : `device/${segment(one.enrollmentKey)}`;
          return [h('a', { href: addressOf(path) }, name), h('small', null, one.userPrincipalName)];
        },
      },
      {
        key: 'progress',
        label: 'Progress',
        render: (one) => progressBar(one.progress, `Progress of ${one.deviceName ?? one.enrollmentKey}`),
      },
      { key: 'stage', label: 'Stage' },
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
      { key: 'platform', label: 'Platform', render: (one) => one.platform ?? 'Not told' },
      { key: 'total', label: 'Devices', numeric: true, render: (one) => count(one.total) },
      {
        key: 'successRate',
        label: 'Success rate',
        numeric: true,
        render: (one) => [rate(one.successRate), h('small', null, `n = ${count(one.n)}`)],
      },
      { key: 'last7Days', label: 'Attempts, last 7 days', numeric: true, render: (one) => count(one.last7Days) },
      { key: 'completed', label: 'Completed', numeric: true, render: (one) => count(one.completed) },
      { key: 'failed', label: 'Failed', numeric: true, render: (one) => count(one.failed) },
      { key: 'abandoned', label: 'Abandoned', numeric: true, render: (one) => count(one.abandoned) },
      { key: 'averageMinutes', label: 'Average time', numeric: true, render: (one) => minutes(one.averageMinutes) },
    ],
    rows: status.byPlatform,
    empty: 'No device yet.',
  });
}

function failureItem(one) {
  const at = [one.section && words.section(one.section), one.action && words.action(one.action)].filter(Boolean);
  return h(
    'li',
    { 'data-key': one.attemptId },
    h(
      'div',
      { class: 'item-head' },
      one.abandoned ? badge('warn', 'Cancelled') : badge('bad', 'Failed'),
      h('strong', null, one.reason ?? (one.category ? words.failureCategory(one.category) : 'No reason was told')),
      one.code ? h('code', null, one.code) : null,
      h('a', { href: addressOf(`attempt/${segment(one.attemptId)}`), title: one.failedAt }, ago(one.ageSeconds)),
    ),
    h(
      'p',
      { class: 'quiet' },
      [one.deviceName ?? one.enrollmentKey, one.userPrincipalName, one.platformWords, [...new Set(at)].join(' › ')]
        .filter(Boolean)
        .join(' · '),
    ),
    one.abandoned && !one.code
      ? null
      : h(
          'details',
          null,
          h('summary', null, 'What to do'),
          one.message ? h('p', { class: 'quiet' }, 'It said: ', one.message) : null,
          adviceList(one.advice ?? []),
        ),
  );
}

function reasonsList({ failures }) {
  return barList({
    title: 'Commonest reasons of failed attempts',
    hideTitle: true,
    labelHeading: 'Reason',
    valueHeading: 'Failed',
    noteHeading: 'Category',
    rows: failures.reasons.map((one) => ({
      label: [one.reason ?? 'No reason told', one.code ? [' ', h('code', null, one.code)] : null],
      value: one.count,
      note: one.category ? words.failureCategory(one.category) : null,
    })),
    empty: 'No attempt failed in these days.',
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
          h('small', null, badge(one.status === 'active' ? 'good' : 'quiet', words.plain(one.status))),
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

/** Of a summary, which has sums alone. */
const notInSummary = (what) =>
  h('p', { class: 'quiet' }, `A summary has no single ${what}. Open the report file that it belongs to.`);

export default {
  path: 'status',
  title: 'Enrollment status',
  nav: true,

  async show({ root, api, signal, announce, file }) {
    const shown = { data: null, at: 0, problem: null, paused: false, timer: null, asking: false };

    const ask = async () => {
      const [status, active, failures] = await Promise.all([
        api.get('/api/devices/enrollment-status', null, { signal }),
        api.get('/api/devices/enrollment-status/active', { limit: ACTIVE }, { signal }).catch((error) => {
          if (file?.kind === 'summary' && error.status === 404) return null;
          throw error;
        }),
        api.get('/api/devices/enrollment-status/failures', { limit: FAILURES }, { signal }),
      ]);
      shown.data = { status, active, failures };
      shown.at = Date.now();
      shown.problem = null;
    };

    const draw = () => {
      const { data } = shown;
      const { status, active, failures } = data;
      const zone = status.timeZone;
      const range = `Attempts started ${day(failures.from)} to ${day(addDays(failures.to, -1))}`;
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
                `It could not be refreshed: ${shown.problem.title ?? shown.problem.message}. `,
                `The numbers are those of ${dateTime(status.asOf, zone)}.`,
              )
            : null,
        ),
        h('div', { 'data-key': 'summary' }, summary(data)),
        card(
          'active',
          'Enrolling now',
          active?.next ? `The newest ${count(active.active.length)}` : null,
          active ? activeTable(data) : notInSummary('devices'),
        ),
        card(
          'platforms',
          'By platform',
          'Success rate: completed of completed, failed and abandoned',
          platformTable(data),
        ),
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
                : h('p', { class: 'quiet' }, 'Nothing failed in these days.'),
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
      if (isAsked) announce(shown.problem ? 'It could not be refreshed.' : 'Refreshed.');
      plan();
    };

    await ask();
    draw();
    plan();
    document.addEventListener('visibilitychange', plan, { signal });
    signal.addEventListener('abort', () => clearTimeout(shown.timer));
  },
};
