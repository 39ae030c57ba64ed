/*
 * Asking the API. Views know `get`, `getWithEtag` and `send`, and not where the answers come from.
 *
 * What must stay true: the token goes into the Authorization header and nowhere else. What goes wrong is an
 * ApiProblem with words that can be shown, except an abort, which stays an AbortError.
 */

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
   * The address of a path like `/api/tenant` (`tenant` is the same). Parameters that are null or '' are left out.
   * @param {string} path
   * @param {Asked} [parameters]
   * @returns {string}
   */
  address(path, parameters) {
    const query = new URLSearchParams();
    const pairs = parameters instanceof URLSearchParams ? parameters : Object.entries(parameters ?? {});
    for (const [name, value] of pairs) {
      if (value !== null && value !== undefined && value !== '') query.append(name, value);
    }
    const whole = path.startsWith('/') ? path : `/api/${path}`;
    return `${this.base}${whole}${query.size ? `?${query}` : ''}`;
  }

  /**
   * @param {string} method
   * @param {string} address
   * @param {{body?: any, headers?: Record<string, string>, signal?: AbortSignal}} [options]
   */
  async #request(method, address, { body, headers = {}, signal } = {}) {
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
   * @param {string} path
   * @param {Asked} [parameters]
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  async get(path, parameters, { signal } = {}) {
    return (await this.#request('GET', this.address(path, parameters), { signal })).body;
  }

  /**
   * Asks for something that is going to be changed.
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{body: any, etag: string|null}>}
   */
  async getWithEtag(path, { signal } = {}) {
    const { body, etag } = await this.#request('GET', this.address(path), { signal });
    return { body, etag };
  }

  /**
   * Changes something.
   * @param {string} method
   * @param {string} path
   * @param {any} [body] sent as JSON
   * @param {{ifMatch?: string|null, signal?: AbortSignal}} [options] `ifMatch`: only what was seen is changed
   * @returns {Promise<{status: number, body: any, etag: string|null}>}
   */
  send(method, path, body, { ifMatch, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = ifMatch ? { 'If-Match': ifMatch } : {};
    return this.#request(method, this.address(path), { body, headers, signal });
  }
}
