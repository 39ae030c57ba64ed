/*
 * Whether this browser is signed in, and signing in: by token, by a one-time code, or with the organisation's account
 * (OpenID Connect, Authorization Code with PKCE).
 *
 * What must stay true: no token is kept. Whatever a person signs in with is exchanged at once for a session of this
 * browser, whose cookie no script can read. A code that came in an address is gone from it before anything is asked. A
 * code of the sign-in service is only exchanged in the tab that asked for it: the state and the verifier are this tab's.
 */

import { ApiProblem } from '../kit/problem.js';
import { say } from '../kit/say.js';

const PENDING = 'vestibule.signin';

/** sessionStorage, or as much of it as this browser allows. */
const memory = new Map();
const storage = {
  get(key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return memory.get(key) ?? null;
    }
  },
  set(key, value) {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      memory.set(key, value);
    }
  },
  remove(key) {
    memory.delete(key);
    try {
      sessionStorage.removeItem(key);
    } catch {
      // Without storage there is nothing to remove.
    }
  },
};

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function base64Url(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

const random = () => base64Url(crypto.getRandomValues(new Uint8Array(32)));

/** Where the sign-in service sends people back to: this page, without anything behind it. */
const here = () => `${location.origin}${location.pathname}`;

async function answerOf(response) {
  const members = await response.json().catch(() => null);
  if (response.ok && members) return members;
  const detail =
    members?.error_description ?? members?.error ?? say('signIn.serviceAnswered', { status: response.status });
  throw new ApiProblem(response.status, { title: say('signIn.serviceRefused'), detail });
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: 'omit', referrerPolicy: 'no-referrer', ...options });
  } catch {
    throw new ApiProblem(0, {
      title: say('signIn.serviceNotReached'),
      detail: say('common.checkConnection'),
    });
  }
  return answerOf(response);
}

/** The session of this browser. */
export class Session {
  /**
   * @param {import('./api.js').Api} api
   * @param {() => Promise<{oidc: any}>} config gives what the deployment says; only called where somebody signs in
   * @param {() => void} onChange called when another tab signed in or out
   */
  constructor(api, config, onChange) {
    this.api = api;
    this.config = config;
    this.isSignedIn = false;
    /** The reason for signing in, shown above the form. */
    this.reason = null;
    this.tabs = new BroadcastChannel('vestibule');
    this.tabs.onmessage = onChange;
  }

  /** Asks the server whether this browser is signed in. */
  async look() {
    const { session } = await this.api.get('getSession');
    this.isSignedIn = Boolean(session);
  }

  /**
   * Exchanges a token for a session of this browser.
   * @param {string} token
   * @param {AbortSignal} [signal]
   */
  async begin(token, signal) {
    await this.api.send('beginBrowserSession', null, undefined, { token, signal });
    await this.look();
    if (!this.isSignedIn) {
      throw new ApiProblem(0, {
        title: say('signIn.notKept'),
        detail: say('signIn.noCookies'),
      });
    }
    this.reason = null;
    this.tabs.postMessage(null);
  }

  /** Notes that this browser is signed out. @param {string} reason said where people sign in */
  end(reason) {
    this.isSignedIn = false;
    this.reason = reason;
    this.tabs.postMessage(null);
  }

  /** Ends the session. A session that has already ended is as good. */
  async leave() {
    await this.api.send('signOut').catch((error) => {
      if (error.status !== 401) throw error;
    });
  }

  /** Exchanges a one-time code. Who is signed in already may come by a link that was used. @param {string} code */
  async exchange(code) {
    try {
      const { body } = await this.api.send('signIn', null, { code });
      await this.begin(body.token);
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.look();
      if (!this.isSignedIn) throw error;
    }
  }

  /** Goes to the organisation's sign-in service, where there is one. */
  async leaveToSignIn() {
    const { oidc } = await this.config();
    const service = await this.#discover(oidc);
    const [state, verifier] = [random(), random()];
    const challenge = base64Url(
      new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))),
    );
    storage.set(PENDING, JSON.stringify({ state, verifier, hash: location.hash }));
    const address = new URL(service.authorization_endpoint);
    const asked = {
      response_type: 'code',
      client_id: oidc.clientId,
      redirect_uri: here(),
      scope: oidc.scope || 'openid',
      state,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
    location.assign(address);
  }

  /** Takes what the sign-in service sent back in the address, if anything. Never throws: it says why at sign-in. */
  async arrive() {
    const found = new URLSearchParams(location.search);
    if (!found.has('state') || !(found.has('code') || found.has('error'))) return;
    const pending = readJson(storage.get(PENDING));
    storage.remove(PENDING);
    // First of all the code leaves the address and the history.
    history.replaceState(null, '', `${location.pathname}${pending?.hash ?? ''}`);
    const { oidc } = await this.config();
    if (!oidc || !pending || pending.state !== found.get('state')) {
      this.reason = say('signIn.otherTab');
      return;
    }
    if (found.has('error')) {
      this.reason = say('signIn.didNotSucceed', {
        problem: found.get('error_description') ?? found.get('error') ?? '',
      });
      return;
    }
    try {
      const service = await this.#discover(oidc);
      const answer = await ask(service.token_endpoint, {
        method: 'POST',
        headers: { Accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: found.get('code') ?? '',
          redirect_uri: here(),
          client_id: oidc.clientId,
          code_verifier: pending.verifier,
        }),
      });
      if (!answer.access_token) throw new ApiProblem(0, { title: say('signIn.noToken') });
      await this.begin(answer.access_token);
    } catch (error) {
      const problem = `${error.title ?? error.message}. ${error.detail ?? ''}`.trim();
      this.reason = say('signIn.didNotSucceed', { problem });
    }
  }

  async #discover(oidc) {
    const issuer = oidc.issuer.replace(/\/+$/, '');
    const service = await ask(`${issuer}/.well-known/openid-configuration`, {});
    if (String(service.issuer).replace(/\/+$/, '') !== issuer) {
      throw new ApiProblem(0, { title: say('signIn.otherService') });
    }
    return service;
  }
}
