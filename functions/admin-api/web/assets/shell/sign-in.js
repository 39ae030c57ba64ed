/*
 * Signing in: with the organisation's account where that is set up, with a token, or by a one-time link.
 * What must stay true: no field's content and no code ever gets into an address.
 */

import { h, patch, uniqueId } from '../kit/dom.js';
import { fileButton } from '../file/desk.js';
import { notice } from '../kit/parts.js';
import { say, sayNodes } from '../kit/say.js';

function words(error) {
  if (error.status === 401) return say('signIn.unknownToken');
  return [error.title, error.detail].filter(Boolean).join('. ') || error.message;
}

export default {
  async show({ root, parameters, session, config, signedIn, signal, openFile }) {
    const ids = { token: uniqueId('token'), help: uniqueId('help') };

    /** @param {any} message @param {Parameters<typeof notice>[0]} [kind] */
    const draw = (message, kind = 'problem') => {
      patch(
        root,
        h(
          'div',
          { class: 'sign-in' },
          h('h1', { tabindex: '-1' }, say('signIn.title')),
          h('p', { class: 'quiet' }, say('signIn.purpose')),
          message ? notice(kind, message) : null,
          config.oidc
            ? h(
                'p',
                null,
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'primary wide',
                    onclick: async (event) => {
                      const button = event.currentTarget;
                      button.disabled = true;
                      try {
                        await session.leaveToSignIn();
                      } catch (error) {
                        button.disabled = false;
                        draw(words(error));
                      }
                    },
                  },
                  say('signIn.withOrganisation'),
                ),
              )
            : null,
          h(
            'form',
            {
              class: 'stack',
              onsubmit: async (event) => {
                event.preventDefault();
                const form = event.currentTarget;
                const token = form.elements.token.value.trim();
                if (!token) return;
                const button = form.querySelector('button');
                button.disabled = true;
                try {
                  await session.begin(token, signal);
                  signedIn();
                } catch (error) {
                  if (error.name === 'AbortError') return;
                  draw(words(error));
                  root.querySelector('input')?.focus();
                } finally {
                  button.disabled = false;
                }
              },
            },
            h('label', { for: ids.token }, config.oidc ? say('signIn.orWithToken') : say('signIn.token')),
            h('input', {
              id: ids.token,
              name: 'token',
              type: 'password',
              required: true,
              autocomplete: 'off',
              spellcheck: 'false',
              'aria-describedby': ids.help,
            }),
            h('p', { class: 'quiet', id: ids.help }, say('signIn.tokenHelp')),
            h('button', { type: 'submit', class: config.oidc ? 'wide' : 'primary wide' }, say('common.signIn')),
          ),
          h(
            'p',
            { class: 'quiet' },
            sayNodes('signIn.nothingToType', {
              link: h('code', null, 'vestibule token link'),
              add: h('code', null, 'vestibule token add'),
            }),
          ),
          h('hr', null),
          h('p', { class: 'quiet' }, say('signIn.orOpenFile')),
          fileButton(openFile),
        ),
      );
    };

    const code = parameters.get('code');
    if (code) {
      patch(root, h('div', { class: 'sign-in' }, h('h1', { tabindex: '-1' }, say('signIn.signingIn'))));
      try {
        await session.exchange(code);
        signedIn();
      } catch (error) {
        if (error.name === 'AbortError') return;
        draw(error.status === 0 ? words(error) : say('signIn.linkUsed'));
      }
      return;
    }
    draw(session.reason, 'information');
  },
};
