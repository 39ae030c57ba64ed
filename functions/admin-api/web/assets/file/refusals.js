/*
 * Why a file can't be opened or asked, in words.
 *
 * What must stay true: the worker that reads a file gives the reason by its name alone, since a worker is loaded by itself
 * and has none of the page's modules.
 */

import { say } from '../kit/say.js';

/**
 * @typedef {'notSqlite'|'notOurs'|'otherVersion'|'cutOff'|'notByThisPage'|'storeAnswered'|'brokeOff'|'changedAfterChosen'|
 *   'changedAfterOpened'|'damaged'|'tooManyRows'|'tooLong'|'failed'} Refused
 */

/** @type {Record<Refused, (values: Record<string, any>) => {title: string, detail: string}>} */
const REFUSALS = {
  notSqlite: () => ({ title: say('file.foreign'), detail: say('file.notSqlite') }),
  notOurs: () => ({ title: say('file.foreign'), detail: say('file.notOurs') }),
  otherVersion: ({ version, report, summary }) => ({
    title: say('file.otherVersion'),
    detail: say('file.openElsewhere', { version, report, summary }),
  }),
  cutOff: () => ({ title: say('file.incomplete'), detail: say('file.endIsMissing') }),
  notByThisPage: () => ({ title: say('file.notByThisPage'), detail: say('file.downloadAndDrop') }),
  storeAnswered: ({ status }) => ({
    title: say('file.notFetched'),
    detail: say('file.storeAnswered', { status }),
  }),
  brokeOff: () => ({ title: say('file.notFetched'), detail: say('file.brokeOff') }),
  changedAfterChosen: () => ({
    title: say('file.cantBeRead'),
    detail: say('file.changedAfterChosen'),
  }),
  changedAfterOpened: () => ({
    title: say('file.cantBeRead'),
    detail: say('file.changedAfterOpened'),
  }),
  damaged: () => ({ title: say('file.damaged'), detail: say('file.sqliteCantRead') }),
  tooManyRows: ({ rows }) => ({ title: say('file.tooManyRows'), detail: say('file.mostRows', { rows }) }),
  tooLong: ({ seconds }) => ({ title: say('file.tooLong'), detail: say('file.mostSeconds', { seconds }) }),
  /** In SQLite's own words. */
  failed: ({ message }) => ({ title: say('file.cantAnswer'), detail: message }),
};

/**
 * @param {{why: Refused, values: Record<string, any>}} refusal
 * @returns {{title: string, detail: string}} of an ApiProblem
 */
export const refusalWords = ({ why, values }) => REFUSALS[why](values);
