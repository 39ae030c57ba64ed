/*
 * Asking the API. Views know `get`, `getWithEtag` and `send`, and not where the answers come from.
 *
 * What must stay true: the token goes into the Authorization header and nowhere else. What goes wrong is an
 * ApiProblem with words that can be shown, except an abort, which stays an AbortError.
 */

import { called } from '../kit/called.js';
import { ApiProblem } from '../kit/problem.js';

/** The API over HTTP. */
export class Api {
  /**
   * @param {{base?: string, token?: () => (string|null), onUnauthorized?: () => void}} [options] `base` comes before
   *   `/api/…`
   */
  constructor({ base = '', token = () => null, onUnauthorized = () => {} } = {}) {
    this.base = base.replace(/\/+$/, '');
    this.token = token;
    this.onUnauthorized = onUnauthorized;
  }

  /**
   * @param {string} operation
   * @param {Asked} [parameters]
   * @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [options]
   */
  async #request(operation, parameters, { body, headers = {}, signal } = {}) {
    const { method, path, query } = called(operation, parameters);
    const address = `${this.base}${path}${query.length ? `?${new URLSearchParams(query)}` : ''}`;
    const token = this.token();
    /** @type {Record<string, string>} */
    const sent = { Accept: 'application/json', ...headers };
    if (token) sent.Authorization = `Bearer ${token}`;
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
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
      });
      text = await response.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiProblem(0, { title: 'The server can’t be reached', detail: 'Check the connection and try again.' });
    }
    let answer = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      if (response.ok) throw new ApiProblem(response.status, { title: 'The server’s answer can’t be read' });
    }
    if (!response.ok) {
      if (response.status === 401) this.onUnauthorized();
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
   * @param {{ifMatch?: string|null, signal?: AbortSignal}} [options] `ifMatch`: only what was seen is changed
   * @returns {Promise<{status: number, body: any, etag: string|null}>}
   */
  send(operation, parameters, body, { ifMatch, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = ifMatch ? { 'If-Match': ifMatch } : {};
    return this.#request(operation, parameters, { body, headers, signal });
  }
}
