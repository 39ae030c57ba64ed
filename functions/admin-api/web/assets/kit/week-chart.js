/*
 * A rate by weeks with the interval it lies in, and under it what the weeks add up to.
 *
 * What must stay true: keyboard and pointer move along the weeks (chart-slider.js). A week that is not over, or is only
 * partly kept, is hatched, and its name says so. Parts of a bar are told apart by their order, which the legend has too.
 */

import { chartSlider } from './chart-slider.js';
import { h, svg, uniqueId, whole } from './dom.js';
import { addDays, count, day, NOT_REPORTED, orNotReported, rate, shortDay } from './format.js';
import { markedSpans, noteList, noteMarks } from './notes.js';
import { pictureButton } from './picture.js';
import { dataTable } from './table.js';
import { say } from './say.js';

const HEIGHT = { rate: 170, gap: 26, bars: 90, dates: 26 };
const ALL = HEIGHT.rate + HEIGHT.gap + HEIGHT.bars + HEIGHT.dates;
// Above are the heads of annotations.
const MARGIN = { top: 20, right: 14, left: 46 };

const known = (value) => value !== null && value !== undefined;

/** Steps of the axis of rates: 5, 10, 20 or 25 points, at most five of them. */
function marks(most) {
  const step = [0.05, 0.1, 0.2, 0.25].find((one) => most / one <= 5) ?? 0.25;
  return Array.from({ length: Math.max(1, Math.ceil(most / step)) + 1 }, (_, index) => index * step);
}

/** @param {{from: string, to: string, unfinished: boolean, partlyKept: boolean}} week @returns {string} */
function weekWords({ from, to, unfinished, partlyKept }) {
  const [first, last] = [shortDay(from), day(addDays(to, -1))];
  const days = say('common.span', { first, last });
  return [days, unfinished ? say('chart.notOverYet') : null, partlyKept ? say('chart.onlyPartlyKept') : null]
    .filter(Boolean)
    .join(', ');
}

function drawing({ weeks, parts, marked }, width, chosen, hatch) {
  const inner = width - MARGIN.left - MARGIN.right;
  const slot = inner / weeks.length;
  const x = (index) => MARGIN.left + (index + 0.5) * slot;
  const axis = marks(Math.max(0.05, ...weeks.map((one) => one.high ?? 0)));
  const top = axis[axis.length - 1];
  const y = (value) => MARGIN.top + (1 - value / top) * (HEIGHT.rate - MARGIN.top);
  const floor = HEIGHT.rate + HEIGHT.gap + HEIGHT.bars;
  const most = Math.max(1, ...weeks.map((one) => one.initiated));
  const tall = (value) => (value / most) * HEIGHT.bars;

  const grid = axis.map((mark) => [
    svg('line', { class: mark ? 'grid' : 'axis', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(mark), y2: y(mark) }),
    svg(
      'text',
      { class: 'tick', x: MARGIN.left - 8, y: y(mark) + 4, 'text-anchor': 'end' },
      `${Math.round(mark * 100)}%`,
    ),
  ]);
  const hatched = weeks.map((one, index) =>
    one.unfinished || one.partlyKept
      ? svg('rect', {
          class: 'hatched',
          fill: `url(#${hatch})`,
          x: x(index) - slot / 2,
          y: MARGIN.top,
          width: slot,
          height: floor - MARGIN.top,
        })
      : null,
  );
  let path = '';
  let isDrawing = false;
  weeks.forEach((one, index) => {
    if (known(one.rate)) path += `${isDrawing ? 'L' : 'M'}${x(index).toFixed(1)} ${y(one.rate).toFixed(1)}`;
    isDrawing = known(one.rate);
  });
  const points = weeks.map((one, index) =>
    known(one.rate)
      ? [
          svg('line', { class: 'interval', x1: x(index), x2: x(index), y1: y(one.low), y2: y(one.high) }),
          svg('circle', {
            class: index === chosen ? 'marker chosen' : 'marker',
            cx: x(index),
            cy: y(one.rate),
            r: index === chosen ? 5.5 : 4,
          }),
        ]
      : null,
  );
  const bars = weeks.map((one, index) => {
    let below = 0;
    return parts.map(({ key }) => {
      const height = tall(one[key] ?? 0);
      below += height;
      const wide = Math.min(slot * 0.7, 46);
      return height
        ? svg('rect', {
            class: `part part-${key}`,
            x: x(index) - wide / 2,
            y: floor - below,
            width: wide,
            height,
          })
        : null;
    });
  });
  const every = Math.max(1, Math.ceil(weeks.length / Math.max(2, Math.floor(inner / 62))));
  const dates = weeks.map((one, index) =>
    (weeks.length - 1 - index) % every
      ? null
      : svg('text', { class: 'tick', x: x(index), y: ALL - 8, 'text-anchor': 'middle' }, shortDay(one.from)),
  );
  return svg(
    'svg',
    {
      class: 'line-picture',
      viewBox: `0 0 ${width} ${ALL}`,
      width,
      height: ALL,
      'aria-hidden': 'true',
      focusable: 'false',
    },
    svg(
      'defs',
      null,
      svg(
        'pattern',
        { id: hatch, width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        svg('line', { class: 'hatch', x1: 0, x2: 0, y1: 0, y2: 7 }),
      ),
    ),
    hatched,
    grid,
    svg('line', { class: 'axis', x1: MARGIN.left, x2: width - MARGIN.right, y1: floor, y2: floor }),
    svg('text', { class: 'tick', x: MARGIN.left - 8, y: floor - HEIGHT.bars + 8, 'text-anchor': 'end' }, count(most)),
    svg('line', { class: 'cursor', x1: x(chosen), x2: x(chosen), y1: MARGIN.top, y2: floor }),
    svg('g', { class: 'series series-1' }, svg('path', { class: 'line', d: path }), points),
    bars,
    noteMarks(marked, x, { top: MARGIN.top, bottom: floor, left: MARGIN.left, right: width - MARGIN.right }),
    dates,
  );
}

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.description what it shows, in a sentence
 * @param {Answer[]} options.weeks from Monday on: `from`, `to`, `rate`, `low`, `high`, `measured`, `initiated`, and the
 *   members that `parts` names
 * @param {{key: string, name: string}[]} options.parts what the bars consist of, from below
 * @param {string} options.rateName
 * @param {(week: Answer) => string|null} options.href where a week's rate leads
 * @param {Note[]} [options.notes] annotations, in the order of their days
 * @returns {HTMLElement}
 */
export function weekChart({ title, description, weeks, parts, rateName, href, notes = [] }) {
  const ids = { title: uniqueId('chart'), text: uniqueId('chart-text'), hatch: uniqueId('hatch') };
  const signature = [title, description, weeks, weeks.map(href), notes];
  const marked = markedSpans(notes, weeks);
  const caption = h('figcaption', { class: 'visually-hidden', id: ids.title }, title);
  if (!weeks.length) {
    return whole(
      h('figure', { class: 'chart weeks' }, caption, h('p', { class: 'quiet' }, say('chart.noWeeksToShow'))),
      signature,
    );
  }
  const interval = (one) =>
    known(one.rate) ? say('common.interval', { low: rate(one.low), high: rate(one.high) }) : NOT_REPORTED;
  const rateOf = (one) => orNotReported(one.rate, rate, one.initiated);
  const value = (one, key) => orNotReported(one[key], count, one.initiated);
  const sayWeek = (one) =>
    [
      `${weekWords(one)}: ${rateName} ${rateOf(one)}`,
      known(one.rate)
        ? say('chart.betweenOf', {
            low: rate(one.low),
            high: rate(one.high),
            of: count(one.measured),
          })
        : null,
      ...parts.map(({ key, name }) => `${name} ${value(one, key)}`),
    ]
      .filter(Boolean)
      .join(', ');

  const picture = h('div', { class: 'line-drawing' });
  const week = h('span', { class: 'chart-day' });
  const shownRate = h('span', { class: 'chart-number' });
  const numbers = parts.map(() => h('span', { class: 'chart-number' }));
  const legend = h(
    'div',
    { class: 'legend' },
    week,
    h(
      'ul',
      { role: 'list' },
      h('li', null, h('span', { class: 'legend-name' }, rateName), shownRate),
      parts.map(({ key, name }, at) =>
        h(
          'li',
          null,
          h('span', { class: `swatch part-${key}` }),
          h('span', { class: 'legend-name' }, name),
          numbers[at],
        ),
      ),
    ),
  );

  const draw = (index, width) => {
    const one = weeks[index];
    picture.replaceChildren(drawing({ weeks, parts, marked }, width, index, ids.hatch));
    week.textContent = weekWords(one);
    const address = href(one);
    shownRate.replaceChildren(
      address ? h('a', { href: address, 'aria-label': `${rateName}: ${rateOf(one)}` }, rateOf(one)) : rateOf(one),
      known(one.rate) ? ` (${interval(one)})` : '',
    );
    numbers.forEach((place, at) => {
      place.textContent = value(one, parts[at].key);
    });
  };
  const { slider, follow } = chartSlider({
    label: say('chart.byWeek', { title }),
    describedBy: ids.text,
    length: weeks.length,
    page: 4,
    margin: MARGIN,
    isBetween: true,
    say: (index) => sayWeek(weeks[index]),
    draw,
  });

  const table = h(
    'details',
    { class: 'chart-table' },
    h('summary', null, say('chart.showAsTable')),
    dataTable({
      caption: title,
      columns: [
        { key: 'week', label: say('chart.week'), render: weekWords },
        { key: 'rate', label: rateName, numeric: true, render: rateOf },
        { key: 'interval', label: say('chart.interval95'), numeric: true, render: interval },
        { key: 'measured', label: say('chart.n'), numeric: true, render: (one) => count(one.measured) },
        ...parts.map(({ key, name }) => ({ key, label: name, numeric: true, render: (one) => value(one, key) })),
        { key: 'initiated', label: say('common.all'), numeric: true, render: (one) => count(one.initiated) },
      ],
      rows: weeks,
    }),
  );
  const plot = h('div', { class: 'line-plot week-plot' }, picture, slider);
  const figure = h(
    'figure',
    { class: 'chart weeks', 'aria-labelledby': ids.title },
    caption,
    h('p', { class: 'quiet chart-text', id: ids.text }, description),
    plot,
    legend,
    noteList(marked),
    h('div', { class: 'saves' }, pictureButton(title, '.chart')),
    table,
  );
  follow(plot);
  return whole(figure, signature);
}
