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

const named = (list) => (list.length ? list.map((one) => one.name ?? one.id).join(', ') : 'not reported');

const profileOf = ({ profile, rule }) => [
  profile?.displayName ? profileLink(profile.id, profile.displayName) : 'a profile that you may not see',
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
    h('h2', { id: 'esp-why' }, 'Which profile applies'),
    session
      ? h(
          'p',
          null,
          h('strong', null, 'In the session that started '),
          h('strong', null, dateTime(session.startedAt, zone)),
          ': ',
          profileOf(session),
          ' It was fixed when the session started.',
        )
      : null,
    h(
      'p',
      null,
      h('strong', null, 'If a session started now: '),
      isSame && session.rule.words === now.rule.words ? 'the same.' : profileOf(now),
    ),
    dataTable({
      caption: 'Why other profiles do not apply',
      columns: [
        { key: 'displayName', label: 'Profile', class: 'wrap', render: (one) => profileLink(one.id, one.displayName) },
        { key: 'priority', label: 'Priority', numeric: true, render: (one) => one.priority || 'default' },
        { key: 'words', label: 'Why it does not apply', class: 'wrap', render: (one) => one.words },
      ],
      rows: now.passedOver,
      empty: 'There is no other profile.',
      key: (one) => one.id,
    }),
    h('h3', null, 'What this is based on'),
    h('p', { class: 'quiet' }, 'The device reported this when the session started.'),
    factList(
      ['Deployment', deploymentMode(basedOn.deploymentMode), basedOn.hybridJoin ? ', hybrid join' : null],
      ['Groups of the device', named(basedOn.groups.device)],
      ['Groups of the user', named(basedOn.groups.user)],
      ...properties.map(([name, value]) => /** @type {[string, any]} */ ([deviceProperty(name), value])),
    ),
  );
}
