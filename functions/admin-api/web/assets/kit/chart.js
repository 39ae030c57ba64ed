/*
 * Charts: bars with labels, a funnel, a progress bar.
 *
 * Drawn here and not by a library because each must be read as well as seen: the text is real text, the values are
 * reached by keyboard and announced, the same numbers stand in a table, and a chart prints as it looks. All that in a
 * few kilobytes, under a policy that allows no inline style.
 *
 * What must stay true: a chart never shows a number that its table doesn't, and nothing differs by colour alone.
 */

import { h, svg } from './dom.js';
import { count, orNotReported, rate, seconds } from './format.js';
import { dataTable } from './table.js';
import { term } from './words.js';
import { say } from './say.js';

/** Percentages for the place in an SVG that is as wide as its cell. */
const share = (fraction) => `${Math.max(0, Math.min(1, fraction || 0)) * 100}%`;

/** @param {string|null|undefined} href @param {any} text @param {string} [name] of the link, where the text is a bare number */
const linked = (href, text, name) => (href ? h('a', { href, 'aria-label': name }, text) : text);

/**
 * Bars with labels, longest as given. The list is a table: the bars are only its picture.
 * @param {object} options
 * @param {string} options.title
 * @param {boolean} [options.hideTitle]
 * @param {{label: any, value: number|null, note?: any, href?: string, text?: string}[]} options.rows `text`: the value
 *   as it is shown
 * @param {string} [options.labelHeading]
 * @param {string} [options.valueHeading]
 * @param {string} [options.noteHeading]
 * @param {(value: number|null) => string} [options.format]
 * @param {string} [options.empty]
 * @returns {HTMLElement}
 */
export function barList({
  title,
  hideTitle,
  rows,
  labelHeading = say('common.what'),
  valueHeading = say('chart.count'),
  noteHeading = say('chart.note'),
  format = count,
  empty,
}) {
  const most = Math.max(...rows.map((row) => row.value ?? 0), 0) || 1;
  /** @type {import('./table.js').Column[]} */
  const columns = [
    { key: 'label', label: labelHeading, class: 'wrap' },
    {
      key: 'bar',
      label: '',
      class: 'bar',
      render: (row) =>
        svg(
          'svg',
          { class: 'bar-picture', height: '12', 'aria-hidden': 'true', focusable: 'false' },
          svg('rect', { class: 'bar-fill', height: '12', width: share((row.value ?? 0) / most) }),
        ),
    },
    {
      key: 'value',
      label: valueHeading,
      numeric: true,
      render: (row) => linked(row.href, row.text ?? format(row.value)),
    },
  ];
  if (rows.some((row) => row.note !== undefined)) columns.push({ key: 'note', label: noteHeading, class: 'wrap' });
  // A heading that is empty heads nothing; it is a plain cell for readers.
  columns[1].label = h('span', { class: 'visually-hidden' }, say('common.bar'));
  return h('div', { class: 'chart bars' }, dataTable({ caption: title, hideCaption: hideTitle, columns, rows, empty }));
}

/**
 * Steps in the order of time: how many came to each, went on, gave up.
 * @param {object} options
 * @param {string} options.title
 * @param {boolean} [options.hideTitle]
 * @param {{label: any, note?: string, entered: number|null, left: number|null, abandoned: number|null, medianSeconds?: number|null,
 *   href?: string}[]} options.steps `href`: the attempts given up there
 * @param {string} [options.empty]
 * @returns {HTMLElement}
 */
export function funnel({ title, hideTitle, steps, empty = say('chart.noStepReported') }) {
  const isReported = (step) => step.entered !== null;
  const most = Math.max(...steps.map((step) => step.entered ?? 0), 0) || 1;
  const reported = (member) => (step) => orNotReported(step[member], count);
  const picture = (step) =>
    svg(
      'svg',
      { class: 'bar-picture', height: '16', 'aria-hidden': 'true', focusable: 'false' },
      isReported(step) ? svg('rect', { class: 'bar-fill', height: '16', width: share(step.entered / most) }) : null,
      isReported(step)
        ? svg('rect', {
            class: 'bar-lost',
            height: '16',
            x: share((step.entered - step.abandoned) / most),
            width: share(step.abandoned / most),
          })
        : null,
    );
  const columns = [
    {
      key: 'label',
      label: say('common.step'),
      class: 'wrap',
      render: (step) => [step.label, step.note ? h('small', null, step.note) : null],
    },
    { key: 'bar', label: h('span', { class: 'visually-hidden' }, say('common.bar')), class: 'bar', render: picture },
    { key: 'entered', label: term('entered'), numeric: true, render: reported('entered') },
    { key: 'left', label: term('left_forward'), numeric: true, render: reported('left') },
    {
      key: 'abandoned',
      label: term('abandoned'),
      numeric: true,
      render: (step) => {
        const text = reported('abandoned')(step);
        return linked(step.href, text, say('common.gaveUpAt', { count: text, step: step.label }));
      },
    },
    {
      key: 'share',
      label: say('chart.ofEntered'),
      numeric: true,
      render: (step) =>
        orNotReported(step.entered ? step.abandoned / step.entered : null, rate, isReported(step) ? 0 : 1),
    },
    {
      key: 'medianSeconds',
      label: term('medianSeconds'),
      numeric: true,
      render: (step) => orNotReported(step.medianSeconds, seconds, isReported(step) ? 0 : 1),
    },
  ];
  // Where no time is kept there is no column of times.
  const shown = steps.some((step) => step.medianSeconds !== undefined) ? columns : columns.slice(0, -1);
  return h(
    'div',
    { class: 'chart bars' },
    dataTable({ caption: title, hideCaption: hideTitle, columns: shown, rows: steps, empty }),
  );
}

/**
 * How far something is.
 * @param {number|null} fraction 0 to 1; null where it isn't known
 * @param {string} label what it is the progress of
 * @returns {HTMLElement}
 */
export function progressBar(fraction, label) {
  const known = fraction !== null && fraction !== undefined;
  const percent = known ? Math.round(fraction * 100) : null;
  return h(
    'div',
    { class: 'progress' },
    h(
      'div',
      {
        class: known ? 'progress-track' : 'progress-track unknown',
        role: 'progressbar',
        'aria-label': label,
        'aria-valuemin': '0',
        'aria-valuemax': '100',
        'aria-valuenow': percent,
        'aria-valuetext': known ? `${percent}%` : say('chart.notKnownYet'),
      },
      svg(
        'svg',
        { class: 'bar-picture', height: '8', 'aria-hidden': 'true', focusable: 'false' },
        svg('rect', { class: 'bar-fill', height: '8', width: share(fraction) }),
      ),
    ),
    h('span', { class: 'progress-text', 'aria-hidden': 'true' }, known ? `${percent}%` : '—'),
  );
}
