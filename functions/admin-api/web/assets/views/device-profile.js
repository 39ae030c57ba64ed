/*
 * Which profile of the Enrollment Status Page applies to a device, by which rule, and why not the others.
 *
 * What must stay true: what was fixed when the session started and what would apply now stand apart.
 */

import { h } from '../kit/dom.js';
import { dateTime } from '../kit/format.js';
import { dataTable } from '../kit/table.js';
import { deploymentMode, deviceProperty } from '../kit/words.js';
import { factList, profileLink } from './esp-parts.js';
import { say } from '../kit/say.js';

const named = (list) => (list.length ? list.map((one) => one.name ?? one.id).join(', ') : say('format.notReported'));

const profileOf = ({ profile, rule }) => [
  profile?.displayName ? profileLink(profile.id, profile.displayName) : say('device.hiddenProfile'),
  rule.words ? `: ${rule.words}.` : '.',
];

/**
 * @param {Answer} answer of `GET /api/devices/{id}/esp-profile`
 * @param {string} zone
 * @returns {HTMLElement}
 */
export function whichProfile(answer, zone) {
  const { now, session, basedOn } = answer;
  const properties = Object.entries(basedOn.properties);
  const isSame = session?.profile && session.profile.id === now.profile.id;
  return h(
    'section',
    { class: 'card', 'data-key': 'why', 'aria-labelledby': 'esp-why' },
    h('h2', { id: 'esp-why' }, say('device.whichProfileApplies')),
    session
      ? h(
          'p',
          null,
          h('strong', null, say('device.inSession', { started: dateTime(session.startedAt, zone) })),
          ' ',
          profileOf(session),
          ' ',
          say('device.wasFixed'),
        )
      : null,
    h(
      'p',
      null,
      h('strong', null, say('device.ifSessionStartedNow')),
      ' ',
      isSame && session.rule.words === now.rule.words ? say('device.theSame') : profileOf(now),
    ),
    dataTable({
      caption: say('device.whyNotOthers'),
      columns: [
        {
          key: 'displayName',
          label: say('common.profile'),
          class: 'wrap',
          render: (one) => profileLink(one.id, one.displayName),
        },
        {
          key: 'priority',
          label: say('common.priority'),
          numeric: true,
          render: (one) => one.priority || say('device.default'),
        },
        { key: 'words', label: say('device.whyNot'), class: 'wrap', render: (one) => one.words },
      ],
      rows: now.passedOver,
      empty: say('device.noOtherProfile'),
      key: (one) => one.id,
    }),
    h('h3', null, say('device.basedOn')),
    h('p', { class: 'quiet' }, say('device.basedOnReport')),
    factList(
      [
        say('common.deployment'),
        deploymentMode(basedOn.deploymentMode),
        basedOn.hybridJoin ? [', ', say('common.hybridJoin')] : null,
      ],
      [say('device.groupsOfDevice'), named(basedOn.groups.device)],
      [say('device.groupsOfUser'), named(basedOn.groups.user)],
      ...properties.map(([name, value]) => /** @type {[string, any]} */ ([deviceProperty(name), value])),
    ),
  );
}
