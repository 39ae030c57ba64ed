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
    { name: 'kind', kind: 'choice', label: 'Write when', member: 'watch.kind', options: WATCHED },
    {
      name: 'step',
      kind: 'choice',
      label: 'At which step',
      member: 'watch.step',
      options: [['', 'Any step'], ...choices('action')],
      when: is('stepRate'),
    },
    {
      name: 'app',
      kind: 'text',
      label: 'Which app',
      hint: 'By its name in the report. Empty: any app.',
      member: 'watch.app',
      suggestions: apps,
      when: is('appRate'),
    },
    { name: 'of', kind: 'checks', label: 'How they end', member: 'watch.of', options: ENDS, when: is('outcomes') },
    {
      name: 'profiles',
      kind: 'checks',
      label: 'Only of these profiles',
      hint: 'None: of all.',
      member: 'watch.profiles',
      options: profiles,
      when: (values) => isOfSessions(values) && profiles.length > 0,
    },
    {
      name: 'groups',
      kind: 'checks',
      label: 'Only where the profile applies through these groups',
      hint: 'None: through any.',
      member: 'watch.groups',
      options: groups.map((one) => [one, one]),
      when: (values) => isOfSessions(values) && groups.length > 0,
    },
    {
      name: 'minutes',
      kind: 'number',
      label: 'For more than so many minutes',
      hint: '1 to 1,440. It is about devices with a person in front of them.',
      member: 'watch.minutes',
      when: is('stuck'),
    },
    {
      name: 'source',
      kind: 'choice',
      label: 'Which sender',
      member: 'watch.source',
      options: [['', 'Any sender'], ...senders],
      when: is('silent'),
    },
    {
      name: 'channels',
      kind: 'checks',
      label: 'Write to',
      options: channels.map((one) => [one, one]),
      required: true,
    },
    { name: 'name', kind: 'text', label: 'Name of the rule', hint: 'Messages name it.', required: true },
  ];
};

/**
 * What a rule can name.
 * @typedef {{apps: string[], profiles: [string, string][], groups: string[], senders: [string, string][]}} Names
 */

/**
 * @param {any} context of the view
 * @param {{reload: () => Promise<void>, say: (...content: any[]) => void, refuse: (error: any, form: any) => void,
 *   zone: string, names: Names}} shared
 * @returns {{element: HTMLElement, draw: (answer: Answer) => void}}
 */
export function rules({ api, signal, announce }, { reload, say, refuse, zone, names }) {
  const table = h('div', null);
  const place = h('div', null);
  const values = valuesOfRule({ name: FIRST_NAMES[START.kind], watch: START, channels: [] });
  /** @type {{changed: string|null, answer: Answer, form: any, of: string}} */
  const state = { changed: null, answer: null, form: null, of: '' };
  const title = h('h3', null, 'Add a rule');
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Add the rule');
  const cancel = h('button', { type: 'button', hidden: true, onclick: () => edit(null) }, 'Cancel');

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
    title.textContent = rule ? `Change ${rule.name}` : 'Add a rule';
    submit.textContent = rule ? 'Save the rule' : 'Add the rule';
    cancel.hidden = !rule;
    // What was said is remembered by its name.
    state.form.lock('name', Boolean(rule));
    if (rule) state.form.focus('kind');
  };

  const save = async (event) => {
    event.preventDefault();
    say();
    state.form.clear();
    const name = values.name.trim();
    if (name !== state.changed && state.answer.rules.some((one) => one.name === name)) {
      state.form.showErrors([{ field: 'name', problem: 'is the name of another rule' }]);
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
      announce(`The rule ${name} is there.`);
    } catch (error) {
      refuse(error, state.form);
    } finally {
      submit.disabled = false;
    }
  };

  const isMuted = (rule) => rule.mutedUntil && rule.mutedUntil > state.answer.asOf;
  const mute = async (rule) => {
    say();
    try {
      await api.send('muteRule', { id: rule.name }, { days: isMuted(rule) ? 0 : MUTE_DAYS }, { signal });
      await reload();
      announce(isMuted(rule) ? `${rule.name} speaks again.` : `${rule.name} is muted for a week.`);
    } catch (error) {
      refuse(error, null);
    }
  };

  const remove = async ({ name }) => {
    const isSure = await confirmDialog({
      title: `Remove the rule ${name}?`,
      text: 'Nothing is said of it any more, not even that something is over.',
      action: 'Remove',
      signal,
    });
    if (!isSure) return;
    say();
    try {
      await api.send('removeRule', { id: name }, undefined, { signal });
      await reload();
      if (state.changed === name) edit(null);
      announce(`The rule ${name} is removed.`);
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
        caption: 'Rules',
        hideCaption: true,
        columns: [
          { key: 'name', label: 'Name', class: 'nowrap' },
          { key: 'watch', label: 'Writes when', class: 'wrap', render: (one) => words(one.watch) },
          {
            key: 'channels',
            label: 'To',
            class: 'wrap',
            render: (one) => (one.channels.length ? one.channels.join(', ') : badge('warn', 'No channel')),
          },
          {
            key: 'state',
            label: 'State',
            render: (one) =>
              isMuted(one) ? badge('quiet', `Muted until ${dateTime(one.mutedUntil, zone)}`) : badge('good', 'On'),
          },
          {
            key: 'acts',
            label: h('span', { class: 'visually-hidden' }, 'What can be done'),
            class: 'acts',
            render: (one) => [
              act(one, isMuted(one) ? 'End muting' : 'Mute for a week', mute),
              ' ',
              act(one, 'Change', edit),
              ' ',
              act(one, 'Remove', remove),
            ],
          },
        ],
        rows: state.answer.rules,
        key: (one) => one.name,
        empty: 'There is no rule yet: nothing is sent.',
      }),
    );
    // The form has a box for each channel, so it is made anew when those change, with what was typed.
    const of = state.answer.channels.map((one) => one.name);
    if (state.of === of.join() && state.form) return;
    state.of = of.join();
    values.channels = values.channels.filter((one) => of.includes(one));
    if (!state.changed && of.length === 1) values.channels = of;
    if (!of.length) {
      place.replaceChildren(h('p', { class: 'quiet' }, 'Add a channel first.'));
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
        { class: 'stack', novalidate: true, 'aria-label': 'Rule', onsubmit: save },
        title,
        state.form.element,
        h('div', { class: 'actions' }, submit, cancel),
      ),
    );
  };

  const element = h(
    'section',
    { class: 'card stack', 'aria-labelledby': 'rules-title' },
    h('h2', { id: 'rules-title' }, 'What they are about'),
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
