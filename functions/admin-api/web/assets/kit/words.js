/*
 * The names of the API's closed lists in words, which the lexicon holds: the server makes that module of the file that
 * the mailed page and the terminal read too.
 *
 * What must stay true: a name that isn't listed (a sender's own action, a newer server's state) is shown as it is,
 * only with its words apart; a missing name is an em dash. This folder has no list of words.
 */

import lexicon from './lexicon.js';
import { minutes, NONE } from './format.js';
import { say } from './say.js';

/** `setUpAccess` -> `Set up access`. */
function apart(name) {
  const spaced = String(name).replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** Makes a function that gives a name's words from these lists. */
const named = (...lists) => {
  /** @param {string|null|undefined} name @returns {string} */
  const words = (name) => {
    if (name === null || name === undefined || name === '') return NONE;
    const list = lists.find((one) => Object.hasOwn(lexicon[one], name));
    return list ? lexicon[list][name] : apart(name);
  };
  return words;
};

/**
 * What a list offers to choose from.
 * @param {keyof typeof lexicon} list
 * @returns {[string, string][]} names and their words, in order
 */
export const choices = (list) => Object.entries(lexicon[list]);

/** Each takes a name and gives its words. */
export const section = named('section');
export const action = named('action', 'otherAction', 'phase');
export const screen = named('screen');
export const cause = named('cause');
export const outcome = named('outcome');
export const platform = named('platform', 'platformGroup');
/** What an open attempt waits for. */
export const waitsFor = named('wait');
export const deviceState = named('deviceState');
export const eventKind = named('kind');
/** What a sender can report. */
export const report = named('report');
export const clockSkew = named('clockSkew');
export const failureCategory = named('failureCategory');
export const failureSubject = named('failureSubject');
/** By what attempts are told apart. */
export const slice = named('slice');
export const espState = named('sessionState');
export const espPhase = named('phase');
export const espCategory = named('espCategory');
export const espAction = named('espAction');
/** Of a phase, a subtask or an item. */
export const progressState = named('progress');
/** What an item means to its session. */
export const tracking = named('tracking');
export const deploymentMode = named('deploymentMode');
export const espRule = named('rule');
export const profileStatus = named('profileStatus');
export const deviceProperty = named('deviceProperty');
export const verdict = named('verdict');
export const severity = named('severity');
export const who = named('who');
/** A list that is read from Microsoft Graph, and the cloud it is in. */
export const pulledList = named('pulledList');
export const cloud = named('cloud');
/** What a number is called, by what the file defines under that name. */
export const term = named('term', 'deviceState');
export const refusal = named('refusal');
/** What a new organisation does first. */
export const firstStep = named('firstStep');
/** How a rate compares with the one before. */
export const comparison = named('comparison');
export const changeKind = named('changeKind');

/**
 * How a place is left, as the catalogue's rows say it; of a time-out the limits that ran out there.
 * @param {string} name
 * @param {number|null} [shortest] minutes
 * @param {number|null} [longest]
 * @returns {string}
 */
export function how(name, shortest, longest) {
  if (name !== 'timedOut') return cause(name);
  const [least, most] = [shortest ?? 30, longest ?? 30];
  return least === most
    ? say('words.over', { least: minutes(least) })
    : say('words.overRange', { least: minutes(least), most: minutes(most) });
}

/** Any other name, its words apart. @param {string|null} name @returns {string} */
export const plain = named();
