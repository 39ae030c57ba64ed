/*
 * Setting up a sender: its address, its secret, and the settings to make in the product, ready to be copied.
 *
 * What must stay true: a secret is shown once, in the panel that made it, and nothing of the page keeps it.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, uniqueId } from '../kit/dom.js';
import { copyButton, notice } from '../kit/parts.js';
import { inOneLine, whyReadOnly } from './account-parts.js';
import { say, sayNodes } from '../kit/say.js';

/**
 * Makes a new secret of a sender; earlier ones go on working.
 * @param {any} api
 * @param {string} source
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export const makeSecret = async (api, source, signal) =>
  (await api.send('addSenderSecret', { id: source }, { url: location.origin }, { signal })).body;

/**
 * What to enter in the product.
 * @param {Answer} made
 * @param {Answer|undefined} offered the sender, as it is offered
 * @param {(text: string) => void} announce
 * @returns {HTMLElement}
 */
export function setupPanel(made, offered, announce) {
  const line = (label, text, what) =>
    h('p', null, `${label}: `, h('code', { class: 'secret' }, text), ' ', copyButton(text, what, announce));
  return h(
    'section',
    { class: 'card', 'data-key': 'setup', 'aria-label': say('senders.settingsFor', { title: made.title }) },
    h('h2', null, say('senders.enterThisIn', { title: made.title })),
    h('p', null, say('senders.secretAbout')),
    line(say('senders.address'), made.url, say('senders.theAddress')),
    line(say('senders.secret'), made.secret, say('senders.theSecret')),
    h('pre', { class: 'settings' }, made.settings),
    h('p', null, copyButton(made.settings, say('senders.theSettings'), announce)),
    offered?.files
      ? h(
          'p',
          { class: 'quiet' },
          sayNodes('senders.needsFiles', {
            command: h('code', null, `vestibule source add NAME ${made.source}`),
          }),
        )
      : null,
    made.secrets > 1 ? h('p', { class: 'quiet' }, say('senders.secretsWorkNow', { n: made.secrets })) : null,
  );
}

/**
 * The list of senders to choose from.
 * @param {Answer[]} offered
 * @param {{id: string, value: string, onChoose: (source: string) => void}} options
 */
export const senderChoice = (offered, { id, value, onChoose }) =>
  h(
    'div',
    { class: 'field' },
    h('label', { for: id }, say('common.sender')),
    h(
      'select',
      { id, required: true, value, onchange: (event) => onChoose(event.currentTarget.value) },
      h('option', { value: '' }, say('common.choose')),
      offered.map((one) => h('option', { value: one.source }, one.title)),
    ),
  );

/**
 * A card to make and to end secrets of senders; null for who may not.
 * @param {any} context of the view
 * @param {{reload: () => Promise<void>, redraw: () => void}} view
 * @returns {(offered: Answer[]) => HTMLElement|null}
 */
export function senderSecrets(context, { reload, redraw }) {
  const { api, signal, announce } = context;
  const id = uniqueId('sender');
  /** @type {{source: string, made: Answer, problem: string|null}} */
  const shown = { source: '', made: null, problem: null };

  /** Does what can fail, and says if it did. */
  const attempt = async (act) => {
    shown.problem = null;
    try {
      await act();
      await reload();
    } catch (error) {
      if (error.name === 'AbortError') return;
      shown.problem = inOneLine(error);
    }
    redraw();
  };

  const make = (event) => {
    event.preventDefault();
    return attempt(async () => {
      shown.made = await makeSecret(api, shown.source, signal);
      announce(say('senders.secretMade'));
    });
  };

  const end = async (sender, earlier) => {
    const isSure = await confirmDialog({
      title: earlier
        ? say('senders.endEarlierOf', { sender: sender.title })
        : say('senders.endAllOf', { sender: sender.title }),
      text: earlier ? say('senders.endEarlierText') : say('senders.endAllText'),
      action: say('senders.endThem'),
      signal,
    });
    if (!isSure) return;
    await attempt(async () => {
      await api.send('endSenderSecrets', { id: sender.source, ...(earlier && { earlier: 'true' }) }, undefined, {
        signal,
      });
      if (!earlier) shown.made = null;
      announce(say('senders.theyHaveEnded'));
    });
  };

  return (offered) => {
    if (whyReadOnly(context)) return null;
    const sender = offered.find((one) => one.source === shown.source);
    const button = (words, earlier) =>
      h(
        'button',
        { type: 'button', class: earlier ? null : 'danger', 'data-key': words, onclick: () => end(sender, earlier) },
        words,
      );
    return h(
      'section',
      { class: 'card', 'data-key': 'secrets' },
      h('h2', null, say('senders.setUpSender')),
      shown.problem ? notice('problem', shown.problem) : null,
      h(
        'form',
        { class: 'filters', 'aria-label': say('senders.secrets'), onsubmit: make },
        senderChoice(offered, {
          id,
          value: shown.source,
          onChoose: (source) => {
            shown.source = source;
            shown.made = null;
            redraw();
          },
        }),
        h('button', { type: 'submit', class: 'primary' }, say('senders.makeNewSecret')),
        sender && sender.secrets > 1 ? button(say('senders.endEarlierOnes'), true) : null,
        sender?.ownSecret && sender.secrets > 0 ? button(say('senders.endAll'), false) : null,
      ),
      sender ? h('p', { class: 'quiet' }, say('senders.itsSecretsWork', { n: sender.secrets })) : null,
      shown.made ? setupPanel(shown.made, sender, announce) : null,
    );
  };
}
