/*
 * Rules of messages: what is watched, a form for a rule, and muting one.
 *
 * What must stay true: apps, profiles, groups and senders are chosen by their names. A rule that is muted says so, and until
 * when.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, patch } from '../kit/dom.js';
import { formFields } from '../kit/form.js';
import { dateTime } from '../kit/format.js';
import { badge } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { choices } from '../kit/words.js';
import { ENDS, FIRST_NAMES, isOnlyOfSessions, ruleOf, valuesOfRule, WATCHED, watched } from './messages-words.js';
import { say } from '../kit/say.js';

/** Days for which a rule is muted here, as by the link of a message. */
const MUTE_DAYS = 7;
const START = { kind: 'outcomes' };

/**
 * The fields of a rule's form.
 * @param {Names} names
 * @param {string[]} channels
 * @returns {import('../kit/form.js').Field[]}
 */
const fieldsOf = ({ apps, profiles, groups, senders }, channels) => {
  const is = (kind) => (values) => values.kind === kind;
  const isOfSessions = (values) => values.kind === 'outcomes' && isOnlyOfSessions(values.of);
  return [
    { name: 'kind', kind: 'choice', label: say('messages.writeWhen'), member: 'watch.kind', options: WATCHED },
    {
      name: 'step',
      kind: 'choice',
      label: say('messages.atWhichStep'),
      member: 'watch.step',
      options: [['', say('messages.anyStep')], ...choices('action')],
      when: is('stepRate'),
    },
    {
      name: 'app',
      kind: 'text',
      label: say('messages.whichApp'),
      hint: say('messages.appHint'),
      member: 'watch.app',
      suggestions: apps,
      when: is('appRate'),
    },
    {
      name: 'of',
      kind: 'checks',
      label: say('messages.howTheyEnd'),
      member: 'watch.of',
      options: ENDS,
      when: is('outcomes'),
    },
    {
      name: 'profiles',
      kind: 'checks',
      label: say('messages.onlyProfiles'),
      hint: say('messages.profilesHint'),
      member: 'watch.profiles',
      options: profiles,
      when: (values) => isOfSessions(values) && profiles.length > 0,
    },
    {
      name: 'groups',
      kind: 'checks',
      label: say('messages.onlyGroups'),
      hint: say('messages.groupsHint'),
      member: 'watch.groups',
      options: groups.map((one) => [one, one]),
      when: (values) => isOfSessions(values) && groups.length > 0,
    },
    {
      name: 'minutes',
      kind: 'number',
      label: say('messages.minutes'),
      hint: say('messages.stuckHint'),
      member: 'watch.minutes',
      when: is('stuck'),
    },
    {
      name: 'source',
      kind: 'choice',
      label: say('messages.whichSender'),
      member: 'watch.source',
      options: [['', say('messages.anySender')], ...senders],
      when: is('silent'),
    },
    {
      name: 'channels',
      kind: 'checks',
      label: say('messages.writeTo'),
      options: channels.map((one) => [one, one]),
      required: true,
    },
    { name: 'name', kind: 'text', label: say('messages.ruleName'), hint: say('messages.nameHint'), required: true },
  ];
};

/**
 * What a rule can name.
 * @typedef {{apps: string[], profiles: [string, string][], groups: string[], senders: [string, string][]}} Names
 */

/**
 * @param {any} context of the view
 * @param {{reload: () => Promise<void>, tell: (...content: any[]) => void, refuse: (error: any, form: any) => void,
 *   zone: string, names: Names}} shared
 * @returns {{element: HTMLElement, draw: (answer: Answer) => void}}
 */
export function rules({ api, signal, announce }, { reload, tell, refuse, zone, names }) {
  const table = h('div', null);
  const place = h('div', null);
  const values = valuesOfRule({ name: FIRST_NAMES[START.kind], watch: START, channels: [] });
  /** @type {{changed: string|null, answer: Answer, form: any, of: string}} */
  const state = { changed: null, answer: null, form: null, of: '' };
  const title = h('h3', null, say('messages.addRule'));
  const submit = h('button', { type: 'submit', class: 'primary' }, say('messages.addTheRule'));
  const cancel = h('button', { type: 'button', hidden: true, onclick: () => edit(null) }, say('common.cancel'));

  /** The name that a new rule has unless somebody types another. */
  const firstName = (kind) => {
    const taken = new Set(state.answer.rules.map((one) => one.name));
    const name = FIRST_NAMES[kind];
    const free = [name, ...Array.from({ length: 60 }, (_, at) => `${name}-${at + 2}`)].find((one) => !taken.has(one));
    return free ?? name;
  };
  const isFirstName = (name) => Object.values(FIRST_NAMES).some((one) => name.replace(/-\d+$/, '') === one);

  const edit = (rule) => {
    state.changed = rule?.name ?? null;
    const channelNames = state.answer.channels.map((one) => one.name);
    state.form.fill(
      rule
        ? valuesOfRule(rule)
        : valuesOfRule({
            name: firstName(START.kind),
            watch: START,
            channels: channelNames.length === 1 ? channelNames : [],
          }),
    );
    title.textContent = rule ? say('messages.changeNamed', { name: rule.name }) : say('messages.addRule');
    submit.textContent = rule ? say('messages.saveRule') : say('messages.addTheRule');
    cancel.hidden = !rule;
    // What was said is remembered by its name.
    state.form.lock('name', Boolean(rule));
    if (rule) state.form.focus('kind');
  };

  const save = async (event) => {
    event.preventDefault();
    tell();
    state.form.clear();
    const name = values.name.trim();
    if (name !== state.changed && state.answer.rules.some((one) => one.name === name)) {
      state.form.showErrors([{ field: 'name', problem: say('messages.nameOfRule') }]);
      return;
    }
    submit.disabled = true;
    try {
      await api.send('putRule', { id: name || '-' }, ruleOf(values), { signal });
      // Links of messages lead to where this page is, unless another address is known.
      if (!state.answer.policy.address) {
        await api.send('changeNotices', null, { address: location.origin }, { signal });
      }
      state.changed = null;
      await reload();
      edit(null);
      announce(say('messages.ruleIsThere', { name }));
    } catch (error) {
      refuse(error, state.form);
    } finally {
      submit.disabled = false;
    }
  };

  const isMuted = (rule) => rule.mutedUntil && rule.mutedUntil > state.answer.asOf;
  const mute = async (rule) => {
    tell();
    try {
      await api.send('muteRule', { id: rule.name }, { days: isMuted(rule) ? 0 : MUTE_DAYS }, { signal });
      await reload();
      announce(
        isMuted(rule) ? say('messages.speaksAgain', { name: rule.name }) : say('messages.isMuted', { name: rule.name }),
      );
    } catch (error) {
      refuse(error, null);
    }
  };

  const remove = async ({ name }) => {
    const isSure = await confirmDialog({
      title: say('messages.removeRuleTitle', { name }),
      text: say('messages.removeRuleText'),
      action: say('common.remove'),
      signal,
    });
    if (!isSure) return;
    tell();
    try {
      await api.send('removeRule', { id: name }, undefined, { signal });
      await reload();
      if (state.changed === name) edit(null);
      announce(say('messages.ruleIsRemoved', { name }));
    } catch (error) {
      refuse(error, null);
    }
  };

  const words = (watch) =>
    watched(watch, {
      profile: (id) => names.profiles.find(([one]) => one === id)?.[1] ?? id,
      sender: (source) => names.senders.find(([one]) => one === source)?.[1] ?? source,
    });

  const draw = () => {
    const act = (one, said, does) =>
      h(
        'button',
        { type: 'button', class: 'small', 'aria-label': `${said}: ${one.name}`, onclick: () => does(one) },
        said,
      );
    patch(
      table,
      dataTable({
        caption: say('messages.rules'),
        hideCaption: true,
        columns: [
          { key: 'name', label: say('common.name'), class: 'nowrap' },
          { key: 'watch', label: say('messages.writesWhen'), class: 'wrap', render: (one) => words(one.watch) },
          {
            key: 'channels',
            label: say('messages.to'),
            class: 'wrap',
            render: (one) => (one.channels.length ? one.channels.join(', ') : badge('warn', say('messages.noChannel'))),
          },
          {
            key: 'state',
            label: say('common.state'),
            render: (one) =>
              isMuted(one)
                ? badge('quiet', say('messages.mutedUntil', { instant: dateTime(one.mutedUntil, zone) }))
                : badge('good', say('common.on')),
          },
          {
            key: 'acts',
            label: h('span', { class: 'visually-hidden' }, say('messages.acts')),
            class: 'acts',
            render: (one) => [
              act(one, isMuted(one) ? say('messages.endMuting') : say('messages.muteForWeek'), mute),
              ' ',
              act(one, say('common.change'), edit),
              ' ',
              act(one, say('common.remove'), remove),
            ],
          },
        ],
        rows: state.answer.rules,
        key: (one) => one.name,
        empty: say('messages.noRuleYet'),
      }),
    );
    // The form has a box for each channel, so it is made anew when those change, with what was typed.
    const of = state.answer.channels.map((one) => one.name);
    if (state.of === of.join() && state.form) return;
    state.of = of.join();
    values.channels = values.channels.filter((one) => of.includes(one));
    if (!state.changed && of.length === 1) values.channels = of;
    if (!of.length) {
      place.replaceChildren(h('p', { class: 'quiet' }, say('messages.addChannelFirst')));
      return;
    }
    state.form = formFields(fieldsOf(names, of), values, () => {
      const name = firstName(values.kind);
      if (!state.changed && isFirstName(values.name) && values.name !== name) state.form.fill({ name });
    });
    state.form.lock('name', Boolean(state.changed));
    place.replaceChildren(
      h(
        'form',
        { class: 'stack', novalidate: true, 'aria-label': say('messages.rule'), onsubmit: save },
        title,
        state.form.element,
        h('div', { class: 'actions' }, submit, cancel),
      ),
    );
  };

  const element = h(
    'section',
    { class: 'card stack', 'aria-labelledby': 'rules-title' },
    h('h2', { id: 'rules-title' }, say('messages.whatAbout')),
    table,
    place,
  );
  return {
    element,
    draw: (answer) => {
      state.answer = answer;
      draw();
    },
  };
}
