/*
 * Tables of data: a caption, headings with scope, numbers to the right, and a region that scrolls if the
 * table is wider than the page.
 *
 * What must stay true: the region can be reached and scrolled by keyboard, and is named by the caption. The first
 * column heads its row.
 */

import { csvOf } from './csv.js';
import { h, uniqueId, whole } from './dom.js';
import { NONE } from './format.js';
import { pictureButton } from './picture.js';
import { fileName, save } from './save.js';
import { say } from './say.js';

/**
 * @typedef {object} Column
 * @property {string} key the member of a row that it shows
 * @property {any} label its heading
 * @property {boolean} [numeric] numbers, to the right
 * @property {(row: any, index: number) => any} [render] what a cell holds, as children of `h`
 * @property {string} [class] of its heading and cells
 */

/** The texts of an element, apart from each other. */
function textOf(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data.trim();
  if (node.nodeType !== Node.ELEMENT_NODE || node.getAttribute('aria-hidden') === 'true') return '';
  return [...node.childNodes].map(textOf).filter(Boolean).join(' ');
}

/** Saves a table's rows as a file. What is only a picture of another column is left out. */
function saveRows(caption, columns, rows) {
  const written = columns.filter((column) => column.class !== 'bar' && column.key !== 'bar');
  const shown = (content) => textOf(h('div', null, content));
  const cells = rows.map((row, index) =>
    written.map((column) => {
      const value = row[column.key];
      if (column.numeric && (typeof value === 'number' || value === null)) return value;
      return shown(column.render ? column.render(row, index) : value);
    }),
  );
  const heads = written.map((column) => shown(column.label));
  // Excel takes a file for UTF-8 by the mark at its beginning.
  save(new Blob(['\ufeff', csvOf([heads, ...cells])], { type: 'text/csv' }), fileName(caption, 'csv'));
}

const classOf = (column) => [column.numeric && 'number', column.class].filter(Boolean).join(' ') || null;

/**
 * @param {object} options
 * @param {string} options.caption says what the table holds; also names the region
 * @param {boolean} [options.hideCaption] for readers only, where a heading says the same
 * @param {Column[]} options.columns
 * @param {any[]} options.rows
 * @param {string} [options.empty] said where there is no row
 * @param {(row: any, index: number) => string|number} [options.key] makes rows keep their place on a refresh
 * @param {string} [options.class] more classes of the table
 * @returns {HTMLElement}
 */
export function dataTable({
  caption,
  hideCaption,
  columns,
  rows,
  empty = say('table.nothingToShow'),
  key,
  class: more,
}) {
  const id = uniqueId('caption');
  const cell = (row, index, column, first) => {
    const content = column.render ? column.render(row, index) : row[column.key];
    const attributes = { class: classOf(column) };
    const shown = content === null || content === undefined || content === '' ? NONE : content;
    return first ? h('th', { scope: 'row', ...attributes }, shown) : h('td', attributes, shown);
  };
  // What can be scrolled says so. The hint is kept with its region, whatever is drawn anew in it.
  const hint = whole(h('p', { class: 'table-hint no-print', hidden: true }, say('table.moreColumns')), 'hint');
  const table = h(
    'table',
    { class: more ? `data ${more}` : 'data' },
    h('caption', { id, class: hideCaption ? 'visually-hidden' : null }, caption),
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        columns.map((column) => h('th', { scope: 'col', class: classOf(column) }, column.label)),
      ),
    ),
    h(
      'tbody',
      null,
      rows.length
        ? rows.map((row, index) =>
            h(
              'tr',
              { 'data-key': key ? String(key(row, index)) : null },
              columns.map((column, at) => cell(row, index, column, at === 0)),
            ),
          )
        : h('tr', { class: 'empty' }, h('td', { colspan: columns.length }, empty)),
    ),
  );
  const region = h(
    'div',
    { class: 'table-region', role: 'region', tabindex: '0', 'aria-labelledby': id },
    hint,
    table,
    rows.length
      ? h(
          'div',
          { class: 'saves' },
          h(
            'button',
            {
              type: 'button',
              class: 'small table-csv',
              'aria-label': say('table.downloadCsv', { caption }),
              onclick: () => saveRows(caption, columns, rows),
            },
            say('table.csv'),
          ),
          pictureButton(caption, '.table-region'),
        )
      : null,
  );
  const watch = new ResizeObserver(() => {
    hint.hidden = region.scrollWidth <= region.clientWidth + 1;
  });
  watch.observe(region);
  watch.observe(table);
  return region;
}
