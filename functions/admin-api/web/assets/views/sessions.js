/*
 * Sessions of the Enrollment Status Page, newest first, a page at a time.
 *
 * What must stay true: filters and the place in the list are in the hash, so "back" from a session comes to the same
 * page. A cursor belongs to its filters and goes when they change.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { addDays, count, dateTime, day, minutes, rate } from '../kit/format.js';
import { asOf, notice, pageHead } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { deploymentMode, espPhase, espRule, espState } from '../kit/words.js';
import { deviceAndUser, espNavigation, profileLink, stateBadge } from './esp-parts.js';
import { say } from '../kit/say.js';

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
  return !wanted || list.some(([id]) => id === wanted)
    ? list
    : [...list, [wanted, say('sessions.deletedProfile', { wanted })]];
}

/** When the sessions shown started. @param {string|null} from @param {string|null} to the day after the last */
function startedWords(from, to) {
  const last = to && day(addDays(to, -1));
  if (from && last) return say('sessions.startedFromTo', { first: day(from), last });
  if (from) return say('sessions.startedFrom', { first: day(from) });
  if (last) return say('sessions.startedTo', { last });
  return say('sessions.allKept');
}

function wentWrong(one) {
  if (!one.failedPhase && !one.errorCode && !one.errorMessage && !one.isStuck && !one.endNotReported) return null;
  return [
    one.endNotReported ? h('div', null, say('sessions.endNotReported')) : null,
    one.failedItem ? h('div', null, one.failedItem) : null,
    one.isStuck ? h('div', null, say('common.stuckWhileIdentifying')) : null,
    one.errorCode ? h('code', null, one.errorCode) : null,
    one.failedPhase ? [' ', say('common.inPhase', { phase: espPhase(one.failedPhase).toLowerCase() })] : null,
    one.errorMessage ? h('small', null, one.errorMessage) : null,
  ];
}

const where = (one) => (one.progress === null || one.endedAt ? one.stage : `${one.stage}, ${rate(one.progress)}`);

/** The time from its start to its end. */
const took = (one) => (one.endedAt ? (Date.parse(one.endedAt) - Date.parse(one.startedAt)) / 60_000 : null);

function table(answer) {
  const zone = answer.timeZone;
  return dataTable({
    caption: say('sessions.sessionsNewestFirst'),
    hideCaption: true,
    columns: [
      { key: 'device', label: say('common.deviceAndUser'), render: deviceAndUser },
      {
        key: 'state',
        label: say('common.state'),
        class: 'nowrap',
        render: (one) => [stateBadge(one.state), h('small', null, where(one))],
      },
      {
        key: 'startedAt',
        label: say('common.started'),
        class: 'nowrap',
        render: (one) => dateTime(one.startedAt, zone),
      },
      { key: 'wrong', label: say('sessions.whatWentWrong'), class: 'esp-wide', render: wentWrong },
      {
        key: 'took',
        label: say('common.took'),
        numeric: true,
        render: (one) => [
          minutes(took(one)),
          h('small', null, say('sessions.ofLimit', { limit: minutes(one.limitMinutes) })),
        ],
      },
      { key: 'retries', label: say('common.retries'), numeric: true, render: (one) => count(one.retries) },
      {
        key: 'profile',
        label: say('common.profile'),
        class: 'wrap',
        render: (one) => [
          profileLink(one.profileId, one.profile) ?? say('sessions.notVisibleToYou'),
          h('small', null, one.ruleGroup ? `${espRule(one.rule)}: ${one.ruleGroup}` : espRule(one.rule)),
        ],
      },
      {
        key: 'deploymentMode',
        label: say('common.deployment'),
        class: 'wrap',
        render: (one) => [deploymentMode(one.deploymentMode), one.hybridJoin ? [', ', say('common.hybridJoin')] : null],
      },
    ],
    rows: answer.sessions,
    empty: say('sessions.none'),
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

    const page = (words, next) =>
      h('a', { class: 'button', href: addressOf('sessions', { ...asked, cursor: next }) }, words);
    patch(
      root,
      pageHead(say('sessions.title'), startedWords(from, to), ' ', asOf(answer.asOf, answer.timeZone, answer)),
      espNavigation('sessions'),
      filterForm({
        path: 'sessions',
        parameters,
        navigate,
        range,
        today: calendar(tenant).today,
        usual: 0,
        choices: [
          { name: 'state', label: say('common.state'), options: STATES.map((name) => [name, espState(name)]) },
          { name: 'profileId', label: say('common.profile'), options: profiles },
          {
            name: 'stuck',
            label: say('sessions.identifying'),
            options: [
              ['true', say('common.stuck')],
              ['false', say('sessions.notStuck')],
            ],
          },
          { name: 'app', label: say('sessions.appWholeName') },
          {
            name: 'appFailed',
            label: say('sessions.thatApp'),
            options: [
              ['true', say('common.failed')],
              ['false', say('sessions.neverFailed')],
            ],
          },
          { name: 'model', label: say('sessions.modelWholeName') },
          { name: 'user', label: say('common.userWholeAddress') },
        ],
      }),
      cursor
        ? notice('information', say('sessions.older', { instant: dateTime(answer.firstPageAsOf, answer.timeZone) }))
        : null,
      h('section', { class: 'card' }, table(answer)),
      cursor || answer.next
        ? h(
            'nav',
            { class: 'actions', 'aria-label': say('sessions.pages') },
            cursor ? page(say('sessions.toNewest')) : null,
            answer.next ? page(say('sessions.olderSessions'), answer.next) : null,
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
        answer.next
          ? say('sessions.newestSessions', { count: answer.sessions.length })
          : say('count.sessions', { n: answer.sessions.length }),
      );
    root.dataset.page = here;
  },
};
