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
import { say, sayNodes } from '../kit/say.js';

/** Milliseconds from one refresh to the next. */
const EVERY = 15_000;
/** The most devices that are asked for. */
const MOST = 200;
/** With fewer minutes left, somebody should look at the device. */
const SOON = 10;

function leftCell(one) {
  if (one.left === null) return say('live.noLimit');
  if (one.left < 0) return badge('bad', say('common.pastLimit'));
  return one.left < SOON ? badge('warn', say('live.left', { left: minutes(one.left) })) : minutes(one.left);
}

/** How many are enrolling, and how many of them have little time left. */
function headline(rows, soon, areNewest) {
  const enrolling = h('strong', null, count(rows));
  const urgent = { enrolling, soon: h('strong', null, count(soon)), minutes: SOON };
  if (areNewest) return soon ? sayNodes('live.newestAndSoon', urgent) : sayNodes('live.newest', { enrolling });
  return soon ? sayNodes('live.enrollingAndSoon', urgent) : sayNodes('live.enrolling', { enrolling });
}

function table(rows, asOf) {
  return dataTable({
    caption: say('live.tableTitle'),
    hideCaption: true,
    class: 'live',
    key: (one) => one.enrollmentKey,
    empty: say('common.nobodyEnrolling'),
    columns: [
      {
        key: 'device',
        label: say('common.deviceAndUser'),
        class: 'wrap',
        render: (one) => {
          const path = one.attemptId ? `attempt/${segment(one.attemptId)}` : `session/${segment(one.sessionId)}`;
          return [
            h('a', { href: addressOf(path) }, one.deviceName ?? one.enrollmentKey),
            h('small', null, one.userPrincipalName),
          ];
        },
      },
      { key: 'left', label: say('live.untilLimit'), class: 'nowrap', render: leftCell },
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
        key: 'progress',
        label: say('common.progress'),
        render: (one) =>
          progressBar(one.progress, say('common.progressOf', { device: one.deviceName ?? one.enrollmentKey })),
      },
      {
        key: 'startedAt',
        label: say('common.started'),
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
        pageHead(say('view.enrollingNow'), say('live.again', { instant: dateTimeSeconds(active.asOf, zone), zone })),
        problem ? notice('warning', say('live.notRefreshed', { problem: problem.title ?? problem.message })) : null,
        h('p', { class: 'headline' }, headline(rows.length, soon, active.next)),
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
