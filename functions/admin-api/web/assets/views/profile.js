/*
 * One profile of the Enrollment Status Page: made, read, edited. Assigning it is in assignments.js.
 *
 * What must stay true: it only overwrites the version that the person saw. If somebody else saved first, their changes
 * are shown. Typed text is never lost: not then, not when the view is left, and not when signing in again.
 */

import { h } from '../kit/dom.js';
import { count, dateTime } from '../kit/format.js';
import { notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { showAssignments } from './assignments.js';
import { espNavigation, whyReadOnly, zoneOf } from './esp-parts.js';
import { changesNotice, differs, merge } from './profile-changes.js';
import { bodyOf, newValues, problemsOf, valuesOf } from './profile-fields.js';
import { profileForm } from './profile-form.js';
import { targetWords } from './profiles-api.js';
import { say } from '../kit/say.js';

/** Unsaved values by organisation and profile, as long as this page is open. */
const drafts = new Map();

const NEW = 'new';

function about(profile, zone, canAssign) {
  if (!profile) return null;
  const assigned = profile.isDefault
    ? say('profile.ifNoOtherProfile')
    : profile.assignments.map(targetWords).join('; ') || say('profile.toNobody');
  return h(
    'section',
    { class: 'card', 'aria-label': say('profile.aboutProfile') },
    h(
      'dl',
      { class: 'facts' },
      h(
        'div',
        null,
        h('dt', null, profile.isDefault ? say('profile.applies') : say('profile.assigned')),
        h(
          'dd',
          null,
          assigned,
          ' ',
          canAssign
            ? h('a', { href: addressOf(`profile/${segment(profile.id)}/assignments`) }, say('common.change'))
            : null,
        ),
      ),
      h(
        'div',
        null,
        h('dt', null, say('common.priority')),
        h('dd', null, profile.isDefault ? say('profile.afterAllOthers') : count(profile.priority)),
      ),
      h(
        'div',
        null,
        h('dt', null, say('profile.changed')),
        h(
          'dd',
          null,
          say('profile.changedVersion', {
            instant: dateTime(profile.lastModifiedDateTime, zone),
            version: profile.version,
          }),
        ),
      ),
      h('div', null, h('dt', null, say('profile.created')), h('dd', null, dateTime(profile.createdDateTime, zone))),
      h(
        'div',
        null,
        h('dt', null, say('common.sessions')),
        h('dd', null, h('a', { href: addressOf('sessions', { profileId: profile.id }) }, say('profile.withProfile'))),
      ),
      h('div', null, h('dt', null, say('common.id')), h('dd', null, h('code', null, profile.id))),
    ),
  );
}

async function showEditor(context, id) {
  const { root, api, signal, announce, navigate } = context;
  const zone = zoneOf(context);
  const isNew = id === NEW;
  const draftKey = `${context.tenant?.tenant} ${id}`;
  const [answer, known] = await Promise.all([
    isNew ? { body: null, etag: null } : api.getWithEtag('getEspProfile', { id }, { signal }),
    // The form is useful without names, too.
    api.get('getApps', null, { signal }).catch((error) => {
      if (error.name === 'AbortError') throw error;
      return { apps: [] };
    }),
  ]);
  const isDefault = answer.body?.isDefault === true;
  const isScoped = context.tenant?.scopeTags?.length > 0;
  const readOnly = whyReadOnly(context) ?? (isDefault && isScoped ? say('profile.tokenHasTags') : null);

  /** The version that the person began with: its values and ETag. */
  let base = isNew ? newValues() : valuesOf(answer.body);
  if (isNew && isScoped) base.roleScopeTagIds = context.tenant.scopeTags.join('\n');
  let { etag } = answer;
  const values = { ...base };
  const draft = readOnly ? null : drafts.get(draftKey);
  if (draft) {
    ({ base, etag } = draft);
    Object.assign(values, draft.values);
  }
  const isDirty = () => differs(base, values).length > 0;

  const word = h('div', { class: 'esp-word' });
  const tell = (...content) => word.replaceChildren(...content.filter(Boolean));
  const facts = h('div', null, about(answer.body, zone, !readOnly && !isDefault));
  const head = h('div', null);
  const drawHead = (name) => head.replaceChildren(pageHead(isNew ? say('common.newProfile') : name));
  const form = profileForm({
    values,
    isDefault,
    readOnly: readOnly !== null,
    without: isDefault ? ['priority'] : [],
    apps: known.apps,
    announce,
    onInput: () => {},
  });

  /** Shows errors at their fields, the rest above, and goes to the first. */
  const refuse = (errors, title) => {
    const { left, first } = form.showErrors(errors);
    const atFields = errors.length - left.length;
    tell(
      notice(
        'problem',
        h('strong', null, title),
        left.length
          ? h(
              'ul',
              null,
              left.map((one) => h('li', null, one)),
            )
          : null,
        atFields ? h('p', null, say('profile.fixFields', { n: atFields })) : null,
      ),
    );
    if (first) first.focus();
    else word.scrollIntoView({ block: 'nearest' });
  };

  const conflict = async () => {
    let current;
    try {
      current = await api.getWithEtag('getEspProfile', { id }, { signal });
    } catch (error) {
      if (error.status !== 404) throw error;
      gone();
      return;
    }
    const theirs = valuesOf(current.body);
    const merged = merge(base, theirs, values);
    form.fill(merged.values);
    base = theirs;
    etag = current.etag;
    facts.replaceChildren(about(current.body, zone, !isDefault) ?? '');
    tell(changesNotice(merged.rows, form, announce));
    word.querySelector('h2')?.focus();
  };

  const gone = () => {
    tell(
      notice(
        'warning',
        h('h2', { tabindex: '-1' }, say('profile.deletedMeanwhile')),
        h('p', null, say('profile.inputIsStillThere')),
        h('button', { type: 'button', onclick: (event) => save(event, true) }, say('profile.saveAsNewProfile')),
      ),
    );
    word.querySelector('h2')?.focus();
  };

  const saved = (status, body) => {
    drafts.delete(draftKey);
    if (status === 201) {
      base = { ...values };
      announce(say('profile.isMade', { profile: body.displayName }));
      navigate(`profile/${segment(body.id)}`, null, { replace: true });
      return;
    }
    base = valuesOf(body);
    form.fill(base);
    drawHead(body.displayName);
    facts.replaceChildren(about(body, zone, !isDefault) ?? '');
    tell(notice('success', say('profile.savedAs', { version: body.version })));
    announce(say('profile.isSaved', { profile: body.displayName }));
    word.scrollIntoView({ block: 'nearest' });
  };

  async function save(event, asNew = isNew) {
    event.preventDefault();
    const button = root.querySelector('button[type="submit"]');
    form.showErrors([]);
    tell();
    const problems = problemsOf(values, isDefault);
    if (problems.length) {
      refuse(problems, say('common.notSaved'));
      return;
    }
    /** @type {Record<string, any>} */
    const body = bodyOf(values, isDefault);
    if (asNew) {
      // A new profile is never the default.
      delete body.id;
    } else if (values.priority === base.priority) delete body.priority;
    button.disabled = true;
    try {
      const answered = asNew
        ? await api.send('createEspProfiles', null, body)
        : await api.send('replaceEspProfile', { id }, body, { ifMatch: etag });
      if (signal.aborted) return;
      etag = answered.etag;
      saved(answered.status, answered.body);
    } catch (error) {
      if (signal.aborted) return;
      try {
        if (error.status === 412) await conflict();
        else if (error.status === 404 && !asNew) gone();
        else if (error.members?.errors?.length) refuse(error.members.errors, say('common.notSaved'));
        else tell(problemNotice(error));
      } catch (other) {
        if (!signal.aborted) tell(problemNotice(other));
      }
    } finally {
      button.disabled = false;
    }
  }

  const warn = (event) => {
    if (isDirty()) event.preventDefault();
  };
  window.addEventListener('beforeunload', warn);
  signal.addEventListener(
    'abort',
    () => {
      window.removeEventListener('beforeunload', warn);
      if (!readOnly && isDirty()) drafts.set(draftKey, { base, etag, values: { ...values } });
    },
    { once: true },
  );

  const discard = () => {
    drafts.delete(draftKey);
    Object.assign(values, base);
  };
  drawHead(answer.body?.displayName);
  root.replaceChildren(
    head,
    espNavigation('profiles'),
    readOnly ? notice('information', readOnly) : '',
    facts,
    word,
    h(
      'form',
      { novalidate: true, onsubmit: save, 'aria-label': isNew ? say('common.newProfile') : say('common.profile') },
      form.element,
      readOnly
        ? null
        : h(
            'div',
            { class: 'actions esp-save' },
            h(
              'button',
              { type: 'submit', class: 'primary' },
              isNew ? say('profile.createProfile') : say('common.save'),
            ),
            h('a', { class: 'button', href: addressOf('profiles'), onclick: discard }, say('common.cancel')),
          ),
    ),
  );
  if (draft) {
    tell(
      notice(
        'information',
        say('common.inputIsBack'),
        ' ',
        h(
          'button',
          {
            type: 'button',
            class: 'small',
            onclick: () => {
              discard();
              form.fill(base);
              form.showErrors([]);
              tell();
              root.querySelector('input, textarea')?.focus();
            },
          },
          say('common.discard'),
        ),
      ),
    );
  }
}

export default {
  async show(context) {
    const [id, part] = context.rest;
    try {
      if (!id) context.navigate('profiles', null, { replace: true });
      else if (part === 'assignments' && id !== NEW) await showAssignments(context, id);
      else await showEditor(context, id);
    } catch (error) {
      if (error.status !== 404) throw error;
      context.root.replaceChildren(
        pageHead(say('profile.noSuchProfile')),
        espNavigation('profiles'),
        h('p', null, say('profile.noSuchAbout')),
      );
    }
  },
};
