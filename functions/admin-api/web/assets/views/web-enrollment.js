/*
 * The card of web-based enrollment, as the organisation's sign-ins show it.
 *
 * What must stay true: it counts people a day, not devices or attempts, and says so; without received sign-ins no count
 * is shown as zero.
 */

import { barList } from '../kit/chart.js';
import { h } from '../kit/dom.js';
import { count } from '../kit/format.js';
import { badge, tile, tiles } from '../kit/parts.js';
import { say } from '../kit/say.js';

/**
 * Requests the card's data; null if the source has no such question.
 * @param {{from?: string, to?: string, os?: string|null}} asked
 * @param {{api: any, signal: AbortSignal}} context
 */
export async function askWebEnrollment({ from, to, os }, { api, signal }) {
  // Web-based enrollment only exists on phones.
  if (os && os !== 'ios' && os !== 'android' && os !== 'all') return null;
  const parameters = { from, to, os: os === 'all' ? null : os };
  try {
    return await api.get('getWebEnrollment', parameters, { signal });
  } catch (error) {
    if (error.status === 404 || error.status === 503) return null;
    throw error;
  }
}

function numbers(web) {
  return [
    tiles(
      tile({
        label: say('webEnrollment.accessRefused'),
        value: count(web.metTheWall),
        note: say('webEnrollment.accessRefusedNote'),
      }),
      tile({
        label: say('webEnrollment.wentOn'),
        value: count(web.wentOn),
        note: say('webEnrollment.wentOnNote', { n: web.people }),
      }),
      tile({
        label: say('webEnrollment.reachedPortal'),
        value: count(web.reachedPortal),
        note: say('webEnrollment.portalNote'),
      }),
      tile({
        label: say('webEnrollment.reachedEnrollment'),
        value: count(web.reachedEnrollment),
        note: say('webEnrollment.enrollmentNote'),
      }),
    ),
    barList({
      title: say('webEnrollment.stepsTitle'),
      hideTitle: true,
      labelHeading: say('common.step'),
      valueHeading: say('common.people'),
      noteHeading: say('webEnrollment.whatCounts'),
      rows: web.steps.map((step) => ({
        label: step.title,
        value: step.people,
        note: step.opens ? null : say('webEnrollment.onlyTogether'),
      })),
      empty: say('webEnrollment.noStep'),
    }),
  ];
}

/**
 * @param {Answer|null} web as the API answers; null where it doesn't
 * @returns {HTMLElement|null}
 */
export function webEnrollmentCard(web) {
  if (!web) return null;
  const heard =
    web.daysHeard < web.days
      ? [say('webEnrollment.daysHeard', { n: web.days, heard: count(web.daysHeard) }), ' ']
      : null;
  return h(
    'section',
    { class: 'card', 'data-key': 'web-enrollment' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, say('webEnrollment.title'), ' ', badge('quiet', say('webEnrollment.beta'))),
      h('p', { class: 'quiet' }, say('webEnrollment.about')),
    ),
    web.daysHeard
      ? h('div', { class: 'stack' }, numbers(web), h('p', { class: 'quiet' }, heard, say('webEnrollment.noEnd')))
      : h('p', { class: 'quiet' }, say('webEnrollment.notReceived')),
  );
}
