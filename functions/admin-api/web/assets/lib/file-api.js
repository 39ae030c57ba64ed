/*
 * The API over an opened file: `get` answers what the server would for the same file at the file's instant.
 *
 * What must stay true: every number comes from the file's own views by the statements in `file-*.js`; nothing is
 * worked out here. What a file can't answer is an ApiProblem 404 that says so. One statement runs at a time, a slow
 * one when no other waits; what is no longer wanted is not begun.
 */

import { ApiProblem } from './api.js';
import { byCode } from './file-advice.js';
import { attempt, attempts } from './file-attempts.js';
import { esp, espProfiles, espSessions } from './file-esp.js';
import { incomplete } from './file-incomplete.js';
import { Query, notInFile } from './file-query.js';
import { active, failures, status } from './file-status.js';

const ROUTES = [
  [/^\/api\/tenant$/, tenant],
  [/^\/api\/reports\/incomplete-enrollments$/, incomplete],
  [/^\/api\/reports\/incomplete-enrollments\/attempts$/, attempts],
  [/^\/api\/attempts\/([^/]+)$/, attempt],
  [/^\/api\/devices\/enrollment-status$/, status],
  [/^\/api\/devices\/enrollment-status\/active$/, active],
  [/^\/api\/devices\/enrollment-status\/failures$/, failures],
  [/^\/api\/reports\/esp$/, esp],
  [/^\/api\/reports\/esp\/sessions$/, espSessions],
  [/^\/api\/devices\/esp-profiles$/, espProfiles],
  [/^\/api\/advice\/([^/]+)$/, byCode],
];

/** Milliseconds for which nothing else must be asked before a slow statement begins. */
const PAUSE = 40;

const aborted = () => new DOMException('This is no longer wanted', 'AbortError');

/** The worker, asked one thing after the other. */
class FileWorker {
  constructor() {
    this.worker = new Worker(new URL('./file-worker.js', import.meta.url), { type: 'module' });
    this.waiting = [];
    this.current = null;
    this.worker.onmessage = ({ data }) => {
      if (data.id !== this.current?.id) return;
      if (data.progress) this.current.onProgress?.(data.progress);
      else if (data.problem) this.#settle('reject', new ApiProblem(0, data.problem));
      else this.#settle('resolve', data.result);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.#settle(
        'reject',
        new ApiProblem(0, {
          title: 'The file can’t be opened',
          detail: 'What reads it could not be loaded, or ran out of memory.',
        }),
      );
    };
    this.lastId = 0;
  }

  ask(message, { signal, onProgress, slow = false } = {}) {
    return new Promise((resolve, reject) => {
      this.lastId += 1;
      this.waiting.push({ id: this.lastId, message, signal, onProgress, slow, resolve, reject });
      this.#next();
    });
  }

  close() {
    this.worker.terminate();
    for (const one of [this.current, ...this.waiting]) one?.reject(aborted());
    this.waiting = [];
    this.current = null;
  }

  #settle(how, value) {
    this.current?.[how](value);
    this.current = null;
    this.#next();
  }

  #next(isQuiet = false) {
    clearTimeout(this.timer);
    while (!this.current && this.waiting.length) {
      const quick = this.waiting.findIndex((one) => !one.slow || one.signal?.aborted);
      if (quick < 0 && !isQuiet) {
        this.timer = setTimeout(() => this.#next(true), PAUSE);
        return;
      }
      const [one] = this.waiting.splice(Math.max(quick, 0), 1);
      if (one.signal?.aborted) one.reject(aborted());
      else {
        this.current = one;
        this.worker.postMessage({ id: one.id, ...one.message });
      }
    }
  }
}

/** What the statements ask: the file, and what it says of itself. */
class OpenFile {
  constructor(worker, { kind, sizeBytes }, name) {
    this.worker = worker;
    this.kind = kind;
    this.sizeBytes = sizeBytes;
    this.name = name;
    this.remembered = new Map();
  }

  /**
   * The rows of a statement for each set of values.
   * @param {string} sql
   * @param {Object<string, any>[]} values by the names in the statement, `:from`
   * @param {{booleans?: string[], signal?: AbortSignal, slow?: boolean}} [options] `slow` lets the others go first
   * @returns {Promise<object[][]>}
   */
  each(sql, values, { booleans = [], signal, slow } = {}) {
    return values.length
      ? this.worker.ask({ ask: 'rows', sql, values, booleans }, { signal, slow })
      : Promise.resolve([]);
  }

  async rows(sql, values = {}, options) {
    return (await this.each(sql, [values], options))[0];
  }

  async row(sql, values, options) {
    return (await this.rows(sql, values, options))[0] ?? null;
  }

  #once(key, ask) {
    if (!this.remembered.has(key)) this.remembered.set(key, ask());
    return this.remembered.get(key);
  }

  /** What the file says of itself, by key. */
  meta() {
    return this.#once('meta', async () =>
      Object.fromEntries((await this.rows('SELECT key, value FROM meta')).map((one) => [one.key, one.value])),
    );
  }

  /** A closed list of the file in its order. @param {string} table @param {string} [more] columns */
  names(table, more = '') {
    return this.#once(`${table} ${more}`, () =>
      this.rows(`SELECT id, name${more} FROM ${table} WHERE id > 0 ORDER BY id`),
    );
  }

  /** The text of one of the file's views. @param {string} name */
  view(name) {
    return this.#once(`view ${name}`, async () => {
      const found = await this.row("SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = :name", {
        ':name': name,
      });
      return found?.sql.replace(/^CREATE VIEW \w+ AS\s/, '') ?? '';
    });
  }

  get isSummary() {
    return this.kind === 'summary';
  }

  /** Says plainly what a summary leaves out. */
  needsFacts() {
    if (this.isSummary) {
      throw notInFile(
        'A summary has daily sums alone, no single attempts, devices or sessions. Open the report file that ' +
          'it belongs to.',
        'Not in a summary',
      );
    }
  }
}

async function tenant(file, parameters) {
  new Query(parameters, []);
  const meta = await file.meta();
  const { today } = await file.row(
    `SELECT strftime('%Y-%m-%d', CAST(value AS INTEGER) * 86400, 'unixepoch') AS today
     FROM meta WHERE key = 'asOfDay'`,
  );
  return {
    asOf: meta.asOf,
    tenant: meta.tenant,
    role: 'reader',
    scopeTags: [],
    // As far as a file tells them.
    settings: {
      timeZone: meta.timeZone,
      retentionDays: Number(meta.retentionDays),
      requireCompliance: meta.requireCompliance === 'true',
      windowsIdleLimitMinutes: Number(meta.windowsIdleLimitMinutes),
      ...(file.isSummary ? {} : { pseudonymise: Boolean(meta.pseudonyms) }),
    },
    // The calendar of a file stands still.
    today,
  };
}

/** The API over an opened file. */
export class FileApi {
  constructor(file) {
    this.file = file;
  }

  /**
   * Opens a file of this machine, or fetches one.
   * @param {{file: File}|{url: string, name: string, sizeBytes: number}} source
   * @param {{onProgress?: (progress: {loaded: number, total: number}) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<FileApi>}
   */
  static async open(source, { onProgress, signal } = {}) {
    const worker = new FileWorker();
    signal?.addEventListener('abort', () => worker.close());
    try {
      const message = { ask: 'open', file: source.file, url: source.url, sizeBytes: source.sizeBytes };
      const opened = await worker.ask(message, { onProgress, signal });
      const api = new FileApi(new OpenFile(worker, opened, source.file?.name ?? source.name));
      const meta = await api.file.meta();
      api.about = {
        name: api.file.name,
        kind: opened.kind,
        sizeBytes: opened.sizeBytes,
        asOf: meta.asOf,
        timeZone: meta.timeZone,
      };
      return api;
    } catch (error) {
      worker.close();
      throw error;
    }
  }

  /**
   * Asks for something, as of the server.
   * @param {string} path
   * @param {Object<string, any>|URLSearchParams} [parameters]
   * @param {{signal?: AbortSignal, onPart?: (part: any) => void}} [options] `onPart` is given the answer without what
   *   takes long, which is null in it
   * @returns {Promise<any>}
   */
  async get(path, parameters, { signal, onPart } = {}) {
    const whole = path.startsWith('/') ? path : `/api/${path}`;
    for (const [pattern, answer] of ROUTES) {
      const found = pattern.exec(whole);
      if (!found) continue;
      const result = await answer(this.file, parameters, { signal, onPart }, ...found.slice(1).map(decodeURIComponent));
      if (signal?.aborted) throw aborted();
      return result;
    }
    throw notInFile('This needs the server: a report file doesn’t hold it.');
  }

  /** Nothing in a file is there to be changed. */
  async getWithEtag(path, options) {
    return { body: await this.get(path, null, options), etag: null };
  }

  /** Nothing in a file can be changed. */
  async send() {
    throw notInFile('Nothing can be changed in a file: this needs the server.');
  }

  close() {
    this.file.worker.close();
  }
}
