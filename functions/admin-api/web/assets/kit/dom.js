/*
 * Making elements, and replacing what an element holds without disturbing the person who is using it.
 *
 * What must stay true: text only ever becomes a text node, never markup. `patch` keeps an element that is still
 * wanted, so its focus, scroll position and open <details> stay. An element's handlers are properties (`onclick`), so
 * that `patch` can exchange them: a handler must use `event.currentTarget`, not the element it was made with. What
 * can't be compared part by part (a chart with handlers over its own parts) is marked with `whole`.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** Members that the attribute only gives a first value to. */
const PROPERTIES = new Set(['value', 'checked', 'selected', 'indeterminate']);

/** What an element was made with, for `patch`. */
const made = new WeakMap();

/** Signatures of elements that are kept or exchanged whole. */
const signatures = new WeakMap();

let lastId = 0;

/**
 * A document-wide unique id, for `for`, `aria-labelledby` and the like.
 * @param {string} [prefix]
 * @returns {string}
 */
export function uniqueId(prefix = 'id') {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** An element that index.html has. @param {string} id @returns {HTMLElement} */
export const landmark = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

function create(element, attributes, children) {
  const handlers = {};
  const properties = {};
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') {
      handlers[name] = value;
      element[name] = value;
    } else if (PROPERTIES.has(name)) {
      if (value !== null && value !== undefined) properties[name] = value;
    } else if (name === 'style') {
      // A style attribute is refused by the page's policy; properties set from script are not.
      for (const [property, text] of Object.entries(value ?? {})) element.style.setProperty(property, text);
    } else if (value !== null && value !== undefined && value !== false) {
      const flag = name.startsWith('aria-') || name.startsWith('data-') ? 'true' : '';
      element.setAttribute(name, value === true ? flag : String(value));
    }
  }
  append(element, children);
  // After the children: a <select> has its options by now.
  Object.assign(element, properties);
  made.set(element, { handlers, properties });
  return element;
}

/**
 * Makes an HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>|null} [attributes] attributes, and events as `onclick`; null and false are left out;
 *   `style` is an object of CSS properties
 * @param {...any} children nodes, strings, numbers, arrays of these; null and false are left out
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  return create(document.createElement(tag), attributes, children);
}

/**
 * Makes an SVG element; otherwise as `h`.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>|null} [attributes]
 * @param {...any} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes, ...children) {
  return create(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Marks an element that `patch` keeps as it is while the signature is the same, and else exchanges whole.
 * @template {Element} T
 * @param {T} element
 * @param {any} signature what it was made from
 * @returns {T}
 */
export function whole(element, signature) {
  signatures.set(element, JSON.stringify(signature));
  return element;
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute('data-key') : null);

function canBecome(old, next) {
  return old.nodeName === next.nodeName && keyOf(old) === keyOf(next) && signatures.get(old) === signatures.get(next);
}

function patchAttributes(old, next) {
  for (const { name } of [...old.attributes]) {
    // The person decides whether <details> is open.
    if (!next.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS') && name !== 'style') {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of next.attributes) {
    if (name === 'style' || (name === 'open' && old.nodeName === 'DETAILS')) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style && next.style && old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText;
}

function patchElement(old, next) {
  if (signatures.has(old)) return;
  patchAttributes(old, next);
  const before = made.get(old) ?? { handlers: {}, properties: {} };
  const after = made.get(next) ?? { handlers: {}, properties: {} };
  for (const name of Object.keys(before.handlers)) if (!(name in after.handlers)) old[name] = null;
  Object.assign(old, after.handlers);
  patchChildren(old, [...next.childNodes]);
  for (const [name, value] of Object.entries(after.properties)) {
    // What the person is typing or choosing is kept, unless the page itself now gives another value.
    const isTheirs = old === document.activeElement && before.properties[name] === value;
    if (!isTheirs && old[name] !== value) old[name] = value;
  }
  made.set(old, after);
}

function patchChildren(parent, next) {
  const unused = new Set(parent.childNodes);
  const keep = next.map((node) => {
    for (const old of unused) {
      if (!canBecome(old, node)) continue;
      unused.delete(old);
      return old;
    }
    return null;
  });
  for (const old of unused) old.remove();
  let place = parent.firstChild;
  next.forEach((node, index) => {
    const old = keep[index];
    if (!old) {
      parent.insertBefore(node, place);
      return;
    }
    if (old === place) place = place.nextSibling;
    // Moved, not taken out and put in, where the browser can: that keeps focus.
    else if (parent.moveBefore) parent.moveBefore(old, place);
    else parent.insertBefore(old, place);
    if (old.nodeType === Node.ELEMENT_NODE) patchElement(old, node);
    else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
  });
}

/**
 * Makes `children` the content of `parent`, keeping what is already there and the same (by `data-key`, else by kind
 * and order). The children given are used up.
 * @param {Element} parent
 * @param {...any} children as of `h`
 */
export function patch(parent, ...children) {
  const holder = document.createDocumentFragment();
  append(holder, children);
  patchChildren(parent, [...holder.childNodes]);
}
