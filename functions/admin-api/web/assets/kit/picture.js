/*
 * What is shown, as a picture (PNG) for slides and mails.
 *
 * The browser draws it: a copy of the element goes into an SVG together with the rules of style that apply to the page now.
 * So a picture looks like the page, in its theme, and nothing draws our charts and tables a second time.
 *
 * What must stay true: a picture says whose numbers it shows, of which days, and when it was saved. What is only there to use
 * the page is not in it. Nothing leaves the browser.
 */

import { h, landmark } from './dom.js';
import { dateTime, day } from './format.js';
import { fileName, save } from './save.js';
import { say } from './say.js';

/** Pixels a pixel of the page becomes, so that text stays sharp on a slide. */
const SCALE = 2;
/** The most pixels a side, and in all, that every browser draws. */
const MOST = { side: 16_384, all: 1 << 26 };
/** What is only there to use the page. */
const LEFT_OUT = 'button, .saves, details, .line-slider, .table-hint, .no-print, [hidden]';
/** What is for readers' ears on the page since a heading says it; a picture has no such heading. */
const CAPTIONS = 'caption.visually-hidden, figcaption.visually-hidden';

/** The rules that apply now: a picture is not as wide as the window, so it can't decide about widths. */
const rulesOf = (rules) =>
  [...rules].flatMap((rule) => {
    if (!(rule instanceof CSSMediaRule)) return rule.cssText;
    return matchMedia(rule.conditionText).matches ? rulesOf(rule.cssRules) : [];
  });

/** A filter's value in words, null where it is not set. */
const wordsOf = (field) => {
  if (!field.name || !field.value) return null;
  const label = field.labels?.[0]?.textContent ?? field.name;
  if (field.type === 'date') return `${label} ${day(field.value)}`;
  return `${label} ${field.selectedOptions?.[0]?.textContent ?? field.value}`;
};

/** Whose numbers these are, of which view, days and filters, and when they were saved. */
function origin() {
  const organisation = landmark('top').querySelector('.tenant')?.lastChild?.textContent;
  const view = document.querySelector('main h1')?.textContent;
  const form = /** @type {HTMLFormElement|null} */ (document.querySelector('main form.filters'));
  const filters = form ? [...form.elements].map(wordsOf) : [];
  // Filters that came by a link and have no field.
  for (const chip of document.querySelectorAll('main .chips[data-key="chips"] li')) {
    filters.push(chip.firstChild?.textContent ?? null);
  }
  const saved = say('chart.saved', { instant: dateTime(new Date().toISOString()) });
  return [organisation, view, ...filters, saved].filter(Boolean).join(' · ');
}

/** A copy of the element with its title and origin, beside it in the page for as long as it takes to measure it. */
function stageOf(element) {
  const copy = /** @type {HTMLElement} */ (element.cloneNode(true));
  for (const one of copy.querySelectorAll(LEFT_OUT)) one.remove();
  for (const one of copy.querySelectorAll(CAPTIONS)) one.classList.replace('visually-hidden', 'chart-title');
  Object.assign(copy.style, { overflow: 'visible', maxHeight: 'none', margin: '0' });
  const style = {
    position: 'absolute',
    visibility: 'hidden',
    boxSizing: 'border-box',
    padding: '16px',
    background: 'var(--surface)',
  };
  const stage = h('div', null, copy, h('p', { class: 'quiet chart-text' }, origin()));
  Object.assign(stage.style, style, { width: `${Math.ceil(Math.max(element.scrollWidth, 320)) + 32}px` });
  element.after(stage);
  const { width, height } = stage.getBoundingClientRect();
  const chain = [];
  for (let one = element.parentElement; one && one !== document.documentElement; one = one.parentElement)
    chain.push(one);
  stage.remove();
  stage.style.visibility = 'visible';
  stage.style.position = 'static';
  // Rules of style may name what the element is in; none of that has a box in the picture.
  const inside = chain.reduce((inner, outer) => {
    const around = /** @type {HTMLElement} */ (outer.cloneNode(false));
    around.style.setProperty('display', 'contents', 'important');
    around.append(inner);
    return around;
  }, stage);
  return { inside, width: Math.ceil(width), height: Math.ceil(height) };
}

/** The page's theme now, whoever chose it. */
const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
};

/** A drawing of the element, as the address of an SVG. */
function drawingOf(element) {
  const { inside, width, height } = stageOf(element);
  const rules = [...document.styleSheets].flatMap((sheet) => rulesOf(sheet.cssRules)).join('\n');
  const { fontSize } = getComputedStyle(document.documentElement);
  const style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
  style.textContent = `${rules}\n:root { color-scheme: ${isDark() ? 'dark' : 'light'}; font-size: ${fontSize}; background: var(--surface) }`;
  const [root, holder] = ['svg', 'foreignObject'].map((tag) => document.createElementNS(style.namespaceURI ?? '', tag));
  for (const one of [root, holder]) {
    one.setAttribute('width', String(width));
    one.setAttribute('height', String(height));
  }
  holder.append(inside);
  root.append(style, holder);
  const text = new XMLSerializer().serializeToString(root);
  return { address: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`, width, height };
}

/**
 * Saves an element as a picture.
 * @param {Element} element
 * @param {string} caption names the file
 */
async function savePicture(element, caption) {
  const { address, width, height } = drawingOf(element);
  const image = new Image();
  image.src = address;
  await image.decode();
  const scale = Math.min(SCALE, MOST.side / Math.max(width, height), Math.sqrt(MOST.all / (width * height)));
  const canvas = document.createElement('canvas');
  canvas.width = Math.floor(width * scale);
  canvas.height = Math.floor(height * scale);
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const file = await new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/png');
  });
  if (!file) throw new Error('the browser drew nothing');
  save(file, fileName(caption, 'png'));
}

/**
 * A button that saves what it is in as a picture.
 * @param {string} caption says what the picture shows
 * @param {string} of the selector of what is saved, around the button
 * @returns {HTMLElement}
 */
export const pictureButton = (caption, of) =>
  h(
    'button',
    {
      type: 'button',
      class: 'small save-png',
      'aria-label': say('chart.downloadPng', { caption }),
      onclick: async (event) => {
        const button = event.currentTarget;
        try {
          await savePicture(button.closest(of), caption);
        } catch (error) {
          console.error(error);
          landmark('live').textContent = button.textContent = say('chart.notDrawn');
        }
      },
    },
    say('chart.png'),
  );
