/*
 * Asking the API. Views know `get`, `getWithEtag` and `send`, and not where the answers come from.
 *
 * What must stay true: requests are authenticated by the cookie of this browser's session, which no script sees, or by
 * a token that goes into the Authorization header and nowhere else. What goes wrong is an ApiProblem with words that can
 * be shown, except an abort, which stays an AbortError.
 */

import { called } from '../kit/called.js';
import { ApiProblem } from '../kit/problem.js';
import { say } from '../kit/say.js';

/** The API over HTTP. */
export class Api {
  /**
   * @param {(signal?: AbortSignal) => Promise<boolean>} [signInAgain] called when the session has ended; whether the
   *   request is to be sent again
   */
  constructor(signInAgain = async () => false) {
    this.signInAgain = signInAgain;
  }

  /**
   * @param {string} operation
   * @param {Asked} [parameters]
   * @param {{body?: any, headers?: Record<string, string>, token?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<{status: number, body: any, etag: string|null}>}
   */
  async #request(operation, parameters, options = {}) {
    const { body, headers = {}, token, signal } = options;
    const { method, path, query } = called(operation, parameters);
    const address = `${path}${query.length ? `?${new URLSearchParams(query)}` : ''}`;
    /** @type {Record<string, string>} */
    const sent = { Accept: 'application/json', ...headers };
    if (token) sent.Authorization = `Bearer ${token}`;
    // By this the server knows that no other page made the browser ask.
    if (method !== 'GET') sent['X-Vestibule-Page'] = '1';
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    let response;
    let text;
    try {
      response = await fetch(address, {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: 'no-store',
        credentials: 'same-origin',
        referrerPolicy: 'no-referrer',
      });
      text = await response.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiProblem(0, { title: say('problem.notReached'), detail: say('common.checkConnection') });
    }
    let answer = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      if (response.ok) throw new ApiProblem(response.status, { title: say('problem.notReadable') });
    }
    if (!response.ok) {
      if (response.status === 401 && !token) {
        const again = await this.signInAgain(signal);
        signal?.throwIfAborted();
        if (again) return this.#request(operation, parameters, options);
      }
      throw new ApiProblem(response.status, answer ?? {});
    }
    return { status: response.status, body: answer, etag: response.headers.get('ETag') };
  }

  /**
   * Asks for something.
   * @param {string} operation by its name in the API's description
   * @param {Asked} [parameters] those of its path among them
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  async get(operation, parameters, { signal } = {}) {
    return (await this.#request(operation, parameters, { signal })).body;
  }

  /**
   * The parameters that an operation takes: all that this page knows, since it is of the server's own version.
   * @returns {Promise<string[]|null>}
   */
  async parametersOf() {
    return null;
  }

  /**
   * Asks for something that is going to be changed.
   * @param {string} operation
   * @param {Asked} [parameters]
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{body: any, etag: string|null}>}
   */
  async getWithEtag(operation, parameters, { signal } = {}) {
    const { body, etag } = await this.#request(operation, parameters, { signal });
    return { body, etag };
  }

  /**
   * Changes something.
   * @param {string} operation
   * @param {Asked} [parameters]
   * @param {any} [body] sent as JSON
   * @param {{ifMatch?: string|null, token?: string, signal?: AbortSignal}} [options] `ifMatch`: only what was seen is
   *   changed; `token`: by it and not by the session
   * @returns {Promise<{status: number, body: any, etag: string|null}>}
   */
  send(operation, parameters, body, { ifMatch, token, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = ifMatch ? { 'If-Match': ifMatch } : {};
    return this.#request(operation, parameters, { body, headers, token, signal });
  }
}
