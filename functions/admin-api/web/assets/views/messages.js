/*
 * Messages to people: where they go, what they are about, when they go out, what goes on and what was sent.
 *
 * What must stay true: what is secret of a channel is on no page but for the key of a new webhook, once. What is typed into
 * one form stays while another is saved. Only administrators of the whole organisation see it.
 */

import { h, patch } from '../kit/dom.js';
import { formFields } from '../kit/form.js';
import { dateTime } from '../kit/format.js';
import { asOf, badge, notice, pageHead } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { accountNavigation, inOneLine, whyReadOnly } from './account-parts.js';
import { channels } from './messages-channels.js';
import { rules } from './messages-rules.js';
import { newestFirst, policyOf, tries, valuesOfPolicy } from './messages-words.js';
import { targetKind } from './profiles-api.js';
import { say } from '../kit/say.js';

/** How many names a form offers to choose from. */
const MOST_OFFERED = 100;

/** What a rule can name. What can't be asked is not offered. */
async function namesOf(api, signal) {
  const ask = (operation, parameters) =>
    api.get(operation, parameters, { signal }).catch((error) => {
      if (error.name === 'AbortError') throw error;
      return null;
    });
  const [esp, profiles, sessions, sources] = await Promise.all([
    ask('getEspReport', { limit: MOST_OFFERED }),
    ask('listEspProfiles', null),
    ask('getEspSessions', { limit: MOST_OFFERED }),
    ask('getSources', null),
  ]);
  const value = profiles?.value ?? [];
  const assigned = value
    .flatMap((one) => one.assignments ?? [])
    .filter(({ target }) => targetKind(target) === 'group')
    .map(({ target }) => target.groupName ?? target.groupId);
  const reported = (sessions?.sessions ?? []).map((one) => one.ruleGroup);
  const unique = (list) => [...new Set(list.filter(Boolean))].sort();
  return {
    apps: unique([...(esp?.failingApps ?? []), ...(esp?.slowestApps ?? [])].map((one) => one.app)),
    profiles: value.map((one) => [one.id, one.displayName]),
    groups: unique([...assigned, ...reported]),
    senders: (sources?.sources ?? []).map((one) => [one.source, one.title]),
  };
}

/** The choices for all messages. */
function choicesForm({ api, signal, announce }, { reload, tell, refuse, zone }) {
  /** @type {import('../kit/form.js').Field[]} */
  const fields = [
    {
      name: 'digestMinutes',
      kind: 'number',
      label: say('messages.digestMinutes'),
      hint: say('messages.digestHint'),
    },
    {
      name: 'limitAnHour',
      kind: 'number',
      label: say('messages.limitAnHour'),
      hint: say('messages.limitHint'),
    },
    {
      name: 'quietFrom',
      kind: 'time',
      label: say('messages.quietFrom'),
      member: 'quiet',
      hint: say('messages.quietHint', { zone }),
    },
    { name: 'quietTo', kind: 'time', label: say('messages.quietUntil') },
    {
      name: 'names',
      kind: 'flag',
      label: say('messages.names'),
      hint: say('messages.namesHint'),
    },
    {
      name: 'address',
      kind: 'text',
      label: say('messages.pageAddress'),
      hint: say('messages.addressHint'),
    },
  ];
  const values = valuesOfPolicy({ digestMinutes: 5, limitAnHour: 6, quiet: null, names: false, address: null });
  const form = formFields(fields, values);
  let base = '';
  const save = async (event) => {
    event.preventDefault();
    tell();
    form.clear();
    try {
      await api.send('changeNotices', null, policyOf(values), { signal });
      base = '';
      await reload();
      tell(notice('success', say('common.saved')));
      announce(say('messages.choicesSaved'));
    } catch (error) {
      refuse(error, form);
    }
  };
  return {
    element: h(
      'section',
      { class: 'card stack', 'aria-labelledby': 'choices-title' },
      h('h2', { id: 'choices-title' }, say('messages.whenTheyGoOut')),
      h(
        'form',
        { class: 'stack', novalidate: true, 'aria-label': say('messages.whenMessagesGoOut'), onsubmit: save },
        form.element,
        h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, say('common.save'))),
      ),
    ),
    draw: ({ policy }) => {
      // What somebody is typing stays, unless the choices themselves have changed.
      const now = JSON.stringify(policy);
      if (now === base) return;
      base = now;
      form.fill(valuesOfPolicy(policy));
    },
  };
}

/** What goes on at the moment. */
function goingOn({ standing, onTheWay }, zone) {
  if (!standing.length && !onTheWay.length) return h('p', { class: 'quiet' }, say('messages.nothingAtMoment'));
  return [
    standing.length
      ? dataTable({
          caption: say('messages.standing'),
          columns: [
            { key: 'since', label: say('common.since'), class: 'nowrap', render: (one) => dateTime(one.since, zone) },
            { key: 'rule', label: say('messages.rule'), class: 'nowrap' },
            { key: 'text', label: say('common.what'), class: 'wrap' },
          ],
          rows: standing,
        })
      : null,
    onTheWay.length
      ? dataTable({
          caption: say('messages.onTheWay'),
          columns: [
            { key: 'madeAt', label: say('common.made'), class: 'nowrap', render: (one) => dateTime(one.madeAt, zone) },
            { key: 'channel', label: say('messages.channel'), class: 'nowrap' },
            { key: 'failedTries', label: say('common.state'), render: tries },
            {
              key: 'nextTryAt',
              label: say('messages.triedAgain'),
              class: 'nowrap',
              render: (one) => (one.nextTryAt ? dateTime(one.nextTryAt, zone) : null),
            },
          ],
          rows: onTheWay,
        })
      : null,
  ];
}

function result(one) {
  if (one.problem) return [badge('bad', say('common.givenUp')), h('div', { class: 'quiet' }, one.problem)];
  return badge('good', say('messages.taken'));
}

const historyTable = (history, zone) =>
  dataTable({
    caption: say('messages.historyTitle'),
    hideCaption: true,
    columns: [
      { key: 'at', label: say('messages.when'), class: 'nowrap', render: (one) => dateTime(one.at, zone) },
      { key: 'channel', label: say('messages.channel'), class: 'nowrap' },
      { key: 'problem', label: say('common.result'), render: result },
      {
        key: 'text',
        label: say('messages.whatItSaid'),
        class: 'wrap',
        render: (one) => [
          one.isTest ? [badge('quiet', say('messages.test')), ' '] : null,
          h('span', { class: 'said' }, one.text),
        ],
      },
    ],
    rows: newestFirst(history),
    key: (one) => `${one.at} ${one.channel} ${one.problem ?? ''}`,
    empty: say('messages.nothingSentYet'),
  });

export default {
  async show(context) {
    const { root, api, tenant, signal, announce } = context;
    const zone = tenant.settings.timeZone;
    const readOnly = whyReadOnly(context);
    if (readOnly) {
      patch(root, pageHead(say('view.messages')), accountNavigation('messages'), notice('information', readOnly));
      return;
    }
    const head = h('div', null);
    const word = h('div', { class: 'esp-word' });
    const now = h('div', { class: 'stack' });
    const past = h('div', null);
    const tell = (...content) => word.replaceChildren(...content.filter(Boolean));
    const refuse = (error, form) => {
      if (error.name === 'AbortError' || signal.aborted) return;
      const errors = error.members?.errors ?? [];
      const left = form ? form.showErrors(errors) : errors;
      const isPlaced = errors.length > 0 && !left.length;
      tell(notice('problem', isPlaced ? say('messages.notSaved') : inOneLine(error)));
    };
    const tested = (name, problem) => {
      const text = problem
        ? say('messages.testFailed', { channel: name, problem })
        : say('messages.testTaken', { channel: name });
      tell(notice(problem ? 'problem' : 'success', text));
      announce(text);
      word.scrollIntoView({ block: 'nearest' });
    };

    const reload = async () => {
      const [answer, history] = await Promise.all([
        api.get('getNotices', null, { signal }),
        api.get('getNoticeHistory', null, { signal }),
      ]);
      if (signal.aborted) return;
      patch(head, pageHead(say('view.messages'), asOf(answer.asOf, zone)));
      for (const part of parts) part.draw(answer);
      patch(now, goingOn(answer, zone));
      patch(past, historyTable(history, zone));
    };
    const shared = { reload, tell, refuse, zone, tested, names: await namesOf(api, signal) };
    const parts = [channels(context, shared), rules(context, shared), choicesForm(context, shared)];
    await reload();
    if (signal.aborted) return;
    const section = (id, title, ...content) =>
      h('section', { class: 'card stack', 'aria-labelledby': id }, h('h2', { id }, title), content);
    root.replaceChildren(
      head,
      accountNavigation('messages'),
      h('p', { class: 'quiet' }, say('messages.purpose')),
      word,
      ...parts.slice(0, 2).map((part) => part.element),
      section('now-title', say('messages.whatGoesOn'), now),
      parts[2].element,
      section('past-title', say('messages.whatWasSent'), past),
    );
  },
};
