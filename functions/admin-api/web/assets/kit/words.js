/*
 * The names of the API's closed lists in words, which the lexicon holds: the server makes that module of the file that
 * the mailed page and the terminal read too.
 *
 * What must stay true: a name that isn't listed (a sender's own action, a newer server's state) is shown as it is,
 * only with its words apart; a missing name is an em dash. This folder has no list of words.
 */

import lexicon from './lexicon.js';
import { minutes, NONE } from './format.js';

/** `setUpAccess` -> `Set up access`. */
function apart(name) {
  const spaced = String(name).replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** Makes a function that gives a name's words from these lists. */
const say = (...lists) => {
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
export const section = say('section');
export const action = say('action', 'otherAction', 'phase');
export const screen = say('screen');
export const cause = say('cause');
export const outcome = say('outcome');
export const platform = say('platform', 'platformGroup');
/** What an open attempt waits for. */
export const waitsFor = say('wait');
export const deviceState = say('deviceState');
export const eventKind = say('kind');
/** What a sender can report. */
export const report = say('report');
export const clockSkew = say('clockSkew');
export const failureCategory = say('failureCategory');
export const failureSubject = say('failureSubject');
/** By what attempts are told apart. */
export const slice = say('slice');
export const espState = say('sessionState');
export const espPhase = say('phase');
export const espCategory = say('espCategory');
export const espAction = say('espAction');
/** Of a phase, a subtask or an item. */
export const progressState = say('progress');
/** What an item means to its session. */
export const tracking = say('tracking');
export const deploymentMode = say('deploymentMode');
export const espRule = say('rule');
export const profileStatus = say('profileStatus');
export const deviceProperty = say('deviceProperty');
export const verdict = say('verdict');
export const severity = say('severity');
export const who = say('who');
/** A list that is read from Microsoft Graph, and the cloud it is in. */
export const pulledList = say('pulledList');
export const cloud = say('cloud');
/** What a number is called, by what the file defines under that name. */
export const term = say('term', 'deviceState');
export const refusal = say('refusal');
/** What a new organisation does first. */
export const firstStep = say('firstStep');
/** How a rate compares with the one before. */
export const comparison = say('comparison');
export const changeKind = say('changeKind');

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
  return least === most ? `Over ${minutes(least)}` : `Over ${minutes(least)} to ${minutes(most)}`;
}

/** Any other name, its words apart. @param {string|null} name @returns {string} */
export const plain = say();
