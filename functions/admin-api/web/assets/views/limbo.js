/*
 * The card of devices in limbo: those that left one MDM and are enrolled nowhere, and registered ones that never began.
 *
 * What must stay true: a sender that reports no removals is shown as such, and never counts as zero.
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
          one.why === 'left' ? `Left ${one.source}` : 'Registered, never started',
          one.mayBeAt ? h('small', null, `${one.mayBeAt} reported it before, and may still have it`) : null,
        ],
      },
      {
        key: 'since',
        label: 'Since',
        class: 'nowrap',
        render: (one) => h('span', { title: dateTime(one.since, timeZone) }, plural(one.days, 'day')),
      },
      { key: 'platformLabel', label: 'Platform', class: 'nowrap' },
      { key: 'state', label: 'State', render: (one) => words.deviceState(one.state) },
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
      { key: 'removed', label: 'Left', numeric: true, render: (one) => orNotReported(one.removed, count) },
      { key: 'notBack', label: 'Not back', numeric: true, render: (one) => orNotReported(one.notBack, count) },
    ],
    rows: sources,
    empty: 'No sender reported a device.',
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
    empty: 'No device left without coming back.',
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
        'Devices that left one MDM and are enrolled nowhere, or that are registered and never started',
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
                ? `since ${day(limbo.from)}; of these ${count(limbo.mayBeElsewhere)} may still be at another sender`
                : 'no sender reports removals',
            }),
            tile({
              label: 'Never started',
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
            `No sender reports why a device left, so retired devices are included. What a sender cannot report is shown as ${NOT_REPORTED}, never as zero.`,
          ),
        )
      : h('p', { class: 'quiet' }, absent),
  );
}
