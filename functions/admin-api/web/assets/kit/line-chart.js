/*
 * Lines over days. See chart.js for why it is drawn here.
 *
 * What must stay true: keyboard and pointer move along the days (chart-slider.js), and Enter opens the chosen one where
 * the chart says what that leads to. Series differ by dash and marker as
 * well as by colour. It is drawn for the width it has, so that its text stays the size of text.
 */

import { chartSlider } from './chart-slider.js';
import { h, svg, uniqueId, whole } from './dom.js';
import { count, day as dayWords, shortDay, weekday } from './format.js';
import { markedNotes, notedOn, noteList, noteMarks } from './notes.js';
import { pictureButton } from './picture.js';
import { dataTable } from './table.js';
import { say } from './say.js';

const HEIGHT = 240;
/** Room for the heads of annotations. */
const HEADS = 22;
const MARGIN = { top: 12, right: 14, bottom: 28, left: 46 };
const DASHES = ['', '7 4', '2 3', '10 3 2 3', '1 5', '12 4'];
/** Markers around 0, 0. */
const MARKERS = [
  'M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0',
  'M-3.5 -3.5h7v7h-7z',
  'M0 -4.6L4.4 3.4H-4.4z',
  'M0 -4.8L4.8 0L0 4.8L-4.8 0z',
  'M0 4.6L4.4 -3.4H-4.4z',
  'M-4 -1.4h2.6v-2.6h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6z',
];

/** Steps of the axis: 1, 2 or 5 times a power of ten; whole ones for whole numbers. */
function ticks(most, isWhole) {
  const rough = (most || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power;
  if (isWhole) step = Math.max(1, Math.round(step));
  const list = [];
  for (let index = 0; ; index += 1) {
    list.push(Number((index * step).toPrecision(12)));
    if (list[index] >= most && index > 0) return list;
  }
}

const known = (value) => value !== null && value !== undefined;

function drawing({ days, series, format, marked }, width, chosen, clip) {
  const values = series.flatMap((one) => one.values.filter(known));
  const marks = ticks(Math.max(0, ...values), values.every(Number.isInteger));
  const top = marks[marks.length - 1];
  const above = marked.length ? HEADS : MARGIN.top;
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - above - MARGIN.bottom };
  const x = (index) => MARGIN.left + (days.length > 1 ? (index / (days.length - 1)) * inner.width : inner.width / 2);
  const y = (value) => above + inner.height - (value / top) * inner.height;

  const grid = marks.map((mark) => [
    svg('line', { class: mark ? 'grid' : 'axis', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(mark), y2: y(mark) }),
    svg('text', { class: 'tick', x: MARGIN.left - 8, y: y(mark) + 4, 'text-anchor': 'end' }, format(mark)),
  ]);
  const every = Math.max(1, Math.ceil(days.length / Math.max(2, Math.floor(inner.width / 68))));
  const dates = days.map((day, index) => {
    // Counted from the last day: that is the one people look for.
    if ((days.length - 1 - index) % every) return null;
    const anchor = index === days.length - 1 && days.length > 1 ? 'end' : 'middle';
    const place = anchor === 'end' ? Math.min(x(index) + 14, width - 2) : x(index);
    return svg('text', { class: 'tick', x: place, y: HEIGHT - 8, 'text-anchor': anchor }, shortDay(day));
  });
  const isDense = inner.width / days.length < 14;
  const lines = series.map((one, at) => {
    let path = '';
    let isDrawing = false;
    const points = [];
    one.values.forEach((value, index) => {
      if (!known(value)) {
        isDrawing = false;
        return;
      }
      path += `${isDrawing ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      isDrawing = true;
      const isAlone = !known(one.values[index - 1]) && !known(one.values[index + 1]);
      if (!isDense || isAlone || index === chosen || (index + at * 2) % 8 === 0) {
        points.push(
          svg('path', {
            class: index === chosen ? 'marker chosen' : 'marker',
            d: MARKERS[at % MARKERS.length],
            transform: `translate(${x(index).toFixed(1)} ${y(value).toFixed(1)})${index === chosen ? ' scale(1.35)' : ''}`,
          }),
        );
      }
    });
    return svg(
      'g',
      { class: `series series-${(at % 6) + 1}` },
      svg('path', { class: 'line', d: path, 'stroke-dasharray': DASHES[at % DASHES.length] || null }),
      points,
    );
  });
  return svg(
    'svg',
    {
      class: 'line-picture',
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      'aria-hidden': 'true',
      focusable: 'false',
      'data-chart': clip,
    },
    grid,
    dates,
    noteMarks(marked, x, { top: above, bottom: above + inner.height, left: MARGIN.left, right: width - MARGIN.right }),
    svg('line', { class: 'cursor', x1: x(chosen), x2: x(chosen), y1: above, y2: above + inner.height }),
    lines,
  );
}

function sample(at) {
  return svg(
    'svg',
    {
      class: `sample series series-${(at % 6) + 1}`,
      width: 34,
      height: 14,
      viewBox: '0 0 34 14',
      'aria-hidden': 'true',
      focusable: 'false',
    },
    svg('path', { class: 'line', d: 'M1 7H33', 'stroke-dasharray': DASHES[at % DASHES.length] || null }),
    svg('path', { class: 'marker', d: MARKERS[at % MARKERS.length], transform: 'translate(17 7)' }),
  );
}

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} [options.description] what it shows, in a sentence
 * @param {string[]} options.days dates like 2026-11-21, in order
 * @param {{name: string, values: (number|null)[]}[]} options.series a value for every day
 * @param {(value: number|null) => string} [options.format]
 * @param {(day: number, series: number) => string|null} [options.href] where the number of a day and series leads
 * @param {(day: number) => string} [options.dayHref] where Enter on a day leads
 * @param {Note[]} [options.notes] annotations, in the order of their days
 * @param {boolean} [options.hideTitle] for readers only, where a heading says the same
 * @returns {HTMLElement}
 */
export function lineChart({ title, description, days, series, format = count, href, dayHref, notes = [], hideTitle }) {
  const ids = { title: uniqueId('chart'), text: uniqueId('chart-text') };
  const marked = markedNotes(notes, days);
  const signature = [title, description, days, series, marked, href ? days.map((_, at) => href(at, 0)) : null];
  const caption = h('figcaption', { class: hideTitle ? 'visually-hidden' : 'chart-title', id: ids.title }, title);
  if (!days.length || !series.length) {
    return whole(
      h('figure', { class: 'chart lines' }, caption, h('p', { class: 'quiet' }, say('chart.noDaysToShow'))),
      signature,
    );
  }
  const about = [description, dayHref ? say('chart.enterOpensDay') : null].filter(Boolean).join(' ');
  const data = { days, series, format, marked };
  const sayDay = (index) => {
    const numbers = series.map((one) => `${one.name} ${format(one.values[index])}`).join(', ');
    const noted = notedOn(notes, days[index]);
    return `${weekday(days[index])}: ${numbers}${noted ? `. ${noted}` : ''}`;
  };

  const picture = h('div', { class: 'line-drawing' });
  const date = h('span', { class: 'chart-day' });
  const numbers = series.map(() => h('span', { class: 'chart-number' }));
  const legend = h(
    'div',
    { class: 'legend' },
    date,
    h(
      'ul',
      { role: 'list' },
      series.map((one, at) => h('li', null, sample(at), h('span', { class: 'legend-name' }, one.name), numbers[at])),
    ),
  );

  const draw = (index, width) => {
    picture.replaceChildren(drawing(data, width, index, ids.title));
    date.textContent = weekday(days[index]);
    numbers.forEach((place, at) => {
      const text = format(series[at].values[index]);
      const address = series[at].values[index] ? href?.(index, at) : null;
      place.replaceChildren(
        address ? h('a', { href: address, 'aria-label': `${series[at].name}: ${text}` }, text) : text,
      );
    });
  };
  const { slider, follow } = chartSlider({
    label: say('chart.byDay', { title }),
    describedBy: about ? ids.text : null,
    length: days.length,
    page: 7,
    margin: MARGIN,
    isBetween: false,
    say: sayDay,
    draw,
    open: dayHref
      ? (index) => {
          location.hash = dayHref(index);
        }
      : null,
  });

  const table = h(
    'details',
    { class: 'chart-table' },
    h('summary', null, say('chart.showAsTable')),
    dataTable({
      caption: title,
      columns: [
        { key: 'day', label: say('common.day'), render: (row) => dayWords(row.day) },
        ...series.map((one, at) => ({
          key: String(at),
          label: one.name,
          numeric: true,
          render: (row) => {
            const text = format(one.values[row.index]);
            const address = one.values[row.index] ? href?.(row.index, at) : null;
            return address ? h('a', { href: address }, text) : text;
          },
        })),
        ...(marked.length
          ? [
              {
                key: 'notes',
                label: say('common.annotations'),
                class: 'wrap',
                render: (row) => notedOn(notes, row.day),
              },
            ]
          : []),
      ],
      rows: days.map((day, index) => ({ day, index })),
    }),
  );
  const plot = h('div', { class: 'line-plot' }, picture, slider);
  const figure = h(
    'figure',
    { class: 'chart lines', 'aria-labelledby': ids.title },
    caption,
    about ? h('p', { class: 'quiet chart-text', id: ids.text }, about) : null,
    plot,
    legend,
    noteList(marked),
    h('div', { class: 'saves' }, pictureButton(title, '.chart')),
    table,
  );
  follow(plot);
  return whole(figure, signature);
}
