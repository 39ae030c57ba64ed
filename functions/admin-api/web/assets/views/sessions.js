/*
 * Sessions of the Enrollment Status Page, newest first, a page at a time.
 *
 * What must stay true: filters and the place in the list are in the hash, so "back" from a session comes to the same
 * page. A cursor belongs to its filters and goes when they change.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { addDays, count, dateTime, day, minutes, plural, rate } from '../kit/format.js';
import { asOf, notice, pageHead } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { deploymentMode, espPhase, espRule, espState } from '../kit/words.js';
import { deviceAndUser, espNavigation, profileLink, stateBadge } from './esp-parts.js';

const STATES = ['inProgress', 'timedOut', 'failed', 'success', 'successWithTimeout', 'successOnRetry', 'ended'];
const PAGE = 50;

/** The profiles to choose from: the present ones, and the requested one even if it was deleted. */
async function profileChoices({ api, signal, parameters }) {
  const wanted = parameters.get('profileId');
  let list = [];
  try {
    list = (await api.get('listEspProfiles', null, { signal })).value.map((one) => [one.id, one.displayName]);
  } catch (error) {
    // The list of sessions is useful without the profiles' names; an opened file may not have them.
    if (error.name === 'AbortError') throw error;
  }
  return !wanted || list.some(([id]) => id === wanted) ? list : [...list, [wanted, `Deleted profile (${wanted})`]];
}

function wentWrong(one) {
  if (!one.failedPhase && !one.errorCode && !one.errorMessage && !one.isStuck && !one.endNotReported) return null;
  return [
    one.endNotReported ? h('div', null, 'Its end was not reported') : null,
    one.failedItem ? h('div', null, one.failedItem) : null,
    one.isStuck ? h('div', null, 'Stuck while identifying') : null,
    one.errorCode ? h('code', null, one.errorCode) : null,
    one.failedPhase ? ` in ${espPhase(one.failedPhase).toLowerCase()}` : null,
    one.errorMessage ? h('small', null, one.errorMessage) : null,
  ];
}

const where = (one) => (one.progress === null || one.endedAt ? one.stage : `${one.stage}, ${rate(one.progress)}`);

/** The time from its start to its end. */
const took = (one) => (one.endedAt ? (Date.parse(one.endedAt) - Date.parse(one.startedAt)) / 60_000 : null);

function table(answer) {
  const zone = answer.timeZone;
  return dataTable({
    caption: 'Sessions, newest first',
    hideCaption: true,
    columns: [
      { key: 'device', label: 'Device and user', render: deviceAndUser },
      {
        key: 'state',
        label: 'State',
        class: 'nowrap',
        render: (one) => [stateBadge(one.state), h('small', null, where(one))],
      },
      { key: 'startedAt', label: 'Started', class: 'nowrap', render: (one) => dateTime(one.startedAt, zone) },
      { key: 'wrong', label: 'What went wrong', class: 'esp-wide', render: wentWrong },
      {
        key: 'took',
        label: 'Took',
        numeric: true,
        render: (one) => [minutes(took(one)), h('small', null, `of ${minutes(one.limitMinutes)}`)],
      },
      { key: 'retries', label: 'Retries', numeric: true, render: (one) => count(one.retries) },
      {
        key: 'profile',
        label: 'Profile',
        class: 'wrap',
        render: (one) => [
          profileLink(one.profileId, one.profile) ?? 'Not visible to you',
          h('small', null, one.ruleGroup ? `${espRule(one.rule)}: ${one.ruleGroup}` : espRule(one.rule)),
        ],
      },
      {
        key: 'deploymentMode',
        label: 'Deployment',
        class: 'wrap',
        render: (one) => [deploymentMode(one.deploymentMode), one.hybridJoin ? ', hybrid join' : null],
      },
    ],
    rows: answer.sessions,
    empty: 'No session matches these filters.',
    key: (one) => one.sessionId,
  });
}

export default {
  keeps: true,

  async show(context) {
    const { root, api, signal, parameters, navigate, tenant, announce, isNew } = context;
    const range = rangeIn(parameters);
    const asked = {
      ...range,
      state: parameters.get('state'),
      profileId: parameters.get('profileId'),
      stuck: parameters.get('stuck'),
      app: parameters.get('app'),
      appFailed: parameters.get('appFailed'),
      model: parameters.get('model'),
      user: parameters.get('user'),
    };
    const cursor = parameters.get('cursor');
    const [answer, profiles] = await Promise.all([
      api.get('getEspSessions', { ...asked, cursor, limit: PAGE }, { signal }),
      profileChoices(context),
    ]);
    const { from, to } = range;
    const span = [from ? ` from ${day(from)}` : '', to ? ` to ${day(addDays(to, -1))}` : ''].join('');
    const page = (words, next) =>
      h('a', { class: 'button', href: addressOf('sessions', { ...asked, cursor: next }) }, words);
    patch(
      root,
      pageHead(
        'Enrollment Status Page sessions',
        `${span ? `Sessions started${span}` : 'All sessions that are kept'}. ${asOf(answer.asOf, answer.timeZone, answer)}`,
      ),
      espNavigation('sessions'),
      filterForm({
        path: 'sessions',
        parameters,
        navigate,
        range,
        today: calendar(tenant).today,
        usual: 0,
        choices: [
          { name: 'state', label: 'State', options: STATES.map((name) => [name, espState(name)]) },
          { name: 'profileId', label: 'Profile', options: profiles },
          {
            name: 'stuck',
            label: 'Identifying',
            options: [
              ['true', 'Stuck'],
              ['false', 'Not stuck'],
            ],
          },
          { name: 'app', label: 'App (whole name)' },
          {
            name: 'appFailed',
            label: 'That app',
            options: [
              ['true', 'Failed'],
              ['false', 'Never failed'],
            ],
          },
          { name: 'model', label: 'Model (whole name)' },
          { name: 'user', label: 'User (whole address)' },
        ],
      }),
      cursor
        ? notice(
            'information',
            `These are older sessions; the first page was as of ${dateTime(answer.firstPageAsOf, answer.timeZone)}.`,
          )
        : null,
      h('section', { class: 'card' }, table(answer)),
      cursor || answer.next
        ? h(
            'nav',
            { class: 'actions', 'aria-label': 'Pages of sessions' },
            cursor ? page('Newest sessions') : null,
            answer.next ? page('Older sessions', answer.next) : null,
          )
        : null,
    );
    const here = cursor ?? '';
    if (!isNew && root.dataset.page !== here) {
      // A new page is shown from its top.
      window.scrollTo(0, 0);
      root.querySelector('h1').focus({ preventScroll: true });
    } else if (!isNew)
      announce(
        answer.next ? `The newest ${answer.sessions.length} sessions.` : plural(answer.sessions.length, 'session'),
      );
    root.dataset.page = here;
  },
};
