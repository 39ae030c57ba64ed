/*
 * Apps of a profile by their names: the chosen ones, and one more.
 *
 * What must stay true: what is chosen is the text of ids, one a line, that the profile has; an app whose name is not known
 * is shown by its id and never lost. An id may be typed, too.
 */

import { h, uniqueId } from '../kit/dom.js';
import { entries, idOf } from './profile-fields.js';
import { say } from '../kit/say.js';

/**
 * @param {object} options
 * @param {{id: string, name: string|null}[]} options.apps that are known
 * @param {() => string} options.read the text of ids
 * @param {(text: string) => void} options.write
 * @param {(text: string) => void} options.announce
 * @returns {{element: HTMLElement, update: (isOff: boolean) => void}}
 */
export function appPicker({ apps, read, write, announce }) {
  const names = new Map(apps.map((one) => [one.id.toLowerCase(), one.name]));
  const nameOf = (id) => names.get(id.toLowerCase()) ?? id;
  const ids = { input: uniqueId('app'), list: uniqueId('apps'), error: uniqueId('error') };
  const chosen = h('ul', { class: 'chips', role: 'list', 'aria-label': say('appPicker.chosen') });
  const error = h('p', { class: 'field-error', id: ids.error });
  let isOff = false;
  const add = () => {
    const { id, problem } = idOf(input.value, apps);
    error.textContent = problem ?? '';
    if (!id) return;
    const before = entries(read());
    if (!before.some((one) => one.toLowerCase() === id.toLowerCase())) write([...before, id].join('\n'));
    input.value = '';
    announce(say('appPicker.isAdded', { app: nameOf(id) }));
    input.focus();
  };
  const input = h('input', {
    id: ids.input,
    type: 'text',
    list: ids.list,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': ids.error,
    // Enter adds the app, and does not save the profile.
    onkeydown: (event) => {
      if (event.key !== 'Enter') return;
      event.preventDefault();
      add();
    },
  });
  const button = h('button', { type: 'button', onclick: add }, say('appPicker.add'));
  const update = (off) => {
    isOff = off;
    input.disabled = off;
    button.disabled = off;
    chosen.replaceChildren(
      ...entries(read()).map((id) =>
        h(
          'li',
          null,
          nameOf(id) === id ? h('code', null, id) : nameOf(id),
          ' ',
          h(
            'button',
            {
              type: 'button',
              class: 'small',
              disabled: isOff,
              'aria-label': say('appPicker.removeApp', { app: nameOf(id) }),
              onclick: () => {
                write(
                  entries(read())
                    .filter((one) => one !== id)
                    .join('\n'),
                );
                announce(say('appPicker.isRemoved', { app: nameOf(id) }));
                input.focus();
              },
            },
            say('common.remove'),
          ),
        ),
      ),
    );
  };
  const element = h(
    'div',
    { class: 'app-picker' },
    chosen,
    h('label', { for: ids.input }, say('appPicker.addByName')),
    h('div', { class: 'app-add' }, input, button),
    h(
      'datalist',
      { id: ids.list },
      [...new Set(apps.map((one) => one.name).filter(Boolean))].map((value) => h('option', { value })),
    ),
    error,
  );
  return { element, update };
}
