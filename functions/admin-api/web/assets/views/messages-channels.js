/*
 * Channels of messages: where they go, a form for one, and a test of each.
 *
 * What must stay true: what is secret of a channel is typed here and shown nowhere; the key of a new signed webhook is
 * shown once, until it has been copied or the view is left.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, patch } from '../kit/dom.js';
import { formFields } from '../kit/form.js';
import { dateTime } from '../kit/format.js';
import { badge, copyButton } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { CHANNELS, channelOf, FIRST_NAMES, place, valuesOfChannel } from './messages-words.js';

/** Milliseconds between looks at what came of a test, and how often it is looked at. */
const EVERY = 1_000;
const MOST_LOOKS = 60;

const EMPTY = valuesOfChannel({ name: FIRST_NAMES.email, kind: 'email' });
/** @param {Record<string, any>} values */
const isMail = (values) => values.kind === 'email';
const HINTS = {
  url: 'It is kept secret and never shown again. An address begins with https://.',
  password: 'It is never shown. Empty: the one that is there stays, if server and user do.',
};

/** @type {import('../kit/form.js').Field[]} */
const FIELDS = [
  { name: 'kind', kind: 'choice', label: 'What it is', options: CHANNELS },
  {
    name: 'name',
    kind: 'text',
    label: 'Name',
    hint: 'Lower-case letters, digits and hyphens.',
    required: true,
  },
  {
    name: 'url',
    kind: 'secret',
    label: 'Address that the product gave you',
    hint: HINTS.url,
    required: true,
    when: (values) => !isMail(values),
  },
  {
    name: 'to',
    kind: 'lines',
    label: 'Goes to',
    hint: 'An address on each line, at most 20.',
    required: true,
    when: isMail,
  },
  { name: 'from', kind: 'text', label: 'Comes from', hint: 'The sender’s address.', required: true, when: isMail },
  {
    name: 'server',
    kind: 'text',
    label: 'Mail server',
    hint: 'As in smtp.contoso.example.',
    required: true,
    when: isMail,
  },
  {
    name: 'port',
    kind: 'number',
    label: 'Port',
    hint: '465 begins with TLS, any other changes to it.',
    when: isMail,
  },
  { name: 'user', kind: 'text', label: 'Who signs in', hint: 'Empty if the server wants nobody to.', when: isMail },
  { name: 'password', kind: 'secret', label: 'Password', hint: HINTS.password, when: isMail },
  {
    name: 'tls',
    kind: 'flag',
    label: 'The connection is encrypted (TLS)',
    hint: 'Off only for a mail server on the same machine as Vestibule.',
    when: isMail,
  },
];

/**
 * @param {any} context of the view
 * @param {{reload: () => Promise<void>, say: (...content: any[]) => void, refuse: (error: any, form: any) => void,
 *   zone: string, tested: (channel: string, problem: string|null) => void}} shared
 * @returns {{element: HTMLElement, draw: (answer: Answer) => void}}
 */
export function channels({ api, signal, announce }, { reload, say, refuse, zone, tested }) {
  const table = h('div', null);
  const once = h('div', null);
  const values = { ...EMPTY };
  /** @type {{changed: string|null, all: Answer[], testing: string|null}} */
  const state = { changed: null, all: [], testing: null };
  const title = h('h3', null, 'Add a channel');
  const form = formFields(FIELDS, values, () => {
    // A name that nobody typed follows what the channel is.
    if (
      !state.changed &&
      Object.values(FIRST_NAMES).includes(values.name) &&
      values.name !== FIRST_NAMES[values.kind]
    ) {
      form.fill({ name: FIRST_NAMES[values.kind] });
    }
  });
  const submit = h('button', { type: 'submit', class: 'primary' }, 'Add the channel');
  const cancel = h('button', { type: 'button', hidden: true, onclick: () => edit(null) }, 'Cancel');

  /** Fills the form with a channel, or makes it one for a new channel. */
  const edit = (channel) => {
    state.changed = channel?.name ?? null;
    form.fill(channel ? valuesOfChannel(channel) : EMPTY);
    title.textContent = channel ? `Change ${channel.name}` : 'Add a channel';
    submit.textContent = channel ? 'Save the channel' : 'Add the channel';
    cancel.hidden = !channel;
    // Rules know it by its name.
    form.lock('name', Boolean(channel));
    if (channel) form.focus('kind');
  };

  const save = async (event) => {
    event.preventDefault();
    say();
    form.clear();
    const name = values.name.trim();
    if (name !== state.changed && state.all.some((one) => one.name === name)) {
      form.showErrors([{ field: 'name', problem: 'is the name of another channel' }]);
      return;
    }
    submit.disabled = true;
    try {
      const { body } = await api.send('putChannel', { id: name || '-' }, channelOf(values), { signal });
      edit(null);
      await reload();
      announce(`The channel ${name} is there.`);
      if (body.signingKey) showKey(name, body.signingKey);
    } catch (error) {
      refuse(error, form);
    } finally {
      submit.disabled = false;
    }
  };

  const showKey = (name, key) =>
    once.replaceChildren(
      h(
        'section',
        { class: 'card', 'aria-label': 'The new key', 'data-key': 'made' },
        h('h3', null, `The key of ${name}`),
        h('p', null, 'The receiver proves messages by it. It is shown only now; copy it to where it is used.'),
        h('p', null, h('code', { class: 'secret' }, key), ' ', copyButton(key, 'the key', announce)),
        h('p', null, h('button', { type: 'button', onclick: () => once.replaceChildren() }, 'I have copied it')),
      ),
    );

  /** The instants of the tests of a channel that the history has. */
  const testsOf = ({ sent, givenUp }, name) =>
    [...sent, ...givenUp].filter((one) => one.isTest && one.channel === name);
  const pause = () =>
    new Promise((done) => {
      const timer = setTimeout(done, EVERY);
      signal.addEventListener('abort', () => (clearTimeout(timer), done(null)), { once: true });
    });

  const test = async ({ name }) => {
    say();
    state.testing = name;
    draw();
    try {
      const known = testsOf(await api.get('getNoticeHistory', null, { signal }), name).map((one) => one.at);
      await api.send('testChannel', { id: name }, undefined, { signal });
      for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
        await pause();
        const history = await api.get('getNoticeHistory', null, { signal });
        const done = testsOf(history, name).find((one) => !known.includes(one.at));
        if (!done) continue;
        state.testing = null;
        await reload();
        tested(name, done.problem);
        return;
      }
      state.testing = null;
      draw();
      tested(name, 'nothing came of it within a minute. The history below will say what did');
    } catch (error) {
      state.testing = null;
      if (error.name === 'AbortError') return;
      draw();
      refuse(error, null);
    }
  };

  const remove = async ({ name }) => {
    const isSure = await confirmDialog({
      title: `Remove the channel ${name}?`,
      text: 'Its password or address is forgotten. Rules that name it go on without it.',
      action: 'Remove',
      signal,
    });
    if (!isSure) return;
    say();
    try {
      await api.send('removeChannel', { id: name }, undefined, { signal });
      if (state.changed === name) edit(null);
      await reload();
      announce(`The channel ${name} is removed.`);
    } catch (error) {
      refuse(error, null);
    }
  };

  const kinds = Object.fromEntries(CHANNELS);
  const draw = () => {
    const act = (one, words, does, disabled = false) =>
      h(
        'button',
        { type: 'button', class: 'small', disabled, 'aria-label': `${words}: ${one.name}`, onclick: () => does(one) },
        words,
      );
    patch(
      table,
      dataTable({
        caption: 'Channels',
        hideCaption: true,
        columns: [
          { key: 'name', label: 'Name', class: 'nowrap' },
          { key: 'kind', label: 'What it is', render: (one) => kinds[one.kind] ?? one.kind },
          { key: 'to', label: 'Goes to', class: 'wrap', render: place },
          { key: 'addedAt', label: 'Added', class: 'nowrap', render: (one) => dateTime(one.addedAt, zone) },
          {
            key: 'acts',
            label: h('span', { class: 'visually-hidden' }, 'What can be done'),
            class: 'acts',
            render: (one) => [
              act(one, state.testing === one.name ? 'Sending…' : 'Send a test', test, state.testing !== null),
              ' ',
              act(one, 'Change', edit),
              ' ',
              act(one, 'Remove', remove),
              state.testing === one.name ? [' ', badge('busy', 'Being sent')] : null,
            ],
          },
        ],
        rows: state.all,
        key: (one) => one.name,
        empty: 'There is no channel yet: add one below.',
      }),
    );
  };

  const element = h(
    'section',
    { class: 'card stack', 'aria-labelledby': 'channels-title' },
    h('h2', { id: 'channels-title' }, 'Where messages go'),
    table,
    once,
    h(
      'form',
      { class: 'stack', novalidate: true, 'aria-label': 'Channel', onsubmit: save },
      title,
      form.element,
      h('div', { class: 'actions' }, submit, cancel),
    ),
  );
  return {
    element,
    draw: (answer) => {
      state.all = answer.channels;
      draw();
    },
  };
}
