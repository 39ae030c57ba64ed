/*
 * What the board of apps and an app's page share: how a failure rate is written, and since when it is worse.
 *
 * What must stay true: a rate stands only where enough sessions tried the app; where none did, how it went is "not reported".
 * What is worse is what the API lists as certain.
 */

import { h } from '../kit/dom.js';
import { count, day, NONE, NOT_REPORTED, rate } from '../kit/format.js';
import { badge } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { say } from '../kit/say.js';

/** The address of an app's page. @param {string} app @param {Asked} [range] @returns {string} */
export const appAddress = (app, range) => addressOf(`app/${segment(app)}`, range);

/**
 * Of how many sessions an app failed, and the rate where these are enough.
 * @param {Answer|undefined} one a line of the answer; none where nobody has the app there
 * @param {number} least
 */
export function failedOf(one, least) {
  if (!one) return NONE;
  if (!one.tried) return NOT_REPORTED;
  const of = say('app.failedOf', { failed: count(one.failed), tried: count(one.tried) });
  return one.tried < least ? of : [rate(one.failureRate), h('small', null, ` ${of}`)];
}

/**
 * What got worse, by app and model.
 * @param {Answer|null} worse as `getGotWorseApps` answers
 * @returns {(app: string, model?: string|null) => Answer|undefined} without a model, of the app on all models
 */
export function worseOf(worse) {
  const key = (app, model) => JSON.stringify([app, model ?? null]);
  const found = new Map((worse?.worse ?? []).map((one) => [key(one.name, one.model), one]));
  return (app, model) => found.get(key(app, model));
}

/** The mark of what got worse. @param {Answer|undefined} one */
export const worseMark = (one) => (one?.since ? badge('bad', say('app.worseSince', { day: day(one.since) })) : null);
