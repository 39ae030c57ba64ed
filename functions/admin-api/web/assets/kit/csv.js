/*
 * Tables as CSV (RFC 4180), for spreadsheets.
 *
 * What must stay true: no text becomes a formula, since senders choose names and a spreadsheet runs a cell that begins like
 * one; the rule is that of `vestibule report csv`. Numbers are written as they were answered, not as they are shown.
 */

import { NONE } from './format.js';

/** Signs that begin a formula; East Asian versions accept the wide forms as well. */
const SIGNS = '=+\\-@\uff1d\uff0b\uff0d\uff20';
const BLANK = '\\s\\p{Cc}\ufeff';
const BEGINS = new RegExp(`^(\\p{Cc}|[${BLANK}]*[${SIGNS}])`, 'u');
/** A spreadsheet that separates by semicolons or tabs may begin a cell after one. */
const INSIDE = new RegExp(`([;\\t][${BLANK}"]*)(?=[${SIGNS}])`, 'gu');

/** A text that no spreadsheet takes for a formula. @param {string} text */
const harmless = (text) => (BEGINS.test(text) ? "'" : '') + text.replace(INSIDE, "$1'");

const cell = (value) => {
  if (value === null || value === undefined || value === NONE) return '';
  const text = typeof value === 'number' ? String(value) : harmless(String(value));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/**
 * @param {any[][]} rows
 * @returns {string}
 */
export const csvOf = (rows) => rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
