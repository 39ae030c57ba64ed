/*
 * Devices being enrolled now, those nearest to their limit first: for the screen in the room where devices are prepared.
 *
 * What must stay true: it refreshes every fifteen seconds while it is visible; when that fails the rows stay, and it says so.
 * How long a device has left is of the instant that is shown.
 */

import { progressBar } from '../kit/chart.js';
import { h, patch } from '../kit/dom.js';
import { ago, count, dateTimeSeconds, minutes, NOT_REPORTED } from '../kit/format.js';
import { badge, notice, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { byNearness } from './time-parts.js';

/** Milliseconds from one refresh to the next. */
const EVERY = 15_000;
/** The most devices that are asked for. */
const MOST = 200;
/** With fewer minutes left, somebody should look at the device. */
const SOON = 10;

function leftCell(one) {
  if (one.left === null) return 'No limit';
  if (one.left < 0) return badge('bad', 'Past its limit');
  return one.left < SOON ? badge('warn', `${minutes(one.left)} left`) : minutes(one.left);
}

function table(rows, asOf) {
  return dataTable({
    caption: 'Devices being enrolled, nearest to their limit first',
    hideCaption: true,
    class: 'live',
    key: (one) => one.enrollmentKey,
    empty: 'Nobody is enrolling a device now.',
    columns: [
      {
        key: 'device',
        label: 'Device and user',
        class: 'wrap',
        render: (one) => {
          const path = one.attemptId ? `attempt/${segment(one.attemptId)}` : `session/${segment(one.sessionId)}`;
          return [
            h('a', { href: addressOf(path) }, one.deviceName ?? one.enrollmentKey),
            h('small', null, one.userPrincipalName),
          ];
        },
      },
      { key: 'left', label: 'Until its limit', class: 'nowrap', render: leftCell },
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
        key: 'progress',
        label: 'Progress',
        render: (one) => progressBar(one.progress, `Progress of ${one.deviceName ?? one.enrollmentKey}`),
      },
      {
        key: 'startedAt',
        label: 'Started',
        class: 'nowrap',
        render: (one) => ago(Math.max(0, (Date.parse(asOf) - Date.parse(one.startedAt)) / 1000)),
      },
    ],
    rows,
  });
}

export default {
  async show({ root, api, signal, tenant }) {
    const zone = tenant?.settings?.timeZone ?? 'UTC';
    /** @type {Answer} */
    let active = null;
    /** @type {any} */
    let problem = null;
    let timer = 0;
    const draw = () => {
      const rows = byNearness(active.active, active.asOf);
      const soon = rows.filter((one) => one.left !== null && one.left < SOON).length;
      patch(
        root,
        pageHead('Enrolling now', `${dateTimeSeconds(active.asOf, zone)} (${zone}), again every 15 seconds.`),
        problem ? notice('warning', `The list could not be refreshed: ${problem.title ?? problem.message}.`) : null,
        h(
          'p',
          { class: 'headline' },
          h('strong', null, count(rows.length)),
          active.next ? ' of the devices that are enrolling, the newest' : ' enrolling',
          soon ? [', ', h('strong', null, count(soon)), ` with less than ${SOON} minutes until the limit`] : null,
          '.',
        ),
        table(rows, active.asOf),
      );
    };
    const ask = async () => {
      active = await api.get('getActive', { limit: MOST }, { signal });
      problem = null;
    };
    const plan = () => {
      clearTimeout(timer);
      if (!signal.aborted && !document.hidden) timer = setTimeout(refresh, EVERY);
    };
    async function refresh() {
      try {
        await ask();
      } catch (error) {
        if (signal.aborted || error.name === 'AbortError' || error.status === 401) return;
        problem = error;
      }
      if (signal.aborted) return;
      draw();
      plan();
    }
    await ask();
    draw();
    plan();
    // Who comes back to it wants the present.
    document.addEventListener('visibilitychange', () => (document.hidden ? plan() : refresh()), { signal });
    signal.addEventListener('abort', () => clearTimeout(timer));
  },
};
