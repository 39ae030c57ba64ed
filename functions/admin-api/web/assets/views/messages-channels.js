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
import { say } from '../kit/say.js';

/** Milliseconds between looks at what came of a test, and how often it is looked at. */
const EVERY = 1_000;
const MOST_LOOKS = 60;

const EMPTY = valuesOfChannel({ name: FIRST_NAMES.email, kind: 'email' });
/** @param {Record<string, any>} values */
const isMail = (values) => values.kind === 'email';
const HINTS = {
  url: say('messages.urlHint'),
  password: say('messages.passwordHint'),
};

/** @type {import('../kit/form.js').Field[]} */
const FIELDS = [
  { name: 'kind', kind: 'choice', label: say('messages.whatItIs'), options: CHANNELS },
  {
    name: 'name',
    kind: 'text',
    label: say('common.name'),
    hint: say('messages.channelNameHint'),
    required: true,
  },
  {
    name: 'url',
    kind: 'secret',
    label: say('messages.url'),
    hint: HINTS.url,
    required: true,
    when: (values) => !isMail(values),
  },
  {
    name: 'to',
    kind: 'lines',
    label: say('messages.goesTo'),
    hint: say('messages.toHint'),
    required: true,
    when: isMail,
  },
  {
    name: 'from',
    kind: 'text',
    label: say('messages.comesFrom'),
    hint: say('messages.fromHint'),
    required: true,
    when: isMail,
  },
  {
    name: 'server',
    kind: 'text',
    label: say('messages.mailServer'),
    hint: say('messages.serverHint'),
    required: true,
    when: isMail,
  },
  {
    name: 'port',
    kind: 'number',
    label: say('messages.port'),
    hint: say('messages.portHint'),
    when: isMail,
  },
  {
    name: 'user',
    kind: 'text',
    label: say('messages.whoSignsIn'),
    hint: say('messages.userHint'),
    when: isMail,
  },
  { name: 'password', kind: 'secret', label: say('messages.password'), hint: HINTS.password, when: isMail },
  {
    name: 'tls',
    kind: 'flag',
    label: say('messages.tls'),
    hint: say('messages.tlsHint'),
    when: isMail,
  },
];

/**
 * @param {any} context of the view
 * @param {{reload: () => Promise<void>, tell: (...content: any[]) => void, refuse: (error: any, form: any) => void,
 *   zone: string, tested: (channel: string, problem: string|null) => void}} shared
 * @returns {{element: HTMLElement, draw: (answer: Answer) => void}}
 */
export function channels({ api, signal, announce }, { reload, tell, refuse, zone, tested }) {
  const table = h('div', null);
  const once = h('div', null);
  const values = { ...EMPTY };
  /** @type {{changed: string|null, all: Answer[], testing: string|null}} */
  const state = { changed: null, all: [], testing: null };
  const title = h('h3', null, say('messages.addChannel'));
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
  const submit = h('button', { type: 'submit', class: 'primary' }, say('messages.addTheChannel'));
  const cancel = h('button', { type: 'button', hidden: true, onclick: () => edit(null) }, say('common.cancel'));

  /** Fills the form with a channel, or makes it one for a new channel. */
  const edit = (channel) => {
    state.changed = channel?.name ?? null;
    form.fill(channel ? valuesOfChannel(channel) : EMPTY);
    title.textContent = channel ? say('messages.changeNamed', { name: channel.name }) : say('messages.addChannel');
    submit.textContent = channel ? say('messages.saveChannel') : say('messages.addTheChannel');
    cancel.hidden = !channel;
    // Rules know it by its name.
    form.lock('name', Boolean(channel));
    if (channel) form.focus('kind');
  };

  const save = async (event) => {
    event.preventDefault();
    tell();
    form.clear();
    const name = values.name.trim();
    if (name !== state.changed && state.all.some((one) => one.name === name)) {
      form.showErrors([{ field: 'name', problem: say('messages.nameOfChannel') }]);
      return;
    }
    submit.disabled = true;
    try {
      const { body } = await api.send('putChannel', { id: name || '-' }, channelOf(values), { signal });
      edit(null);
      await reload();
      announce(say('messages.channelIsThere', { name }));
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
        { class: 'card', 'aria-label': say('messages.newKey'), 'data-key': 'made' },
        h('h3', null, say('messages.keyOf', { name })),
        h('p', null, say('messages.keyAbout')),
        h('p', null, h('code', { class: 'secret' }, key), ' ', copyButton(key, say('messages.theKey'), announce)),
        h(
          'p',
          null,
          h('button', { type: 'button', onclick: () => once.replaceChildren() }, say('common.iHaveCopiedIt')),
        ),
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
    tell();
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
      tested(name, say('messages.nothingCame'));
    } catch (error) {
      state.testing = null;
      if (error.name === 'AbortError') return;
      draw();
      refuse(error, null);
    }
  };

  const remove = async ({ name }) => {
    const isSure = await confirmDialog({
      title: say('messages.removeChannelTitle', { name }),
      text: say('messages.removeChannelText'),
      action: say('common.remove'),
      signal,
    });
    if (!isSure) return;
    tell();
    try {
      await api.send('removeChannel', { id: name }, undefined, { signal });
      if (state.changed === name) edit(null);
      await reload();
      announce(say('messages.channelIsRemoved', { name }));
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
        caption: say('messages.channels'),
        hideCaption: true,
        columns: [
          { key: 'name', label: say('common.name'), class: 'nowrap' },
          { key: 'kind', label: say('messages.whatItIs'), render: (one) => kinds[one.kind] ?? one.kind },
          { key: 'to', label: say('messages.goesTo'), class: 'wrap', render: place },
          {
            key: 'addedAt',
            label: say('messages.added'),
            class: 'nowrap',
            render: (one) => dateTime(one.addedAt, zone),
          },
          {
            key: 'acts',
            label: h('span', { class: 'visually-hidden' }, say('messages.acts')),
            class: 'acts',
            render: (one) => [
              act(
                one,
                state.testing === one.name ? say('messages.sending') : say('messages.sendTest'),
                test,
                state.testing !== null,
              ),
              ' ',
              act(one, say('common.change'), edit),
              ' ',
              act(one, say('common.remove'), remove),
              state.testing === one.name ? [' ', badge('busy', say('messages.beingSent'))] : null,
            ],
          },
        ],
        rows: state.all,
        key: (one) => one.name,
        empty: say('messages.noChannelYet'),
      }),
    );
  };

  const element = h(
    'section',
    { class: 'card stack', 'aria-labelledby': 'channels-title' },
    h('h2', { id: 'channels-title' }, say('messages.whereMessagesGo')),
    table,
    once,
    h(
      'form',
      { class: 'stack', novalidate: true, 'aria-label': say('messages.channel'), onsubmit: save },
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
