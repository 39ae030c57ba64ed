/*
 * Moving along a chart: by keyboard as along a slider, and by pointer. Charts over days and over weeks share it.
 *
 * What must stay true: the chart is one tab stop. Arrow keys, Page Up/Down, Home and End choose; a pointer shows without
 * choosing until it is pressed. What is chosen is announced as the value of a slider.
 */

import { h } from './dom.js';

/**
 * @param {object} options
 * @param {string} options.label
 * @param {string|null} options.describedBy
 * @param {number} options.length how many days or weeks there are, at least one
 * @param {number} options.page how many of them Page Up moves
 * @param {{left: number, right: number}} options.margin of the drawing, without days
 * @param {boolean} options.isBetween whether a day has room of its own, and is not a point on a line
 * @param {(index: number) => string} options.say the values of one
 * @param {(index: number, width: number) => void} options.draw shows one, in a drawing of this width
 * @param {((index: number) => void)|null} [options.open] what Enter does with the chosen one
 * @returns {{slider: HTMLElement, follow: (plot: HTMLElement) => void}} `follow` draws, and again where the plot's width
 *   changes
 */
export function chartSlider({ label, describedBy, length, page, margin, isBetween, say, draw, open = null }) {
  // The one that was chosen, and the one that a pointer is over.
  /** @type {{pinned: number, over: number|null, width: number}} */
  const state = { pinned: length - 1, over: null, width: 720 };
  const shown = () => state.over ?? state.pinned;
  const within = (index) => Math.max(0, Math.min(length - 1, index));
  const slider = h('div', {
    class: 'line-slider',
    role: 'slider',
    tabindex: '0',
    'aria-label': label,
    'aria-describedby': describedBy,
    'aria-orientation': 'horizontal',
    'aria-valuemin': '0',
    'aria-valuemax': String(length - 1),
  });
  const show = () => {
    draw(shown(), state.width);
    slider.setAttribute('aria-valuenow', String(state.pinned));
    slider.setAttribute('aria-valuetext', say(state.pinned));
  };
  const choose = (index) => {
    state.pinned = within(index);
    state.over = null;
    show();
  };
  const under = (event) => {
    const box = slider.getBoundingClientRect();
    const fraction = (event.clientX - box.left - margin.left) / (box.width - margin.left - margin.right || 1);
    return within(isBetween ? Math.floor(fraction * length) : Math.round(fraction * (length - 1)));
  };
  slider.onpointermove = (event) => {
    const index = under(event);
    if (index !== shown()) {
      state.over = index;
      show();
    }
  };
  slider.onpointerleave = () => {
    state.over = null;
    show();
  };
  slider.onclick = (event) => choose(under(event));
  slider.onkeydown = (event) => {
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: page, PageDown: -page };
    const ends = { Home: 0, End: length - 1 };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in moves) choose(state.pinned + moves[event.key]);
    else if (event.key in ends) choose(ends[event.key]);
    else if (event.key === 'Enter' && open) open(state.pinned);
    else return;
    event.preventDefault();
  };
  return {
    slider,
    follow: (plot) => {
      show();
      // Gone with the element: an observer doesn't keep what it looks at.
      new ResizeObserver(([entry]) => {
        const width = Math.max(260, Math.round(entry.contentRect.width));
        if (width !== state.width && entry.contentRect.width > 0) {
          state.width = width;
          show();
        }
      }).observe(plot);
    },
  };
}
