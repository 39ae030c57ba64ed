/*
 * What the user of a device sees on the Enrollment Status Page, for whoever helps them, and which profile applies and
 * why.
 *
 * What must stay true: it refreshes as long as something can still change, and does not interrupt anybody: focus and
 * opened sections stay. Before a list is known, progress is unknown, not 0.
 */

import { progressBar } from '../kit/chart.js';
import { h, patch } from '../kit/dom.js';
import { dateTime, minutes, plural, seconds } from '../kit/format.js';
import { asOf, badge, notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import { deploymentMode, espAction, espPhase, espState, progressState, tracking } from '../kit/words.js';
import { whichProfile } from './device-profile.js';
import { espNavigation, factList, PROGRESS_KINDS, sessionAddress, stateBadge, zoneOf } from './esp-parts.js';

const REFRESH_MS = 10_000;

function items(phase, subtask, zone) {
  // A task of preparation has a single item, which only repeats the task.
  const shown = subtask.items.filter((one) => one.id !== subtask.category || one.errorCode);
  if (!shown.length) return null;
  const title = `${phase.title}, ${subtask.title}`;
  return h(
    'details',
    null,
    h('summary', null, plural(shown.length, 'item'), h('span', { class: 'visually-hidden' }, ` of ${title}`)),
    dataTable({
      caption: title,
      hideCaption: true,
      columns: [
        { key: 'name', label: 'Item', class: 'wrap', render: (one) => one.name ?? one.id },
        {
          key: 'state',
          label: 'State',
          render: (one) => [
            one.state ? badge(PROGRESS_KINDS[one.state] ?? 'quiet', progressState(one.state)) : 'Nothing reported yet',
            one.errorCode ? h('div', null, h('code', null, one.errorCode)) : null,
          ],
        },
        {
          key: 'tracking',
          label: 'Part in the session',
          class: 'wrap',
          render: (one) => tracking(one.tracking),
        },
        { key: 'updatedAt', label: 'Reported', class: 'nowrap', render: (one) => dateTime(one.updatedAt, zone) },
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
    h('h2', { id: 'esp-sees' }, 'What the user sees'),
    h(
      'div',
      { class: 'esp-screen' },
      h(
        'div',
        { class: 'esp-row' },
        stateBadge(answer.state),
        h('span', null, `${answer.stage} · ${seconds(answer.elapsedSeconds)} of ${minutes(answer.limitMinutes)}`),
      ),
      progressBar(answer.progress, 'Setup of the device'),
      answer.message ? notice('warning', h('strong', null, 'The message they read: '), answer.message) : null,
      answer.phases.map((one) => phase(one, zone)),
      h('p', null, h('strong', null, 'They may: '), actions.length ? actions.map(espAction).join(', ') : 'only wait.'),
    ),
  );
}

function about(answer, zone) {
  const { failure, stuckIdentifying: stuck } = answer;
  return [
    stuck?.still
      ? notice(
          'warning',
          h('strong', null, `Stuck while identifying since ${dateTime(stuck.since, zone)}. `),
          stuck.means,
        )
      : null,
    failure
      ? notice(
          'problem',
          h('strong', null, 'The session failed'),
          h(
            'p',
            null,
            [
              failure.phase ? `in ${espPhase(failure.phase).toLowerCase()}` : null,
              failure.errorCode ? `with ${failure.errorCode}` : null,
            ]
              .filter(Boolean)
              .join(' ') || 'without a code',
            '. ',
            failure.message,
          ),
        )
      : null,
    factList(
      ['Started', dateTime(answer.startedAt, zone)],
      ['Ended', answer.endedAt ? dateTime(answer.endedAt, zone) : null],
      [
        'Time limit ends',
        dateTime(answer.deadline, zone),
        answer.remainingSeconds ? ` (in ${seconds(answer.remainingSeconds)})` : null,
      ],
      ['Last activity', dateTime(answer.lastEventAt, zone)],
      ['Deployment', deploymentMode(answer.deploymentMode), answer.hybridJoin ? ', hybrid join' : null],
      ['Serial number', answer.device.serialNumber],
      ['Model', [answer.device.manufacturer, answer.device.model].filter(Boolean).join(' ') || null],
      ['Windows', answer.device.osVersion],
      ['Was stuck', stuck && !stuck.still ? `while identifying, since ${dateTime(stuck.since, zone)}` : null],
      [
        'The user chose',
        answer.actions.length
          ? answer.actions.map((one) => `${espAction(one.action)} (${dateTime(one.time, zone)})`).join(', ')
          : null,
      ],
    ),
    answer.earlier.length
      ? dataTable({
          caption: 'Earlier sessions of this device',
          columns: [
            {
              key: 'startedAt',
              label: 'Started',
              render: (one) => h('a', { href: sessionAddress(one.id) }, dateTime(one.startedAt, zone)),
            },
            { key: 'endedAt', label: 'Ended', render: (one) => dateTime(one.endedAt, zone) },
            { key: 'state', label: 'State', render: (one) => stateBadge(one.state) },
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
        !page && !profile
          ? notice(
              'information',
              `No device is known as “${id}”. Use any of its identifiers: serial number, UDID, ` +
                'the MDM’s id or the sender’s id.',
            )
          : null,
        !page && profile
          ? notice('information', missing.detail ?? 'The device has not been on the Enrollment Status Page.')
          : null,
        h(
          'p',
          { class: 'actions', 'data-key': 'more' },
          h('a', { href: addressOf('diagnostics', { device: page?.enrollmentKey ?? id }) }, 'Diagnose this device'),
          page ? h('a', { href: sessionAddress(page.sessionId) }, 'This session') : null,
        ),
        page
          ? h(
              'div',
              { class: 'columns', 'data-key': 'page' },
              screen(page, zone),
              h(
                'section',
                { class: 'card', 'data-key': 'about', 'aria-labelledby': 'esp-about' },
                h('h2', { id: 'esp-about' }, 'This session'),
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
      if (last.page && last.page.state !== before) context.announce(`The session is now: ${espState(last.page.state)}`);
      if (!canChange() && !trouble) clearInterval(timer);
    }, REFRESH_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  },
};
