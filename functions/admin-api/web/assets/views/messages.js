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
function choicesForm({ api, signal, announce }, { reload, say, refuse, zone }) {
  /** @type {import('../kit/form.js').Field[]} */
  const fields = [
    {
      name: 'digestMinutes',
      kind: 'number',
      label: 'Minutes in which news become one message',
      hint: 'After the first of them. 0 to 1,440.',
    },
    { name: 'limitAnHour', kind: 'number', label: 'Most messages in an hour', hint: 'Of each channel; others wait.' },
    { name: 'quietFrom', kind: 'time', label: 'Quiet from', member: 'quiet', hint: `In ${zone}. Empty: never.` },
    { name: 'quietTo', kind: 'time', label: 'Quiet until' },
    { name: 'names', kind: 'flag', label: 'Messages name devices and people', hint: 'Off, they name nobody.' },
    {
      name: 'address',
      kind: 'text',
      label: 'Address of this page',
      hint: 'For the links that mute a rule. Empty: messages have no links.',
    },
  ];
  const values = valuesOfPolicy({ digestMinutes: 5, limitAnHour: 6, quiet: null, names: false, address: null });
  const form = formFields(fields, values);
  let base = '';
  const save = async (event) => {
    event.preventDefault();
    say();
    form.clear();
    try {
      await api.send('changeNotices', null, policyOf(values), { signal });
      base = '';
      await reload();
      say(notice('success', 'Saved.'));
      announce('The choices for messages are saved.');
    } catch (error) {
      refuse(error, form);
    }
  };
  return {
    element: h(
      'section',
      { class: 'card stack', 'aria-labelledby': 'choices-title' },
      h('h2', { id: 'choices-title' }, 'When they go out'),
      h(
        'form',
        { class: 'stack', novalidate: true, 'aria-label': 'When messages go out', onsubmit: save },
        form.element,
        h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, 'Save')),
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
  if (!standing.length && !onTheWay.length) return h('p', { class: 'quiet' }, 'Nothing at the moment.');
  return [
    standing.length
      ? dataTable({
          caption: 'What began and is not over',
          columns: [
            { key: 'since', label: 'Since', class: 'nowrap', render: (one) => dateTime(one.since, zone) },
            { key: 'rule', label: 'Rule', class: 'nowrap' },
            { key: 'text', label: 'What', class: 'wrap' },
          ],
          rows: standing,
        })
      : null,
    onTheWay.length
      ? dataTable({
          caption: 'Messages that are not taken yet',
          columns: [
            { key: 'madeAt', label: 'Made', class: 'nowrap', render: (one) => dateTime(one.madeAt, zone) },
            { key: 'channel', label: 'Channel', class: 'nowrap' },
            { key: 'failedTries', label: 'State', render: tries },
            {
              key: 'nextTryAt',
              label: 'Tried again',
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
  if (one.problem) return [badge('bad', 'Given up'), h('div', { class: 'quiet' }, one.problem)];
  return badge('good', 'Taken');
}

const historyTable = (history, zone) =>
  dataTable({
    caption: 'What was sent, and what was given up',
    hideCaption: true,
    columns: [
      { key: 'at', label: 'When', class: 'nowrap', render: (one) => dateTime(one.at, zone) },
      { key: 'channel', label: 'Channel', class: 'nowrap' },
      { key: 'problem', label: 'Result', render: result },
      {
        key: 'text',
        label: 'What it said',
        class: 'wrap',
        render: (one) => [one.isTest ? [badge('quiet', 'Test'), ' '] : null, h('span', { class: 'said' }, one.text)],
      },
    ],
    rows: newestFirst(history),
    key: (one) => `${one.at} ${one.channel} ${one.problem ?? ''}`,
    empty: 'Nothing was sent yet.',
  });

export default {
  async show(context) {
    const { root, api, tenant, signal, announce } = context;
    const zone = tenant.settings.timeZone;
    const readOnly = whyReadOnly(context);
    if (readOnly) {
      patch(root, pageHead('Messages'), accountNavigation('messages'), notice('information', readOnly));
      return;
    }
    const head = h('div', null);
    const word = h('div', { class: 'esp-word' });
    const now = h('div', { class: 'stack' });
    const past = h('div', null);
    const say = (...content) => word.replaceChildren(...content.filter(Boolean));
    const refuse = (error, form) => {
      if (error.name === 'AbortError' || signal.aborted) return;
      const errors = error.members?.errors ?? [];
      const left = form ? form.showErrors(errors) : errors;
      const isPlaced = errors.length > 0 && !left.length;
      say(notice('problem', isPlaced ? 'Not saved. Fix the field that is marked.' : inOneLine(error)));
    };
    const tested = (name, problem) => {
      const text = problem ? `${name} did not take the test: ${problem}.` : `${name} took the test message.`;
      say(notice(problem ? 'problem' : 'success', text));
      announce(text);
      word.scrollIntoView({ block: 'nearest' });
    };

    const reload = async () => {
      const [answer, history] = await Promise.all([
        api.get('getNotices', null, { signal }),
        api.get('getNoticeHistory', null, { signal }),
      ]);
      if (signal.aborted) return;
      patch(head, pageHead('Messages', asOf(answer.asOf, zone)));
      for (const part of parts) part.draw(answer);
      patch(now, goingOn(answer, zone));
      patch(past, historyTable(history, zone));
    };
    const shared = { reload, say, refuse, zone, tested, names: await namesOf(api, signal) };
    const parts = [channels(context, shared), rules(context, shared), choicesForm(context, shared)];
    await reload();
    if (signal.aborted) return;
    const section = (id, title, ...content) =>
      h('section', { class: 'card stack', 'aria-labelledby': id }, h('h2', { id }, title), content);
    root.replaceChildren(
      head,
      accountNavigation('messages'),
      h(
        'p',
        { class: 'quiet' },
        'Vestibule writes to you when something gets worse, is over, or turns out to have been otherwise.',
      ),
      word,
      ...parts.slice(0, 2).map((part) => part.element),
      section('now-title', 'What goes on', now),
      parts[2].element,
      section('past-title', 'What was sent', past),
    );
  },
};
