/*
 * Operations of the API as a request has them: `operations.js` is made of the API's description, by their names.
 *
 * What must stay true: no other module knows a path of the API.
 */

import { segment } from './address.js';
import operations from './operations.js';

/** @param {any} value @returns {boolean} whether a parameter is given: null and '' are as good as not given */
const isGiven = (value) => value !== null && value !== undefined && value !== '';

/**
 * @param {string} name of an operation: `getAttempt`
 * @param {Asked} [parameters] those of its path among them; null and '' are left out
 * @returns {{method: string, path: string, query: [string, any][], question: string|null, inPath: [string, any][]}} the
 *   path is filled in; `question` is the report file's that answers it
 */
export function called(name, parameters) {
  const { method, path, question } = operations[name];
  /** @type {[string, any][]} */
  const pairs = parameters instanceof URLSearchParams ? [...parameters] : Object.entries(parameters ?? {});
  /** @param {[string, any]} pair */
  const isInPath = ([one]) => path.includes(`{${one}}`);
  const inPath = pairs.filter(isInPath);
  return {
    method,
    path: inPath.reduce((filled, [one, value]) => filled.replace(`{${one}}`, segment(value)), path),
    query: pairs.filter((pair) => !isInPath(pair) && isGiven(pair[1])),
    question,
    inPath,
  };
}
