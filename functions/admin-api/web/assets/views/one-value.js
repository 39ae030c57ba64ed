/*
 * One model, version, type, sender or tag alone: a filter of a whole report.
 *
 * What must stay true: which values there are is the API's. The filter is in the address under the names that it has in lists
 * of attempts, so a number's link keeps it; one at a time, since the sums have each kind of value by itself. What is not kept
 * by value is said to be so, and never shown of all. Nothing is offered that the source can't answer: a file of an earlier
 * version may tell attempts apart and have no report of one value.
 */

import { h, uniqueId } from '../kit/dom.js';
import { count } from '../kit/format.js';
import * as words from '../kit/words.js';
import { say } from '../kit/say.js';

/** Values to choose from; the others can't be chosen together. */
const LISTED = 200;

/** By what attempts of every organisation are told apart; the others are its tags. */
export const OF_ALL = words.choices('slice').map(([name, title]) => ({ name, title }));

/** The words of each filter, by its parameter. @type {Object<string, (value: string) => string>} */
export const VALUE_WORDS = {
  model: (value) => `${words.slice('model')}: ${value}`,
  osVersion: (value) => `${words.slice('osVersion')}: ${value}`,
  enrollmentType: (value) => `${words.slice('enrollmentType')}: ${value}`,
  source: (value) => `${words.slice('source')}: ${value}`,
  tag: (value) => `${words.slice(value.split('=')[0])}: ${value.slice(value.indexOf('=') + 1)}`,
  without: (value) => say('oneValue.notReportedOf', { by: words.slice(value) }),
};

/**
 * The parameter of a value; of null, that of its not being reported.
 * @param {string} by @param {string|null} value @returns {Record<string, any>}
 */
export function filterOf(by, value) {
  if (value === null) return { without: by };
  return OF_ALL.some(({ name }) => name === by) ? { [by]: value } : { tag: `${by}=${value}` };
}

/** What a report is asked for of the filter in the address. @param {URLSearchParams} parameters @returns {Record<string, any>} */
export const askedValue = (parameters) =>
  Object.fromEntries(Object.keys(VALUE_WORDS).map((name) => [name, parameters.get(name)]));

/** Whether a report is of one value alone. @param {URLSearchParams} parameters @returns {boolean} */
export const isOfOne = (parameters) => Object.keys(VALUE_WORDS).some((name) => parameters.get(name));

/** The words of the filter in the address; empty without one. @param {URLSearchParams} parameters @returns {string} */
export function valueWords(parameters) {
  const name = Object.keys(VALUE_WORDS).find((one) => parameters.get(one));
  return name ? VALUE_WORDS[name](parameters.get(name) ?? '') : '';
}

/** The filter in the address. @param {URLSearchParams} parameters @returns {{by: string, value: string|null}|null} */
function chosenValue(parameters) {
  for (const { name } of OF_ALL) {
    const value = parameters.get(name);
    if (value) return { by: name, value };
  }
  const tag = parameters.get('tag');
  if (tag) return { by: tag.split('=')[0], value: tag.slice(tag.indexOf('=') + 1) };
  const without = parameters.get('without');
  return without ? { by: without, value: null } : null;
}

/** In a list of choices, what was not reported: no value is spelt like that, since texts have no spaces at their ends. */
const NOTHING = ' ';

/**
 * Two lists to choose from: by what attempts are told apart, and one of the values.
 * @param {object} options
 * @param {{api: Source, signal: AbortSignal, navigate: (path: string, parameters: object) => void}} options.context
 * @param {string} options.path of the view
 * @param {string} options.operation what the view asks
 * @param {URLSearchParams} options.parameters of its address
 * @param {() => void} options.redraw
 * @returns {{ask: (range: {from?: string, to?: string}) => Promise<void>, fields: () => any,
 *   takes: (by: string) => boolean}} `ask` fetches what there is to choose from; there are no fields before, nor where the source
 *   can't tell attempts apart or does not answer of one value alone. `takes` says by what it does, and nothing before
 */
export function valuePicker({ context: { api, signal, navigate }, path, operation, parameters, redraw }) {
  const chosen = chosenValue(parameters);
  let by = chosen?.by ?? '';
  /** @type {{from?: string, to?: string}} */
  let days = {};
  /** @type {Answer|null} */
  let answer = null;
  /** The parameters that the operation takes; null for all. @type {string[]|null} */
  let known = api.file ? [] : null;
  const takes = (by) => known === null || Object.keys(filterOf(by, '')).every((name) => known?.includes(name));

  const ask = async (range) => {
    days = range;
    const asked = by;
    known = await api.parametersOf(operation);
    try {
      const found = await api.get(
        'getSlices',
        { ...days, os: parameters.get('os'), by: by || null, limit: LISTED },
        { signal },
      );
      if (asked === by) answer = found;
    } catch (error) {
      if (error.name === 'AbortError' || error.status === 401) throw error;
      answer = null;
    }
    redraw();
  };
  const others = () => {
    const kept = Object.fromEntries(parameters);
    for (const name of [...Object.keys(VALUE_WORDS), 'cursor']) delete kept[name];
    return kept;
  };
  const choose = (value) => navigate(path, { ...others(), ...filterOf(by, value === NOTHING ? null : value) });
  const field = (key, label, list) => {
    const id = uniqueId('value');
    list.id = id;
    return h('div', { class: 'field', 'data-key': key }, h('label', { for: id }, label), list);
  };

  const fields = () => {
    if (!answer) return null;
    // A file of an earlier version does not say.
    const kinds = (answer.kinds ?? OF_ALL).filter(({ name }) => takes(name));
    if (!kinds.length) return null;
    // What is chosen may be none of the listed.
    const isListed = answer.values.some((one) => one.value === chosen?.value);
    const { rest } = answer;
    const value = by && chosen?.by === by ? (chosen.value ?? NOTHING) : '';
    return [
      field(
        'only-by',
        say('oneValue.onlyOfOne'),
        h(
          'select',
          {
            value: by,
            onchange: (event) => {
              by = event.currentTarget.value;
              if (!by && chosen) navigate(path, others());
              else if (by) ask(days).catch(() => {});
              else redraw();
            },
          },
          h('option', { value: '' }, say('oneValue.allAttempts')),
          kinds.map(({ name, title }) => h('option', { value: name }, title)),
        ),
      ),
      by && answer.by === by
        ? field(
            'only-value',
            words.slice(by),
            h(
              'select',
              {
                value,
                onchange: (event) => {
                  if (event.currentTarget.value) choose(event.currentTarget.value);
                },
              },
              h('option', { value: '' }, say('common.choose')),
              chosen?.by === by && !isListed ? h('option', { value }, chosen.value ?? say('common.notReported')) : null,
              answer.values.map((one) =>
                h(
                  'option',
                  { value: one.value ?? NOTHING },
                  `${one.value ?? say('common.notReported')} (${count(one.initiated)})`,
                ),
              ),
            ),
          )
        : null,
      by && answer.by === by && rest.values
        ? h('p', { class: 'quiet', 'data-key': 'only-rest' }, say('oneValue.notListed', { n: rest.values }))
        : null,
    ];
  };
  return { ask, fields, takes };
}
