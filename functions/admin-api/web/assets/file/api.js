/*
 * The API over an opened file: `get` gives the server's answer for the same file at the file's instant.
 *
 * What must stay true: every number comes from the file's own questions; none is computed here. A question that a file
 * can't answer gives an ApiProblem 404 that says so. One statement runs at a time, a slow one only when no other waits;
 * cancelled statements are not begun.
 */

import { called } from '../kit/called.js';
import { ApiProblem } from '../kit/problem.js';
import { answer, notInFile } from './questions.js';
import { refusalWords } from './refusals.js';
import { say } from '../kit/say.js';

/**
 * Operations that a question of the file answers, though the server answers them otherwise: profiles from its table, and a
 * diagnosis by judging the facts that the question has.
 */
const OF_FILE = { listEspProfiles: 'esp-profiles', diagnose: 'devices' };

const DAY_MS = 86_400_000;
/** Milliseconds without another question before a slow statement begins. */
const PAUSE = 40;

const aborted = () => new DOMException('No longer needed', 'AbortError');

/** The worker, asked one thing after the other. */
class FileWorker {
  constructor() {
    this.worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    this.waiting = [];
    this.current = null;
    this.worker.onmessage = ({ data }) => {
      if (data.id !== this.current?.id) return;
      if (data.progress) this.current.onProgress?.(data.progress);
      else if (data.refusal) this.#settle('reject', new ApiProblem(0, refusalWords(data.refusal)));
      else this.#settle('resolve', data.result);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.#settle(
        'reject',
        new ApiProblem(0, {
          title: say('file.notOpened'),
          detail: say('file.readerNotLoaded'),
        }),
      );
    };
    this.lastId = 0;
  }

  /**
   * @param {Record<string, any>} message
   * @param {{signal?: AbortSignal, onProgress?: (progress: any) => void, slow?: boolean}} [options]
   * @returns {Promise<any>}
   */
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

/** The file that statements ask, and its `meta`. */
export class OpenFile {
  constructor(worker, { kind, sizeBytes }, name) {
    this.worker = worker;
    this.kind = kind;
    this.sizeBytes = sizeBytes;
    this.name = name;
    this.remembered = new Map();
  }

  /**
   * The rows of a statement, by the names of their columns.
   * @param {string} sql
   * @param {Object<string, any>} [values] by the names in the statement, `:from`
   * @param {{signal?: AbortSignal, slow?: boolean}} [options] `slow` lets the others go first
   * @returns {Promise<Answer[]>}
   */
  rows(sql, values = {}, { signal, slow } = {}) {
    return this.worker.ask({ ask: 'rows', sql, values }, { signal, slow });
  }

  #once(key, ask) {
    if (!this.remembered.has(key)) this.remembered.set(key, ask());
    return this.remembered.get(key);
  }

  /** The file's `meta` by key. */
  meta() {
    return this.#once('meta', async () =>
      Object.fromEntries((await this.rows('SELECT key, value FROM meta')).map((one) => [one.key, one.value])),
    );
  }

  /** A question of the file and then its members. @param {string} name @returns {Promise<Answer[]>} */
  question(name) {
    return this.#once(`question ${name}`, () =>
      this.rows(
        `SELECT name, answer, booleans, parameters, refusal, sql FROM questions
         WHERE name = :name OR name GLOB :name || '.*' ORDER BY name`,
        { ':name': name },
      ),
    );
  }

  get isSummary() {
    return this.kind === 'summary';
  }
}

async function tenant(file) {
  const meta = await file.meta();
  return {
    asOf: meta.asOf,
    tenant: meta.tenant,
    role: 'reader',
    scopeTags: [],
    // Only if the file has them.
    settings: {
      timeZone: meta.timeZone,
      retentionDays: Number(meta.retentionDays),
      requireCompliance: meta.requireCompliance === 'true',
      windowsIdleLimitMinutes: Number(meta.windowsIdleLimitMinutes),
      ...(file.isSummary ? {} : { pseudonymise: Boolean(meta.pseudonyms) }),
    },
    // A file's date does not advance.
    today: new Date(Number(meta.asOfDay) * DAY_MS).toISOString().slice(0, 10),
  };
}

/** The API over an opened file. */
export class FileApi {
  /** @param {OpenFile} file @param {Answer} about what is said of the file while it is open */
  constructor(file, about) {
    this.file = file;
    this.about = about;
  }

  /**
   * Opens a file of this machine, or fetches one.
   * @param {FileSource} source
   * @param {{onProgress?: (progress: {loaded: number, total: number}) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<FileApi>}
   */
  static async open(source, { onProgress, signal } = {}) {
    const worker = new FileWorker();
    signal?.addEventListener('abort', () => worker.close());
    try {
      const message = { ask: 'open', file: source.file, url: source.url, sizeBytes: source.sizeBytes };
      const opened = await worker.ask(message, { onProgress, signal });
      const file = new OpenFile(worker, opened, source.file?.name ?? source.name);
      const { asOf, timeZone } = await file.meta();
      return new FileApi(file, { name: file.name, kind: opened.kind, sizeBytes: opened.sizeBytes, asOf, timeZone });
    } catch (error) {
      worker.close();
      throw error;
    }
  }

  /**
   * Asks a question, as of the server.
   * @param {string} operation
   * @param {Asked} [parameters]
   * @param {{signal?: AbortSignal, onPart?: (part: any) => void}} [options] `onPart` is given the answer without what
   *   takes long, which is null in it
   * @returns {Promise<any>}
   */
  async get(operation, parameters, { signal, onPart } = {}) {
    if (operation === 'getTenant') return tenant(this.file);
    const { question: own, query, inPath } = called(operation, parameters);
    const question = own ?? OF_FILE[operation];
    if (!question) throw notInFile(say('file.needsServer'));
    const asked = new URLSearchParams([...inPath, ...query]);
    const result = await answer(this.file, question, asked, { signal, onPart });
    if (signal?.aborted) throw aborted();
    if (!result) throw notInFile(say('file.notThere'));
    return result;
  }

  /**
   * The parameters that an operation takes here: a file of an earlier version may know fewer than this page.
   * @param {string} operation
   * @returns {Promise<string[]|null>} none where the file does not answer it
   */
  async parametersOf(operation) {
    const question = called(operation).question ?? OF_FILE[operation];
    if (!question) return [];
    const [head] = await this.file.question(question);
    return head?.name === question ? Object.keys(JSON.parse(head.parameters)) : [];
  }

  /** A file can't be changed. */
  async getWithEtag(operation, parameters, options) {
    return { body: await this.get(operation, parameters, options), etag: null };
  }

  /** A file can't be changed. */
  async send() {
    throw notInFile(say('file.cantChange'));
  }

  close() {
    this.file.worker.close();
  }
}
