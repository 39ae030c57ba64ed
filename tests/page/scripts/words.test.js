/*
 * All words of the page stand in one list (assets/words): no other module has a text that a person would read.
 *
 * What must stay true: this reads sources. That a key is of the list, and that a sentence is given the values it names, are
 * types (types/page.d.ts), so `tsc` finds what is missing. What looks like words here and is none has its reason beside it.
 */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parsers } from 'prettier/plugins/acorn';
import { say, sayNodes } from '../assets/kit/say.js';
import { language, sentences } from '../assets/words/en.js';

const ASSETS = fileURLToPath(new URL('../assets/', import.meta.url));
const ROOMS = ['kit', 'file', 'views', 'shell'];
/** They are made of other lists, which have their own words. */
const MADE = ['kit/lexicon.js', 'kit/operations.js'];

/** What looks like words and is read by a program. */
const NO_WORDS = [
  [/^(SELECT|PRAGMA) /, 'a statement of SQL'],
  [/^SQLite format 3/, 'the first bytes of a file'],
  [/^[ML]?-?\d|^[ML]$|^ scale\(/, 'a path or a place of a drawing'],
  [/^\(prefers-|^(button|caption)[.,]|:root \{|^; [a-z-]+: |^tile-value words$/, 'of a style'],
  [/^T00:00:00Z$|^UTC$/, 'of an instant'],

  [/^Vestibule$/, 'the name of the product'],
  [
    /^(Bearer |SHA-256|S256|ETag|Content-Length|Files|AbortError|ApiProblem|Control\+K Meta\+K)$/,
    'a name of a program',
  ],
];
/** Where a text goes to a program, or to whoever looks into the browser's console. */
const NO_READER = ['querySelector', 'querySelectorAll', 'closest', 'matchMedia', 'error', 'rows', 'exec'];
const NO_READER_OF_NEW = ['Error', 'DOMException', 'RegExp', 'URL', 'BroadcastChannel', 'Worker'];
/** Attributes and members that hold names. */
const NAMES = [
  ...['accept', 'aria-current', 'autocomplete', 'class', 'd', 'data-key', 'fill', 'for', 'height', 'href', 'id', 'key'],
  ...['inputmode', 'kind', 'method', 'name', 'path', 'patternTransform', 'patternUnits', 'rel', 'role', 'scope'],
  ...['style', 'tabindex', 'transform', 'type', 'viewBox', 'width', 'x', 'y'],
];
/** Those that hold words, also a single small one. */
const WORDS = [
  ...['action', 'alt', 'aria-label', 'aria-valuetext', 'caption', 'description', 'detail', 'empty', 'hint', 'label'],
  ...['labelHeading', 'note', 'noteHeading', 'placeholder', 'rateName', 'summary', 'text', 'title', 'valueHeading'],
];
/** Functions that show what they are given, from which argument on. */
const SHOWS = { h: 2, svg: 2, announce: 0, badge: 1, notice: 1, pageHead: 0 };

/** Texts that stand twice since they mean two things, which another language may say by two words. */
const HOMONYMS = {};

const modules = ROOMS.flatMap((room) => readdirSync(join(ASSETS, room)).map((name) => `${room}/${name}`))
  .filter((name) => !MADE.includes(name))
  .map((name) => [name, parsers.acorn.parse(readFileSync(join(ASSETS, name), 'utf8'), {})]);

/** Calls `visit` with each node, and with what it is in, from the outermost: nodes and under which member. */
function walk(node, visit, around = []) {
  visit(node, around);
  for (const [member, value] of Object.entries(node)) {
    if (member === 'comments' || member === 'tokens') continue;
    for (const one of [value].flat())
      if (typeof one?.type === 'string') walk(one, visit, [...around, { node, member }]);
  }
}

const calleeOf = (call) => call.callee.name ?? call.callee.property?.name;
const isSaid = (call) => call.type === 'CallExpression' && ['say', 'sayNodes'].includes(calleeOf(call));

/** Whether what stands there is shown to people: yes, no, or null where that can't be seen. */
function isShown(node, around) {
  let inner = node;
  for (const { node: outer, member } of around.toReversed()) {
    if (outer.type === 'ImportDeclaration') return false;
    if (outer.type === 'ConditionalExpression' && member === 'test') return false;
    if (['ConditionalExpression', 'LogicalExpression', 'ArrayExpression', 'SpreadElement'].includes(outer.type)) {
      inner = outer;
      continue;
    }
    if (outer.type === 'Property') {
      const name = outer.key.name ?? outer.key.value;
      if (member === 'key' || NAMES.includes(name)) return false;
      return WORDS.includes(name) ? true : null;
    }
    if (outer.type === 'BinaryExpression') return outer.operator === '+' ? null : false;
    if (outer.type === 'MemberExpression' || outer.type === 'SwitchCase') return false;
    if (outer.type === 'NewExpression') return NO_READER_OF_NEW.includes(outer.callee.name) ? false : null;
    if (outer.type === 'AssignmentExpression') return outer.left.property?.name === 'textContent' ? true : null;
    if (outer.type === 'CallExpression' && member === 'arguments') {
      if (isSaid(outer) && outer.arguments[0] === inner) return false;
      const name = calleeOf(outer);
      // Commands, names of tables and the like are written as they are.
      if (name === 'h' && outer.arguments[0].value === 'code') return false;
      if (NO_READER.includes(name)) return false;
      return name in SHOWS ? outer.arguments.indexOf(inner) >= SHOWS[name] : null;
    }
    return null;
  }
  return null;
}

/** The texts of a module that a person would read. */
function wordsIn(tree) {
  const found = [];
  walk(tree, (node, around) => {
    const texts =
      node.type === 'Literal' && typeof node.value === 'string'
        ? [node.value]
        : node.type === 'TemplateLiteral'
          ? node.quasis.map((one) => one.value.cooked)
          : [];
    const shown = texts.length ? isShown(node, around) : false;
    for (const text of texts) {
      const isWords = /\p{L}/u.test(text) && (shown || /^\s*\p{Lu}|\p{L}{2,}\s+\p{L}|\s\p{L}{2,}/u.test(text));
      if (shown !== false && isWords && !NO_WORDS.some(([form]) => form.test(text))) found.push(text);
    }
  });
  return found;
}

test('no module has words of its own', () => {
  const found = modules.flatMap(([name, tree]) => wordsIn(tree).map((text) => `${name}: ${JSON.stringify(text)}`));
  assert.deepEqual(found, []);
});

test('each sentence is said', () => {
  const said = new Set();
  for (const [, tree] of modules) {
    walk(tree, (node, around) => {
      const isKey = around.some((one, at) => {
        const inner = around[at + 1]?.node ?? node;
        return isSaid(one.node) && one.member === 'arguments' && one.node.arguments[0] === inner;
      });
      if (isKey && node.type === 'Literal') said.add(node.value);
    });
  }
  assert.deepEqual(
    Object.keys(sentences).filter((key) => !said.has(key)),
    [],
  );
});

/** The forms of a sentence, by category; one alone has none. */
const formsOf = (said) => (typeof said === 'string' ? { '': said } : said);
const namesIn = (form) => [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

test('sentences are whole and stand in the order of their keys', () => {
  const keys = Object.keys(sentences);
  assert.deepEqual(keys, keys.toSorted());
  const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
  for (const [key, said] of Object.entries(sentences)) {
    assert.match(key, /^[a-z]\w*\.[a-z0-9]\w*$/i);
    const forms = formsOf(said);
    if (typeof said !== 'string') {
      assert.deepEqual(Object.keys(forms).toSorted(), categories, key);
      assert.ok(namesIn(forms.other).includes('n'), `${key} has forms and no n`);
    }
    for (const form of Object.values(forms)) {
      assert.equal(form, form.trim(), key);
      // Where there is one, its number need not be said.
      assert.deepEqual(new Set(['n', ...namesIn(form)]), new Set(['n', ...namesIn(forms.other ?? form)]), key);
      assert.ok(!/[{}]/.test(form.replaceAll(/\{\w+\}/g, '')), `${key}: a brace alone`);
    }
  }
});

test('a text stands once', () => {
  const keysOf = new Map();
  for (const [key, said] of Object.entries(sentences)) {
    const text = JSON.stringify(said);
    keysOf.set(text, [...(keysOf.get(text) ?? []), key]);
  }
  const twice = [...keysOf.values()].filter((keys) => keys.length > 1);
  assert.deepEqual(
    twice.map((keys) => keys.join(' ')).filter((keys) => !(keys in HOMONYMS)),
    [],
  );
});

test('a sentence is said with its values, a count by the form of its number', () => {
  assert.equal(say('format.minutesAgo', { minutes: 3 }), '3 min ago');
  assert.equal(say('format.daysAgo', { n: 1 }), '1 day ago');
  assert.equal(say('format.daysAgo', { n: 1234 }), '1,234 days ago');
  const unknown = /** @type {any} */ (null);
  assert.equal(say('format.daysAgo', { n: unknown }), '— days ago');
  assert.deepEqual(sayNodes('format.minutesAgo', { minutes: ['a node'] }), [['a node'], ' min ago']);
});

test('words in a module are found, and names are not', () => {
  const found = (text) => wordsIn(parsers.acorn.parse(text, {}));
  assert.deepEqual(found("h('p', { class: 'quiet small' }, 'none', `${count(n)} left`);"), ['none', ' left']);
  assert.deepEqual(found("({ label: 'n', key: 'Nobody knows' });"), ['n']);
  assert.deepEqual(found("const NO_PLACE = 'Place not reported';"), ['Place not reported']);
  assert.deepEqual(found("if (kind === 'Any thing') h('p', null, say('format.justNow'), one ? 'yes' : null);"), [
    'yes',
  ]);
  assert.deepEqual(found("api.get('getStatus'); throw new Error('nothing was drawn');"), []);
});
