/*
 * The card of devices in limbo: those that left one MDM and are enrolled nowhere, and those registered that nobody began.
 *
 * What must stay true: a sender that reports no removals is said to be that, and never counts as zero.
 */

import { h } from '../kit/dom.js';
import { count, dateTime, day, NOT_REPORTED, orNotReported, plural } from '../kit/format.js';
import { tile, tiles } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';

const deviceTable = ({ devices, timeZone }) =>
  dataTable({
    caption: 'Devices in limbo, newest first',
    key: (one) => `${one.why} ${one.enrollmentKey}`,
    columns: [
      {
        key: 'device',
        label: 'Device and user',
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
        label: 'Why',
        class: 'wrap',
        render: (one) => [
          one.why === 'left' ? `Left ${one.source}` : 'Registered, never begun',
          one.mayBeAt ? h('small', null, `${one.mayBeAt} reported it before, and may have it still`) : null,
        ],
      },
      {
        key: 'since',
        label: 'Since',
        class: 'nowrap',
        render: (one) => h('span', { title: dateTime(one.since, timeZone) }, plural(one.days, 'day')),
      },
      { key: 'platformLabel', label: 'Platform', class: 'nowrap' },
      { key: 'state', label: 'Stands as', render: (one) => words.deviceState(one.state) },
    ],
    rows: devices,
    empty: 'No device is known to be in limbo.',
  });

const sourceTable = ({ sources }) =>
  dataTable({
    caption: 'Left, by sender',
    key: (one) => one.source ?? 'none',
    columns: [
      { key: 'source', label: 'Sender', class: 'wrap' },
      { key: 'devices', label: 'Devices', numeric: true, render: (one) => count(one.devices) },
      { key: 'removed', label: 'Left it', numeric: true, render: (one) => orNotReported(one.removed, count) },
      { key: 'notBack', label: 'Not back anywhere', numeric: true, render: (one) => orNotReported(one.notBack, count) },
    ],
    rows: sources,
    empty: 'No sender reported of a device.',
  });

const dayTable = ({ byDay }) =>
  dataTable({
    caption: 'Left and not back, by day',
    key: (one) => `${one.date} ${one.source}`,
    columns: [
      { key: 'date', label: 'Day', class: 'nowrap', render: (one) => day(one.date) },
      { key: 'source', label: 'Sender', class: 'wrap' },
      { key: 'devices', label: 'Devices', numeric: true, render: (one) => count(one.devices) },
    ],
    rows: byDay,
    empty: 'No device is known to have left and not come back.',
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
      h('h2', null, 'In limbo'),
      h(
        'p',
        { class: 'quiet' },
        'Devices between two MDMs: left one and enrolled nowhere, or registered and never begun',
      ),
    ),
    limbo
      ? h(
          'div',
          { class: 'stack' },
          tiles(
            tile({
              label: 'Left, not back',
              value: orNotReported(limbo.leftDevices, count),
              note: known
                ? `since ${day(limbo.from)}; of these ${count(limbo.mayBeElsewhere)} may be at another sender still`
                : 'no sender reports removals',
            }),
            tile({
              label: 'Never begun',
              value: orNotReported(limbo.notBegun, count),
              note:
                limbo.notBegun === null
                  ? 'no sender reported a registration'
                  : `of ${count(limbo.registered)} registered, ${plural(limbo.afterDays, 'day')} ago or longer`,
            }),
          ),
          h(
            'details',
            { 'data-key': 'limbo-devices' },
            h('summary', null, limbo.next ? `The newest ${count(limbo.devices.length)} devices` : 'The devices'),
            h('div', { class: 'stack' }, deviceTable(limbo), known ? dayTable(limbo) : null, sourceTable(limbo)),
          ),
          h(
            'p',
            { class: 'quiet' },
            `Nobody reports why a device left: retired ones are among them. What a sender can’t report is ${NOT_REPORTED}, never zero.`,
          ),
        )
      : h('p', { class: 'quiet' }, absent),
  );
}
