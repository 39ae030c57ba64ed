/*
 * A form of fields that are data: labels, hints, errors at their fields, and fields that only some choices have.
 *
 * What must stay true: fields are made once and then only updated, so no typed text is lost. Hint and error are named by
 * `aria-describedby` of their field, and an error marks it invalid. A field that is hidden is not sent.
 */

import { h, uniqueId } from './dom.js';
import { say } from './say.js';

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {'text'|'secret'|'number'|'time'|'lines'|'flag'|'choice'|'checks'} kind
 * @property {string} label
 * @property {string} [hint]
 * @property {string} [member] the API's name for it, if that is another
 * @property {boolean} [required]
 * @property {[string, string][]} [options] of `choice` and `checks`: names and words
 * @property {string[]} [suggestions] of `text`
 * @property {(values: Record<string, any>) => boolean} [when] whether it is there
 */

/**
 * @param {Field[]} fields
 * @param {Record<string, any>} values by name, updated as the person types: texts; booleans of `flag`; lists of `checks`
 * @param {() => void} [onInput]
 * @returns {{element: HTMLElement, fill: (next: Record<string, any>) => void, clear: () => void,
 *   lock: (name: string, isLocked: boolean) => void, focus: (name: string) => void,
 *   showErrors: (errors: {field: string, problem: string}[]) => {field: string, problem: string}[]}}
 *   `fill` shows other values; `lock` keeps a text as it is; `showErrors` returns what has no field here
 */
export function formFields(fields, values, onInput = () => {}) {
  const parts = new Map();

  const clear = (name) => {
    const { error, marked } = parts.get(name);
    for (const one of marked) one.removeAttribute('aria-invalid');
    error.textContent = '';
  };
  const update = () => {
    for (const { field, wrap } of parts.values()) wrap.hidden = field.when ? !field.when(values) : false;
  };
  const typed = (name, value) => {
    values[name] = value;
    clear(name);
    update();
    onInput();
  };

  const make = (field) => {
    const { name, kind, label, hint, required } = field;
    const ids = { input: uniqueId('field'), hint: uniqueId('hint'), error: uniqueId('error'), list: uniqueId('list') };
    const describedBy = [hint ? ids.hint : null, ids.error].filter(Boolean).join(' ');
    const common = { id: ids.input, name, 'aria-describedby': describedBy, 'aria-required': required ? 'true' : null };
    const error = h('p', { class: 'field-error', id: ids.error });
    const below = [hint ? h('p', { class: 'esp-hint', id: ids.hint }, hint) : null, error];
    const words = required ? [label, h('span', { class: 'quiet' }, ' ', say('common.required'))] : label;
    const text = (attributes) =>
      h('input', {
        autocomplete: 'off',
        spellcheck: 'false',
        ...common,
        value: values[name],
        oninput: (event) => typed(name, event.currentTarget.value),
        ...attributes,
      });
    if (kind === 'checks') {
      const boxes = field.options.map(([value, said]) => {
        const id = uniqueId('check');
        const box = h('input', {
          id,
          type: 'checkbox',
          name,
          value,
          'aria-describedby': ids.error,
          checked: values[name].includes(value),
          onchange: (event) => {
            const kept = values[name].filter((one) => one !== value);
            typed(name, event.currentTarget.checked ? [...kept, value] : kept);
          },
        });
        return { box, row: h('div', { class: 'check' }, box, h('label', { for: id }, said)) };
      });
      const fill = () => {
        for (const { box } of boxes) box.checked = values[name].includes(box.value);
      };
      const wrap = h(
        'fieldset',
        { class: 'esp-field is-checks', 'aria-describedby': hint ? ids.hint : null },
        h('legend', null, words),
        boxes.map(({ row }) => row),
        below,
      );
      parts.set(name, { field, wrap, error, fill, marked: boxes.map(({ box }) => box) });
      return wrap;
    }
    const input = {
      text: () => text({ type: 'text', list: field.suggestions ? ids.list : null }),
      secret: () => text({ type: 'password', autocomplete: 'new-password' }),
      number: () => text({ type: 'text', inputmode: 'numeric' }),
      time: () => text({ type: 'time' }),
      lines: () =>
        h('textarea', {
          rows: '2',
          spellcheck: 'false',
          ...common,
          value: values[name],
          oninput: (event) => typed(name, event.currentTarget.value),
        }),
      flag: () =>
        h('input', {
          type: 'checkbox',
          ...common,
          checked: values[name],
          onchange: (event) => typed(name, event.currentTarget.checked),
        }),
      choice: () =>
        h(
          'select',
          { ...common, value: values[name], onchange: (event) => typed(name, event.currentTarget.value) },
          field.options.map(([value, said]) => h('option', { value }, said)),
        ),
    }[kind]();
    const fill = () => {
      if (kind === 'flag') /** @type {HTMLInputElement} */ (input).checked = values[name];
      else /** @type {HTMLInputElement} */ (input).value = values[name];
    };
    const suggestions = field.suggestions
      ? h(
          'datalist',
          { id: ids.list },
          field.suggestions.map((value) => h('option', { value })),
        )
      : null;
    const named = h('label', { for: ids.input }, words);
    const width = kind === 'number' || kind === 'time' ? 'is-number' : 'is-text';
    const wrap =
      kind === 'flag'
        ? h('div', { class: 'esp-field is-flag' }, h('div', { class: 'check' }, input, named), below)
        : h('div', { class: `esp-field ${width}` }, named, input, suggestions, below);
    parts.set(name, { field, wrap, error, fill, marked: [input] });
    return wrap;
  };

  const element = h('div', { class: 'fields' }, fields.map(make));
  update();

  return {
    element,
    fill: (next) => {
      Object.assign(values, next);
      for (const name of parts.keys()) clear(name);
      for (const { fill } of parts.values()) fill();
      update();
    },
    clear: () => [...parts.keys()].forEach(clear),
    focus: (name) => parts.get(name).marked[0]?.focus(),
    lock: (name, isLocked) => {
      parts.get(name).marked[0].readOnly = isLocked;
    },
    showErrors: (errors) => {
      const left = [];
      /** @type {any} */
      let first = null;
      for (const one of errors) {
        const isHere = ({ field, wrap }) => (field.member ?? field.name) === one.field && !wrap.hidden;
        const part = [...parts.values()].find(isHere);
        if (!part) {
          left.push(one);
          continue;
        }
        for (const each of part.marked) each.setAttribute('aria-invalid', 'true');
        part.error.textContent = say('common.itProblem', { problem: one.problem });
        first ??= part;
      }
      first?.marked[0]?.focus();
      return left;
    },
  };
}
