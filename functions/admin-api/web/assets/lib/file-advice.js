/*
 * What failures can mean and what to do, as the file has it.
 *
 * What must stay true: lists come apart as they were put together in the file. A code is found in any spelling. The
 * phrases that the server finds a message by are not in a file: a text is looked up among what the file's failures
 * told.
 */

import { Query, notInFile } from './file-query.js';

/** The columns of an entry `v`, with its codes. */
const ENTRY = `v.advice_id AS id, v.problem AS problem, v.cause AS cause, v.steps AS steps, v.who AS who,
  v.platforms AS platforms, v.sources AS sources,
  (SELECT group_concat(o.code, ', ') FROM (
     SELECT c.code FROM advice_codes c WHERE c.advice_no = v.advice_no ORDER BY c.code_value) o) AS codes`;

const list = (text, separator = ', ') => text?.split(separator) ?? [];

const read = (row) => ({
  id: row.id,
  codes: list(row.codes),
  problem: row.problem,
  cause: row.cause,
  steps: list(row.steps, '\n'),
  who: list(row.who),
  platforms: list(row.platforms),
  sources: list(row.sources),
});

const entries = async (asked) => (await asked).map((rows) => rows.map(read));

/** What the failures of attempts can mean, likeliest first. @returns {Promise<object[][]>} in the attempts' order */
export const forFailures = (file, attemptNumbers, options) =>
  entries(
    file.each(
      `SELECT ${ENTRY} FROM failure_advice x CROSS JOIN advice v
   WHERE x.attempt_no = :attempt AND v.advice_no = x.advice_no ORDER BY x.rank`,
      attemptNumbers.map((number) => ({ ':attempt': number })),
      options,
    ),
  );

/** The same for codes and reasons, as failed attempts are counted by them. @returns {Promise<object[][]>} */
export const forReasons = (file, reasons, options) =>
  entries(
    file.each(
      `SELECT ${ENTRY} FROM failure_reason_advice x CROSS JOIN advice v
   WHERE x.code_word = :code AND x.reason_word = :reason AND v.advice_no = x.advice_no ORDER BY x.rank`,
      reasons.map((one) => ({ ':code': one.codeWord, ':reason': one.reasonWord })),
      options,
    ),
  );

/** The number that a spelling of a code stands for, or null: hexadecimal, or decimal with or without a sign. */
function codeValue(text) {
  const [, hex] = /^0x0*([0-9a-f]*)$/.exec(text) ?? [];
  if (hex !== undefined && text !== '0x') {
    // Some senders widen a negative code to 64 bits.
    const digits = hex.length === 16 ? hex.replace(/^ffffffff/, '') : hex;
    return digits.length <= 8 ? parseInt(digits || '0', 16) : null;
  }
  if (!/^[+-]?\d{1,18}$/.test(text)) return null;
  const value = Number(text);
  if (value >= -(2 ** 31) && value < 0) return value + 2 ** 32;
  return value >= 0 && value < 2 ** 32 ? value : null;
}

/** `GET /api/advice/{code}`: every meaning of a code, or of what a failure told. */
export async function byCode(file, parameters, options, text) {
  new Query(parameters, []);
  const spelt = text.trim().toLowerCase();
  // Eight digits can be meant as decimal, or as hexadecimal without its prefix.
  const values = [...new Set([codeValue(spelt), codeValue(`0x${spelt}`)])].filter((value) => value !== null);
  const byValue = await entries(
    file.each(
      `SELECT ${ENTRY} FROM advice_codes x CROSS JOIN advice v
     WHERE x.code_value = :value AND v.advice_no = x.advice_no ORDER BY x.advice_no`,
      values.map((value) => ({ ':value': value })),
      options,
    ),
  );
  const meanings = byValue.find((found) => found.length) ?? (await byWords(file, text.trim(), options));
  if (!meanings.length) throw notInFile('Nothing in this file says what this means.', 'No advice');
  const meta = await file.meta();
  return { asOf: meta.asOf, catalogue: meta.adviceVersion, meanings };
}

/** The meanings of the newest failure that told just this, or of a reason that failed attempts are counted by. */
async function byWords(file, text, options) {
  if (!file.isSummary) {
    const failure = await file.row(
      `SELECT f.attempt_no AS attempt_no FROM recent_failures f WHERE :text IN (f.message, f.reason, f.code)
       ORDER BY f.failed_at_ms DESC, f.attempt_no DESC LIMIT 1`,
      { ':text': text },
      options,
    );
    return failure ? (await forFailures(file, [failure.attemptNo], options))[0] : [];
  }
  const reason = await file.row(
    `SELECT code_word, reason_word FROM failures_by_day WHERE :text IN (reason, code)
     GROUP BY code_word, reason_word ORDER BY sum(failed) DESC LIMIT 1`,
    { ':text': text },
    options,
  );
  return reason ? (await forReasons(file, [reason], options))[0] : [];
}
