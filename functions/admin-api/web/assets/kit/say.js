/*
 * The page's words: a sentence of the list by its key, with its values in their places.
 *
 * What must stay true: this is the one module that imports the list, so it is where a language will be chosen. A key that the
 * list does not have, and a value that its sentence lacks or does not name, are type errors (types/page.d.ts). A sentence is
 * said whole: its words may stand in another order in another language, so no module puts one together of pieces.
 */

import { language, locale, sentences } from '../words/en.js';

/** The language that the page speaks. */
export const LANGUAGE = language;
/** How its numbers and dates are written. */
export const LOCALE = locale;

/** How numbers are written. */
export const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const categories = new Intl.PluralRules(language);

/** A sentence's number: what is not known is never a zero. */
const number = (n) =>
  n === null || n === undefined || Number.isNaN(n) ? sentences['format.notKnown'] : numbers.format(n);

/**
 * The pieces of a sentence, texts and values by turns. A sentence that differs by a count has a form for each category of
 * its language; the value `n` chooses among them, and is written as a number.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {any[]}
 */
function pieces(key, values = {}) {
  const said = sentences[key];
  const isOne = typeof said === 'string';
  const form = isOne ? said : (said[categories.select(values.n ?? 0)] ?? said.other);
  return form.split(/\{(\w+)\}/).map((piece, at) => {
    if (at % 2 === 0) return piece;
    return piece === 'n' && !isOne ? number(values.n) : values[piece];
  });
}

/**
 * A sentence as a text.
 * @type {<K extends Key>(key: K, ...values: Values<K, string|number>) => string}
 */
export const say = (key, ...[values]) => pieces(key, values).join('');

/**
 * A sentence whose values are elements, as children of `h`.
 * @type {<K extends Key>(key: K, ...values: Values<K, any>) => any[]}
 */
export const sayNodes = (key, ...[values]) => pieces(key, values).filter((piece) => piece !== '');
