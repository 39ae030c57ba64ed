/*
 * Asking an opened file its own questions.
 *
 * A file contains its questions: for each a statement, its parameters, and a statement that finds invalid ones. So an
 * old file answers by its own statements; this module has none.
 *
 * What must stay true: this is what the server does with the same file (`ask` of the report's crate). A parameter that
 * the question does not know, or refuses, is an error: ignoring a filter would give a wrong number.
 */

import { ApiProblem } from '../kit/problem.js';
import { say } from '../kit/say.js';

const malformed = (detail, errors) =>
  new ApiProblem(400, { title: say('file.malformed'), status: 400, detail, ...(errors ? { errors } : {}) });

const invalid = (field, problem) => malformed(`${field}: ${problem}`, [{ field, problem }]);

/** What an opened file doesn't have. @param {string} detail @param {string} [title] */
export const notInFile = (detail, title = say('file.notInFile')) => new ApiProblem(404, { title, status: 404, detail });

const notInSummary = () => notInFile(say('file.onlySums'), say('file.notInSummary'));

/** The parameters that are given: null and '' are as good as not given. @returns {Map<string, string>} */
function given(parameters) {
  const pairs = parameters instanceof URLSearchParams ? parameters : Object.entries(parameters ?? {});
  const values = new Map();
  for (const [name, value] of pairs) {
    if (value === null || value === undefined || String(value).trim() === '') continue;
    if (values.has(name)) throw invalid(name, say('file.givenTwice'));
    values.set(name, String(value).trim());
  }
  return values;
}

const camelCase = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** A row of an answer, and the cursor of the page after it. */
function read(row, booleans) {
  const members = {};
  let next;
  for (const [column, value] of Object.entries(row)) {
    if (column === 'next_cursor') next = value;
    else if (column.endsWith('_json'))
      members[camelCase(column.slice(0, -5))] = value === null ? null : JSON.parse(value);
    else {
      const name = camelCase(column);
      members[name] = booleans.includes(name) && value !== null ? value !== 0 : value;
    }
  }
  return { members, next };
}

/**
 * The file's answer to a question; null if it asks for a single thing that the file does not have.
 * @param {import('./api.js').OpenFile} file
 * @param {string} name
 * @param {Asked|undefined} parameters
 * @param {{signal?: AbortSignal, onPart?: (part: any) => void}} options
 * @returns {Promise<Answer|null>}
 */
export async function answer(file, name, parameters, options) {
  const [head, ...members] = await file.question(name);
  if (head?.name !== name) throw file.isSummary ? notInSummary() : notInFile(say('file.noSuchQuestion'));
  const values = given(parameters);
  const known = Object.keys(JSON.parse(head.parameters));
  if ([...values.keys()].some((one) => !known.includes(one))) {
    throw malformed(say('file.knownParameters', { known: known.join(', ') || say('common.none') }));
  }
  const bound = Object.fromEntries([...values].map(([one, value]) => [`:${one}`, value]));
  const [refused] = await file.rows(head.refusal, bound, options);
  if (refused) throw invalid(refused.field, refused.problem);

  const ask = async (question) => {
    const isSlow = question.answer.startsWith('slow ');
    const found = await file.rows(question.sql, bound, { signal: options.signal, slow: isSlow });
    const booleans = question.booleans.split(', ');
    return found.map((row) => read(row, booleans));
  };
  const [row] = await ask(head);
  if (!row) return null;
  const whole = row.members;
  const take = async (question) => {
    const rows = await ask(question);
    const kind = question.answer.split(' ').at(-1);
    const member = question.name.slice(name.length + 1);
    if (kind === 'page') whole.next = rows.at(-1)?.next ?? null;
    if (kind === 'rows' || kind === 'page') whole[member] = rows.map((one) => one.members);
    else if (kind === 'merged') Object.assign(whole, rows[0]?.members);
    else whole[member] = rows[0]?.members ?? {};
  };
  const slow = members.filter((one) => one.answer.startsWith('slow '));
  await Promise.all(members.filter((one) => !slow.includes(one)).map(take));
  if (slow.length && !options.signal?.aborted) options.onPart?.({ ...whole });
  await Promise.all(slow.map(take));
  return whole;
}
