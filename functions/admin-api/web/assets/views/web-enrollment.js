/*
 * The card of web-based enrollment, as the organisation's sign-ins show it.
 *
 * What must stay true: it counts people a day, not devices or attempts, and says so; without received sign-ins no count
 * is shown as zero.
 */

import { barList } from '../kit/chart.js';
import { h } from '../kit/dom.js';
import { count, plural } from '../kit/format.js';
import { badge, tile, tiles } from '../kit/parts.js';

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
        label: 'Access refused',
        value: count(web.metTheWall),
        note: 'only refused until the device is enrolled; nobody reports whether they wanted to enroll it',
      }),
      tile({
        label: 'Went on',
        value: count(web.wentOn),
        note: `of ${plural(web.people, 'person', 'people')}, each once a day`,
      }),
      tile({
        label: 'Reached the portal',
        value: count(web.reachedPortal),
        note: 'signed in to a Company Portal, on the web or the app',
      }),
      tile({
        label: 'Reached enrollment',
        value: count(web.reachedEnrollment),
        note: 'signed in to Microsoft Intune Enrollment',
      }),
    ),
    barList({
      title: 'Steps of web-based enrollment: people',
      hideTitle: true,
      labelHeading: 'Step',
      valueHeading: 'People',
      noteHeading: 'Counts',
      rows: web.steps.map((step) => ({
        label: step.title,
        value: step.people,
        note: step.opens ? null : 'only together with one of the first three',
      })),
      empty: 'No step was reported in these days.',
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
      ? `Sign-ins came in on ${count(web.daysHeard)} of ${plural(web.days, 'day')}; the other days are not reported. `
      : null;
  return h(
    'section',
    { class: 'card', 'data-key': 'web-enrollment' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, 'Web-based enrollment, by sign-ins ', badge('quiet', 'Beta')),
      h(
        'p',
        { class: 'quiet' },
        'From Entra’s sign-in logs. A person counts once a day and operating system; devices and attempts are not counted',
      ),
    ),
    web.daysHeard
      ? h(
          'div',
          { class: 'stack' },
          numbers(web),
          h('p', { class: 'quiet' }, heard, 'Sign-ins do not show who enrolled in the end.'),
        )
      : h('p', { class: 'quiet' }, 'Not reported: no sign-in log was received in these days.'),
  );
}
