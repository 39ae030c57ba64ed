/*
 * The form of a profile: fields with hints, reasons for being off, and errors.
 *
 * What must stay true: the form is made once and then only updated, so no typed text is lost. Hint, reason
 * for being off and error are named by `aria-describedby` of the field, and an error marks it invalid.
 */

import { h, uniqueId } from '../kit/dom.js';
import { appPicker } from './app-picker.js';
import { FIELDS, GROUPS, fullness, offReason, sentence, willDrop } from './profile-fields.js';
import { say } from '../kit/say.js';

/**
 * @param {object} options
 * @param {Object<string, string|boolean>} options.values updated as the person types
 * @param {boolean} options.isDefault whether it is the default profile
 * @param {boolean} options.readOnly
 * @param {string[]} [options.without] members that have no field here
 * @param {{id: string, name: string|null}[]} [options.apps] that are known by name
 * @param {(text: string) => void} [options.announce]
 * @param {() => void} options.onInput
 * @returns {{element: HTMLElement, fill: (values: object) => void,
 *   showErrors: (errors: {field: string, problem: string}[]) => {left: string[], first: HTMLElement|null}}} `fill` shows
 *   other values; `showErrors` shows errors at their fields and returns what has no field, and the first field that is wrong
 */
export function profileForm({ values, isDefault, readOnly, without = [], apps = [], announce = () => {}, onInput }) {
  const parts = new Map();

  const clear = (name) => {
    const { input, error } = parts.get(name);
    input.removeAttribute('aria-invalid');
    error.textContent = '';
  };

  const update = () => {
    for (const { field, input, off, full, wrap, picker } of parts.values()) {
      const reason = offReason(field, values, isDefault);
      input.disabled = readOnly || reason !== null;
      // A field that is off is always valid, since its value is not sent.
      if (reason) clear(field.name);
      off.textContent = reason
        ? [
            reason,
            willDrop(field, values)
              ? field.kind === 'flag'
                ? say('profile.savedAsOff')
                : say('profile.savedAsEmpty')
              : null,
          ]
            .filter(Boolean)
            .join(' ')
        : '';
      wrap.classList.toggle('off', reason !== null);
      picker?.update(input.disabled);
      if (full) full.textContent = fullness(field, String(values[field.name]));
    }
  };

  const make = (field) => {
    const { name, kind, label, hint, required } = field;
    const isFilled = kind !== 'flag' && kind !== 'number';
    const ids = { input: uniqueId('field'), hint: uniqueId('hint'), off: uniqueId('off'), error: uniqueId('error') };
    const common = {
      id: ids.input,
      name,
      'aria-describedby': [hint || isFilled ? ids.hint : null, ids.off, ids.error].filter(Boolean).join(' '),
      'aria-required': required ? 'true' : null,
      oninput: (event) => {
        const input = event.currentTarget;
        values[name] = kind === 'flag' ? input.checked : input.value;
        // Saving checks the field again.
        clear(name);
        update();
        onInput();
      },
    };
    const value = values[name];
    const input = {
      flag: () => h('input', { type: 'checkbox', ...common, checked: value }),
      text: () => h('input', { type: 'text', ...common, value, autocomplete: 'off' }),
      number: () => h('input', { type: 'text', inputmode: 'numeric', ...common, value, autocomplete: 'off' }),
      long: () => h('textarea', { rows: '3', ...common, value }),
      list: () => h('textarea', { rows: '4', class: 'mono', spellcheck: 'false', ...common, value }),
    }[kind]();
    const full = isFilled ? h('span', { class: 'esp-full' }) : null;
    const off = h('p', { class: 'esp-off', id: ids.off });
    const error = h('p', { class: 'field-error', id: ids.error });
    const about =
      hint || full ? h('p', { class: 'esp-hint', id: ids.hint }, hint, hint && full ? ' ' : null, full) : null;
    const below = [about, off, error];
    // Ids are for machines: people choose by name, and see the ids where they ask for them.
    const picker =
      name === 'selectedMobileAppIds'
        ? appPicker({
            apps,
            announce,
            read: () => String(values[name]),
            write: (text) => {
              values[name] = text;
              input.value = text;
              clear(name);
              update();
              onInput();
            },
          })
        : null;
    const words = required ? [label, h('span', { class: 'quiet' }, ' ', say('common.required'))] : label;
    const wrap =
      kind === 'flag'
        ? h(
            'div',
            { class: 'esp-field is-flag' },
            h('div', { class: 'check' }, input, h('label', { for: ids.input }, words)),
            below,
          )
        : picker
          ? h(
              'fieldset',
              { class: 'esp-field is-checks' },
              h('legend', null, words),
              picker.element,
              h(
                'details',
                null,
                h('summary', null, say('profile.asIds')),
                h('label', { for: ids.input }, say('profile.idsOfApps')),
                input,
              ),
              below,
            )
          : h('div', { class: `esp-field is-${kind}` }, h('label', { for: ids.input }, words), input, below);
    parts.set(name, { field, input, off, error, full, wrap, picker });
    return wrap;
  };

  const element = h(
    'div',
    { class: 'esp-form' },
    GROUPS.map(({ id, title, about }) =>
      h(
        'fieldset',
        null,
        h('legend', null, title),
        about ? h('p', { class: 'quiet' }, about) : null,
        FIELDS.filter((field) => field.group === id && !without.includes(field.name)).map(make),
      ),
    ),
  );
  update();

  return {
    element,
    fill: (next) => {
      Object.assign(values, next);
      for (const { field, input } of parts.values()) {
        if (field.kind === 'flag') input.checked = values[field.name];
        else input.value = values[field.name];
      }
      update();
    },
    showErrors: (errors) => {
      for (const name of parts.keys()) clear(name);
      const left = [];
      for (const one of errors) {
        const part = parts.get(one.field.replace(/[[.].*$/, ''));
        if (part) {
          part.input.setAttribute('aria-invalid', 'true');
          part.input.closest('details')?.setAttribute('open', '');
          part.error.textContent = [part.error.textContent, sentence(one)].filter(Boolean).join(' ');
        } else left.push(sentence(one));
      }
      const wrong = [...parts.values()].filter(({ error }) => error.textContent);
      return { left, first: wrong.find(({ input }) => !input.disabled)?.input ?? null };
    },
  };
}
