/*
 * The shell: reads the address, shows the view it names, and all around it: navigation, theme, sign-in, problems,
 * announcements.
 *
 * What must stay true: a view that was left can change nothing any more (its signal is aborted, its element gone).
 * Where only the parameters of an address change, a view that `keeps` its element is asked again over it, so that
 * focus stays; every element in it must then be able to be patched (see dom.js).
 * Who is not signed in sees nothing but the sign-in view; the address stays, to go on from. Where a session ends under a
 * view, the view is put aside, out of the document, and comes back as it was when the same person signs in again; what
 * it asked for meanwhile waits. With a file open all views show the file, need no sign-in, and say so; closing it leads
 * back to the server.
 */

import { Api } from './api.js';
import { ApiProblem } from '../kit/problem.js';
import { h, landmark, patch } from '../kit/dom.js';
import { aboutFile, notInFile, openFile, watchDrops } from '../file/desk.js';
import { pageHead, problemNotice } from '../kit/parts.js';
import { addressOf, readAddress, segment } from '../kit/address.js';
import { drawHeader } from './header.js';
import { openSearch, opensSearch } from './search.js';
import { Session } from './session.js';
import signIn from './sign-in.js';
import { HOME, VIEWS } from './views.js';
import { LANGUAGE, say } from '../kit/say.js';

const SIGN_IN = { path: 'sign-in', title: say('common.signIn') };

document.documentElement.lang = LANGUAGE;

const main = landmark('main');
const live = landmark('live');
const fileBar = h('aside', { 'aria-label': say('shell.openedFile'), hidden: true });
landmark('top').after(fileBar);

/** State of the page that outlives a view. @type {Record<string, any>} */
const state = {
  session: null,
  server: null,
  file: null,
  config: null,
  tenant: null,
  shown: null,
  leave: null,
  aside: null,
};

/** What the views ask: the opened file, or the server. */
const source = () => state.file ?? state.server;

function announce(text) {
  // The same text twice is announced twice only when the region was empty between.
  live.textContent = '';
  setTimeout(() => {
    live.textContent = text;
  }, 50);
}

function navigate(path, parameters, { replace = false } = {}) {
  const address = addressOf(path, parameters);
  if (address === location.hash) route();
  else if (replace) {
    history.replaceState(null, '', address);
    route();
  } else location.hash = address;
}

/** Shows that this browser is signed out. */
function signedOut(reason) {
  state.session.end(reason);
  state.tenant = null;
  state.shown = null;
  navigate('', null);
}

async function signOut() {
  try {
    await state.session.leave();
    signedOut(say('shell.signedOut'));
  } catch (error) {
    signedOut(
      say('shell.maybeStillSignedIn', {
        problem: error.title,
      }),
    );
  }
}

/** Shows the views anew after the source or the person changed. */
function begin() {
  state.tenant = null;
  state.shown = null;
  document.documentElement.toggleAttribute('data-file', Boolean(state.file));
  route();
}

/** Whose the numbers on the page are, and which of them. */
const whose = (tenant) => JSON.stringify([tenant?.tenant, tenant?.role, tenant?.scopeTags]);

/**
 * Waits until somebody has signed in again, in place of the view.
 * @param {AbortSignal} [signal]
 * @returns {Promise<boolean>} whether the same person has, so that what was asked for may be asked for again
 */
function signInAgain(signal) {
  // A file needs no sign-in.
  if (state.file || !(state.aside || state.session.isSignedIn)) return Promise.resolve(false);
  if (!state.aside) putAside();
  return new Promise((answer) => {
    state.aside.waiting.push(answer);
    signal?.addEventListener('abort', () => answer(false));
  });
}

/** Shows the sign-in in place of the view, which keeps its element and what is typed into it. */
function putAside() {
  state.session.end(say('shell.sessionEnded'));
  // An open question gets its harmless answer: it would cover the form.
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll('dialog[open]')))
    dialog.close();
  const leave = new AbortController();
  const view = [...main.childNodes];
  const before = { focus: document.activeElement, top: window.scrollY, title: document.title };
  state.aside = { leave, view, before, waiting: [] };
  const root = h('div', { class: 'view view-sign-in' });
  main.replaceChildren(root);
  document.title = say('shell.title', { view: SIGN_IN.title });
  drawTop();
  focusHeading(root, leave.signal);
  showSignIn(root, new URLSearchParams(), leave.signal, goOn).catch((error) =>
    patch(
      root,
      problemNotice(error, () => location.reload()),
    ),
  );
}

/** Ends the waiting for a sign-in. @param {boolean} again whether requests that wait are sent again */
function endAside(again) {
  const { leave, waiting } = state.aside;
  state.aside = null;
  leave.abort();
  waiting.forEach((answer) => answer(again));
}

/** Goes on after a new sign-in: with the view as it was, if it is the same person. */
async function goOn() {
  const { view, before } = state.aside;
  const tenant = await new Api().get('getTenant').catch(() => null);
  if (!state.aside) return;
  if (!tenant || (state.tenant && whose(tenant) !== whose(state.tenant))) {
    endAside(false);
    begin();
    return;
  }
  main.replaceChildren(...view);
  document.title = before.title;
  endAside(true);
  drawTop();
  window.scrollTo(0, before.top);
  if (main.contains(before.focus)) before.focus.focus({ preventScroll: true });
  else focusHeading(main, state.leave.signal);
}

/** Follows what happened in another tab. */
async function followOthers() {
  const was = state.session.isSignedIn;
  await state.session.look().catch(() => {});
  const { isSignedIn } = state.session;
  if (state.file || was === isSignedIn) return;
  if (state.aside) goOn();
  else if (isSignedIn) begin();
  else putAside();
}

async function showSignIn(root, parameters, signal, signedIn) {
  const config = await readConfig();
  if (signal.aborted) return;
  await signIn.show({ root, parameters, signal, signedIn, session: state.session, config, openFile: lookAt });
}

function closeFile() {
  state.file?.close();
  state.file = null;
}

/** Looks at a file, dropped, chosen or fetched, until it is closed. */
async function lookAt(found) {
  const opened = await openFile(found);
  if (!opened) return;
  closeFile();
  state.file = opened;
  const { view } = place();
  if (!view || view.needsServer) history.replaceState(null, '', '#/');
  begin();
  announce(say('shell.fileIsOpen', { name: opened.about.name }));
}

function drawFileBar() {
  const about = state.file?.about;
  fileBar.hidden = !about;
  const close = () => {
    closeFile();
    begin();
    announce(say('shell.fileClosed'));
  };
  patch(fileBar, about ? aboutFile(about, close) : null);
}

function drawTop() {
  drawFileBar();
  drawHeader({
    tenant: state.file || state.session.isSignedIn ? state.tenant : null,
    isFile: Boolean(state.file),
    current: state.shown?.view.under ?? state.shown?.view.path,
    signOut,
    search,
  });
}

/** Opens the search, where there is something to search. */
function search() {
  if (state.file || (state.session.isSignedIn && !state.aside))
    openSearch({ api: source(), isFile: Boolean(state.file) });
}

/** Moves focus to the heading as soon as there is one: who reads by ear hears where they are. */
function focusHeading(root, signal) {
  const before = document.activeElement;
  // If the person has moved the focus meanwhile, it stays.
  const hasMoved = () => ![before, document.body].includes(document.activeElement);
  const focus = () => {
    const heading = root.querySelector('h1');
    if (!heading) return false;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    return true;
  };
  if (focus()) return;
  const observer = new MutationObserver(() => {
    if (hasMoved() || focus()) observer.disconnect();
  });
  observer.observe(root, { childList: true, subtree: true });
  signal.addEventListener('abort', () => observer.disconnect());
}

function place() {
  const { path, rest, parameters } = readAddress(location.hash);
  if (path === SIGN_IN.path && parameters.has('code')) {
    // The code leaves the address and the history before anything is asked.
    history.replaceState(null, '', addressOf(SIGN_IN.path));
    closeFile();
  }
  if (!state.session.isSignedIn && !state.file)
    return { view: SIGN_IN, rest, parameters: path === SIGN_IN.path ? parameters : new URLSearchParams() };
  if (path === SIGN_IN.path && parameters.has('code')) return { view: SIGN_IN, rest, parameters };
  const wanted = path === '' || path === SIGN_IN.path ? HOME : path;
  return { view: VIEWS.find((one) => one.path === wanted) ?? null, rest, parameters };
}

async function show(root, found, signal, isNew) {
  // First of all: without the tenant there is no navigation to leave an unknown address by.
  if (found.view !== SIGN_IN && !state.tenant) {
    state.tenant = await source().get('getTenant', null, { signal });
    drawTop();
  }
  if (signal.aborted) return;
  if (!found.view) {
    patch(root, pageHead(say('shell.pageNotFound')), h('p', null, h('a', { href: '#/' }, say('shell.goToStart'))));
    return;
  }
  if (state.file && found.view.needsServer) {
    patch(root, notInFile(found));
    return;
  }
  if (found.view === SIGN_IN) {
    const signedIn = () => {
      if (readAddress(location.hash).path === SIGN_IN.path) history.replaceState(null, '', '#/');
      begin();
    };
    await showSignIn(root, found.parameters, signal, signedIn);
    return;
  }
  // If the server gives no role, offer everything: the server refuses what is not allowed.
  const role = state.tenant?.role ?? 'admin';
  const { module } = found.view;
  state.shown.keeps = Boolean(module.keeps);
  await module.show({
    root,
    parameters: found.parameters,
    rest: found.rest,
    api: source(),
    file: state.file?.about ?? null,
    openFile: lookAt,
    tenant: state.tenant,
    navigate,
    signal,
    announce,
    canSend: role === 'admin' && source() instanceof Api,
    isNew,
    signedOut,
  });
}

/** What “Try again” does, if trying again can help. */
function wayOn(error) {
  return state.file && error.status === 404 ? null : route;
}

/** The way out of an address with a filter that is refused: the same view without it, as its form is not shown. */
function wayOut(error, { view, rest, parameters }) {
  if (error.status !== 400 || !view || !parameters.size) return null;
  const without = new URLSearchParams(parameters);
  // A cursor belongs to its filters.
  for (const name of [...(error.members.errors ?? []).map((one) => one.field), 'cursor']) without.delete(name);
  const isSame = without.size === parameters.size;
  const address = addressOf([view.path, ...rest.map(segment)].join('/'), isSame ? null : without);
  return h(
    'p',
    null,
    h('a', { href: address }, isSame ? say('shell.showWithoutFilters') : say('shell.showWithoutInvalid')),
  );
}

async function route() {
  if (state.aside) endAside(false);
  const found = place();
  const key = found.view ? [found.view.path, ...found.rest].join('/') : location.hash;
  const isSame = state.shown?.key === key && state.shown.ok && state.shown.keeps;
  state.leave?.abort();
  const leave = new AbortController();
  state.leave = leave;
  const root = isSame ? state.shown.root : h('div', { class: `view view-${found.view?.path ?? 'none'}` });
  const shown = { key, root, view: found.view ?? { path: '' }, ok: true };
  state.shown = shown;
  document.title = say('shell.title', { view: found.view?.title ?? say('shell.notFound') });
  drawTop();
  if (!isSame) {
    main.replaceChildren(root);
    window.scrollTo(0, 0);
    focusHeading(root, leave.signal);
  }
  // Only a long wait is announced; that the view is loading is marked at once.
  root.dataset.pending = '';
  const slow = setTimeout(() => {
    root.setAttribute('aria-busy', 'true');
    if (root.isConnected && !root.childElementCount)
      main.append(h('p', { class: 'loading quiet' }, say('common.loading')));
  }, 250);
  try {
    await show(root, found, leave.signal, !isSame);
  } catch (error) {
    if (leave.signal.aborted || error.name === 'AbortError') return;
    if (error instanceof ApiProblem && error.status === 401) return;
    if (!(error instanceof ApiProblem)) console.error(error);
    shown.ok = false;
    patch(root, pageHead(found.view?.title ?? 'Vestibule'), problemNotice(error, wayOn(error)), wayOut(error, found));
  } finally {
    clearTimeout(slow);
    if (!leave.signal.aborted) {
      root.removeAttribute('aria-busy');
      delete root.dataset.pending;
      main.querySelector(':scope > .loading')?.remove();
      if (document.activeElement === document.body && !isSame) focusHeading(root, leave.signal);
    }
  }
}

/** What the deployment says about signing in; who is signed in never asks. */
async function readConfig() {
  const none = { oidc: null };
  try {
    if (!state.config) {
      const response = await fetch('config.json', { cache: 'no-store', credentials: 'omit' });
      if (!response.ok) return none;
      state.config = { ...none, ...(await response.json()) };
    }
    return state.config;
  } catch {
    return none;
  }
}

async function start() {
  state.server = new Api(signInAgain);
  // It asks without the waiting: it is what the others wait for.
  state.session = new Session(new Api(), readConfig, followOthers);
  await state.session.arrive();
  // If the server can't be reached, the sign-in says so when it is used; a file can be opened all the same.
  if (!state.session.isSignedIn) await state.session.look().catch(() => {});
  window.addEventListener('hashchange', route);
  window.addEventListener('keydown', (event) => {
    if (!opensSearch(event)) return;
    event.preventDefault();
    search();
  });
  watchDrops(lookAt);
  const skip = /** @type {HTMLElement} */ (document.querySelector('.skip'));
  skip.textContent = say('shell.skip');
  skip.onclick = (event) => {
    // The hash is the address here, so the link alone can't lead there.
    event.preventDefault();
    main.focus();
  };
  await route();
}

start();
