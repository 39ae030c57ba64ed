/*
 * Apps by the model of the device: which app fails on which model, and since when.
 *
 * What must stay true: every number is the API's own, and what is worse is judged there. Apps and models that are not listed are
 * counted and said. A session without any app reported is said, and is in no rate.
 */

import { h, patch } from '../kit/dom.js';
import { calendar, filterForm, rangeIn } from '../kit/filters.js';
import { count } from '../kit/format.js';
import { asOf, pageHead } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { appAddress, failedOf, worseMark, worseOf } from './app-parts.js';
import { espNavigation, rangeWords } from './esp-parts.js';
import { askGotWorseApps, worseAppsCard } from './overview-worse.js';
import { say, sayNodes } from '../kit/say.js';

/** How many apps and models are listed. */
const LISTED = { limit: 50, models: 6 };

/** The key of a model's column; a model may be named as any other column is. */
const columnOf = (model) => (model === null ? 'none' : `model ${model}`);

/** The lines of each app by model; those of the other models under `others`. */
function linesOf(answer) {
  const lines = new Map();
  for (const one of answer.cells) {
    const key = one.otherModels ? 'others' : columnOf(one.model);
    lines.set(JSON.stringify([one.app, key]), one);
  }
  return (app, key) => lines.get(JSON.stringify([app, key]));
}

function board(answer, worse) {
  const range = { from: answer.from, to: answer.to };
  const lineOf = linesOf(answer);
  const since = worseOf(worse);
  const others = answer.modelCount - answer.models.length;
  const cell = (key, model) => (one) => [
    failedOf(lineOf(one.app, key), answer.least),
    model ? worseMark(since(one.app, model)) : null,
  ];
  return dataTable({
    caption: say('apps.boardTitle'),
    hideCaption: true,
    class: 'apps-board',
    key: (one) => one.app,
    columns: [
      {
        key: 'app',
        label: say('view.app'),
        class: 'wrap',
        render: (one) => [
          h('a', { href: appAddress(one.app, range) }, one.app),
          h('small', null, say('count.sessions', { n: one.sessions })),
        ],
      },
      {
        key: 'all',
        label: say('apps.allModels'),
        numeric: true,
        render: (one) => [failedOf(one, answer.least), worseMark(since(one.app))],
      },
      ...answer.models.map(({ model }) => ({
        key: columnOf(model),
        label: model ?? say('apps.modelNotReported'),
        numeric: true,
        render: cell(columnOf(model), model),
      })),
      ...(others > 0
        ? [
            {
              key: 'others',
              label: say('count.otherModels', { n: others }),
              numeric: true,
              render: cell('others', null),
            },
          ]
        : []),
    ],
    rows: answer.apps,
    empty: say('apps.noAppReported'),
  });
}

/** What the board leaves out. */
function leftOut({ rest, withoutApps }) {
  const parts = [
    rest.appCount
      ? say('apps.rest', {
          n: rest.appCount,
          failed: count(rest.failed),
          tried: count(rest.tried),
        })
      : null,
    withoutApps ? say('apps.withoutApps', { n: withoutApps }) : null,
  ].filter(Boolean);
  return parts.length ? h('p', { class: 'quiet' }, parts.join(' ')) : null;
}

function headline(answer) {
  const [most] = answer.apps;
  if (!most) return say('apps.noneReported');
  if (!most.failed) return most.tried ? say('common.noAppFailed') : say('apps.howNotReported');
  // Only one that leads is named.
  if (answer.apps[1]?.failed === most.failed) return say('apps.several', { count: count(most.failed) });
  return sayNodes('apps.most', {
    app: h('strong', null, most.app),
    failed: count(most.failed),
    tried: count(most.tried),
  });
}

export default {
  keeps: true,

  async show(context) {
    const { root, api, signal, parameters, navigate, tenant, announce, isNew } = context;
    const [answer, worse] = await Promise.all([
      api.get('getAppReport', { ...rangeIn(parameters), ...LISTED }, { signal }),
      askGotWorseApps(context),
    ]);
    const range = { from: answer.from, to: answer.to };
    patch(
      root,
      pageHead(
        say('view.apps'),
        say('esp.sessionsStarted', { days: rangeWords(range) }),
        ' ',
        asOf(answer.asOf, answer.timeZone, answer),
      ),
      espNavigation('apps'),
      filterForm({ path: 'apps', parameters, navigate, range, today: calendar(tenant).today }),
      h('p', { class: 'headline' }, headline(answer)),
      worseAppsCard(worse),
      h(
        'section',
        { class: 'card', 'data-key': 'board' },
        h('h2', null, say('apps.byModel')),
        h('p', { class: 'quiet esp-lead' }, say('apps.about', { least: count(answer.least) })),
        board(answer, worse),
        leftOut(answer),
      ),
    );
    if (!isNew) announce(say('esp.saidStarted', { days: rangeWords(range) }));
  },
};
