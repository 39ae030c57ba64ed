/*
 * What the user of a device sees on the Enrollment Status Page, for whoever helps them, and which profile applies and
 * why.
 *
 * What must stay true: it refreshes as long as something can still change, and does not interrupt anybody: focus and
 * opened sections stay. Before a list is known, progress is unknown, not 0.
 */

import { progressBar } from '../kit/chart.js';
import { h, patch } from '../kit/dom.js';
import { dateTime, minutes, seconds } from '../kit/format.js';
import { asOf, badge, notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { deploymentMode, espAction, espPhase, espState, progressState, tracking } from '../kit/words.js';
import { whichProfile } from './device-profile.js';
import { espNavigation, factList, PROGRESS_KINDS, sessionAddress, stateBadge, zoneOf } from './esp-parts.js';
import { say } from '../kit/say.js';

const REFRESH_MS = 10_000;

function items(phase, subtask, zone) {
  // A task of preparation has a single item, which only repeats the task.
  const shown = subtask.items.filter((one) => one.id !== subtask.category || one.errorCode);
  if (!shown.length) return null;
  const title = `${phase.title}, ${subtask.title}`;
  return h(
    'details',
    null,
    h(
      'summary',
      null,
      say('count.items', { n: shown.length }),
      h('span', { class: 'visually-hidden' }, ' ', say('device.itemsOf', { title })),
    ),
    dataTable({
      caption: title,
      hideCaption: true,
      columns: [
        { key: 'name', label: say('common.item'), class: 'wrap', render: (one) => one.name ?? one.id },
        {
          key: 'state',
          label: say('common.state'),
          render: (one) => [
            one.state
              ? badge(PROGRESS_KINDS[one.state] ?? 'quiet', progressState(one.state))
              : say('device.nothingReportedYet'),
            one.errorCode ? h('div', null, h('code', null, one.errorCode)) : null,
          ],
        },
        {
          key: 'tracking',
          label: say('common.partInSession'),
          class: 'wrap',
          render: (one) => tracking(one.tracking),
        },
        {
          key: 'updatedAt',
          label: say('common.reported'),
          class: 'nowrap',
          render: (one) => dateTime(one.updatedAt, zone),
        },
      ],
      rows: shown,
      key: (one) => one.id,
    }),
  );
}

function phase(one, zone) {
  return h(
    'section',
    { class: 'esp-phase', 'data-key': one.phase },
    h(
      'div',
      { class: 'esp-row' },
      h('h3', null, one.title),
      badge(PROGRESS_KINDS[one.state] ?? 'quiet', progressState(one.state)),
    ),
    h(
      'ul',
      { role: 'list' },
      one.subtasks.map((subtask) =>
        h(
          'li',
          { 'data-key': subtask.category },
          h(
            'div',
            { class: 'esp-row' },
            h('span', null, subtask.title),
            h('span', { class: `esp-step ${PROGRESS_KINDS[subtask.state] ?? 'quiet'}` }, subtask.text),
          ),
          items(one, subtask, zone),
        ),
      ),
    ),
  );
}

function screen(answer, zone) {
  const actions = answer.allowedActions;
  return h(
    'section',
    { class: 'stack', 'data-key': 'screen', 'aria-labelledby': 'esp-sees' },
    h('h2', { id: 'esp-sees' }, say('device.whatUserSees')),
    h(
      'div',
      { class: 'esp-screen' },
      h(
        'div',
        { class: 'esp-row' },
        stateBadge(answer.state),
        h(
          'span',
          null,
          say('device.elapsed', {
            stage: answer.stage,
            elapsed: seconds(answer.elapsedSeconds),
            limit: minutes(answer.limitMinutes),
          }),
        ),
      ),
      progressBar(answer.progress, say('common.setupOfDevice')),
      answer.message ? notice('warning', h('strong', null, say('device.messageTheyRead')), ' ', answer.message) : null,
      answer.phases.map((one) => phase(one, zone)),
      h(
        'p',
        null,
        h('strong', null, say('device.theyMay')),
        ' ',
        actions.length ? actions.map(espAction).join(', ') : say('device.onlyWait'),
      ),
    ),
  );
}

function about(answer, zone) {
  const { failure, stuckIdentifying: stuck } = answer;
  return [
    stuck?.still
      ? notice(
          'warning',
          h('strong', null, say('common.stuckSince', { since: dateTime(stuck.since, zone) })),
          ' ',
          stuck.means,
        )
      : null,
    failure
      ? notice(
          'problem',
          h('strong', null, say('common.sessionFailed')),
          h(
            'p',
            null,
            [
              failure.phase ? say('common.inPhase', { phase: espPhase(failure.phase).toLowerCase() }) : null,
              failure.errorCode ? say('common.withCode', { code: failure.errorCode }) : null,
            ]
              .filter(Boolean)
              .join(' ') || say('device.withoutCode'),
            '. ',
            failure.message,
          ),
        )
      : null,
    factList(
      [say('common.started'), dateTime(answer.startedAt, zone)],
      [say('common.ended'), answer.endedAt ? dateTime(answer.endedAt, zone) : null],
      [
        say('device.timeLimitEnds'),
        dateTime(answer.deadline, zone),
        answer.remainingSeconds ? [' ', say('device.endsIn', { left: seconds(answer.remainingSeconds) })] : null,
      ],
      [say('common.lastActivity'), dateTime(answer.lastEventAt, zone)],
      [
        say('common.deployment'),
        deploymentMode(answer.deploymentMode),
        answer.hybridJoin ? [', ', say('common.hybridJoin')] : null,
      ],
      [say('common.serialNumber'), answer.device.serialNumber],
      [say('common.model'), [answer.device.manufacturer, answer.device.model].filter(Boolean).join(' ') || null],
      [say('common.windows'), answer.device.osVersion],
      [
        say('device.wasStuckLabel'),
        stuck && !stuck.still ? say('device.wasStuck', { since: dateTime(stuck.since, zone) }) : null,
      ],
      [
        say('device.userChose'),
        answer.actions.length
          ? answer.actions.map((one) => `${espAction(one.action)} (${dateTime(one.time, zone)})`).join(', ')
          : null,
      ],
    ),
    answer.earlier.length
      ? dataTable({
          caption: say('device.earlierSessions'),
          columns: [
            {
              key: 'startedAt',
              label: say('common.started'),
              render: (one) => h('a', { href: sessionAddress(one.id) }, dateTime(one.startedAt, zone)),
            },
            { key: 'endedAt', label: say('common.ended'), render: (one) => dateTime(one.endedAt, zone) },
            { key: 'state', label: say('common.state'), render: (one) => stateBadge(one.state) },
          ],
          rows: answer.earlier,
          key: (one) => one.id,
        })
      : null,
  ];
}

/** Both answers; a missing one is replaced by its problem. */
async function ask({ api, signal }, id) {
  const one = (operation) =>
    api.get(operation, { id }, { signal }).catch((error) => {
      if (error.name === 'AbortError' || error.status !== 404) throw error;
      return error;
    });
  const [page, profile] = await Promise.all([one('getDeviceEsp'), one('getDeviceEspProfile')]);
  return {
    page: page instanceof Error ? null : page,
    profile: profile instanceof Error ? null : profile,
    missing: page,
  };
}

export default {
  async show(context) {
    const { root, rest, signal } = context;
    const [id] = rest;
    const zone = zoneOf(context);
    if (!id) {
      context.navigate('sessions', {}, { replace: true });
      return;
    }
    const draw = ({ page, profile, missing }, trouble) => {
      const title = page?.device.name ?? page?.enrollmentKey ?? profile?.enrollmentKey ?? id;
      patch(
        root,
        pageHead(
          title,
          page?.user.principalName ? `${page.user.principalName}. ` : null,
          page || profile ? asOf((page ?? profile).asOf, zone) : null,
        ),
        espNavigation('sessions'),
        trouble ? h('div', { 'data-key': 'trouble' }, problemNotice(trouble)) : null,
        !page && !profile ? notice('information', say('device.notKnown', { id })) : null,
        !page && profile ? notice('information', missing.detail ?? say('device.neverThere')) : null,
        h(
          'p',
          { class: 'actions', 'data-key': 'more' },
          h(
            'a',
            { href: addressOf('diagnostics', { device: page?.enrollmentKey ?? id }) },
            say('common.diagnoseDevice'),
          ),
          page ? h('a', { href: sessionAddress(page.sessionId) }, say('device.thisSession')) : null,
        ),
        page
          ? h(
              'div',
              { class: 'columns', 'data-key': 'page' },
              screen(page, zone),
              h(
                'section',
                { class: 'card', 'data-key': 'about', 'aria-labelledby': 'esp-about' },
                h('h2', { id: 'esp-about' }, say('device.thisSession')),
                about(page, zone),
              ),
            )
          : null,
        profile ? whichProfile(profile, zone) : null,
      );
    };
    let last = await ask(context, id);
    draw(last);
    const canChange = () => last.page && ['inProgress', 'timedOut', 'failed'].includes(last.page.state);
    if (!canChange()) return;
    const timer = setInterval(async () => {
      if (document.hidden) return;
      let trouble = null;
      const before = last.page.state;
      try {
        last = await ask(context, id);
      } catch (error) {
        if (signal.aborted) return;
        // The last answers stay, with a notice that they are old.
        trouble = error;
      }
      if (signal.aborted) return;
      draw(last, trouble);
      if (last.page && last.page.state !== before)
        context.announce(say('device.sessionIsNow', { state: espState(last.page.state) }));
      if (!canChange() && !trouble) clearInterval(timer);
    }, REFRESH_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  },
};
