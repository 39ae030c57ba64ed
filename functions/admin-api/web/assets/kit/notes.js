/*
 * Annotations on a chart of days: which of them are marked, on which days, and their list.
 *
 * What must stay true: a mark has a number, and the list under the chart says by the same number what it stands for, so
 * nobody needs to see the mark. One that lies outside the chart's days is not marked.
 */

import { h, svg } from './dom.js';
import { addDays, day } from './format.js';
import { say } from './say.js';

/**
 * An annotation's days in words.
 * @param {{from: string, to: string}} note `to` is the day after the last
 * @returns {string}
 */
export function noteDays({ from, to }) {
  const last = addDays(to, -1);
  return last > from ? say('common.span', { first: day(from), last: day(last) }) : day(from);
}

/**
 * The annotations that a chart marks, each with its number and the places of its first and last day.
 * @param {Note[]} notes in the order of their days
 * @param {string[]} days of the chart, in order
 * @returns {{note: Note, number: number, first: number, last: number}[]}
 */
export const markedNotes = (notes, days) =>
  markedSpans(
    notes,
    days.map((one) => ({ from: one, to: addDays(one, 1) })),
  );

/**
 * The same of a chart whose places are of several days each.
 * @param {Note[]} notes in the order of their days
 * @param {{from: string, to: string}[]} spans of the chart, in order
 */
export function markedSpans(notes, spans) {
  return notes
    .map((note) => ({
      note,
      first: spans.findIndex((one) => one.to > note.from && one.from < note.to),
      last: spans.findLastIndex((one) => one.to > note.from && one.from < note.to),
    }))
    .filter(({ first }) => first >= 0)
    .map((one, at) => ({ ...one, number: at + 1 }));
}

/** What was noted of a day, in words. @param {Note[]} notes @param {string} date @returns {string} */
export const notedOn = (notes, date) =>
  notes
    .filter((note) => date >= note.from && date < note.to)
    .map((note) => note.text)
    .join('; ');

const RADIUS = 8;

/**
 * The marks in a picture: a line or a band over the days, and the number at its head.
 * @param {ReturnType<typeof markedNotes>} marked
 * @param {(index: number) => number} x
 * @param {{top: number, bottom: number, left: number, right: number}} inner where the lines are
 */
export function noteMarks(marked, x, { top, bottom, left, right }) {
  const taken = new Map();
  return marked.map(({ number, first, last }) => {
    // Several of one day stand side by side.
    const beside = taken.get(first) ?? 0;
    taken.set(first, beside + 1);
    const place = Math.min(Math.max(x(first) + beside * 2 * RADIUS, left + RADIUS), right - RADIUS);
    return svg(
      'g',
      { class: 'note' },
      last > first
        ? svg('rect', { class: 'note-days', x: x(first), y: top, width: x(last) - x(first), height: bottom - top })
        : null,
      svg('line', { class: 'note-line', x1: x(first), x2: x(first), y1: top, y2: bottom }),
      svg('circle', { class: 'note-head', cx: place, cy: top - RADIUS - 2, r: RADIUS }),
      svg('text', { class: 'note-number', x: place, y: top - RADIUS + 2, 'text-anchor': 'middle' }, String(number)),
    );
  });
}

/** The list by which the marks have their names. @param {ReturnType<typeof markedNotes>} marked */
export const noteList = (marked) =>
  marked.length
    ? h(
        'ol',
        { class: 'chart-notes', 'aria-label': say('common.annotations') },
        marked.map(({ note }) => h('li', null, h('strong', null, noteDays(note)), `: ${note.text}`)),
      )
    : null;
