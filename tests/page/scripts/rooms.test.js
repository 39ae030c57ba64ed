/*
 * The page's modules among each other: who may import from whom, and that what is exported is read.
 *
 * What must stay true: this reads the sources alone. A member of an exported class, and a member of a module's default
 * export, counts as read when some module other than its own names it, or its own does with a dot before it.
 */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ASSETS = fileURLToPath(new URL('../assets/', import.meta.url));

/** What each room may import from, besides itself. */
const MAY_USE = {
  words: [],
  kit: ['words'],
  file: ['kit', 'vendor'],
  views: ['kit', 'file'],
  shell: ['kit', 'file', 'views'],
};
/** Exports that the browser reads, not a module. */
const ENTRANCES = ['shell/app.js', 'shell/theme.js', 'file/worker.js'];

const sources = new Map(
  Object.keys(MAY_USE).flatMap((room) =>
    readdirSync(join(ASSETS, room)).map((name) => [`${room}/${name}`, readFileSync(join(ASSETS, room, name), 'utf8')]),
  ),
);

const withoutComments = (text) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** The modules that a module imports, with the names that it takes. */
function importsOf(name) {
  const text = withoutComments(sources.get(name));
  const to = (specifier) => normalize(join(dirname(name), specifier));
  const found = [];
  for (const [, names, specifier] of text.matchAll(/import\s+\{([^}]*)\}\s+from\s+'(\.[^']+)'/g)) {
    const taken = names.split(',').map((one) => one.trim().split(' ')[0]);
    found.push([to(specifier), taken.filter(Boolean)]);
  }
  for (const [, alias, specifier] of text.matchAll(/import\s+\*\s+as\s+(\w+)\s+from\s+'(\.[^']+)'/g)) {
    found.push([
      to(specifier),
      [...text.matchAll(new RegExp(`(?<![\\w/.'-])${alias}\\.(\\w+)`, 'g'))].map(([, one]) => one),
    ]);
  }
  for (const [, specifier] of text.matchAll(/import\s+\w+\s+from\s+'(\.[^']+)'/g))
    found.push([to(specifier), ['default']]);
  // A type is read in a comment.
  for (const [, specifier, one] of sources.get(name).matchAll(/import\('(\.[^']+)'\)\.(\w+)/g)) {
    found.push([to(specifier), ['type', one]]);
  }
  return found;
}

const exportsOf = (text) =>
  [...withoutComments(text).matchAll(/^export (?:async )?(?:const|let|function|class) (\w+)/gm)].map(([, one]) => one);

test('a room imports from those below it alone', () => {
  for (const name of sources.keys()) {
    const [room] = name.split('/');
    for (const [target, [kind]] of importsOf(name)) {
      // A type is no dependency of what runs.
      if (kind === 'type') continue;
      const [other] = target.split('/');
      assert.ok(other === room || MAY_USE[room].includes(other), `${name} imports ${target}`);
    }
  }
});

test('what a module imports is there', () => {
  for (const name of sources.keys()) {
    for (const [target, names] of importsOf(name)) {
      if (!sources.has(target)) continue;
      const there = exportsOf(sources.get(target));
      for (const one of names)
        assert.ok(
          ['default', 'type'].includes(one) || names[0] === 'type' || there.includes(one),
          `${name}: ${one} of ${target}`,
        );
    }
  }
});

test('every export is read by another module', () => {
  const read = new Set(
    [...sources.keys()].flatMap((name) =>
      importsOf(name).flatMap(([target, names]) => names.map((one) => `${target} ${one}`)),
    ),
  );
  const unread = [...sources].flatMap(([name, text]) => exportsOf(text).map((one) => `${name} ${one}`));
  assert.deepEqual(
    unread.filter((one) => !read.has(one)),
    [],
  );
});

test('every module is reached from an entrance', () => {
  const reached = new Set(ENTRANCES);
  for (const name of reached) for (const [target] of importsOf(name)) if (sources.has(target)) reached.add(target);
  assert.deepEqual(
    [...sources.keys()].filter((name) => !reached.has(name)),
    [],
  );
});

test('a view is named like the module that shows it', () => {
  const views = [...sources.get('shell/views.js').matchAll(/path: '([^']+)'[^}]*?module: (\w+)/g)];
  assert.ok(views.length > 10, `${views.length}`);
  const imported = new Set(importsOf('shell/views.js').map(([target]) => target));
  for (const [, path, module] of views) assert.deepEqual([path, imported.has(`views/${path}.js`)], [module, true]);
});

test('every member of an exported class or of a view is read', () => {
  const unread = [];
  for (const [name, text] of sources) {
    const bare = withoutComments(text);
    const bodies = [...bare.matchAll(/^export (?:class \w+[^{]*|default )\{\n([\s\S]*?)\n\}/gm)].map(
      ([, body]) => body,
    );
    const members = bodies.flatMap((body) =>
      [...body.matchAll(/^  (?:static )?(?:async )?(?:get |set )?(\w+)(?:\(.*\{$|: )/gm)].map(([, one]) => one),
    );
    for (const member of members.filter((one) => one !== 'constructor')) {
      const uses = new RegExp(`\\.${member}\\b`);
      if (![...sources.values()].some((other) => uses.test(withoutComments(other)))) unread.push(`${name} ${member}`);
    }
  }
  assert.deepEqual(unread, []);
});
