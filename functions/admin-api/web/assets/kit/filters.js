/*
 * The form of a view's filters, over the parameters of its address: days with presets, lists to choose from, texts.
 *
 * What must stay true: filters are only kept in the address, so a link shows what its sender saw and
 * "back" goes back. There `to` is exclusive, as for the API; the form shows the last day itself, as people say it.
 * Handlers read the form that the event is of, as `patch` may have kept an older one.
 */

import { h, uniqueId } from './dom.js';
import { addDays, dateIn } from './format.js';
import { addressOf } from './address.js';
import * as words from './words.js';
import { say } from './say.js';

const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text ?? '') && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/**
 * The platforms of a report to choose from.
 * @type {Choice}
 */
export const OS_CHOICE = {
  name: 'os',
  label: say('filters.operatingSystem'),
  any: words.platform('both'),
  options: ['ios', 'android', 'macos', 'windows', 'all'].map((name) => [name, words.platform(name)]),
};

/**
 * The tenant's zone and date; of an opened file, the file's.
 * @param {Answer} tenant as `GET /api/tenant` answers
 * @returns {{zone: string, today: string}}
 */
export function calendar(tenant) {
  const zone = tenant?.settings?.timeZone ?? 'UTC';
  return { zone, today: tenant?.today ?? dateIn(new Date().toISOString(), zone) };
}

/**
 * The first and last days of the last `days` days, `to` exclusive.
 * @param {string} today
 * @param {number} days
 * @returns {{from: string, to: string}}
 */
export const lastDays = (today, days) => ({ from: addDays(today, 1 - days), to: addDays(today, 1) });

/**
 * The requested days; an open end means the first or last day that is kept.
 * @param {Answer} tenant
 * @param {{from?: string|null, to?: string|null}} [range]
 * @returns {{from: string, to: string}}
 */
export function keptRange(tenant, { from, to } = {}) {
  const { today } = calendar(tenant);
  const end = to ?? addDays(today, 1);
  const kept = addDays(end, -(tenant?.settings?.retentionDays ?? 400) - 1);
  return { from: from ?? kept, to: end };
}

/** The fields that have the last day of a range, and the parameters of the day after it. */
const LAST = { last: 'to', compareLast: 'compareTo' };

function readForm(form, parameters, range, compare) {
  const chosen = Object.fromEntries(parameters);
  delete chosen.cursor;
  const shown = {
    from: range.from ?? '',
    last: range.to ? addDays(range.to, -1) : '',
    compareFrom: compare?.from ?? '',
    compareLast: compare?.to ? addDays(compare.to, -1) : '',
  };
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = field.value.trim();
    // Untouched days stay as in the address; without days there, the view shows the latest ones.
    if (field.name in shown && shown[field.name] === value) continue;
    if (field.name in LAST) chosen[LAST[field.name]] = isDay(value) ? addDays(value, 1) : '';
    else chosen[field.name] = value;
  }
  return chosen;
}

/**
 * @typedef {object} Choice
 * @property {string} name of the parameter
 * @property {string} label
 * @property {[string, string][]} [options] value and words, for a list; without, a text is asked for
 * @property {string} [any] the words of no choice
 */

/** Whether the filters are unfolded, where a screen is too narrow to show them always. */
let isOpen = false;

/**
 * @param {object} options
 * @param {string} options.path of the view
 * @param {URLSearchParams} options.parameters of its address
 * @param {(path: string, parameters: object) => void} options.navigate
 * @param {{from: string|null, to: string|null}} options.range the days shown
 * @param {string} options.today
 * @param {number[]} [options.presets] numbers of days
 * @param {number} [options.usual] the preset that is shown without parameters
 * @param {{from: string|null, to: string|null}} [options.compare] the days compared with, where the view does
 * @param {Choice[]} [options.choices]
 * @param {any} [options.more] fields that act by themselves
 * @returns {HTMLElement}
 */
export function filterForm({
  path,
  parameters,
  navigate,
  range,
  today,
  presets = [14, 30],
  usual = 14,
  compare,
  choices = [],
  more = null,
}) {
  const apply = (form) => {
    for (const [from, to] of [
      ['from', 'last'],
      ['compareFrom', 'compareLast'],
    ]) {
      const [first, last] = [form.elements[from], form.elements[to]];
      const isBackwards = first?.value && last.value && last.value < first.value;
      last?.setCustomValidity(isBackwards ? say('filters.lastDayBeforeFirst') : '');
    }
    if (form.reportValidity()) navigate(path, readForm(form, parameters, range, compare));
  };
  // Other days are compared with others, too.
  const others = () => {
    const kept = Object.fromEntries(parameters);
    for (const name of ['from', 'to', 'compareFrom', 'compareTo', 'cursor']) delete kept[name];
    return kept;
  };
  const preset = (days) => {
    const wanted = lastDays(today, days);
    const isShown = range.from === wanted.from && range.to === wanted.to;
    return h(
      'a',
      {
        class: 'button preset',
        'data-key': `preset-${days}`,
        'aria-current': isShown ? 'true' : null,
        href: addressOf(path, days === usual ? others() : { ...others(), ...wanted }),
      },
      say('format.days', { days }),
    );
  };
  const labelled = (name, label, field) => {
    const id = uniqueId('filter');
    field.id = id;
    return h('div', { class: 'field', 'data-key': name }, h('label', { for: id }, label), field);
  };
  const date = (name, label, value) =>
    labelled(
      name,
      label,
      h('input', {
        type: 'date',
        name,
        value: value ?? '',
        max: '2999-12-31',
        // An error disappears as soon as its field is changed.
        oninput: (event) => event.currentTarget.setCustomValidity(''),
      }),
    );
  return h(
    'form',
    {
      class: 'filters',
      'aria-label': say('filters.filters'),
      'data-key': 'filters',
      'data-open': isOpen ? true : null,
      onsubmit: (event) => {
        event.preventDefault();
        apply(event.currentTarget);
      },
    },
    // On a narrow screen the numbers come first.
    h(
      'button',
      {
        type: 'button',
        class: 'filters-fold',
        'aria-expanded': String(isOpen),
        onclick: (event) => {
          isOpen = !isOpen;
          event.currentTarget.setAttribute('aria-expanded', String(isOpen));
          event.currentTarget.form.toggleAttribute('data-open', isOpen);
        },
      },
      say('filters.daysAndFilters'),
    ),
    h(
      'div',
      { class: 'field' },
      h('span', { class: 'label' }, say('filters.last')),
      h('div', { class: 'group' }, presets.map(preset)),
    ),
    date('from', say('filters.firstDay'), range.from),
    date('last', say('filters.lastDay'), range.to ? addDays(range.to, -1) : ''),
    compare
      ? [
          date('compareFrom', say('filters.comparedWith'), compare.from),
          date('compareLast', say('filters.comparedUntil'), compare.to ? addDays(compare.to, -1) : ''),
        ]
      : null,
    choices.map((one) =>
      labelled(
        one.name,
        one.label,
        one.options
          ? h(
              'select',
              {
                name: one.name,
                value: parameters.get(one.name) ?? '',
                onchange: (event) => apply(event.currentTarget.form),
              },
              h('option', { value: '' }, one.any ?? say('common.all')),
              one.options.map(([value, words]) => h('option', { value }, words)),
            )
          : h('input', {
              type: 'text',
              name: one.name,
              value: parameters.get(one.name) ?? '',
              autocomplete: 'off',
              spellcheck: 'false',
            }),
      ),
    ),
    more,
    h('button', { type: 'submit' }, say('filters.apply')),
  );
}

/**
 * Filters that a form has no field for, each with a link that removes it.
 * @param {string} path of the view
 * @param {URLSearchParams} parameters of its address
 * @param {Object<string, (value: string) => string>} words of each such filter, by its parameter
 * @returns {HTMLElement|null}
 */
export function filterChips(path, parameters, words) {
  const shown = Object.keys(words).filter((name) => parameters.get(name));
  if (!shown.length) return null;
  return h(
    'ul',
    { class: 'chips', role: 'list', 'aria-label': say('filters.moreFilters'), 'data-key': 'chips' },
    shown.map((name) => {
      const without = Object.fromEntries(parameters);
      delete without[name];
      delete without.cursor;
      const text = words[name](parameters.get(name) ?? '');
      return h(
        'li',
        { 'data-key': name },
        text,
        ' ',
        h(
          'a',
          { href: addressOf(path, without), 'aria-label': say('filters.removeFilter', { text }) },
          say('common.remove'),
        ),
      );
    }),
  );
}

/** The days in an address, where they are dates. @param {URLSearchParams} parameters */
export function rangeIn(parameters) {
  const read = (name) => (isDay(parameters.get(name)) ? parameters.get(name) : null);
  return { from: read('from'), to: read('to') };
}
