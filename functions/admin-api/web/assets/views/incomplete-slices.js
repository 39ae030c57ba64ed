/*
 * The card that tells attempts apart: by model, OS version, enrollment type, sender or tag.
 *
 * What must stay true: a rate stands beside the attempts that it is of; what was not reported is a line of its own; the
 * values beyond those listed are one line.
 */

import { h } from '../kit/dom.js';
import { count, orNotReported, rate } from '../kit/format.js';
import { addressOf } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { filterOf, isOfOne, OF_ALL } from './one-value.js';
import { say } from '../kit/say.js';

/** Values that are listed; the others are one line. */
const LISTED = 10;

/**
 * Requests the card's data; null if the source has no such question.
 * @param {{from?: string, to?: string, os?: string|null, by?: string|null}} asked
 * @param {{api: any, signal: AbortSignal}} context
 */
export async function askSlices({ from, to, os, by }, { api, signal }) {
  try {
    return await api.get('getSlices', { from, to, os, by, limit: LISTED }, { signal });
  } catch (error) {
    if (error.status === 404 || error.status === 503) return null;
    throw error;
  }
}

/**
 * @param {Answer|null} slices
 * @param {URLSearchParams} parameters of the view
 * @param {(by: string) => boolean} takes by what the report of one value alone can be had
 * @returns {HTMLElement|null}
 */
export function slicesCard(slices, parameters, takes) {
  if (!slices || !slices.values.length || isOfOne(parameters)) return null;
  const links = (one, more) =>
    addressOf('attempts', {
      from: slices.from,
      to: slices.to,
      os: slices.os,
      ...filterOf(slices.by, one.value),
      ...more,
    });
  // A file of an earlier version does not say.
  const kinds = slices.kinds ?? OF_ALL;
  const choice = ({ name, title }) =>
    h(
      'a',
      {
        class: 'button small preset',
        'data-key': name,
        'aria-current': name === slices.by ? 'true' : null,
        href: addressOf('incomplete', { ...Object.fromEntries(parameters), by: name === 'model' ? null : name }),
      },
      title,
    );
  const { rest } = slices;
  // The same report of these attempts alone.
  const alone = (one) =>
    addressOf('incomplete', { ...Object.fromEntries(parameters), by: null, ...filterOf(slices.by, one.value) });
  const rows = rest.values ? [...slices.values, { ...rest, isRest: true }] : slices.values;
  const name = (one) =>
    one.isRest ? say('count.others', { n: rest.values }) : (one.value ?? say('common.notReported'));
  const linked = (one, number, more) =>
    one.isRest || !number ? orNotReported(number, count) : h('a', { href: links(one, more) }, count(number));
  return h(
    'section',
    { class: 'card', 'data-key': 'slices' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, say('incomplete.whoGivesUp')),
      h(
        'p',
        { class: 'quiet' },
        slices.by === 'source' ? say('incomplete.sendersAbout') : say('incomplete.slicesAbout'),
      ),
      h('div', { class: 'actions' }, kinds.map(choice)),
    ),
    dataTable({
      caption: say('incomplete.attemptsBy', { by: words.slice(slices.by) }),
      hideCaption: true,
      key: (one) => (one.isRest ? 'rest' : `value ${one.value}`),
      columns: [
        {
          key: 'value',
          label: words.slice(slices.by),
          class: 'wrap',
          render: (one) => (one.isRest || !takes(slices.by) ? name(one) : h('a', { href: alone(one) }, name(one))),
        },
        {
          key: 'initiated',
          label: say('common.initiated'),
          numeric: true,
          render: (one) => linked(one, one.initiated, {}),
        },
        {
          key: 'abandoned',
          label: say('incomplete.abandoned'),
          numeric: true,
          render: (one) => linked(one, one.abandoned, { outcome: 'abandoned' }),
        },
        {
          key: 'rate',
          label: say('incomplete.giveUp'),
          numeric: true,
          render: (one) =>
            one.measured
              ? [
                  rate(one.incompleteRate),
                  h('small', null, ' ', say('incomplete.ofSoMany', { count: count(one.measured) })),
                ]
              : orNotReported(null, count),
        },
        {
          key: 'failed',
          label: say('common.failed'),
          numeric: true,
          render: (one) => linked(one, one.failed, { outcome: 'failed' }),
        },
        {
          key: 'action',
          label: say('incomplete.mostStopAt'),
          render: (one) =>
            one.action ? [words.action(one.action), h('small', null, ` ${count(one.stoppedThere)}`)] : null,
        },
      ],
      rows,
    }),
  );
}
