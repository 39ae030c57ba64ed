/*
 * The card of devices in limbo: those that left one MDM and are enrolled nowhere, and registered ones that never began.
 *
 * What must stay true: a sender that reports no removals is shown as such, and never counts as zero.
 */

import { h } from '../kit/dom.js';
import { count, dateTime, day, orNotReported } from '../kit/format.js';
import { tile, tiles } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { say } from '../kit/say.js';

const deviceTable = ({ devices, timeZone }) =>
  dataTable({
    caption: say('limbo.devicesTitle'),
    key: (one) => `${one.why} ${one.enrollmentKey}`,
    columns: [
      {
        key: 'device',
        label: say('common.deviceAndUser'),
        class: 'wrap',
        render: (one) => [
          h(
            'a',
            { href: addressOf('attempts', { enrollmentKey: one.enrollmentKey, os: 'all' }) },
            one.deviceName ?? one.enrollmentKey,
          ),
          h('small', null, one.userPrincipalName),
        ],
      },
      {
        key: 'why',
        label: say('common.why'),
        class: 'wrap',
        render: (one) => [
          one.why === 'left' ? say('limbo.leftSender', { source: one.source }) : say('limbo.registeredNeverStarted'),
          one.mayBeAt ? h('small', null, say('limbo.mayBeAt', { mayBeAt: one.mayBeAt })) : null,
        ],
      },
      {
        key: 'since',
        label: say('common.since'),
        class: 'nowrap',
        render: (one) => h('span', { title: dateTime(one.since, timeZone) }, say('count.days', { n: one.days })),
      },
      { key: 'platformLabel', label: say('common.platform'), class: 'nowrap' },
      { key: 'state', label: say('common.state'), render: (one) => words.deviceState(one.state) },
    ],
    rows: devices,
    empty: say('limbo.noDevice'),
  });

const sourceTable = ({ sources }) =>
  dataTable({
    caption: say('limbo.leftBySender'),
    key: (one) => one.source ?? 'none',
    columns: [
      { key: 'source', label: say('common.sender'), class: 'wrap' },
      { key: 'devices', label: say('common.devices'), numeric: true, render: (one) => count(one.devices) },
      {
        key: 'removed',
        label: say('limbo.leftDevices'),
        numeric: true,
        render: (one) => orNotReported(one.removed, count),
      },
      {
        key: 'notBack',
        label: say('limbo.notBack'),
        numeric: true,
        render: (one) => orNotReported(one.notBack, count),
      },
    ],
    rows: sources,
    empty: say('limbo.noSender'),
  });

const dayTable = ({ byDay }) =>
  dataTable({
    caption: say('limbo.byDay'),
    key: (one) => `${one.date} ${one.source}`,
    columns: [
      { key: 'date', label: say('common.day'), class: 'nowrap', render: (one) => day(one.date) },
      { key: 'source', label: say('common.sender'), class: 'wrap' },
      { key: 'devices', label: say('common.devices'), numeric: true, render: (one) => count(one.devices) },
    ],
    rows: byDay,
    empty: say('limbo.noneLeft'),
  });

/**
 * @param {Answer|null} limbo as the API answers; null where it doesn't
 * @param {string} absent why it doesn't
 * @returns {HTMLElement}
 */
export function limboCard(limbo, absent) {
  const known = limbo?.leftDevices !== null && limbo?.leftDevices !== undefined;
  return h(
    'section',
    { class: 'card', 'data-key': 'limbo' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, say('limbo.inLimbo')),
      h('p', { class: 'quiet' }, say('limbo.purpose')),
    ),
    limbo
      ? h(
          'div',
          { class: 'stack' },
          tiles(
            tile({
              label: say('limbo.leftNotBack'),
              value: orNotReported(limbo.leftDevices, count),
              note: known
                ? say('limbo.sinceOfThese', { day: day(limbo.from), count: count(limbo.mayBeElsewhere) })
                : say('limbo.noRemovals'),
            }),
            tile({
              label: say('limbo.neverStarted'),
              value: orNotReported(limbo.notBegun, count),
              note:
                limbo.notBegun === null
                  ? say('limbo.noRegistrations')
                  : say('limbo.registeredAgo', { n: limbo.afterDays, registered: count(limbo.registered) }),
            }),
          ),
          h(
            'details',
            { 'data-key': 'limbo-devices' },
            h(
              'summary',
              null,
              limbo.next ? say('limbo.newestDevices', { count: count(limbo.devices.length) }) : say('limbo.devices'),
            ),
            h('div', { class: 'stack' }, deviceTable(limbo), known ? dayTable(limbo) : null, sourceTable(limbo)),
          ),
          h('p', { class: 'quiet' }, say('limbo.about')),
        )
      : h('p', { class: 'quiet' }, absent),
  );
}
