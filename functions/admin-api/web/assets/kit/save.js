/*
 * Saving what is shown: a file's name of a caption, and the file itself.
 *
 * What must stay true: nothing leaves the browser.
 */

import { h } from './dom.js';

/**
 * A file's name of a caption: `Attempts by model` -> `attempts-by-model.csv`.
 * @param {string} caption
 * @param {string} kind the ending, without its dot
 */
export const fileName = (caption, kind) => {
  const name = caption.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-');
  return `${name.replace(/^-|-$/g, '') || 'table'}.${kind}`;
};

/** Gives the person a file. @param {Blob} file @param {string} name */
export function save(file, name) {
  const address = URL.createObjectURL(file);
  const link = /** @type {HTMLAnchorElement} */ (h('a', { href: address, download: name }));
  link.click();
  // The browser may still be reading it.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
